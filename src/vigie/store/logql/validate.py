"""What the grammar lets through and Loki refuses all the same."""

from __future__ import annotations

from typing import TypeVar

from lark import Token

from vigie.store.logql import tree as t
from vigie.store.logql.errors import LogQLError
from vigie.store.logql.quantities import go_float
from vigie.store.logql.regexes import RegexError, anchored, compiled, predicate

DEEPEST = 200
"""Levels of nesting; each is a few frames of the evaluation."""

NEEDS_A_MATCHER = (
    "queries require at least one regexp or equality matcher that does not have an"
    ' empty-compatible value. For instance, app=~".*" does not meet this requirement,'
    ' but app=~".+" will'
)

OVER_LINES = frozenset(
    ("bytes_over_time", "bytes_rate", "count_over_time", "rate", "absent_over_time")
)
OVER_VALUES = frozenset(
    (
        *("avg_over_time", "sum_over_time", "max_over_time", "min_over_time", "stddev_over_time"),
        *("stdvar_over_time", "quantile_over_time", "rate", "rate_counter", "absent_over_time"),
        *("first_over_time", "last_over_time"),
    )
)
GROUPED = frozenset(
    (
        *("avg_over_time", "stddev_over_time", "stdvar_over_time", "quantile_over_time"),
        *("max_over_time", "min_over_time", "first_over_time", "last_over_time"),
    )
)
_WITH_K = frozenset(("topk", "bottomk", "approx_topk"))

S = TypeVar("S", bound=t.Stage)


def checked_stage(stage: S) -> S:
    """The stage, unless an expression in it is malformed."""
    try:
        if isinstance(stage, t.Matcher) and stage.op in ("=~", "!~"):
            anchored(stage.value)
        elif isinstance(stage, t.LineFilter):
            _check_line_filter(stage)
        elif isinstance(stage, t.Regexp):
            check_regexp_parser(stage.expression)
        elif isinstance(stage, t.Pattern):
            _check_pattern_parser(stage.expression)
    except RegexError as error:
        raise LogQLError(str(error)) from None
    return stage


def _check_line_filter(stage: t.LineFilter) -> None:
    for one in stage.alternatives:
        if one.ip and stage.op not in ("|=", "!="):
            raise LogQLError("ip: invalid operation")
        if not one.ip and stage.op in ("|~", "!~"):
            compiled(one.value)


def check_regexp_parser(expression: str) -> None:
    """Raises `LogQLError` for an expression that captures nothing by name."""
    try:
        groups = compiled(expression).groupindex
    except RegexError as error:
        raise LogQLError(f"invalid regexp parser: {error}") from None
    if not groups:
        raise LogQLError("invalid regexp parser: at least one named capture must be supplied")


def _check_pattern_parser(expression: str) -> None:
    from vigie.store.logql.pattern import PatternError, parse_pattern

    try:
        parse_pattern(expression)
    except PatternError as error:
        raise LogQLError(f"invalid pattern parser: {error}") from None


def checked_range_aggregation(
    operation: str, number: Token | None, log_range: t.LogRange, grouping: t.Grouping | None
) -> t.RangeAggregation:
    """The aggregation, unless its parameter, grouping or unwrap does not fit it."""
    parameter = None
    if number is not None:
        if operation != "quantile_over_time":
            raise LogQLError(f"parameter {number} not supported for operation {operation}")
        parameter = go_float(str(number))
    elif operation == "quantile_over_time":
        raise LogQLError(f"parameter required for operation {operation}")
    if grouping is not None and operation not in GROUPED:
        raise LogQLError(f"grouping not allowed for {operation} aggregation")
    if log_range.unwrap is not None and operation not in OVER_VALUES:
        raise LogQLError(f"invalid aggregation {operation} with unwrap")
    if log_range.unwrap is None and operation not in OVER_LINES:
        raise LogQLError(f"invalid aggregation {operation} without unwrap")
    return t.RangeAggregation(operation, log_range, parameter, grouping)


def checked_vector_aggregation(
    operation: str, number: Token | None, inner: t.Metric, grouping: t.Grouping | None
) -> t.VectorAggregation:
    """The aggregation, unless its parameter or grouping does not fit it."""
    if operation not in _WITH_K:
        if number is not None:
            raise LogQLError(f"unsupported parameter for operation {operation}({number},")
        if operation in ("sort", "sort_desc") and grouping is not None and grouping.labels:
            raise LogQLError("sort and sort_desc doesn't allow grouping by ")
        return t.VectorAggregation(operation, inner, grouping)
    if number is None:
        raise LogQLError(f"parameter required for operation {operation}")
    try:
        k = int(str(number))
    except ValueError:
        raise LogQLError(f"invalid parameter {operation}({number},") from None
    if k <= 0:
        raise LogQLError(f"invalid parameter (must be greater than 0) {operation}({number}")
    if operation == "approx_topk" and grouping is not None:
        raise LogQLError(f"grouping not allowed for {operation} aggregation")
    return t.VectorAggregation(operation, inner, grouping, k)


def checked_label_replace(one: t.LabelReplace) -> t.LabelReplace:
    """The call, unless its expression is malformed."""
    try:
        anchored(one.expression)
    except RegexError as error:
        raise LogQLError(f"invalid regex in label_replace: {error}") from None
    return one


def checked_query(query: t.Query) -> None:
    """Raises `LogQLError` where no matcher selects, or the nesting is too deep."""
    waiting: list[tuple[t.Query | t.LabelFilter, int]] = [(query, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise LogQLError(f"the query is nested deeper than {DEEPEST} levels")
        if isinstance(one, t.Binary | t.And | t.Or):
            waiting += [(one.left, depth + 1), (one.right, depth + 1)]
        elif isinstance(one, t.VectorAggregation | t.LabelReplace):
            waiting.append((one.inner, depth + 1))
        elif isinstance(one, t.RangeAggregation):
            waiting.append((one.range.query, depth + 1))
            if one.range.unwrap is not None:
                waiting += [(each, depth + 1) for each in one.range.unwrap.filters]
        elif isinstance(one, t.LogQuery):
            _check_matchers(one.matchers)
            waiting += [(each, depth + 1) for each in one.stages if isinstance(each, t.And | t.Or)]


def _check_matchers(matchers: tuple[t.Matcher, ...]) -> None:
    if not any(not predicate(one.op, one.value, True)("") for one in matchers):
        raise LogQLError(NEEDS_A_MATCHER)
    if not any(
        one.op in ("=", "=~") and not predicate(one.op, one.value, True)("") for one in matchers
    ):
        raise LogQLError(NEEDS_A_MATCHER)
