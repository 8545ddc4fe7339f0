"""Attribute values as text: a letter for the type, then the value.

`sGET`, `i200`, `d0.5`, `btrue`; `y` and base64 for bytes, `l` and `m` and JSON for lists and maps,
`n` for a value that is none. So a value is one text in a column, keeps its type, and equals another
if the texts are equal.
"""

from __future__ import annotations

import base64

import msgspec

Value = str | int | float | bool | bytes | None | list["Value"] | dict[str, "Value"]
"""What OTLP calls AnyValue."""

Attributes = dict[str, Value]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def tagged(value: Value) -> str:
    """The text of a value."""
    match value:
        case str():
            return "s" + value
        case bool():
            return "btrue" if value else "bfalse"
        case int():
            return f"i{value}"
        case float():
            return f"d{value!r}"
        case None:
            return "n"
        case bytes():
            return "y" + base64.b64encode(value).decode()
        case list():
            return "l" + _encode([tagged(one) for one in value]).decode()
        case dict():
            return "m" + _encode({name: tagged(one) for name, one in value.items()}).decode()


def untagged(text: str) -> Value:
    """The value of a text that `tagged` made."""
    kind, rest = text[0], text[1:]
    match kind:
        case "s":
            return rest
        case "i":
            return int(rest)
        case "b":
            return rest == "true"
        case "d":
            return float(rest)
        case "y":
            return base64.b64decode(rest)
        case "l":
            return [untagged(one) for one in _decode(rest)]
        case "m":
            return {name: untagged(one) for name, one in _decode(rest).items()}
        case _:
            return None
