"""What Go's templates make of values: how they are printed, compared and converted.

Integers are Python's int, and Go's `map[string]any` of fromJson a `Json` dict. The labels of a
line are a plain dict of texts: a label that it has not is the empty text, not `<no value>`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from vigie.store.logql.quantities import print_go_float
from vigie.store.logql.strings import quote
from vigie.store.logql.template.gotime import GoTime


class TemplateError(ValueError):
    """A template that fails on a line."""


class Json(dict[str, Any]):
    """An object that fromJson read."""


class NoValue:
    """What a name gives that a `Json` has not."""


NO_VALUE = NoValue()


def printed(value: object) -> str:
    """A value as `{{value}}` writes it."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, NoValue):
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return print_go_float(value)
    if isinstance(value, GoTime):
        return value.text()
    if isinstance(value, list):
        return "[" + " ".join(_inside(one) for one in value) + "]"
    if isinstance(value, dict):
        pairs = " ".join(f"{key}:{_inside(value[key])}" for key in sorted(value))
        return f"map[{pairs}]"
    return str(value)


def _inside(value: object) -> str:
    return "<nil>" if value is None else printed(value)


def truth(value: object) -> bool:
    """Whether `{{if value}}` takes its branch."""
    if value is None or isinstance(value, NoValue):
        return False
    if isinstance(value, GoTime):
        return True
    if isinstance(value, float) and math.isnan(value):
        return True
    return bool(value)


def kind(value: object) -> str:
    """Go's name for the type of a value, for messages."""
    names: dict[type, str] = {str: "string", bool: "bool", int: "int", float: "float64"}
    if isinstance(value, GoTime):
        return "time.Time"
    if isinstance(value, list):
        return "[]interface {}"
    if isinstance(value, dict):
        return "map[string]interface {}"
    return names.get(type(value), "interface {}")


def formatted(layout: str, values: list[Any]) -> str:
    """Go's Sprintf."""
    out: list[str] = []
    at, index = 0, 0
    while at < len(layout):
        if layout[at] != "%":
            end = layout.find("%", at)
            end = len(layout) if end < 0 else end
            out.append(layout[at:end])
            at = end
            continue
        flags, at = _run(layout, at + 1, "+-# 0")
        width, at = _run(layout, at, "0123456789")
        precision = None
        if at < len(layout) and layout[at] == ".":
            precision, at = _run(layout, at + 1, "0123456789")
        if at >= len(layout):
            out.append("%!(NOVERB)")
            break
        verb, at = layout[at], at + 1
        if verb == "%":
            out.append("%")
            continue
        if index >= len(values):
            out.append(f"%!{verb}(MISSING)")
            continue
        text = _verb(verb, flags, None if precision is None else int(precision or 0), values[index])
        index += 1
        out.append(_padded(text, flags, int(width or 0), verb))
    if index < len(values):
        rest = ", ".join(f"{kind(one)}={printed(one)}" for one in values[index:])
        out.append(f"%!(EXTRA {rest})")
    return "".join(out)


def _run(text: str, at: int, among: str) -> tuple[str, int]:
    start = at
    while at < len(text) and text[at] in among:
        at += 1
    return text[start:at], at


def _padded(text: str, flags: str, width: int, verb: str) -> str:
    if len(text) >= width:
        return text
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and verb not in "sqvT":
        sign = text[:1] if text[:1] in "+-" else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width, "0" if "0" in flags else " ")


def _verb(verb: str, flags: str, precision: int | None, value: Any) -> str:
    if verb in "vs" and not (verb == "s" and isinstance(value, bool | int | float)):
        text = _sharp(value) if "#" in flags and verb == "v" else _inside(value)
        if verb == "v" and "+" in flags and isinstance(value, int | float) and value >= 0:
            text = f"+{text}"
        return text if precision is None or verb == "v" else text[:precision]
    if verb == "T":
        return kind(value)
    if isinstance(value, str):
        writes: dict[str, Callable[[str], str]] = {
            "q": quote,
            "x": lambda text: text.encode().hex(),
            "X": lambda text: text.encode().hex().upper(),
        }
        if verb in writes:
            return writes[verb](value if precision is None else value[:precision])
    elif isinstance(value, bool):
        if verb == "t":
            return printed(value)
    elif isinstance(value, int):
        if (written := _integer(verb, flags, value)) is not None:
            return written
    elif isinstance(value, float) and (
        (written := _float(verb, flags, precision, value)) is not None
    ):
        return written
    return f"%!{verb}({kind(value)}={_inside(value)})"


def _sharp(value: Any) -> str:
    return quote(value) if isinstance(value, str) else printed(value)


def _integer(verb: str, flags: str, value: int) -> str | None:
    if verb == "c":
        return chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
    if verb == "q":
        return f"'{chr(value)}'"
    if verb == "U":
        return f"U+{value:04X}"
    if verb not in "dboxX":
        return None
    prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in flags else ""
    sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    return f"{sign}{prefix}{format(abs(value), verb)}"


def _float(verb: str, flags: str, precision: int | None, value: float) -> str | None:
    if math.isnan(value) or math.isinf(value):
        text = printed(value)
    elif verb in "fF":
        text = f"{value:.{6 if precision is None else precision}f}"
    elif verb in "eE":
        text = f"{value:.{6 if precision is None else precision}{verb}}"
    elif verb in "gG":
        text = print_go_float(value) if precision is None else f"{value:.{precision}{verb}}"
    else:
        return None
    return f"+{text}" if "+" in flags and value >= 0 else text
