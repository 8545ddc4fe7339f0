"""One event, one line: a JSON object of `catalogue.logs.FIELDS`, then of the event's own fields.

Whatever an event holds, it becomes exactly one line: no newline, and nothing that a terminal would
obey, is in it; what cannot be said in JSON is said in words; what is too long is cut. The fields
that every line has are Vigie's: an event's own field of such a name gets a `_` at its end.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from json import JSONEncoder
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from vigie.catalogue.logs import FIELDS, LEVELS
from vigie.instrument.context import current
from vigie.instrument.redaction import HIDDEN, is_secret, redacted

LONGEST_MESSAGE = 16_384
LONGEST_FIELD = 4_096
LONGEST_TEXT = 16_384
LONGEST_FIELDS = 65_536
LONGEST_EVENT = 80
LONGEST_NAME = 128
MOST_FIELDS = 64
DEEPEST = 5
CUT = "…"

_IDS = ("trace_id", "span_id", "request_id")

_HIDDEN, _CUT = f'"{HIDDEN}"', f'"{CUT}"'
_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
# What JSON leaves as it is, and a reader may take for a line's end, or a terminal for an order.
_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_EVERY_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLACEHOLDER = re.compile(
    r"(?:(?P<name>\b[A-Za-z_]\w{0,63})=)?%(?:%|[-#0 +]*(?P<star>\*?)[\d.]*[diouxXeEfFgGcrsa])"
)
_EVENT_ENDS = re.compile(r"\s*(?:%|\{|\b\w+=)|[:,;]\s|\n")


class Entry(NamedTuple):
    """One line on its way: its Unix time in nanoseconds, level, text and trace's id, if any."""

    time_ns: int
    level: str
    line: str
    trace_id: str


class LongText(str):
    """A field that may be longer than others, such as a traceback."""

    __slots__ = ()


class Writer:
    """Writes the lines of one service."""

    def __init__(self, service: str, *, redact_mail: bool = False) -> None:
        self.service = service
        self._service = _quoted(service)
        self._mail = redact_mail

    def entry(
        self,
        *,
        created_ns: int,
        level: str,
        logger: str,
        event: str,
        message: str,
        own: Mapping[str, Any],
    ) -> Entry:
        """An event as a line, with `own` fields behind the usual ones.

        `event` is a text of `event_of`. `created_ns` is Unix time, `level` one of
        `catalogue.logs.LEVELS`.
        """
        # Written by hand: to have an encoder made for each line would take longer than all of this.
        known = ids()
        parts = [
            f'{{"ts":"{timestamp(created_ns)}","level":"{level}","service":{self._service}'
            f',"logger":{_quoted(logger[:LONGEST_NAME])},"event":{_quoted(event)}'
            f',"message":{_quoted(self._text(message, LONGEST_MESSAGE))}'
        ]
        brought = _ids_of(own, known)
        known |= brought
        parts += [f'"{name}":{_quoted(value)}' for name, value in known.items()]
        left = LONGEST_FIELDS
        for count, (name, value) in enumerate(own.items()):
            if count == MOST_FIELDS:
                parts.append(f'"fields_left_out":{len(own) - MOST_FIELDS}')
                break
            if name in brought:
                continue
            key, secret = _key(name) if type(name) is str else _key(in_words(name))
            if name in FIELDS:
                key = _another_key(name, own)
            said = _HIDDEN if secret and value is not None else self._in_json(value, left)
            left -= len(said) if type(value) is not LongText else 0
            parts.append(key + said)
        text = ",".join(parts) + "}"
        if not text.isascii() or "\x7f" in text:
            text = _CONTROLS.sub(_escaped, text)
        return Entry(created_ns, level, text, known.get("trace_id", ""))

    def _in_json(self, value: Any, left: int) -> str:
        """A field's value as JSON, without secrets, in some `left` characters."""
        kind = type(value)
        if kind is LongText:
            return _quoted(self._text(_shortened(value), LONGEST_TEXT))
        if left <= 0:
            return _CUT
        if kind is str:
            return _quoted(self._text(value, LONGEST_FIELD))
        if kind is bool:
            return "true" if value else "false"
        if (kind is int and -(2**63) <= value < 2**63) or (kind is float and math.isfinite(value)):
            return repr(value)
        return _encode(self._plain("", value, _Room(left)))

    def _plain(self, name: object, value: Any, room: _Room, depth: int = 0) -> Any:
        """A value as JSON has it, without secrets and of bounded size."""
        if isinstance(name, str) and is_secret(name) and value is not None:
            return HIDDEN
        if not room.left:
            return CUT
        kind = type(value)
        if kind is str:
            return room.take(self._text(value, LONGEST_FIELD))
        room.take("")
        if kind is bool or value is None or (kind is int and -(2**63) <= value < 2**63):
            return value
        if kind is float:
            return value if math.isfinite(value) else str(value)
        if depth < DEEPEST and isinstance(value, Mapping):
            return {
                room.take(self._said(key, LONGEST_NAME)): self._plain(key, below, room, depth + 1)
                for key, below in _first(value.items(), len(value))
            }
        if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
            if isinstance(value, tuple) and _is_secret_header(value):
                return [self._said(value[0]), HIDDEN]
            return [self._plain("", each, room, depth + 1) for each in _first(value, len(value))]
        return room.take(self._said(value))

    def _said(self, value: object, longest: int = LONGEST_FIELD) -> str:
        """In words: what it would be written as in a message."""
        if isinstance(value, bytes):
            value = value[: 2 * longest].decode("utf-8", "backslashreplace")
        return self._text(in_words(value), longest)

    def _text(self, text: str, longest: int) -> str:
        # Redacted first: half a secret could not be told any more. What is hopelessly long is cut
        # before that too, for redaction takes time; what may then be half a secret goes with it.
        if len(text) > longest:
            return redacted(text[: 2 * longest], mail=self._mail)[:longest] + CUT
        return redacted(text, mail=self._mail)


def in_words(value: object) -> str:
    """Its `str`; where that fails, at least what it is."""
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be written>"


def _shortened(text: str) -> str:
    """The beginning and the end: of a traceback, what was called, and what went wrong."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = (LONGEST_TEXT - len(CUT) - 2) // 2
    return f"{text[:half]}\n{CUT}\n{text[-half:]}"


@lru_cache(maxsize=4096)
def _key(name: str) -> tuple[str, bool]:
    """A field's name as it stands in the line, and whether its values are secrets."""
    return f"{_quoted(name[:LONGEST_NAME])}:", is_secret(name)


def _another_key(name: str, own: Mapping[str, Any]) -> str:
    """The name of an event's own field that is called as one of every line's."""
    while name in FIELDS or name in own:
        name += "_"
    return _key(name)[0]


def _ids_of(own: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """The ids that an event brings, outside of a request: within one, that one's count."""
    return {
        name: own[name][:LONGEST_NAME]
        for name in _IDS
        if name in own and name not in known and isinstance(own[name], str)
    }


class _Room:
    """What a field with others in it may take, in characters."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, text: str) -> str:
        self.left = max(self.left - len(text) - 8, 0)
        return text


def _first(items: Iterable[Any], size: int) -> Iterable[Any]:
    if size <= MOST_FIELDS:
        return items
    return (item for item, _ in zip(items, range(MOST_FIELDS), strict=False))


def _is_secret_header(pair: tuple[Any, ...]) -> bool:
    """Whether it is a header as servers have them, name and value, with a secret in it."""
    if len(pair) != 2:
        return False
    name = pair[0].decode("latin-1") if isinstance(pair[0], bytes) else pair[0]
    return isinstance(name, str) and is_secret(name)


def ids() -> dict[str, str]:
    """The ids of what this task or thread is at: its trace, its part of it, its request."""
    found = {}
    if opentelemetry := sys.modules.get("opentelemetry.trace"):
        span = opentelemetry.get_current_span().get_span_context()
        if span.is_valid:
            found = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    request = current.get()
    if request is not None:
        if not found:
            found = {"trace_id": request.trace_id, "span_id": request.span_id}
        found["request_id"] = request.request_id
    return found


def level_name(number: int) -> str:
    """The level of a number of `logging`, whatever it is called there."""
    return LEVELS[min(max(number // 10, 1), len(LEVELS)) - 1]


def nanoseconds(created: float) -> int:
    """Unix time in seconds, as `logging` has it, in nanoseconds."""
    seconds = int(created)
    return seconds * 1_000_000_000 + round((created - seconds) * 1e9)


def timestamp(created_ns: int) -> str:
    """Unix time in nanoseconds as RFC 3339 has it, to the microsecond."""
    seconds, fraction = divmod(created_ns, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{fraction // 1000:06d}Z"


@lru_cache(maxsize=8)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=1024)
def template(message: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """What a message of `logging` is about, and which of its arguments have a name.

    "Slow request %s seconds=%.3f" is about a "Slow request", and its second argument is `seconds`.
    """
    named = []
    position = 0
    for found in _PLACEHOLDER.finditer(message):
        if found[0].endswith("%%"):
            continue
        position += bool(found["star"])
        if found["name"]:
            named.append((found["name"], position))
        position += 1
    return event_of(message), tuple(named)


def event_of(message: str) -> str:
    """What a message is about: its words up to the first value."""
    return _event_of(message[: 4 * LONGEST_EVENT])


@lru_cache(maxsize=1024)
def _event_of(beginning: str) -> str:
    beginning = beginning.strip()
    end = _EVENT_ENDS.search(beginning)
    about = redacted(beginning[: end.start()] if end else beginning)
    return (about.strip() or redacted(beginning))[:LONGEST_EVENT].strip()


def plain(text: str) -> str:
    """A text on one line: what would end it, or move a terminal's cursor, is escaped."""
    return _EVERY_CONTROL.sub(_escaped_plainly, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escaped_plainly(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or _escaped(match)
