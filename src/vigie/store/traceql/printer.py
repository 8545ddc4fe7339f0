"""Tree to text: what `parse` makes the same tree of."""

from __future__ import annotations

import re

from vigie.store.logql.strings import quote
from vigie.store.traceql import tree as t

_PLAIN = re.compile(r'[^\s{}()=~!<>&|^,"]+')


def printed(query: t.Query) -> str:
    """The text of a query."""
    text = " | ".join(printed_stage(stage) for stage in query.stages)
    if query.hints:
        text += " with(" + ", ".join(f"{k}={_literal(v)}" for k, v in query.hints) + ")"
    return text


def printed_stage(stage: t.Stage) -> str:
    """The text of a stage."""
    match stage:
        case t.Filter(None):
            return "{ }"
        case t.Filter(expression):
            assert expression is not None  # the case above
            return f"{{ {printed_expression(expression)} }}"
        case t.Both(left, right):
            return f"{printed_stage(left)} && {_right(right)}"
        case t.Either(left, right):
            return f"{printed_stage(left)} || {_right(right)}"
        case t.Related(op, left, right):
            before = f"({printed_stage(left)})" if isinstance(left, t.Both | t.Either) else ""
            return f"{before or printed_stage(left)} {op} {_right(right)}"
        case t.Aggregate(function, field, op, value):
            inside = "" if field is None else printed_field(field)
            return f"{function}({inside}) {op} {_literal(value)}"
        case t.Select(fields):
            return "select(" + ", ".join(map(printed_field, fields)) + ")"


def _right(one: t.Spansets) -> str:
    text = printed_stage(one)
    return text if isinstance(one, t.Filter) else f"({text})"


def printed_expression(one: t.Expression) -> str:
    """The text of what is in braces."""
    match one:
        case t.Comparison(op, left, right):
            return f"{_operand(left)} {op} {_operand(right)}"
        case t.Truth(operand):
            return _operand(operand)
        case t.Not(t.Truth(operand)):
            return f"!{_operand(operand)}"
        case t.Not(inner):
            return f"!({printed_expression(inner)})"
        case t.And(parts):
            return " && ".join(map(_part, parts))
        case t.Or(parts):
            return " || ".join(map(_part, parts))


def _part(one: t.Expression) -> str:
    text = printed_expression(one)
    return f"({text})" if isinstance(one, t.And | t.Or) else text


def _operand(one: t.Operand) -> str:
    return _literal(one) if isinstance(one, t.Literal) else printed_field(one)


def printed_field(field: t.Field) -> str:
    """The text of a field."""
    if isinstance(field, t.Intrinsic):
        return field.name
    name = field.name
    if _PLAIN.fullmatch(name) is None or (not field.scope and name[0].isdigit()):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return f"{field.scope}.{name}"


def _literal(one: t.Literal) -> str:
    match one.kind:
        case t.STRING:
            return quote(str(one.value))
        case t.DURATION:
            return f"{one.value}ns"
        case t.BOOLEAN:
            return "true" if one.value else "false"
        case t.FLOAT:
            return _float(float(one.value or 0))
        case t.NIL:
            return "nil"
        case t.INTEGER if one.value == -(2**63):
            return "minInt"
        case _:
            return str(one.value)


def _float(value: float) -> str:
    text = repr(value)
    return text if "." in text or "e" in text else f"{text}.0"
