"""Text to tree."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken

from vigie.store.logql import tree as t
from vigie.store.logql.arithmetic import merged
from vigie.store.logql.errors import LogQLError
from vigie.store.logql.lexer import LONGEST_QUERY, SHOWN, Lexer, place_of_end
from vigie.store.logql.quantities import go_float, rounded_bytes
from vigie.store.logql.validate import (
    checked_label_replace,
    checked_query,
    checked_range_aggregation,
    checked_stage,
    checked_vector_aggregation,
)


def parse(text: str) -> t.Query:
    """The tree of a query; raises `LogQLError` with the place of what is wrong."""
    query = _parse(text)
    checked_query(query)
    return query


def parse_selector(text: str) -> t.LogQuery:
    """The tree of a log query; raises `LogQLError` for a metric query."""
    query = parse(text)
    if not isinstance(query, t.LogQuery):
        raise LogQLError("only log selector is supported")
    return query


def parse_matchers(text: str) -> tuple[t.Matcher, ...]:
    """The matchers of `{a="b"}`, of which there may be none; raises `LogQLError` for more."""
    query = _parse(text)
    if not isinstance(query, t.LogQuery) or query.stages:
        raise OnlyMatchersError
    return query.matchers


class OnlyMatchersError(LogQLError):
    """A query where only label matchers may be."""

    def __init__(self) -> None:
        super().__init__("only label matchers are supported")

    def __str__(self) -> str:
        return self.message


def _parse(text: str) -> t.Query:
    if len(text.encode(errors="replace")) >= LONGEST_QUERY:
        raise LogQLError(f"input size too long ({len(text)} > {LONGEST_QUERY})")
    if not text.strip():
        raise LogQLError("syntax error: unexpected $end")
    try:
        query: t.Query = _lark().parse(text)  # type: ignore[assignment]  # what the builder made
    except UnexpectedToken as error:
        raise _unexpected(text, error) from None
    except UnexpectedInput as error:  # pragma: no cover - the lexer raises LogQLError itself
        raise LogQLError("syntax error", error.line, error.column) from None
    return query


def _unexpected(text: str, error: UnexpectedToken) -> LogQLError:
    token: Token = error.token
    if token.type == "$END":
        name, place = "$end", place_of_end(text)
    else:
        name, place = _shown(token.type, token), (token.line or 0, token.column or 0)
    try:
        allowed = sorted(error.accepts or error.expected)
    except AttributeError:  # pragma: no cover - lark's, where its parser has no state to ask
        allowed = []
    message = f"syntax error: unexpected {name}"
    if 0 < len(allowed) <= 4:
        message += ", expecting " + " or ".join(_shown(one) for one in allowed)
    return LogQLError(message, *place)


def _shown(kind: str, token: Token | None = None) -> str:
    if kind in ("RANGE_OP", "VECTOR_OP", "CONVERSION"):
        return str(token.value).upper() if token is not None else kind
    return "$end" if kind == "$END" else SHOWN.get(kind, kind)


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

    def start(self, found: list[t.Query]) -> t.Query:
        return found[0]

    def same(self, found: list[Any]) -> Any:
        return found[1]

    def log_query(self, found: list[Any]) -> t.LogQuery:
        matchers, stages = found
        return t.LogQuery(matchers, stages or ())

    # --- selectors and stages ---

    def selector(self, found: list[Any]) -> tuple[t.Matcher, ...]:
        return () if len(found) == 2 else found[1]

    def matchers(self, found: list[Any]) -> tuple[t.Matcher, ...]:
        return _without_commas(found)

    def matcher(self, found: list[Token]) -> t.Matcher:
        name, op, value = found
        return checked_stage(t.Matcher(str(name), str(op), value.value))

    def pipeline(self, found: list[Any]) -> tuple[t.Stage, ...]:
        return (found[0],) if len(found) == 1 else (*found[0], found[1])

    def piped(self, found: list[Any]) -> t.Stage:
        stage: t.Stage = checked_stage(found[1])
        return stage

    def line_filter(self, found: list[Any]) -> t.LineFilter:
        if isinstance(found[0], t.LineFilter):
            before, _, pattern = found
            one = t.LineFilter(before.op, (*before.alternatives, pattern))
        else:
            one = t.LineFilter(str(found[0]), (found[1],))
        return checked_stage(one)

    def line_pattern(self, found: list[Token]) -> t.LinePattern:
        if len(found) == 1:
            return t.LinePattern(found[0].value)
        return t.LinePattern(found[2].value, ip=True)

    def json(self, found: list[Any]) -> t.Json:
        return t.Json(found[1] or ())

    def logfmt(self, found: list[Any]) -> t.Logfmt:
        _, flags, expressions = found
        return t.Logfmt("--strict" in flags, "--keep-empty" in flags, expressions or ())

    def flags(self, found: list[Token]) -> tuple[str, ...]:
        return tuple(str(one) for one in found)

    def extractions(self, found: list[Any]) -> tuple[t.Extraction, ...]:
        return _without_commas(found)

    def extraction(self, found: list[Token]) -> t.Extraction:
        return t.Extraction(str(found[0]), str(found[-1].value))

    def regexp(self, found: list[Token]) -> t.Regexp:
        return t.Regexp(found[1].value)

    def pattern(self, found: list[Token]) -> t.Pattern:
        return t.Pattern(found[1].value)

    def unpack(self, _found: list[Token]) -> t.Unpack:
        return t.Unpack()

    def line_format(self, found: list[Token]) -> t.LineFormat:
        return t.LineFormat(found[1].value)

    def labels_format(self, found: list[Any]) -> t.LabelsFormat:
        return t.LabelsFormat(_without_commas(found[1:]))

    def label_format(self, found: list[Token]) -> t.LabelFormat:
        name, _, value = found
        return t.LabelFormat(str(name), str(value.value), rename=value.type == "IDENTIFIER")

    def decolorize(self, _found: list[Token]) -> t.Decolorize:
        return t.Decolorize()

    def drop(self, found: list[Any]) -> t.Drop:
        return t.Drop(_without_commas(found[1:]))

    def keep(self, found: list[Any]) -> t.Keep:
        return t.Keep(_without_commas(found[1:]))

    def named(self, found: list[Any]) -> str | t.Matcher:
        return found[0] if isinstance(found[0], t.Matcher) else str(found[0])

    # --- label filters ---

    def either(self, found: list[Any]) -> t.LabelFilter:
        return t.Or(found[0], found[2])

    def both(self, found: list[Any]) -> t.LabelFilter:
        return t.And(found[0], found[2])

    def beside(self, found: list[Any]) -> t.LabelFilter:
        return t.And(found[0], found[1])

    def ip_filter(self, found: list[Token]) -> t.IpFilter:
        return t.IpFilter(str(found[0]), str(found[1]), found[4].value)

    def amount_filter(self, found: list[Any]) -> t.LabelFilter:
        name, op, amount = found
        sign = "==" if op == "=" else str(op)
        if isinstance(amount, t.Literal):
            return t.NumberFilter(str(name), sign, amount.value)
        kind, value = amount
        return kind(str(name), sign, value)  # type: ignore[no-any-return]  # one of two classes

    def duration(self, found: list[Token]) -> tuple[type[t.DurationFilter], object]:
        return t.DurationFilter, found[0].value

    def bytes(self, found: list[Token]) -> tuple[type[t.BytesFilter], object]:
        return t.BytesFilter, rounded_bytes(found[0].value)

    # --- ranges ---

    def range_first(self, found: list[Any]) -> t.LogRange:
        matchers, interval, offset, stages, unwrap = found
        return t.LogRange(t.LogQuery(matchers, stages or ()), interval.value, offset or 0, unwrap)

    def range_last(self, found: list[Any]) -> t.LogRange:
        matchers, stages, unwrap, interval, offset = found
        return t.LogRange(t.LogQuery(matchers, stages or ()), interval.value, offset or 0, unwrap)

    def range_unwrapped(self, found: list[Any]) -> t.LogRange:
        matchers, unwrap, interval, offset = found
        return t.LogRange(t.LogQuery(matchers), interval.value, offset or 0, unwrap)

    def range_around(self, found: list[Any]) -> t.LogRange:
        _, matchers, stages, unwrap, _, interval, offset = found
        return t.LogRange(t.LogQuery(matchers, stages or ()), interval.value, offset or 0, unwrap)

    def range_inside(self, found: list[Any]) -> t.LogRange:
        _, matchers, _, interval, offset, unwrap = found
        return t.LogRange(t.LogQuery(matchers), interval.value, offset or 0, unwrap)

    def offset(self, found: list[Token]) -> t.Duration:
        return int(found[1].value)

    def unwrap(self, found: list[Token]) -> t.Unwrap:
        if len(found) == 3:
            return t.Unwrap(str(found[2]))
        return t.Unwrap(str(found[4]), str(found[2]))

    def unwrap_filter(self, found: list[Any]) -> t.Unwrap:
        unwrap, _, one = found
        return t.Unwrap(unwrap.label, unwrap.conversion, (*unwrap.filters, checked_stage(one)))

    # --- metrics ---

    def range_aggregation(self, found: list[Any]) -> t.RangeAggregation:
        operation, _, number, _, log_range, _, grouping = found
        return checked_range_aggregation(str(operation), number, log_range, grouping)

    def vector_aggregation(self, found: list[Any]) -> t.VectorAggregation:
        if isinstance(found[1], t.Grouping):
            operation, grouping, _, number, _, inner, _ = found
        else:
            operation, _, number, _, inner, _, grouping = found
        return checked_vector_aggregation(str(operation), number, inner, grouping)

    def grouping(self, found: list[Any]) -> t.Grouping:
        return t.Grouping(found[2] or (), without=found[0].type == "WITHOUT")

    def names(self, found: list[Token]) -> tuple[str, ...]:
        return tuple(str(one) for one in found if one.type == "IDENTIFIER")

    def modifier(self, found: list[Any]) -> tuple[bool, t.Matching | None]:
        returns_bool, matching = found
        return returns_bool is not None, matching

    def matching(self, found: list[Any]) -> t.Matching:
        kind, _, labels, _, grouped = found
        group, include = grouped or ("", ())
        return t.Matching(kind.type == "ON", labels or (), group, include)

    def grouped(self, found: list[Any]) -> tuple[str, tuple[str, ...]]:
        include = found[2] if len(found) > 1 else None
        return "left" if found[0].type == "GROUP_LEFT" else "right", include or ()

    def binary(self, found: list[Any]) -> t.Metric:
        left, operation, (returns_bool, matching), right = found
        name = str(operation)
        if name in ("or", "and", "unless"):
            for side, leg in (("left", left), ("right", right)):
                if isinstance(leg, t.Literal):
                    raise LogQLError(
                        f"unexpected literal for {side} leg of logical/set binary operation"
                        f" ({name}): {leg.value:f}"
                    )
        if isinstance(left, t.Literal) and isinstance(right, t.Literal):
            return t.Literal(merged(name, left.value, right.value))
        return t.Binary(name, left, right, returns_bool, matching)

    def literal(self, found: list[Token]) -> t.Literal:
        value = _number(found[-1])
        return t.Literal(-value if found[0].type == "SUB" else value)

    def vector(self, found: list[Token]) -> t.Vector:
        return t.Vector(_number(found[2]))

    def label_replace(self, found: list[Any]) -> t.LabelReplace:
        target, replacement, source, expression = (one.value for one in found[4:11:2])
        return checked_label_replace(
            t.LabelReplace(found[2], target, replacement, source, expression)
        )


def _without_commas(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(one for one in found if not (isinstance(one, Token) and one.type == "COMMA"))


def _number(token: Token) -> float:
    text = str(token)
    if text[:2] in ("0x", "0X"):
        return float(int(text, 16))
    try:
        return go_float(text)
    except ValueError as error:
        raise LogQLError(f"unable to parse literal as a float: {error}") from None
