"""The provider's own invoice: every token that it sold, at its own price list.

A request is billed when it ends: in full if it was answered, up to the last token generated if the
client or a fault broke it off, and not at all if it was refused or had not begun to answer. Days
are UTC days. Kept in SQLite, in memory or in a file; totals are kept for ever, single requests up
to a cap.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from vigie.simulate.clock import utc_day
from vigie.simulate.offer import Model
from vigie.simulate.prices import CURRENCY, Price, price_of

REQUESTS_CAP = 50_000
"""How many single requests are kept, the newest; some 10 MB in memory."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS opened (at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS totals (
    day TEXT NOT NULL, model TEXT NOT NULL, operation TEXT NOT NULL, service_tier TEXT NOT NULL,
    requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
    PRIMARY KEY (day, model, operation, service_tier)
);
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    response_id TEXT NOT NULL, request_id TEXT NOT NULL, at REAL NOT NULL,
    requested_model TEXT NOT NULL, model TEXT NOT NULL,
    operation TEXT NOT NULL, service_tier TEXT NOT NULL, streamed INTEGER NOT NULL,
    outcome TEXT NOT NULL, input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL
);
"""
_COST_EXPORT_COLUMNS = (
    "start_time",
    "end_time",
    "start_time_iso",
    "end_time_iso",
    "amount_value",
    "amount_currency",
    "line_item",
    "project_id",
    "organization_id",
    "organization_name",
)
_TOKENS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")


@dataclass(slots=True)
class Sale:
    """What one request has been sold so far; it grows while the answer is generated.

    `request_id` is the header x-request-id of its answer: embeddings have no id of their own.
    Cached tokens are part of the input, reasoning tokens of the output. `begun` turns True when the
    prompt has been read: from then on the request costs something. `outcome` is how it ended:
    completed, broken_off (by the client) or dropped (by a fault). `asked_at` is in Unix seconds.
    """

    response_id: str
    request_id: str
    requested_model: str
    model: Model
    operation: str
    tier: str
    streamed: bool
    asked_at: float
    input_tokens: int
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    begun: bool = False
    outcome: str = "broken_off"


class Invoice:
    """What was sold since the invoice was opened.

    `path` is a SQLite file that outlives the process; None keeps the invoice in memory. `now` is
    when a new invoice is opened, in Unix seconds.
    """

    def __init__(self, path: Path | None, now: float, requests_cap: int = REQUESTS_CAP) -> None:
        self._cap = requests_cap
        # One thread uses the connection, but not always the one that made it.
        self._rows = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self._rows.execute("PRAGMA journal_mode = WAL")
        # A simulator may lose its last sale when the machine itself dies.
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.executescript(_SCHEMA)
        if self._rows.execute("SELECT count(*) FROM opened").fetchone() == (0,):
            self._rows.execute("INSERT INTO opened VALUES (?)", (now,))

    def bill(self, sale: Sale, now: float) -> None:
        """Add a request that has ended; one that had not begun to answer costs nothing."""
        if not sale.begun:
            return
        day = utc_day(now).isoformat()
        tokens = tuple(getattr(sale, name) for name in _TOKENS)
        self._rows.execute("BEGIN")
        self._rows.execute(
            "INSERT INTO totals VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "requests = requests + 1, "
            + ", ".join(f"{name} = {name} + excluded.{name}" for name in _TOKENS),
            (day, sale.model.snapshot, sale.operation, sale.tier, *tokens),
        )
        number = self._rows.execute(
            "INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sale.response_id,
                sale.request_id,
                now,
                sale.requested_model,
                sale.model.snapshot,
                sale.operation,
                sale.tier,
                sale.streamed,
                sale.outcome,
                *tokens,
            ),
        ).lastrowid
        self._rows.execute("DELETE FROM requests WHERE number <= ?", ((number or 0) - self._cap,))
        self._rows.execute("COMMIT")

    def start_anew(self, now: float) -> None:
        """Forget what was billed; requests under way are billed to the new invoice."""
        self._rows.executescript("BEGIN; DELETE FROM totals; DELETE FROM requests; COMMIT;")
        self._rows.execute("UPDATE opened SET at = ?", (now,))

    def statement(self, detail: bool = False) -> dict[str, Any]:
        """Return the invoice as JSON: totals, a line by day, model, operation and tier.

        Amounts are exact decimals, as strings. With `detail`, each request by its response id.
        """
        lines = list(self._lines())
        (opened,) = self._rows.execute("SELECT at FROM opened").fetchone()
        statement: dict[str, Any] = {
            "currency": CURRENCY,
            "since": _iso(opened),
            "total": {
                "requests": sum(line["requests"] for line in lines),
                **{name: sum(line[name] for line in lines) for name in _TOKENS},
                "amount": _decimal(sum((Decimal(line["amount"]) for line in lines), Decimal(0))),
            },
            "lines": lines,
        }
        if detail:
            requests = list(self._requests())
            statement["requests"] = requests
            statement["requests_left_off"] = statement["total"]["requests"] - len(requests)
        return statement

    def cost_export(self) -> str:
        """Return the invoice as CSV, in the columns of OpenAI's export of costs."""
        amounts: dict[tuple[str, str], Decimal] = {}
        for line in self._lines():
            price = _price(line)
            cached = line["cached_input_tokens"]
            tier = "" if line["service_tier"] == "default" else f", {line['service_tier']}"
            for kind, amount in (
                ("input", price.amount(line["input_tokens"] - cached, 0, 0)),
                ("cached input", price.amount(cached, cached, 0)),
                ("output", price.amount(0, 0, line["output_tokens"])),
            ):
                if amount:
                    key = (line["day"], f"{line['model']}{tier}, {kind}")
                    amounts[key] = amounts.get(key, Decimal(0)) + amount
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COST_EXPORT_COLUMNS)
        for (day, line_item), amount in sorted(amounts.items()):
            start = datetime.fromisoformat(day).replace(tzinfo=UTC)
            end = start + timedelta(days=1)
            times = (
                int(start.timestamp()),
                int(end.timestamp()),
                start.isoformat(),
                end.isoformat(),
            )
            writer.writerow(
                (*times, _decimal(amount), CURRENCY.lower(), line_item, "", "", "vigie simulate")
            )
        return out.getvalue()

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def _lines(self) -> Iterator[dict[str, Any]]:
        cursor = self._rows.execute(
            "SELECT * FROM totals ORDER BY day, model, operation, service_tier"
        )
        for line in _as_dicts(cursor):
            price = _price(line)
            line["amount"] = _decimal(_amount(price, line))
            line["usd_per_million_tokens"] = {
                "input": _decimal(price.input),
                "cached_input": price.cached_input and _decimal(price.cached_input),
                "output": _decimal(price.output),
                "since": price.since.isoformat(),
                "source": price.source,
            }
            yield line

    def _requests(self) -> Iterator[dict[str, Any]]:
        for request in _as_dicts(self._rows.execute("SELECT * FROM requests ORDER BY number")):
            del request["number"]
            at = request["at"]
            request["day"] = utc_day(at).isoformat()
            request["at"] = _iso(at)
            request["streamed"] = bool(request["streamed"])
            request["amount"] = _decimal(_amount(_price(request), request))
            yield request


def _as_dicts(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _price(line: dict[str, Any]) -> Price:
    price = price_of(line["model"], line["service_tier"], date.fromisoformat(line["day"]))
    if price is None:  # only what has a price is sold
        raise LookupError(f"{line['model']} has no price in the tier {line['service_tier']}")
    return price


def _amount(price: Price, line: dict[str, Any]) -> Decimal:
    return price.amount(line["input_tokens"], line["cached_input_tokens"], line["output_tokens"])


def _decimal(amount: Decimal) -> str:
    """Write an amount without exponent and without trailing zeros: 0.00012, 3, 0."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _iso(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")
