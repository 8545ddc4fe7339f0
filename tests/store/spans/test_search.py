"""What a query finds is what plain Python finds, wherever the spans are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from running_store import opened_spans
from span_oracle import Held, World
from vigie.store.segments import StoreLimits
from vigie.store.spans import Event, Link, Source, Span, SpanStore
from vigie.store.spans.reading import Period
from vigie.store.spans.search import Asked, search
from vigie.store.traceql import parse
from vigie.store.traceql import tree as t

NOW = 1_790_000_000 * 10**9
NAMES = ("http.route", "a", 'q"/~', "n")
VALUES = st.one_of(
    st.sampled_from(["", "GET", "GET\n/x", "é", "1", "b"]),
    st.integers(-2, 3),
    st.sampled_from([-(2**63), 2**63 - 1, 2**53, 2**53 + 1]),
    st.floats(allow_nan=True),
    st.booleans(),
    st.lists(st.sampled_from(["GET", "b"]), max_size=2),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
SOURCES = st.builds(
    Source,
    resource=st.builds(
        lambda name, more: {**more, **({"service.name": name} if name else {})},
        st.sampled_from(["", "django", "fastapi"]),
        ATTRIBUTES,
    ),
    scope=st.sampled_from(["", "httpx"]),
    version=st.sampled_from(["", "1"]),
    scope_attributes=ATTRIBUTES,
)
TRACES = [f"{n:032x}" for n in (1, 2, 3)]
SPANS = [f"{n:016x}" for n in range(1, 9)]


@st.composite
def worlds(draw: st.DrawFn) -> list[Held]:
    """Spans of three traces, no two of one start."""
    count = draw(st.integers(0, 8))
    starts = draw(st.lists(st.integers(0, 50), min_size=count, max_size=count, unique=True))
    sources = draw(st.lists(SOURCES, min_size=1, max_size=2))
    found = []
    for i, start in enumerate(starts):
        events = draw(
            st.lists(
                st.builds(Event, st.just(NOW + 60), st.sampled_from("xy"), ATTRIBUTES), max_size=2
            )
        )
        links = draw(
            st.lists(
                st.builds(Link, st.sampled_from(TRACES), st.just(SPANS[0]), attributes=ATTRIBUTES),
                max_size=1,
            )
        )
        span = Span(
            trace=draw(st.sampled_from(TRACES)),
            span=SPANS[i],
            start=NOW + start,
            end=NOW + start + draw(st.integers(-2, 30)),
            name=draw(st.sampled_from(["GET", "chat", ""])),
            parent=draw(st.sampled_from(["", *SPANS])),
            kind=draw(st.integers(0, 5)),
            status=draw(st.integers(0, 2)),
            message=draw(st.sampled_from(["", "bad"])),
            attributes=draw(ATTRIBUTES),
            events=tuple(events),
            links=tuple(links),
        )
        found.append((draw(st.sampled_from(sources)), span))
    return found


FIELDS = st.one_of(
    st.builds(t.Attribute, st.sampled_from(("", *t.SCOPES)), st.sampled_from(NAMES)),
    st.sampled_from([t.Attribute("resource", "service.name"), t.Attribute("", "service.name")]),
    st.builds(t.Intrinsic, st.sampled_from(sorted(t.INTRINSICS))),
)
LITERALS = {
    t.STRING: st.sampled_from(["", "GET", "django", "b", "x", TRACES[0], SPANS[1], "é"]),
    t.INTEGER: st.sampled_from([-1, 0, 1, 2, 20, 2**53 + 1, -(2**63), 2**63 - 1]),
    t.FLOAT: st.sampled_from([0.0, 0.5, -1.5, 1e300, 2.0**53]),
    t.DURATION: st.integers(-3, 60),
    t.BOOLEAN: st.booleans(),
    t.STATUS: st.sampled_from(t.STATUSES),
    t.KIND: st.sampled_from(t.KINDS),
}
NUMBERS = (t.INTEGER, t.FLOAT, t.DURATION)
ORDER = ("=", "!=", "<", "<=", ">", ">=")


@st.composite
def comparisons(draw: st.DrawFn) -> t.Comparison:
    field = draw(FIELDS)
    kind = t.type_of(field)
    service = t.Attribute("resource", "service.name")
    if kind == t.ANY and field != service and draw(st.integers(0, 9)) == 0:
        return t.Comparison(draw(st.sampled_from(ORDER[:2])), field, t.Literal(t.NIL, None))
    if kind in (t.STRING, t.ANY) and draw(st.integers(0, 4)) == 0:
        regex = t.Literal(t.STRING, draw(st.sampled_from(["G.*", "a|b|", ".+", "django"])))
        return t.Comparison(draw(st.sampled_from(("=~", "!~"))), field, regex)
    fits = list(LITERALS) if kind == t.ANY else list(NUMBERS) if kind in NUMBERS else [kind]
    chosen = draw(st.sampled_from(fits))
    op = draw(st.sampled_from(ORDER if chosen in (t.STRING, *NUMBERS) else ORDER[:2]))
    other: t.Operand = t.Literal(chosen, draw(LITERALS[chosen]))
    if draw(st.integers(0, 5)) == 0:
        other = draw(FIELDS.filter(lambda one: t.type_of(one) in (chosen, t.ANY)))
    left, right = (field, other) if draw(st.booleans()) else (other, field)
    return t.Comparison(op, left, right)


EXPRESSIONS: st.SearchStrategy[t.Expression] = st.recursive(
    comparisons() | st.builds(t.Truth, st.builds(t.Attribute, st.just(""), st.sampled_from(NAMES))),
    lambda inner: st.one_of(
        st.builds(t.Not, inner),
        st.builds(t.And, st.tuples(inner, inner)),
        st.builds(t.Or, st.tuples(inner, inner)),
    ),
    max_leaves=4,
)
SPANSETS: st.SearchStrategy[t.Spansets] = st.recursive(
    st.builds(t.Filter, st.none() | EXPRESSIONS),
    lambda inner: st.one_of(
        st.builds(t.Both, inner, inner),
        st.builds(t.Either, inner, inner),
        st.builds(t.Related, st.sampled_from((">", ">>", "<", "<<", "~")), inner, inner),
    ),
    max_leaves=3,
)
AGGREGATES = st.one_of(
    st.builds(
        t.Aggregate,
        st.just("count"),
        st.none(),
        st.sampled_from(ORDER),
        st.builds(t.Literal, st.just(t.INTEGER), st.integers(0, 3)),
    ),
    st.builds(
        t.Aggregate,
        st.sampled_from(("avg", "min", "max", "sum")),
        st.just(t.Intrinsic("duration")),
        st.sampled_from(ORDER),
        st.builds(t.Literal, st.just(t.DURATION), st.integers(0, 40)),
    ),
)
SELECTS = st.builds(t.Select, st.tuples(FIELDS))
QUERIES = st.builds(
    lambda first, more: t.Query((first, *more)),
    SPANSETS,
    st.lists(SPANSETS | AGGREGATES | SELECTS, max_size=2),
)
PERIODS = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(0, 40), st.integers(0, 60)).map(lambda p: (NOW + p[0], NOW + p[1])),
)


@contextmanager
def holding(spans: list[Held], where: str) -> Iterator[SpanStore]:
    """A store with spans in the log, in segments as they are first, or in segments with columns."""
    with TemporaryDirectory() as folder:
        limits = StoreLimits(idle_seconds=3600, quiet_seconds=3600)
        store = SpanStore(Path(folder), limits, clock=lambda: NOW / 1e9)
        try:
            half = len(spans) // 2
            for part in (spans[:half], spans[half:]):
                if part:
                    store.add(part).result()
                if where != "log":
                    store.flush()
            while where == "columns" and store.refine():
                pass
            yield store
        finally:
            store.close()


@pytest.mark.servers
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    worlds(),
    st.lists(st.tuples(QUERIES, PERIODS), min_size=1, max_size=6),
    st.sampled_from(["log", "plain", "columns"]),
)
def test_a_query_finds_what_plain_python_finds(
    spans: list[Held], asked: list[tuple[t.Query, tuple[int | None, int | None]]], where: str
) -> None:
    world = World(spans)
    with holding(spans, where) as store:
        for query, (start, end) in asked:
            expected = world.matches(query, start, end)
            found = search(store, query, Asked(Period(start, end), spans=100))
            assert {one.trace: [span.span for span in one.spans] for one in found} == {
                trace: [span.span for span in matched] for trace, matched in expected.items()
            }
            assert all(one.matched == len(one.spans) for one in found)


# A request calls a service, whose statement is the cause; beside it stands a log's span.
FAMILY = {
    "request": "",
    "call": "request",
    "service": "call",
    "statement": "service",
    "log": "service",
}


def found_names(store: SpanStore, query: str, asked: Asked | None = None) -> set[str]:
    answer = search(store, parse(query), asked or Asked(spans=100))
    return {span.name for one in answer for span in one.spans}


@pytest.fixture
def family(tmp_path: Path) -> Iterator[SpanStore]:
    with opened_spans(tmp_path) as store:
        ids = {name: f"{n:016x}" for n, name in enumerate(FAMILY, 1)} | {"": ""}
        spans = [
            Span(TRACES[0], ids[name], NOW + n, NOW + (n or 50) + 1, name, parent=ids[parent])
            for n, (name, parent) in enumerate(FAMILY.items())
        ]
        # The same ids in another trace are no relatives.
        spans.append(Span(TRACES[1], ids["log"], NOW, NOW + 1, "stranger", parent=ids["request"]))
        store.add([(Source({"service.name": "django"}), one) for one in spans]).result()
        yield store


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('{ name = "call" } > { }', {"service"}),
        ('{ name = "request" } > { name = "statement" }', set()),
        ('{ name = "request" } >> { name = "statement" }', {"statement"}),
        ('{ name = "call" } >> { }', {"service", "statement", "log"}),
        ('{ name = "statement" } < { }', {"service"}),
        ('{ name = "statement" } << { }', {"service", "call", "request"}),
        ('{ name = "statement" } << { name = "request" }', {"request"}),
        ('{ name = "log" } ~ { }', {"statement"}),
        ("{ } ~ { }", {"log", "statement"}),
        ('{ name = "request" } ~ { }', set()),
        # To the left, and before && and ||.
        ('{ name = "request" } > { } > { }', {"service"}),
        ('{ name = "call" } > ({ } ~ { })', set()),
        ('{ name = "service" } > ({ } ~ { })', {"statement", "log"}),
        ('{ name = "request" } >> { name = "log" } && { name = "call" }', {"log", "call"}),
        ('{ name = "x" } || { name = "call" } > { }', {"service"}),
        ('({ name = "x" } || { name = "call" }) > { }', {"service"}),
        # The way may lead over spans that a stage before has left out.
        ('{ name != "call" && name != "service" } | { name = "request" } >> { }',
         {"statement", "log"}),
        ('{ name = "request" } >> { } | count() > 3', {"call", "service", "statement", "log"}),
    ],
)  # fmt: skip
def test_relatives_are_found(family: SpanStore, query: str, names: set[str]) -> None:
    assert found_names(family, query) == names
    family.flush()
    assert found_names(family, query) == names


def test_the_way_between_relatives_may_lead_outside_of_the_period(family: SpanStore) -> None:
    late = Asked(Period(NOW + 4, None), spans=100)
    assert found_names(family, "{ }", late) == {"request", "statement", "log"}
    assert found_names(family, '{ name = "request" } >> { }', late) == {"statement", "log"}
    assert found_names(family, '{ name = "request" } > { }', late) == set()


def test_a_circle_of_parents_has_an_end(tmp_path: Path) -> None:
    with opened_spans(tmp_path) as store:
        spans = [
            Span(TRACES[0], SPANS[n], NOW + n, NOW + n + 1, f"{n}", parent=SPANS[(n + 1) % 3])
            for n in range(3)
        ]
        store.add([(Source(), one) for one in spans]).result()
        assert found_names(store, '{ name = "0" } >> { }') == {"0", "1", "2"}
        assert found_names(store, '{ name = "0" } << { }') == {"0", "1", "2"}
