"""A provider's invoice as a file: OpenAI's export of costs, or the simulator's own.

- CSV in the columns of OpenAI's cost export, grouped by line item: an amount for each day (UTC) and
  line item, such as "gpt-4o-2024-08-06, cached input". https://platform.openai.com/usage
- the simulator's JSON (`GET /invoice`, with `?detail=true` each request): tokens and an amount for
  each day, model, operation and service tier.

Amounts are US dollars.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_USD = "USD"
_CSV_COLUMNS = ("start_time", "end_time", "amount_value", "amount_currency", "line_item")
_TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
_DEFAULT_TIER = "default"
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


class InvoiceError(ValueError):
    """The file is no invoice that can be compared; the text says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is billed together: one day's calls of a model in a service tier.

    `operation` is empty where the invoice does not tell operations apart. `other` is a line of the
    invoice that is no model's tokens (web searches, storage), which no call in a ledger is.
    """

    day: date
    model: str
    tier: str = _DEFAULT_TIER
    operation: str = ""
    other: bool = False

    def __str__(self) -> str:
        tier = "" if self.tier == _DEFAULT_TIER else self.tier
        words = (self.model, self.operation, tier)
        return f"{self.day}  {', '.join(word for word in words if word)}"


@dataclass(frozen=True, slots=True)
class Billed:
    """An amount in US dollars, and the tokens where the invoice tells them (see `_TOKENS`)."""

    usd: Decimal
    tokens: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class BilledRequest:
    """One request; it has one of the two ids in a ledger."""

    response_id: str
    request_id: str
    at: datetime
    model: str
    outcome: str
    billed: Billed


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a provider bills for the time from `since` up to `until`.

    `requests` is None where the invoice does not list them; where it lists the last ones only,
    `left_off` is how many it leaves off.
    """

    name: str
    since: datetime
    until: datetime
    items: Mapping[Item, Billed] = field(default_factory=dict)
    requests: tuple[BilledRequest, ...] | None = None
    left_off: int = 0

    @property
    def by_operation(self) -> bool:
        """Whether operations are told apart."""
        return any(item.operation for item in self.items)


def read_invoice(name: str, content: bytes) -> Invoice:
    """The invoice in a file. Raises InvoiceError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvoiceError(
            f"{name}: it is not UTF-8 text: name a CSV export of costs, or the simulator's JSON"
        ) from None
    if not text.strip():
        raise InvoiceError(f"{name}: it is empty: export the costs again")
    return _from_json(name, text) if text.lstrip().startswith("{") else _from_csv(name, text)


def _from_csv(name: str, text: str) -> Invoice:
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in _CSV_COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InvoiceError(
            f"{name}:1: the column {missing[0]} is missing: export the costs as CSV, grouped by "
            "line item"
        )
    items: dict[Item, Billed] = {}
    starts, ends = [], []
    for row in reader:
        place = f"{name}:{reader.line_num}"
        if None in row or None in row.values():
            raise InvoiceError(f"{place}: it has not as many fields as the header: export it again")
        start = _unix_time(row["start_time"], f"{place}: start_time")
        starts.append(start)
        ends.append(_unix_time(row["end_time"], f"{place}: end_time"))
        usd = _amount(row["amount_value"], f"{place}: amount_value")
        if row["amount_currency"].upper() != _USD:
            raise InvoiceError(
                f'{place}: amount_currency is "{row["amount_currency"]}": costs are compared in US '
                "dollars: export them in usd"
            )
        if not row["line_item"].strip():
            raise InvoiceError(
                f"{place}: line_item is empty: export the costs grouped by line item"
            )
        item = _item(start.date(), row["line_item"])
        before = items.get(item, Billed(Decimal(0)))
        items[item] = Billed(before.usd + usd)
    if not items:
        raise InvoiceError(f"{name}: it has a header and no line: export a time with calls")
    return Invoice(name, min(starts), max(ends), items)


def _item(day: date, line_item: str) -> Item:
    """ "gpt-4o-2024-08-06, priority, cached input" is the model's tokens in a tier."""
    words = [word.strip() for word in line_item.split(",")]
    kind = words[-1].split(" ")[-1]
    if len(words) > 1 and kind in ("input", "output"):
        tier = words[1] if len(words) > 2 else _DEFAULT_TIER
        return Item(day, words[0], tier)
    return Item(day, line_item.strip(), other=True)


def _from_json(name: str, text: str) -> Invoice:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvoiceError(
            f"{name}:{error.lineno}: it is not JSON: {error.msg}: fetch the invoice again"
        ) from None
    currency = _get(document, "currency", str, name)
    if currency != _USD:
        raise InvoiceError(
            f'{name}: currency is "{currency}": costs are compared in US dollars, "USD"'
        )
    items: dict[Item, Billed] = {}
    for index, line in enumerate(_get(document, "lines", list, name)):
        place = f"{name}: lines[{index}]"
        item = Item(
            _day(_get(line, "day", str, place), f"{place}.day"),
            _get(line, "model", str, place),
            _get(line, "service_tier", str, place) or _DEFAULT_TIER,
            _get(line, "operation", str, place),
        )
        items[item] = _billed(line, place)
    requests = None
    if "requests" in document:
        requests = tuple(
            BilledRequest(
                _get(each, "response_id", str, place),
                _get(each, "request_id", str, place),
                _time(_get(each, "at", str, place), f"{place}.at"),
                _get(each, "model", str, place),
                _get(each, "outcome", str, place),
                _billed(each, place),
            )
            for index, each in enumerate(_get(document, "requests", list, name))
            for place in (f"{name}: requests[{index}]",)
        )
    return Invoice(
        name=name,
        since=_time(_get(document, "since", str, name), f"{name}: since"),
        until=_FAR,
        items=items,
        requests=requests,
        left_off=_get(document, "requests_left_off", int, name) if requests is not None else 0,
    )


def _billed(line: Any, place: str) -> Billed:
    usd = _amount(_get(line, "amount", str, place), f"{place}.amount")
    tokens = [_get(line, kind, int, place) for kind in _TOKENS]
    return Billed(usd, (tokens[0], tokens[1], tokens[2], tokens[3]))


def _get(of: Any, key: str, kind: type, place: str) -> Any:
    value = of.get(key) if isinstance(of, Mapping) else None
    if not isinstance(value, kind):
        names = {str: "text", int: "a whole number", list: "a list"}
        found = "missing" if value is None else f"{value!r:.40}"
        raise InvoiceError(
            f"{place}: {key} is {found}: it should be {names[kind]}: fetch the invoice again"
        )
    return value


def _amount(text: str, what: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvoiceError(f'{what} is "{text}": it should be a number, e.g. 0.0042')
    return amount


def _unix_time(text: str, what: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise InvoiceError(
            f'{what} is "{text}": it should be seconds since 1970, e.g. 1795132800'
        ) from None


def _day(text: str, what: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvoiceError(f'{what} is "{text}": it should be a date, e.g. 2026-11-20') from None


def _time(text: str, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except ValueError:
        pass
    raise InvoiceError(f'{what} is "{text}": it should be a time, e.g. 2026-11-20T12:00:00+00:00')
