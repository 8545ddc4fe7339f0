"""The functions of templates: Go's own, sprig's as far as Loki has them, and Loki's."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vigie.store.logql.quantities import SECOND, go_bytes, go_duration
from vigie.store.logql.regexes import Regex, RegexError, compiled, expanded
from vigie.store.logql.template import arithmetic as a
from vigie.store.logql.template import builtin as b
from vigie.store.logql.template.gotime import ZERO_SECONDS, GoTime, GoTimeError, parse
from vigie.store.logql.template.values import Json, TemplateError, truth

LONGEST = 4 << 20
"""Characters; a function that would make a longer text fails."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes; the last of `takes` may come any number of times when `variadic`.

    Kinds: `text`, `int`, `float`, `time`, `any`.
    """

    call: Callable[..., Any]
    takes: tuple[str, ...]
    variadic: bool = False


def _texts(call: Callable[..., Any], count: int = 1) -> Signature:
    return Signature(call, ("text",) * count)


def _any(call: Callable[..., Any], count: int) -> Signature:
    return Signature(call, ("any",) * count)


def _many(call: Callable[..., Any], *takes: str) -> Signature:
    return Signature(call, takes or ("any",), variadic=True)


def _bounded(size: int) -> None:
    if size > LONGEST:
        raise TemplateError("the text would be too long")


# --- texts -----------------------------------------------------------------------------------


def upper(text: str) -> str:
    """Letter by letter, as Go; `ß` stays."""
    return "".join(u if len(u := c.upper()) == 1 else c for c in text)


def lower(text: str) -> str:
    """Letter by letter, as Go."""
    return "".join(low[:1] if len(low := c.lower()) != 1 else low for c in text)


def title(text: str) -> str:
    """The first letter of each word in upper case."""
    out, separated = [], True
    for character in text:
        out.append(upper(character) if separated else character)
        separated = _separates(character)
    return "".join(out)


def _separates(character: str) -> bool:
    if character.isascii():
        return not (character.isalnum() or character == "_")
    return not (character.isalpha() or character.isdecimal()) and character.isspace()


def from_bytes(raw: bytes) -> str:
    """Text of bytes that may be cut within a character: U+FFFD for each byte that is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode()
        return good + "\ufffd" + from_bytes(raw[error.start + 1 :])


def trunc(count: int, text: str) -> str:
    """The first `count` bytes, or the last -`count`."""
    raw = text.encode()
    if count < 0 and len(raw) + count > 0:
        return from_bytes(raw[count:])
    return from_bytes(raw[:count]) if 0 <= count < len(raw) else text


def substr(start: int, end: int, text: str) -> str:
    """The bytes from `start` to `end`; a negative `end` is the text's."""
    raw = text.encode()
    if start < 0:
        start = 0
        if end < 0 or end > len(raw):
            raise TemplateError("slice bounds out of range")
    elif end < 0 or end > len(raw):
        end = len(raw)
    if start > end:
        raise TemplateError("slice bounds out of range")
    return from_bytes(raw[start:end])


def _align_left(count: int, text: str) -> str:
    _bounded(count)
    return text if count < 0 else text[:count].ljust(count)


def _align_right(count: int, text: str) -> str:
    _bounded(count)
    if count < 0 or count == len(text):
        return text
    return text.rjust(count) if count > len(text) else text[len(text) - count :]


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise TemplateError("strings: negative Repeat count")
    _bounded(count * len(text))
    return text * count


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count if count >= 0 else -1)


def _indent(spaces: int, text: str) -> str:
    if spaces < 0:
        raise TemplateError("strings: negative Repeat count")
    _bounded(spaces * (text.count("\n") + 1) + len(text))
    return " " * spaces + text.replace("\n", "\n" + " " * spaces)


def _regex(expression: str) -> Regex:
    try:
        return compiled(expression)
    except RegexError as error:
        raise TemplateError(str(error)) from None


def _replace_all(expression: str, text: str, replacement: str, literal: bool = False) -> str:
    regex = _regex(expression)
    out, at, ended = [], 0, -1
    for found in regex.finditer(text):
        start, end = found.start(), found.end()
        if start == end == ended:
            continue  # an empty match just behind a match is none
        out += [
            text[at:start],
            replacement if literal else expanded(replacement, found, regex.groupindex),
        ]
        at = ended = end
    out.append(text[at:])
    return "".join(out)


def _count(expression: str, text: str) -> int:
    found = 0
    ended = -1
    for one in _regex(expression).finditer(text):
        if not (one.start() == one.end() == ended):
            found += 1
        ended = one.end()
    return found


def _url_decoded(text: str) -> str:
    broken = re.search(r"%(?![0-9a-fA-F]{2}).{0,2}", text, re.DOTALL)
    if broken:
        raise TemplateError(f'invalid URL escape "{broken[0]}"')
    return from_bytes(urllib.parse.unquote_to_bytes(text.replace("+", " ")))


def _base64_decoded(text: str) -> str:
    if len(text) % 4 > 1:
        text += "=" * (4 - len(text) % 4)
    clean = text.replace("\n", "").replace("\r", "")
    try:
        return from_bytes(base64.b64decode(clean, validate=True))
    except (binascii.Error, ValueError):
        good = re.match(r"[A-Za-z0-9+/]*", clean)
        return f"illegal base64 data at input byte {good.end() if good else 0}"


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_hook=Json, parse_int=float)
    except (ValueError, RecursionError):
        return None


def _default(otherwise: Any, *given: Any) -> Any:
    return given[0] if given and truth(given[0]) else otherwise


# --- amounts ---------------------------------------------------------------------------------


def _converted(convert: Callable[[str], float]) -> Callable[[str], float]:
    def call(text: str) -> float:
        try:
            return convert(text)
        except ValueError as error:
            raise TemplateError(str(error)) from None

    return call


_bytes = _converted(lambda text: float(go_bytes(text)))
_seconds = _converted(lambda text: go_duration(text) / SECOND)

# --- times -----------------------------------------------------------------------------------


def _to_date(layout: str, text: str) -> GoTime:
    return _to_date_in_zone(layout, "UTC", text)


def _to_date_in_zone(layout: str, zone: str, text: str) -> GoTime:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = "UTC"
    try:
        return parse(layout, text, zone)
    except GoTimeError:
        return GoTime(ZERO_SECONDS)


def _date(layout: str, moment: Any) -> str:
    if isinstance(moment, int) and not isinstance(moment, bool):
        moment = GoTime(moment)
    if not isinstance(moment, GoTime):
        moment = _now()
    try:
        return GoTime(moment.seconds, moment.nanoseconds).format(layout)
    except GoTimeError as error:
        raise TemplateError(str(error)) from None


def _now() -> GoTime:
    return GoTime.of_ns(time.time_ns())


def _unix_to_time(text: str) -> GoTime:
    factor = {5: 86_400 * SECOND, 10: SECOND, 13: 10**6, 16: 1000, 19: 1}.get(len(text))
    if factor is None or re.fullmatch(r"[+-]?[0-9]+", text) is None:
        raise TemplateError(f"unable to parse time '{text}'")
    return GoTime.of_ns(int(text) * factor)


FUNCTIONS: dict[str, Signature] = {
    "ToLower": _texts(lower),
    "ToUpper": _texts(upper),
    "Replace": Signature(_replace, ("text", "text", "text", "int")),
    "Trim": _texts(str.strip, 2),
    "TrimLeft": _texts(str.lstrip, 2),
    "TrimRight": _texts(str.rstrip, 2),
    "TrimPrefix": _texts(str.removeprefix, 2),
    "TrimSuffix": _texts(str.removesuffix, 2),
    "TrimSpace": _texts(str.strip),
    "regexReplaceAll": _texts(_replace_all, 3),
    "regexReplaceAllLiteral": _texts(lambda e, s, r: _replace_all(e, s, r, literal=True), 3),
    "count": _texts(_count, 2),
    "urldecode": _texts(_url_decoded),
    "urlencode": _texts(urllib.parse.quote_plus),
    "bytes": _texts(_bytes),
    "duration": _texts(_seconds),
    "duration_seconds": _texts(_seconds),
    "unixEpochMillis": Signature(lambda moment: str(moment.ns // 10**6), ("time",)),
    "unixEpochNanos": Signature(lambda moment: str(moment.ns), ("time",)),
    "toDateInZone": _texts(_to_date_in_zone, 3),
    "unixToTime": _texts(_unix_to_time),
    "alignLeft": Signature(_align_left, ("int", "text")),
    "alignRight": Signature(_align_right, ("int", "text")),
    "b64enc": _texts(lambda text: base64.b64encode(text.encode()).decode()),
    "b64dec": _texts(_base64_decoded),
    "lower": _texts(lower),
    "upper": _texts(upper),
    "title": _texts(title),
    "trunc": Signature(trunc, ("int", "text")),
    "substr": Signature(substr, ("int", "int", "text")),
    "contains": _texts(lambda part, text: part in text, 2),
    "hasPrefix": _texts(lambda part, text: text.startswith(part), 2),
    "hasSuffix": _texts(lambda part, text: text.endswith(part), 2),
    "indent": Signature(_indent, ("int", "text")),
    "nindent": Signature(lambda spaces, text: "\n" + _indent(spaces, text), ("int", "text")),
    "replace": _texts(lambda old, new, text: text.replace(old, new), 3),
    "repeat": Signature(_repeat, ("int", "text")),
    "trim": _texts(str.strip),
    "trimAll": _texts(lambda among, text: text.strip(among) if among else text, 2),
    "trimSuffix": _texts(lambda end, text: text.removesuffix(end), 2),
    "trimPrefix": _texts(lambda start, text: text.removeprefix(start), 2),
    "int": _any(a.integer, 1),
    "float64": _any(a.number, 1),
    "add": _many(a.add),
    "sub": _any(a.subtract, 2),
    "mul": _many(a.multiply, "any", "any"),
    "div": _any(a.divide, 2),
    "mod": _any(a.modulo, 2),
    "addf": _many(a.add_decimals),
    "subf": _many(a.subtract_decimals, "any", "any"),
    "mulf": _many(a.multiply_decimals, "any", "any"),
    "divf": _many(a.divide_decimals, "any", "any"),
    "max": _many(lambda *values: max(map(a.integer, values)), "any", "any"),
    "min": _many(lambda *values: min(map(a.integer, values)), "any", "any"),
    "maxf": _many(lambda *values: max(map(a.number, values)), "any", "any"),
    "minf": _many(lambda *values: min(map(a.number, values)), "any", "any"),
    "ceil": _any(lambda value: a.whole(math.ceil, value), 1),
    "floor": _any(lambda value: a.whole(math.floor, value), 1),
    "round": _many(a.rounded, "any", "any", "float"),
    "fromJson": _texts(_from_json),
    "date": Signature(_date, ("text", "any")),
    "toDate": _texts(_to_date, 2),
    "now": Signature(_now, ()),
    "unixEpoch": Signature(lambda moment: str(moment.seconds), ("time",)),
    "default": _many(_default, "any", "any"),
    # Go's own
    "html": _many(b.html),
    "js": _many(b.js),
    "urlquery": _many(lambda *values: urllib.parse.quote_plus(b.joined(values))),
    "print": _many(lambda *values: b.joined(values)),
    "println": _many(b.println),
    "printf": Signature(b.printf, ("text", "any"), variadic=True),
    "len": _any(b.length, 1),
    "index": _many(b.index, "any", "any"),
    "slice": _many(b.sliced, "any", "any"),
    "not": _any(lambda value: not truth(value), 1),
    "eq": _many(b.equal, "any", "any"),
    "ne": _any(lambda left, right: not b.equal(left, right), 2),
    "lt": _any(b.less, 2),
    "le": _any(lambda left, right: b.less(left, right) or b.equal(left, right), 2),
    "gt": _any(lambda left, right: b.less(right, left), 2),
    "ge": _any(lambda left, right: b.less(right, left) or b.equal(left, right), 2),
}
"""All but `and`, `or`, `__line__` and `__timestamp__`, which the evaluation knows."""

SPECIAL = frozenset(("and", "or", "__line__", "__timestamp__"))
