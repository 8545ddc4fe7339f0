"""JSON that need not be well formed, read as far as it goes: what Loki's own reader makes of it.

Loki's reader looks only as far as it must: it keeps the fields before a fault, and ignores what
follows the closing brace. Python's reader, which is fast, does for well-formed lines; this one
for the others, and wherever the raw text of a value is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

STRING, NUMBER, BOOLEAN, NULL, ARRAY, OBJECT = "string", "number", "boolean", "null", "array", "{}"

_SPACE = " \n\r\t"
_NOT_SPACE = re.compile(r"[^ \n\r\t]")
_TOKEN = re.compile(r"[^ \n\r\t,}\]]*")
_STRING_END = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([\"\\/bfnrt])|u([0-9a-fA-F]{4}))")
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

NO_STRING_END = "Value is string, but can't find closing '\"' symbol"
NO_ARRAY_END = "Value is array, but can't find closing ']' symbol"
NO_OBJECT_END = "Value looks like object, but can't find closing '}' symbol"
MALFORMED = "Malformed JSON error"
UNKNOWN_VALUE = "Unknown value type"
BAD_ESCAPE = "Encountered an invalid escape sequence in a string"


class JsonError(ValueError):
    """Where the text stops being JSON."""


def fields(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, kind and raw value (a string without its quotes) of each field of an object, in order.

    Raises `JsonError` at the first fault, after the fields before it.
    """
    at = _next(text, 0, NO_OBJECT_END)
    if text[at] != "{":
        raise JsonError(NO_OBJECT_END)
    at = _next(text, at + 1, MALFORMED)
    while text[at] != "}":
        if text[at] != '"':
            raise JsonError(NO_OBJECT_END)
        end = _string_end(text, at + 1, MALFORMED)
        name = unescaped(text[at + 1 : end - 1])
        if name is None:
            raise JsonError(BAD_ESCAPE)
        at = _next(text, end, MALFORMED)
        if text[at] != ":":
            raise JsonError(MALFORMED)
        kind, raw, at = value_at(text, at + 1)
        yield name, kind, raw
        at = _next(text, at, NO_ARRAY_END)
        if text[at] == "}":
            return
        if text[at] != ",":
            raise JsonError(NO_OBJECT_END)
        at = _next(text, at + 1, NO_ARRAY_END)


def items(text: str) -> Iterator[tuple[str, str]]:
    """Kind and raw value of each element of an array; raises `JsonError` at the first fault."""
    at = _next(text, _next(text, 0, MALFORMED) + 1, MALFORMED)
    while text[at] != "]":
        kind, raw, at = value_at(text, at)
        yield kind, raw
        at = _next(text, at, NO_ARRAY_END)
        if text[at] == "]":
            return
        if text[at] != ",":
            raise JsonError(NO_ARRAY_END)
        at += 1


def value_at(text: str, at: int) -> tuple[str, str, int]:
    """Kind, raw text and end of the value that begins at `at`, or after spaces."""
    at = _next(text, at, MALFORMED)
    first = text[at]
    if first == '"':
        end = _string_end(text, at + 1, NO_STRING_END)
        return STRING, text[at + 1 : end - 1], end
    if first == "[":
        end = _block_end(text, at, "[", "]", NO_ARRAY_END)
        return ARRAY, text[at:end], end
    if first == "{":
        end = _block_end(text, at, "{", "}", NO_OBJECT_END)
        return OBJECT, text[at:end], end
    found = _TOKEN.match(text, at)
    raw = found[0] if found else ""
    if raw in ("true", "false"):
        kind = BOOLEAN
    elif raw == "null":
        kind = NULL
    elif first in "-0123456789":
        kind = NUMBER
    else:
        raise JsonError(UNKNOWN_VALUE)
    return kind, raw, at + len(raw)


def unescaped(raw: str) -> str | None:
    """The text of a raw string; None where an escape in it is malformed."""
    if "\\" not in raw:
        return raw
    out: list[str] = []
    at = 0
    while (backslash := raw.find("\\", at)) >= 0:
        out.append(raw[at:backslash])
        found = _ESCAPE.match(raw, backslash)
        if found is None:
            return None
        at = found.end()
        if found[1]:
            out.append(_PLAIN.get(found[1], found[1]))
            continue
        code = int(found[2], 16)
        if 0xD800 <= code < 0xE000:
            low = _ESCAPE.match(raw, at)
            if low is None or not low[2] or int(low[2], 16) < 0xDC00:
                return None
            at = low.end()
            code = 0x10000 + ((code - 0xD800) << 10) + int(low[2], 16) - 0xDC00
            out.append(chr(code) if code <= 0x10FFFF else "\ufffd")
        else:
            out.append(chr(code))
    out.append(raw[at:])
    return "".join(out)


def label_text(raw: str) -> str:
    """The text of a raw string as a label has it: empty where malformed, a space for U+FFFD."""
    value = unescaped(raw)
    return "" if value is None else value.replace("\ufffd", " ")


def _next(text: str, at: int, error: str) -> int:
    found = _NOT_SPACE.search(text, at)
    if found is None:
        raise JsonError(error)
    return found.start()


def _string_end(text: str, at: int, error: str) -> int:
    found = _STRING_END.match(text, at)
    if found is None:
        raise JsonError(error)
    return found.end()


def _block_end(text: str, at: int, opens: str, closes: str, error: str) -> int:
    level = 0
    for found in re.compile(rf'["{re.escape(opens)}{re.escape(closes)}]').finditer(text, at):
        if found.start() < at:
            continue
        if found[0] == '"':
            at = _string_end(text, found.end(), error)
        elif found[0] == opens:
            level += 1
        else:
            level -= 1
            if level == 0:
                return found.end()
    raise JsonError(error)
