"""A span is a line, and comes back from it; the same span is the same line."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vigie.store.spans import Event, Link, Source, Span
from vigie.store.spans.span import NO_SERVICE, lines_of, read, source_of, written
from vigie.store.spans.values import Value, tagged, untagged

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(
        st.none(),
        TEXTS,
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.binary(max_size=4),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ATTRIBUTES = st.dictionaries(TEXTS, VALUES, max_size=3)
NUMBERS = st.integers(0, 2**32 - 1)
TIMES = st.integers(0, 2**63 - 1)
IDS = st.binary(min_size=8, max_size=8).map(bytes.hex)
TRACES = st.binary(min_size=16, max_size=16).map(bytes.hex)
SPANS = st.builds(
    Span,
    trace=TRACES,
    span=IDS,
    start=TIMES,
    end=TIMES,
    name=TEXTS,
    parent=st.just("") | IDS,
    kind=st.integers(0, 5),
    status=st.integers(0, 2),
    message=TEXTS,
    attributes=ATTRIBUTES,
    events=st.lists(st.builds(Event, TIMES, TEXTS, ATTRIBUTES, NUMBERS), max_size=2).map(tuple),
    links=st.lists(
        st.builds(Link, TRACES, IDS, TEXTS, ATTRIBUTES, NUMBERS, NUMBERS), max_size=2
    ).map(tuple),
    state=TEXTS,
    flags=NUMBERS,
    dropped=NUMBERS,
    dropped_events=NUMBERS,
    dropped_links=NUMBERS,
)
SOURCES = st.builds(Source, ATTRIBUTES, NUMBERS, TEXTS, TEXTS, TEXTS, ATTRIBUTES, NUMBERS, TEXTS)


@given(VALUES)
def test_a_value_comes_back_from_its_text_with_its_type(value: Value) -> None:
    back = untagged(tagged(value))
    assert back == value and type(back) is type(value)


@given(VALUES, VALUES)
def test_two_values_have_one_text_only_if_they_are_the_same(one: Value, other: Value) -> None:
    if tagged(one) == tagged(other):
        assert one == other and type(one) is type(other)


@given(SPANS)
def test_a_span_comes_back_from_its_line(span: Span) -> None:
    assert read(span.start, *written(span)) == span


@given(SOURCES)
def test_a_source_comes_back_from_its_stream(source: Source) -> None:
    (_, resource), (_, scope) = source.stream
    assert source_of(resource, scope) == source


def test_the_order_of_a_resource_is_nothing_that_tells_streams_apart() -> None:
    assert Source({"a": 1, "b": 2}).stream == Source({"b": 2, "a": 1}).stream
    assert Source({"a": 1}).stream != Source({"a": "1"}).stream


def test_spans_of_one_source_are_one_push() -> None:
    span = Span(trace="1" * 32, span="2" * 16, start=5, end=4)
    pushed = lines_of(
        [
            (Source({"a": 1}), span),
            (Source({"a": 2}), span),
            (Source({"a": 1}), replace(span, start=6)),
        ]
    )
    assert [one.times for one in pushed] == [[5, 6], [5]]
    assert span.duration == 0
    assert Source().service == NO_SERVICE == "unknown_service"
