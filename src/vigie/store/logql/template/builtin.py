"""The functions that Go's templates have by themselves."""

from __future__ import annotations

import html as html_module
from typing import Any

from vigie.store.logql.template.gotime import GoTime
from vigie.store.logql.template.values import (
    NO_VALUE,
    Json,
    NoValue,
    TemplateError,
    formatted,
    kind,
    printed,
)

_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def joined(values: tuple[Any, ...]) -> str:
    """Go's Sprint: a space between two values of which neither is a text."""
    out: list[str] = []
    for i, value in enumerate(values):
        if i and not isinstance(value, str) and not isinstance(values[i - 1], str):
            out.append(" ")
        out.append("<nil>" if value is None else printed(value))
    return "".join(out)


def println(*values: Any) -> str:
    """Go's Sprintln."""
    return " ".join("<nil>" if one is None else printed(one) for one in values) + "\n"


def printf(layout: str, *values: Any) -> str:
    """Go's Sprintf."""
    return formatted(layout, list(values))


def html(*values: Any) -> str:
    """The text as HTML shows it."""
    text = html_module.escape(joined(values), quote=False)
    return text.replace('"', "&#34;").replace("'", "&#39;").replace("\0", "\ufffd")


def js(*values: Any) -> str:
    """The text inside a string of JavaScript."""
    out = []
    for character in joined(values):
        if character in _JS:
            out.append(_JS[character])
        elif character.isascii():
            code = ord(character)
            out.append(f"\\u{code:04X}" if code < 0x20 else character)
        else:
            out.append(character if character.isprintable() else f"\\u{ord(character):04X}")
    return "".join(out)


def length(value: Any) -> int:
    """Bytes of a text, elements of what has some."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | dict):
        return len(value)
    raise TemplateError(f"len of type {kind(value)}")


def index(value: Any, *keys: Any) -> Any:
    """`index x 1 "a"` is x[1]["a"]."""
    for key in keys:
        if isinstance(value, Json):
            value = value.get(key, NO_VALUE) if isinstance(key, str) else _bad_key(key)
        elif isinstance(value, dict):
            value = value.get(key, "") if isinstance(key, str) else _bad_key(key)
        elif isinstance(value, list | str):
            found = value.encode() if isinstance(value, str) else value
            if not isinstance(key, int) or isinstance(key, bool):
                _bad_key(key)
            if not 0 <= key < len(found):
                raise TemplateError(f"index out of range: {key}")
            value = found[key]
        else:
            raise TemplateError(f"can't index item of type {kind(value)}")
    return value


def _bad_key(key: Any) -> Any:
    raise TemplateError(f"cannot index with type {kind(key)}")


def sliced(value: Any, *bounds: Any) -> Any:
    """`slice x 1 2` is x[1:2]."""
    if not isinstance(value, str | list) or len(bounds) > 2:
        raise TemplateError(f"can't slice item of type {kind(value)}")
    found: Any = value.encode() if isinstance(value, str) else value
    limits = [0, len(found)]
    for i, bound in enumerate(bounds):
        if not isinstance(bound, int) or isinstance(bound, bool):
            _bad_key(bound)
        if not 0 <= bound <= len(found):
            raise TemplateError(f"index out of range: {bound}")
        limits[i] = bound
    if limits[0] > limits[1]:
        raise TemplateError(f"invalid slice index: {limits[0]} > {limits[1]}")
    part = found[limits[0] : limits[1]]
    return part.decode(errors="replace") if isinstance(value, str) else part


def equal(first: Any, *others: Any) -> bool:
    """Whether the first is one of the others."""
    return any(_same(first, other) for other in others)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, NoValue | None) or isinstance(right, NoValue | None):
        return isinstance(left, NoValue | None) and isinstance(right, NoValue | None)
    if _basic(left) != _basic(right):
        raise TemplateError("incompatible types for comparison")
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """Whether the left is below the right."""
    if _basic(left) != _basic(right) or isinstance(left, bool):
        raise TemplateError("incompatible types for comparison")
    return bool(left < right)


def _basic(value: Any) -> type:
    for one in (bool, int, float, str):
        if isinstance(value, one):
            return one
    if isinstance(value, GoTime):
        raise TemplateError("invalid type for comparison")
    raise TemplateError("non-comparable type for comparison")
