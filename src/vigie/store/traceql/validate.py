"""What the grammar allows and Tempo does not."""

from __future__ import annotations

from vigie.store.logql.regexes import RegexError, anchored
from vigie.store.traceql import tree as t
from vigie.store.traceql.errors import TraceQLError
from vigie.store.traceql.printer import printed_expression, printed_stage

MOST_CONDITIONS = 200
DEEPEST = 50

_NUMBERS = frozenset((t.INTEGER, t.FLOAT, t.DURATION))
_ORDERED = frozenset((*_NUMBERS, t.STRING, t.ANY))


def check(query: t.Query) -> None:
    """Refuse what means nothing; raises `TraceQLError`."""
    _check_size(query)
    for stage in query.stages:
        match stage:
            case t.Aggregate():
                _check_aggregate(stage)
            case t.Filter() | t.Both() | t.Either() | t.Related():
                for one in filters_of(stage):
                    if one.expression is not None:
                        _check(one.expression)


def filters_of(stage: t.Spansets) -> list[t.Filter]:
    """The filters of a stage, from left to right."""
    match stage:
        case t.Filter():
            return [stage]
        case t.Both(left, right) | t.Either(left, right) | t.Related(_, left, right):
            return [*filters_of(left), *filters_of(right)]


def _check_size(query: t.Query) -> None:
    """Without recursion: it is the depth that is looked at."""
    waiting: list[tuple[object, int]] = [(stage, 1) for stage in query.stages]
    conditions = 0
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise TraceQLError(f"the query is nested more than {DEEPEST} deep")
        match one:
            case t.And(parts) | t.Or(parts):
                waiting += [(part, depth + 1) for part in parts]
            case t.Not(inner) | t.Filter(inner):
                waiting.append((inner, depth + 1))
            case t.Both(left, right) | t.Either(left, right) | t.Related(_, left, right):
                waiting += [(left, depth + 1), (right, depth + 1)]
            case t.Select(fields):
                conditions += len(fields)
            case _:
                conditions += 1
        if conditions > MOST_CONDITIONS:
            raise TraceQLError(f"the query has more than {MOST_CONDITIONS} conditions")


def _check(expression: t.Expression) -> None:
    match expression:
        case t.And(parts) | t.Or(parts):
            for part in parts:
                _check(part)
        case t.Not(inner):
            _check(inner)
        case t.Truth(operand):
            if t.type_of(operand) not in (t.ANY, t.BOOLEAN):
                shown = printed_expression(expression)
                raise TraceQLError(
                    f"span filter field expressions must resolve to a boolean: {{ {shown} }}"
                )
        case t.Comparison():
            _check_comparison(expression)


def _check_comparison(one: t.Comparison) -> None:
    left, right = t.type_of(one.left), t.type_of(one.right)
    shown = printed_expression(one)
    if t.NIL in (left, right):
        _check_nil(one, shown)
        return
    if not _alike(left, right):
        raise TraceQLError(f"binary operations must operate on the same type: {shown}")
    for kind in (left, right):
        if not _allows(one.op, kind):
            raise TraceQLError(f"illegal operation for the given types: {shown}")
    if one.op in ("=~", "!~"):
        if not isinstance(one.right, t.Literal):
            raise TraceQLError(f"invalid type for =~ or !~: {shown}")
        try:
            anchored(str(one.right.value))
        except RegexError:
            raise TraceQLError(f"invalid regex: {shown}") from None


def _check_nil(one: t.Comparison, shown: str) -> None:
    if one.op not in ("=", "!="):
        raise TraceQLError(f"illegal operation for the given types: {shown}")
    for side in (one.left, one.right):
        if one.op == "=" and (
            isinstance(side, t.Intrinsic) or side == t.Attribute("resource", "service.name")
        ):
            raise TraceQLError(f"{shown} is not valid because it cannot be nil")


def _check_aggregate(one: t.Aggregate) -> None:
    shown = printed_stage(one)
    if (one.function == "count") != (one.field is None):
        raise TraceQLError(f"count() takes no field, the others take one: {shown}")
    if one.field is not None and t.type_of(one.field) not in (t.ANY, *_NUMBERS):
        raise TraceQLError(f"aggregate field expressions must resolve to a number: {shown}")
    if one.value.kind not in _NUMBERS or one.op in ("=~", "!~"):
        raise TraceQLError(f"illegal operation for the given types: {shown}")


def _alike(left: str, right: str) -> bool:
    return t.ANY in (left, right) or left == right or {left, right} <= _NUMBERS


def _allows(op: str, kind: str) -> bool:
    if op in ("=", "!="):
        return True
    if op in ("=~", "!~"):
        return kind in (t.STRING, t.ANY)
    return kind in _ORDERED
