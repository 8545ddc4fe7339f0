"""A TraceQL expression as SQL. What users wrote is in parameters, never in the text.

Attributes are texts with a letter for their type (`values`), or NULL where a span has none. Every
condition is TRUE or FALSE: of a value that is missing, or of another type, nothing is true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vigie.store.logql.plan import Sql
from vigie.store.logql.regexes import anchored
from vigie.store.spans.fields import Names, is_several
from vigie.store.spans.values import tagged
from vigie.store.traceql import tree as t

_FALSE, _TRUE = Sql("FALSE"), Sql("TRUE")
_ORDER = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}

_INTRINSICS = {
    "duration": "greatest(finish - ts, 0)",
    "name": "name",
    "status": "status",
    "statusMessage": "message",
    "kind": "kind",
    "nestedSetParent": "CASE WHEN parent = '' THEN -1 ELSE 1 END",
    "trace:id": "trace",
    "span:id": "span",
    "span:parentID": "parent",
    "instrumentation:name": "scope_name",
    "instrumentation:version": "scope_version",
    "rootName": "root_name",
    "rootServiceName": "root_service",
    "traceDuration": "trace_duration",
    "span:childCount": "children",
}
_OF_TRACE = frozenset(("rootName", "rootServiceName", "traceDuration"))


@dataclass(slots=True)
class Needs:
    """What the conditions of a query are about."""

    names: Names = field(default_factory=Names)
    traces: bool = False
    """Whether what a trace has as a whole is asked for."""
    children: bool = False
    """Whether it is asked how many children spans have."""

    def column(self, one: t.Field) -> str:
        """SQL of a field: of the type that `type_of` says, a tagged text for an attribute, a list
        of tagged texts for what events and links have."""
        if is_several(one):
            return self.names.of_several(one)
        if isinstance(one, t.Intrinsic):
            self.traces |= one.name in _OF_TRACE
            self.children |= one.name == "span:childCount"
            return _INTRINSICS[one.name]
        match one.scope:
            case "span":
                return f"nullif({self.names.of_span(one.name)}, 'n')"
            case "resource":
                return f"nullif({self.names.of_resource(one.name)}, 'n')"
            case "instrumentation":
                return f"nullif({self.names.of_instrumentation(one.name)}, 'n')"
        return (
            f"nullif(coalesce({self.names.of_span(one.name)}, {self.names.of_resource(one.name)},"
            f" {self.names.of_instrumentation(one.name)}), 'n')"
        )

    def number(self, one: t.Field) -> str:
        """SQL of a field as a DOUBLE; NULL where it is no number."""
        value = self.column(one)
        if isinstance(one, t.Intrinsic) and not is_several(one):
            return f"({value})::DOUBLE"
        if is_several(one):
            return "NULL::DOUBLE"
        return f"CASE WHEN {value}[1] IN ('i', 'd') THEN TRY_CAST({value}[2:] AS DOUBLE) END"


def condition(expression: t.Expression | None, needs: Needs) -> Sql:
    """SQL of an expression, over the columns that `needs` notes."""
    match expression:
        case None:
            return _TRUE
        case t.And(parts):
            return _joined(" AND ", [condition(part, needs) for part in parts])
        case t.Or(parts):
            return _joined(" OR ", [condition(part, needs) for part in parts])
        case t.Not(inner):
            said = condition(inner, needs)
            return Sql(f"NOT {said.text}", said.parameters)
        case t.Truth(t.Literal(_, value)):
            return _TRUE if value else _FALSE
        case t.Truth(operand):
            return _sure(_compared("=", operand, t.Literal(t.BOOLEAN, True), needs))
        case t.Comparison(op, left, right):
            return _sure(_compared(op, left, right, needs))


def _joined(word: str, parts: list[Sql]) -> Sql:
    text = word.join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.parameters))


def _sure(one: Sql) -> Sql:
    if one in (_FALSE, _TRUE):
        return one
    return Sql(f"coalesce({one.text}, FALSE)", one.parameters)


def _compared(op: str, left: t.Operand, right: t.Operand, needs: Needs) -> Sql:
    if isinstance(left, t.Literal) and isinstance(right, t.Literal):
        return _TRUE if _literals(op, left, right) else _FALSE
    if isinstance(left, t.Literal):
        return _compared(_FLIPPED.get(op, op), right, left, needs)
    if isinstance(right, t.Literal):
        return _with_literal(op, left, right, needs)
    return _with_field(op, left, right, needs)


def _with_literal(op: str, one: t.Field, literal: t.Literal, needs: Needs) -> Sql:
    value, kind = needs.column(one), t.type_of(one)
    if literal.kind == t.NIL:
        missing = f"coalesce(len({value}), 0) = 0" if is_several(one) else f"{value} IS NULL"
        return Sql(missing if op == "=" else f"NOT {missing}")
    if is_several(one):
        each = _tagged_with_literal(op, "x", literal)
        return Sql(f"len(list_filter({value}, lambda x: {each.text})) > 0", each.parameters)
    if kind == t.ANY:
        return _attribute_with_literal(op, value, literal)
    if kind in (t.STATUS, t.KIND):
        words = t.STATUSES if kind == t.STATUS else t.KINDS
        return Sql(f"{value} {_sign(op)} ?", (words.index(str(literal.value)),))
    if op in ("=~", "!~"):
        return _regex(op, value, str(literal.value))
    told: Any = literal.value
    if isinstance(one, t.Intrinsic) and one.name in ("trace:id", "span:id", "span:parentID"):
        told = _whole_id(one.name, str(told))
    return Sql(f"{value} {_sign(op)} {_typed(literal)}", (told,))


def _whole_id(name: str, told: str) -> str:
    """Ids may be told without the zeros that they begin with."""
    return told.lower().rjust(32 if name == "trace:id" else 16, "0") if told else told


def _attribute_with_literal(op: str, value: str, literal: t.Literal) -> Sql:
    """An attribute; of a list `=` is about any element, `!=` about all."""
    plain = _tagged_with_literal(op, value, literal)
    inner = _tagged_with_literal(op, "x", literal)
    if plain == _FALSE:
        return _FALSE
    elements = f"from_json({value}[2:], '[\"VARCHAR\"]')"
    wanted = f"len({elements})" if op in ("!=", "!~") else "1"
    return Sql(
        f"CASE WHEN {value}[1] = 'l' THEN"
        f" len(list_filter({elements}, lambda x: {inner.text})) >= {wanted}"
        f" ELSE {plain.text} END",
        (*inner.parameters, *plain.parameters),
    )


def _tagged_with_literal(op: str, value: str, literal: t.Literal) -> Sql:
    match literal.kind:
        case t.STRING if op in ("=~", "!~"):
            regex = _regex(op, f"{value}[2:]", str(literal.value))
            return Sql(f"({value}[1] = 's' AND {regex.text})", regex.parameters)
        case t.STRING:
            text = tagged(str(literal.value))
            if op == "=":
                return Sql(f"{value} = ?", (text,))
            return Sql(f"({value}[1] = 's' AND {value} {_sign(op)} ?)", (text,))
        case t.BOOLEAN:
            return Sql(f"{value} = ?", (tagged(bool(literal.value) == (op == "=")),))
        case t.INTEGER | t.DURATION | t.FLOAT:
            decimal = f"TRY_CAST({value}[2:] AS DOUBLE)"
            whole = decimal if literal.kind == t.FLOAT else f"TRY_CAST({value}[2:] AS BIGINT)"
            return Sql(
                f"CASE {value}[1] WHEN 'i' THEN {whole} {_sign(op)} {_typed(literal)}"
                f" WHEN 'd' THEN {_decimal_compared(op, decimal)} END",
                (literal.value, float(literal.value or 0)),
            )
        case _:  # a status or a kind, which no attribute is
            return _FALSE


def _typed(literal: t.Literal) -> str:
    match literal.kind:
        case t.FLOAT:
            return "?::DOUBLE"
        case t.INTEGER | t.DURATION:
            return "?::BIGINT"
        case _:
            return "?"


def _decimal_compared(op: str, left: str) -> str:
    """A decimal with a parameter. DuckDB has what is no number as the greatest of all."""
    if op == "!=":
        return f"{left} <> ?::DOUBLE"
    return f"(NOT isnan({left}) AND {left} {op} ?::DOUBLE)"


def _decimals_compared(op: str, left: str, right: str) -> str:
    """Two decimals; for DuckDB what is no number equals itself."""
    odd = f"(isnan({left}) OR isnan({right}))"
    if op == "!=":
        return f"({odd} OR {left} <> {right})"
    return f"(NOT {odd} AND {left} {op} {right})"


def _regex(op: str, value: str, expression: str) -> Sql:
    said = f"regexp_full_match({value}, ?)"
    # What is no expression was refused with the query; a dot is a newline too, as in Tempo.
    return Sql(said if op == "=~" else f"NOT {said}", (f"(?s:{expression})",))


def _with_field(op: str, left: t.Field, right: t.Field, needs: Needs) -> Sql:
    if is_several(left) or is_several(right):
        return _FALSE
    kinds = {t.type_of(left), t.type_of(right)}
    if kinds & {t.STATUS, t.KIND}:
        if len(kinds) > 1:
            return _FALSE
        return Sql(f"{needs.column(left)} {_sign(op)} {needs.column(right)}")
    a, b = _as_tagged(left, needs), _as_tagged(right, needs)
    ordered = f"{a}[1] = 's' AND {b}[1] = 's' AND {a} {_sign(op)} {b}"
    x, y = f"TRY_CAST({a}[2:] AS DOUBLE)", f"TRY_CAST({b}[2:] AS DOUBLE)"
    numbers = f"{a}[1] IN ('i', 'd') AND {b}[1] IN ('i', 'd') AND {_decimals_compared(op, x, y)}"
    whole = (
        f"{a}[1] = 'i' AND {b}[1] = 'i' AND"
        f" TRY_CAST({a}[2:] AS BIGINT) {_sign(op)} TRY_CAST({b}[2:] AS BIGINT)"
    )
    said = f"({ordered}) OR CASE WHEN {a}[1] || {b}[1] = 'ii' THEN {whole} ELSE {numbers} END"
    if op in ("=", "!="):
        said += f" OR ({a}[1] = 'b' AND {b}[1] = 'b' AND {a} {_sign(op)} {b})"
    return Sql(f"({said})")


def _as_tagged(one: t.Field, needs: Needs) -> str:
    value, kind = needs.column(one), t.type_of(one)
    if kind == t.ANY:
        return value
    return f"('s' || {value})" if kind == t.STRING else f"('i' || {value})"


def _literals(op: str, left: t.Literal, right: t.Literal) -> bool:
    a, b = left.value, right.value
    if t.NIL in (left.kind, right.kind):
        return op == "!=" and left.kind != right.kind
    if op in ("=~", "!~"):
        return (anchored(str(b), True).search(str(a)) is not None) == (op == "=~")
    if op in ("=", "!="):
        return (a == b) == (op == "=")
    compare: Callable[[Any, Any], bool] = getattr(operator, _ORDER[op])
    if isinstance(a, str) and isinstance(b, str):
        return compare(a.encode(), b.encode())
    return compare(a, b)


def _sign(op: str) -> str:
    return "<>" if op == "!=" else op
