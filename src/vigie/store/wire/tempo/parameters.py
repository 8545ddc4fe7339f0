"""The parameters of Tempo's API, read as Tempo reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vigie.store.logql.quantities import SECOND, go_duration
from vigie.store.spans.reading import Period
from vigie.store.traceql import TraceQLError, parse, parse_field
from vigie.store.traceql import tree as t
from vigie.store.wire.errors import bad

DEFAULT_TRACES = 20
DEFAULT_SPANS = 3
MOST_TRACES = 10_000
MOST_SPANS = 10_000
DEFAULT_VALUES = 5_000

_WHOLE = re.compile(r"[0-9]+")
_LOGFMT = re.compile(r'\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?(?=\s|$)')

Asked = Mapping[str, str]
"""The parameters of a request."""


def whole(asked: Asked, name: str) -> int | None:
    """A number of up to 32 bits; None where it is not told."""
    text = asked.get(name, "")
    if not text:
        return None
    if _WHOLE.fullmatch(text) is None:
        raise bad(f'invalid {name}: strconv.ParseUint: parsing "{text}": invalid syntax')
    value = int(text) if len(text) < 20 else 2**32
    if value >= 2**32:
        raise bad(f'invalid {name}: strconv.ParseUint: parsing "{text}": value out of range')
    return value


def limit(asked: Asked, name: str, default: int, most: int) -> int:
    """How many are asked for."""
    value = whole(asked, name)
    if value == 0 and name == "limit":
        raise bad("invalid limit: must be a positive number")
    if value is not None and value > most:
        raise bad(f"invalid {name}: {value} is more than {most}")
    return value or default


def period(asked: Asked) -> Period:
    """From `start` to `end`, in seconds; all of time where neither is told."""
    start, end = whole(asked, "start") or 0, whole(asked, "end") or 0
    if not start and not end:
        return Period()
    if end <= start:
        raise bad(f"http parameter start must be before end. received start={start} end={end}")
    return Period(start * SECOND, end * SECOND)


def trace_id(text: str) -> str:
    """A trace id as 32 digits."""
    for place, character in enumerate(text, start=1):
        if character not in "0123456789abcdefABCDEF":
            raise bad(
                "trace IDs can only contain hex characters: invalid character"
                f" '{character}' at position {place}"
            )
    digits = text.lower()
    if len(digits) > 32:
        raise bad("trace IDs can't be larger than 128 bits")
    return digits.rjust(32, "0")


def traceql(text: str) -> t.Query:
    """A TraceQL query."""
    try:
        return parse(text)
    except TraceQLError as error:
        raise bad(f"invalid TraceQL query: {error}") from None


def only_filter(asked: Asked) -> t.Expression | None:
    """The expression of `q`, where it is one filter; as Tempo does, nothing for anything else."""
    try:
        stages = parse(asked.get("q", "")).stages
    except TraceQLError:
        return None
    match stages:
        case (t.Filter(expression),):
            return expression
    return None


def tag(name: str) -> t.Field:
    """The field of a tag's name, in TraceQL's words."""
    try:
        return parse_field(name)
    except TraceQLError as error:
        raise bad(f"please provide a valid tagName: {error}") from None


def by_tags(asked: Asked) -> t.Query:
    """The query that `tags`, `minDuration` and `maxDuration` mean.

    Values are matched in any case, anywhere in a text; numbers and booleans as they are.
    """
    parts: list[t.Expression] = [_tag(*one) for one in _tags(asked.get("tags", "")).items()]
    shortest, longest = _duration(asked, "minDuration"), _duration(asked, "maxDuration")
    if shortest and longest is not None and shortest > longest:
        raise bad("invalid maxDuration: must be greater than minDuration")
    for op, value in ((">=", shortest), ("<=", longest)):
        if value is not None:
            literal = t.Literal(t.DURATION, value)
            parts.append(t.Comparison(op, t.Intrinsic("traceDuration"), literal))
    return t.Query((t.Filter(t.And(tuple(parts)) if parts else None),))


def _duration(asked: Asked, name: str) -> int | None:
    text = asked.get(name, "")
    if not text:
        return None
    try:
        return go_duration(text)
    except ValueError as error:
        raise bad(f"invalid {name}: {error}") from None


def _tags(text: str) -> dict[str, str]:
    """The pairs of logfmt."""
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip()
    while at < len(text):
        pair = _LOGFMT.match(text, at)
        if pair is None:
            raise bad(f"invalid tags: unexpected character at pos {at + 1}")
        name = pair[1]
        if name in found:
            raise bad(f"invalid tags: tag {name} has been set twice")
        quoted = pair[2]
        found[name] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair[3] or ""
        at = pair.end()
    return found


SPECIAL_TAGS = {
    "name": "name",
    "root.name": "rootName",
    "root.service.name": "rootServiceName",
    "status": "status",
    "status.code": "status",
    "status.message": "statusMessage",
}
"""Tags that are no attributes."""


def _tag(name: str, value: str) -> t.Expression:
    if name in ("status", "status.code") and value in t.STATUSES:
        return t.Comparison("=", t.Intrinsic("status"), t.Literal(t.STATUS, value))
    if name == "error" and value == "true":
        return t.Comparison("=", t.Intrinsic("status"), t.Literal(t.STATUS, "error"))
    if name in ("status", "status.code"):
        return t.Truth(t.Literal(t.BOOLEAN, False))
    field: t.Field = (
        t.Intrinsic(SPECIAL_TAGS[name]) if name in SPECIAL_TAGS else t.Attribute("", name)
    )
    anywhere = t.Literal(t.STRING, f"(?i).*{_literally(value)}.*")
    same: list[t.Expression] = [t.Comparison("=~", field, anywhere)]
    if isinstance(field, t.Attribute):
        if re.fullmatch(r"-?[0-9]{1,18}", value):
            same.append(t.Comparison("=", field, t.Literal(t.INTEGER, int(value))))
        elif re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,18}", value):
            same.append(t.Comparison("=", field, t.Literal(t.FLOAT, float(value))))
        elif value in ("true", "false"):
            same.append(t.Comparison("=", field, t.Literal(t.BOOLEAN, value == "true")))
    return t.Or(tuple(same)) if len(same) > 1 else same[0]


def _literally(value: str) -> str:
    """A text as RE2 reads it literally."""
    return "".join(one if one.isalnum() or ord(one) > 127 else _escaped(one) for one in value)


def _escaped(one: str) -> str:
    return f"\\{one}" if one.isprintable() and one not in " _" else f"\\x{{{ord(one):x}}}"
