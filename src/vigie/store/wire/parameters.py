"""The parameters of Loki's query API, read as Loki reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vigie.store.logql.quantities import HOUR, SECOND, go_float, prometheus_duration
from vigie.store.wire.errors import bad

MOST_ENTRIES = 5000
MOST_SERIES = 500
MOST_POINTS = 11_000
LONGEST_QUERY = 30 * 24 * HOUR + HOUR
DEFAULT_LIMIT = 100
_FURTHEST = 2**63 - 1

_WHOLE = re.compile(r"[+-]?[0-9]+")
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """The parameters of query_range; times and durations in ns."""

    query: str
    start: int
    end: int
    step: int
    interval: int
    limit: int
    backward: bool


def moment(text: str, default: int, name: str = "") -> int:
    """Nanoseconds of seconds, of seconds with decimals, of nanoseconds or of RFC 3339."""
    if not text:
        return default
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        refusal = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise bad(f"could not parse '{name}' parameter: {refusal}" if name else refusal) from None


def _moment(text: str) -> int:
    if "." in text:
        try:
            value = go_float(text)
        except ValueError:
            pass
        else:
            fraction, whole = math.modf(value)
            return _bounded(int(whole) * SECOND + int(round(fraction, 3) * SECOND))
    if _WHOLE.fullmatch(text):
        return _bounded(int(text) * (SECOND if len(text) <= 10 else 1))
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(text)
    seconds = int(datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")).timestamp())
    return _bounded(seconds * SECOND + int((found[2] or "")[:9].ljust(9, "0")))


def _bounded(nanoseconds: int) -> int:
    if abs(nanoseconds) > _FURTHEST:
        raise OverflowError
    return nanoseconds


def bounds(form: Mapping[str, str], now: int) -> tuple[int, int]:
    """Start and end of a query, by default the last hour."""
    since = HOUR
    if text := form.get("since"):
        try:
            since = prometheus_duration(text)
        except ValueError as error:
            raise bad(f"could not parse 'since' parameter: {error}") from None
    end = moment(form.get("end", ""), now, "end")
    start = moment(form.get("start", ""), min(end, now) - since, "start")
    return start, end


def limit(form: Mapping[str, str]) -> int:
    """How many lines are asked for."""
    text = form.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    if _WHOLE.fullmatch(text) is None:
        raise bad(f'strconv.Atoi: parsing "{text}": invalid syntax')
    value = int(text)
    if value <= 0:
        raise bad("limit must be a positive value")
    if value >= 2**32:
        raise bad(f"limit value {value} is out of range [0, {2**32 - 1}]")
    return value


def is_backward(form: Mapping[str, str]) -> bool:
    """Whether the newest lines come first."""
    text = form.get("direction", "")
    if text.upper() not in ("", "BACKWARD", "FORWARD"):
        raise bad(f"invalid direction '{text}'")
    return text.upper() != "FORWARD"


def seconds_or_duration(text: str) -> int:
    """Nanoseconds of `60`, `0.5` or `1m`."""
    try:
        value = go_float(text) * SECOND
    except ValueError:
        pass
    else:
        if not abs(value) <= _FURTHEST:
            raise bad(f'cannot parse "{text}" to a valid duration. It overflows int64')
        return int(value)
    try:
        return prometheus_duration(text)
    except ValueError:
        raise bad(f'cannot parse "{text}" to a valid duration') from None


def range_query(form: Mapping[str, str], now: int) -> RangeQuery:
    """The parameters of query_range."""
    start, end = bounds(form, now)
    if end <= start:
        raise bad("end timestamp must not be before or equal to start time")
    lines, backward = limit(form), is_backward(form)
    text = form.get("step", "")
    default_step = max((end - start) // SECOND // 250, 1) * SECOND
    step = seconds_or_duration(text) if text else default_step
    if step <= 0:
        raise bad(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if (end - start) // step > MOST_POINTS:
        raise bad(
            "exceeded maximum resolution of 11,000 points per time series."
            " Try increasing the value of the step parameter"
        )
    text = form.get("interval", "")
    interval = seconds_or_duration(text) if text else 0
    if interval < 0:
        raise bad("interval must be >= 0")
    check_length(start, end)
    return RangeQuery(form.get("query", ""), start, end, step, interval, lines, backward)


def check_length(start: int, end: int) -> None:
    """Refuse a range that is longer than Loki answers."""
    if end - start > LONGEST_QUERY:
        hours = (end - start) / HOUR
        raise bad(
            f"the query time range exceeds the limit (query length: {hours:.0f}h0m0s, limit: 30d1h)"
        )


def check_entries(lines: int) -> None:
    """Refuse a limit above the number of lines that Loki answers."""
    if lines > MOST_ENTRIES:
        raise bad(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query"
            f" ({lines} > {MOST_ENTRIES})"
        )
