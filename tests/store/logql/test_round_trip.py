"""What is printed is read as what it was; what is no LogQL is refused with its place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.store.logql import LogQLError, parse, pretty, text
from vigie.store.logql import tree as t
from vigie.store.logql.lexer import RANGE_OPERATIONS, SHOWN, VECTOR_OPERATIONS
from vigie.store.logql.quantities import MILLISECOND, SECOND, rounded_bytes
from vigie.store.logql.validate import GROUPED, OVER_LINES, OVER_VALUES

OPERATORS = [
    *("+", "-", "*", "/", "%", "^", "==", "!=", ">", ">=", "<", "<=", "and", "or", "unless"),
]

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.upper() not in SHOWN and name not in ("ip", "bytes", "duration")
)
texts = st.text(max_size=12).filter(lambda value: "\r" not in value and value.isprintable())
any_texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=12)
patterns = st.sampled_from(["a.*", "x|y", "^b$", r"\d+", "(?i)q", "[a-c]+"])
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
durations = st.integers(min_value=-(10**15), max_value=10**15)
sizes = st.integers(min_value=0, max_value=10**14).map(rounded_bytes)
comparisons = st.sampled_from(["==", "!=", ">", ">=", "<", "<="])


@st.composite
def matchers(draw: st.DrawFn) -> t.Matcher:
    op = draw(st.sampled_from(["=", "!=", "=~", "!~"]))
    return t.Matcher(draw(names), op, draw(patterns if op.endswith("~") else any_texts))


simple_filters = st.one_of(
    matchers(),
    st.builds(t.NumberFilter, names, comparisons, numbers.map(float)),
    st.builds(t.DurationFilter, names, comparisons, durations),
    st.builds(t.BytesFilter, names, comparisons, sizes),
    st.builds(
        t.IpFilter,
        names,
        st.sampled_from(["=", "!="]),
        st.sampled_from(["10.0.0.1", "10.0.0.0/8", "::1", "10.0.0.1-10.0.0.9"]),
    ),
)
label_filters = st.recursive(
    simple_filters,
    lambda inner: st.one_of(st.builds(t.And, inner, inner), st.builds(t.Or, inner, inner)),
    max_leaves=5,
)


@st.composite
def line_filters(draw: st.DrawFn) -> t.LineFilter:
    op = draw(st.sampled_from(["|=", "!=", "|~", "!~", "|>", "!>"]))
    if op.endswith("~"):
        one = st.builds(t.LinePattern, patterns)
    elif op.endswith(">"):
        one = st.just(t.LinePattern("<_>x<_>"))
    else:
        one = st.one_of(
            st.builds(t.LinePattern, any_texts),
            st.just(t.LinePattern("10.0.0.0/8", ip=True)),
        )
    return t.LineFilter(op, tuple(draw(st.lists(one, min_size=1, max_size=3))))


extractions = st.lists(
    st.builds(t.Extraction, names, st.sampled_from(["a", "b_c", "d1"])), max_size=3
).map(tuple)
unique_formats = st.lists(
    st.builds(t.LabelFormat, names, names, st.just(True))
    | st.builds(t.LabelFormat, names, st.sampled_from(["{{.a}}", "x", ""]), st.just(False)),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.name,
).map(tuple)
named = st.lists(st.one_of(names, matchers()), min_size=1, max_size=3).map(tuple)
stages = st.one_of(
    line_filters(),
    label_filters,
    st.builds(t.Json, extractions),
    st.builds(t.Logfmt, st.booleans(), st.booleans(), extractions),
    st.just(t.Regexp("(?P<a>x+)")),
    st.just(t.Pattern("<a> - <_>")),
    st.just(t.Unpack()),
    st.just(t.Decolorize()),
    st.builds(t.LineFormat, st.sampled_from(["{{.a}}", "x", ""])),
    st.builds(t.LabelsFormat, unique_formats),
    st.builds(t.Drop, named),
    st.builds(t.Keep, named),
)


def can_be_written(one: t.LogQuery) -> bool:
    """No text means it: in `| drop a != "b"` what is dropped is a matcher."""
    return not any(
        isinstance(stage, t.Drop | t.Keep)
        and isinstance(stage.labels[-1], str)
        and isinstance(follows, t.LineFilter)
        and follows.op in ("!=", "!~")
        for stage, follows in pairwise(one.stages)
    )


log_queries = st.builds(
    lambda first, more, stages: t.LogQuery((first, *more), tuple(stages)),
    st.builds(t.Matcher, names, st.just("="), texts.filter(bool)),
    st.lists(matchers(), max_size=2),
    st.lists(stages, max_size=4),
).filter(can_be_written)
groupings = st.builds(t.Grouping, st.lists(names, max_size=3).map(tuple), st.booleans())


@st.composite
def range_aggregations(draw: st.DrawFn) -> t.RangeAggregation:
    operation = draw(st.sampled_from(RANGE_OPERATIONS))
    unwrap = None
    if operation not in OVER_LINES or (operation in OVER_VALUES and draw(st.booleans())):
        unwrap = t.Unwrap(
            draw(names),
            draw(st.sampled_from(["", "bytes", "duration", "duration_seconds"])),
            tuple(draw(st.lists(label_filters, max_size=2))),
        )
    log_range = t.LogRange(
        draw(log_queries),
        draw(st.integers(min_value=1, max_value=10**9)) * MILLISECOND,
        draw(st.just(0) | st.integers(-100, 100).map(lambda n: n * SECOND)),
        unwrap,
    )
    parameter = None
    if operation == "quantile_over_time":
        parameter = draw(st.floats(min_value=0, max_value=2))
    grouping = draw(st.none() | groupings) if operation in GROUPED else None
    return t.RangeAggregation(operation, log_range, parameter, grouping)


def larger(inner: st.SearchStrategy[t.Metric]) -> st.SearchStrategy[t.Metric]:
    @st.composite
    def vector(draw: st.DrawFn) -> t.Metric:
        operation = draw(st.sampled_from(VECTOR_OPERATIONS))
        with_k = operation in ("topk", "bottomk", "approx_topk")
        no_group = operation in ("sort", "sort_desc", "approx_topk")
        grouping = None if no_group else draw(st.none() | groupings)
        k = draw(st.integers(1, 9)) if with_k else None
        return t.VectorAggregation(operation, draw(inner), grouping, k)

    @st.composite
    def binary(draw: st.DrawFn) -> t.Metric:
        operation = draw(
            st.sampled_from(
                [
                    "+",
                    "-",
                    "*",
                    "/",
                    "%",
                    "^",
                    "==",
                    "!=",
                    ">",
                    ">=",
                    "<",
                    "<=",
                    "and",
                    "or",
                    "unless",
                ]
            )
        )
        matching = draw(
            st.none()
            | st.builds(
                t.Matching,
                st.booleans(),
                st.lists(names, max_size=2).map(tuple),
                st.sampled_from(["left", "right"]),
                st.lists(names, max_size=2).map(tuple),
            )
            | st.builds(t.Matching, st.booleans(), st.lists(names, max_size=2).map(tuple))
        )
        legs = [draw(inner), draw(inner)]
        if operation in ("and", "or", "unless") or all(isinstance(x, t.Literal) for x in legs):
            legs = [t.Vector(abs(x.value)) if isinstance(x, t.Literal) else x for x in legs]
        return t.Binary(operation, legs[0], legs[1], draw(st.booleans()), matching)

    replaced = st.builds(t.LabelReplace, inner, names, texts, names, patterns)
    return st.one_of(vector(), binary(), replaced)


metrics = st.recursive(
    st.one_of(
        range_aggregations(),
        st.builds(t.Literal, numbers.map(float)),
        st.builds(t.Vector, numbers.map(abs)),
    ),
    larger,
    max_leaves=4,
)


@given(st.one_of(log_queries, metrics))
@settings(max_examples=400, deadline=None)
def test_what_is_printed_is_read_as_the_same_tree(query: t.Query) -> None:
    assert parse(text(query)) == query


@given(st.one_of(log_queries, metrics))
@settings(max_examples=200, deadline=None)
def test_what_is_printed_over_several_lines_is_the_same_tree_too(query: t.Query) -> None:
    assert parse(pretty(query)) == query


def is_refused_or_read(query: str) -> None:
    try:
        parse(query)
    except LogQLError as error:
        assert error.column >= 0
        assert str(error).startswith("parse error")
        if error.line:
            lines = query.split("\n")
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@given(st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_refused_with_its_place(query: str) -> None:
    is_refused_or_read(query)


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused_with_their_place(query: bytes) -> None:
    is_refused_or_read(query.decode(errors="replace"))


TOKENS = [
    *("{", "}", "(", ")", ",", "|", "|=", "!=", "|~", "!~", "|>", "=", "=~", "==", ">", "<="),
    *("+", "-", "*", "/", "%", "^", "and", "or", "unless", "by", "without", "on", "ignoring"),
    *("group_left", "bool", "offset", "unwrap", "json", "logfmt", "--strict", "regexp", "drop"),
    *("pattern", "unpack", "line_format", "label_format", "decolorize", "keep", "ip", "rate"),
    *("sum", "topk", "count_over_time", "quantile_over_time", "vector", "label_replace", "sort"),
    *('"a"', "`b`", '"{{.x}}"', "a", "b", "5", "0.9", "5m", "3KiB", "[5m]", "[1h]", '{a="b"}'),
    *("#c\n", "{", "}", "'", '"', "[", "]", ".", "\n", "1e9", "-5m", "duration(", "bytes("),
]


@given(st.lists(st.sampled_from(TOKENS), max_size=25))
@settings(max_examples=1000, deadline=None)
def test_any_row_of_tokens_is_read_or_refused_with_its_place(tokens: list[str]) -> None:
    is_refused_or_read(" ".join(tokens))


@pytest.mark.parametrize("deep", ["(" * 5000, "sum(" * 5000, "1+" * 5000 + "1", "-" * 5000])
def test_deep_nesting_is_read_or_refused(deep: str) -> None:
    is_refused_or_read(deep)
    is_refused_or_read(deep + 'rate({a="b"}[5m])' + ")" * 5000)


def test_a_tree_that_would_exhaust_the_evaluation_is_refused() -> None:
    one = 'rate({a="b"}[5m])'
    with pytest.raises(LogQLError, match="nested deeper than 200 levels"):
        parse(" + ".join([one] * 300))
    assert isinstance(parse(" + ".join([one] * 100)), t.Binary)
