"""Text to tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from vigie.store.traceql import tree as t
from vigie.store.traceql.errors import TraceQLError
from vigie.store.traceql.lexer import SIGNS, Lexer, place
from vigie.store.traceql.validate import check

LONGEST_QUERY = 128 << 10
"""Characters."""


def parse(text: str) -> t.Query:
    """The tree of a query; raises `TraceQLError`, with the place where there is one."""
    if len(text) > LONGEST_QUERY:
        raise TraceQLError(f"the query is longer than {LONGEST_QUERY} characters")
    if not text.strip():
        raise TraceQLError("syntax error: unexpected $end", 1, 1)
    try:
        query: t.Query = _lark().parse(text)  # type: ignore[assignment]  # what the builder made
    except UnexpectedToken as error:
        raise _unexpected(text, error) from None
    except UnexpectedInput as error:  # pragma: no cover - the lexer raises TraceQLError itself
        raise TraceQLError("syntax error", error.line, error.column) from None
    except VisitError as error:
        if isinstance(error.orig_exc, TraceQLError):
            raise error.orig_exc from None
        raise  # pragma: no cover
    check(query)
    return query


def parse_field(text: str) -> t.Field:
    """The field that `.http.route`, `span.x` or `name` names; raises `TraceQLError`."""
    query = parse("{" + text + " != nil}")
    match query.stages:
        case (t.Filter(t.Comparison("!=", left, t.Literal(t.NIL))),) if not isinstance(
            left, t.Literal
        ):
            return left
    raise TraceQLError(f"not a field: {text}")


_SHOWN = {kind: sign for sign, kind in SIGNS.items()} | {
    "$END": "$end",
    "AGGREGATE": "aggregate",
    "FIELD": "field",
    "VALUE": "value",
    "WORD": "identifier",
}


def _unexpected(text: str, error: UnexpectedToken) -> TraceQLError:
    token: Token = error.token
    if token.type == "$END":
        return TraceQLError("syntax error: unexpected $end", *place(text, len(text)))
    at = (token.line or 0, token.column or 0)
    if token.type == "UNSUPPORTED":
        return TraceQLError(f"{token.value} is not supported", *at)
    if token.type == "WORD":
        return TraceQLError(f"unknown identifier: {token.value}", *at)
    shown = str(token.value) if isinstance(token.value, str) else _SHOWN.get(token.type, token.type)
    return TraceQLError(f"syntax error: unexpected {shown}", *at)


@lru_cache(maxsize=1)
def _lark() -> Lark:
    return Lark.open_from_package(
        __package__ or "",
        "grammar.lark",
        parser="lalr",
        lexer=Lexer,
        transformer=_Builder(),
        maybe_placeholders=True,
    )


class _Builder(Transformer[Token, t.Query]):
    """Builds the tree while lark reads; one method for each rule of the grammar."""

    def start(self, found: list[Any]) -> t.Query:
        stages, hints = (*found, ())[:2]
        return t.Query(stages, hints or ())

    def stages(self, found: list[Any]) -> tuple[t.Stage, ...]:
        return tuple(found[::2])

    def inside(self, found: list[Any]) -> Any:
        return found[1]

    def both_spansets(self, found: list[Any]) -> t.Both:
        return t.Both(found[0], found[2])

    def either_spanset(self, found: list[Any]) -> t.Either:
        return t.Either(found[0], found[2])

    def related(self, found: list[Any]) -> t.Related:
        left, op, right = found
        return t.Related(op, left, right)

    def relation(self, found: list[Token]) -> str:
        return str(found[0])

    def filter(self, found: list[Any]) -> t.Filter:
        return t.Filter(found[1])

    def aggregate(self, found: list[Any]) -> t.Aggregate:
        function, _, field, _, op, value = found
        return t.Aggregate(str(function), field, op, value)

    def select(self, found: list[Any]) -> t.Select:
        return t.Select(tuple(found[2:-1:2]))

    def hints(self, found: list[Any]) -> tuple[tuple[str, t.Literal], ...]:
        return tuple(found[2:-1:2])

    def hint(self, found: list[Any]) -> tuple[str, t.Literal]:
        return str(found[0]), found[2]

    def both(self, found: list[Any]) -> t.And:
        return t.And(_joined(t.And, found))

    def either(self, found: list[Any]) -> t.Or:
        return t.Or(_joined(t.Or, found))

    def negation(self, found: list[Any]) -> t.Not:
        return t.Not(found[1])

    def comparison(self, found: list[Any]) -> t.Comparison:
        left, op, right = found
        return t.Comparison(op, left, right)

    def truth(self, found: list[Any]) -> t.Truth:
        return t.Truth(found[0])

    def field(self, found: list[Token]) -> t.Field:
        field: t.Field = found[0].value
        return field

    def value(self, found: list[Token]) -> t.Literal:
        literal: t.Literal = found[0].value
        return literal

    def negative(self, found: list[Token]) -> t.Literal:
        literal: t.Literal = found[1].value
        at = (found[0].line or 0, found[0].column or 0)
        if isinstance(literal.value, bool | str | None):
            raise TraceQLError("only a number can be negative", *at)
        if literal.value == -(2**63):
            raise TraceQLError(f"{2**63} is out of range", *at)
        return t.Literal(literal.kind, -literal.value)

    def comparator(self, found: list[Token]) -> str:
        return str(found[0])


def _joined(
    kind: Callable[[tuple[t.Expression, ...]], t.And | t.Or], found: list[Any]
) -> tuple[t.Expression, ...]:
    """The parts of `left op right`, where `left` may be such a chain already."""
    left, _, right = found
    before = left.parts if type(left) is kind else (left,)
    return (*before, right)
