"""Go's string literals."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"
)
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_WRITTEN = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def unquote(literal: str) -> str:
    """The text of a Go string literal with its quotes; raises ValueError where Go refuses it."""
    quote, inside = literal[0], literal[1:-1]
    if quote == "`":
        return inside.replace("\r", "")
    if "\n" in inside:
        raise ValueError("invalid syntax")
    if "\\" not in inside:
        return inside
    out = bytearray()
    at = 0
    while (backslash := inside.find("\\", at)) >= 0:
        out += inside[at:backslash].encode()
        found = _ESCAPE.match(inside, backslash)
        if found is None or (found[1] in ('"', "'") and found[1] != quote):
            raise ValueError("invalid syntax")
        out += _escaped(found)
        at = found.end()
    out += inside[at:].encode()
    return out.decode(errors="replace")


def _escaped(found: re.Match[str]) -> bytes:
    if found[1]:
        return _SIMPLE[found[1]].encode()
    if found[2]:
        return bytes([int(found[2], 16)])
    if found[5]:
        if int(found[5], 8) > 255:
            raise ValueError("invalid syntax")
        return bytes([int(found[5], 8)])
    code = int(found[3] or found[4], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError("invalid syntax")
    return chr(code).encode()


def quote(text: str) -> str:
    """A Go string literal of `text`, as strconv.Quote writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(character: str) -> str:
    if character in _WRITTEN:
        return _WRITTEN[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
