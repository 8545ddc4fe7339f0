"""What the printer writes, the parser reads; what is no query is refused with its place."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from vigie.store.traceql import TraceQLError, parse, parse_field, printed
from vigie.store.traceql import tree as t
from vigie.store.traceql.printer import printed_field

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["http.route", "http.response.status_code", "a b", 'q"uote', "back\\slash", "1", "-", "a+b"]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LITERALS = {
    t.STRING: st.builds(t.Literal, st.just(t.STRING), TEXTS),
    t.INTEGER: st.builds(t.Literal, st.just(t.INTEGER), st.integers(-(2**63), 2**63 - 1)),
    t.FLOAT: st.builds(
        t.Literal, st.just(t.FLOAT), st.floats(allow_nan=False, allow_infinity=False)
    ),
    t.DURATION: st.builds(t.Literal, st.just(t.DURATION), st.integers(-(2**63) + 1, 2**63 - 1)),
    t.BOOLEAN: st.builds(t.Literal, st.just(t.BOOLEAN), st.booleans()),
    t.STATUS: st.builds(t.Literal, st.just(t.STATUS), st.sampled_from(t.STATUSES)),
    t.KIND: st.builds(t.Literal, st.just(t.KIND), st.sampled_from(t.KINDS)),
}
NUMBERS = LITERALS[t.INTEGER] | LITERALS[t.FLOAT] | LITERALS[t.DURATION]
ATTRIBUTES = st.builds(t.Attribute, st.sampled_from(("", *t.SCOPES)), NAMES)
INTRINSICS = st.builds(t.Intrinsic, st.sampled_from(sorted(t.INTRINSICS)))
FIELDS = ATTRIBUTES | INTRINSICS
ORDER = ("=", "!=", "<", "<=", ">", ">=")


def of_type(kind: str) -> st.SearchStrategy[t.Operand]:
    """Operands that a value of the type may be compared with."""
    numbers = (t.INTEGER, t.FLOAT, t.DURATION)
    fits = [
        st.just(t.Intrinsic(name))
        for name, one in t.INTRINSICS.items()
        if one == kind or (kind in numbers and one in numbers)
    ]
    return st.one_of(ATTRIBUTES, NUMBERS if kind in numbers else LITERALS[kind], *fits)


def comparisons() -> st.SearchStrategy[t.Comparison]:
    plain = [
        st.builds(
            t.Comparison,
            st.sampled_from(
                ORDER if kind in (t.STRING, t.INTEGER, t.FLOAT, t.DURATION) else ORDER[:2]
            ),
            of_type(kind),
            of_type(kind),
        )
        for kind in LITERALS
    ]
    regexes = st.builds(
        t.Comparison,
        st.sampled_from(("=~", "!~")),
        ATTRIBUTES | st.just(t.Intrinsic("name")),
        st.builds(t.Literal, st.just(t.STRING), st.sampled_from(("a|b", "GET .*", "x+", ""))),
    )
    missing = st.builds(
        t.Comparison,
        st.sampled_from(ORDER[:2]),
        ATTRIBUTES.filter(lambda one: one != t.Attribute("resource", "service.name")),
        st.just(t.Literal(t.NIL, None)),
    )
    return st.one_of(*plain, regexes, missing)


def chain(kind: type[t.And] | type[t.Or], parts: list[t.Expression]) -> t.Expression:
    """`&&` and `||` bind to the left: what begins with a chain of the same kind is that chain."""
    first = parts[0]
    if type(first) is kind:
        return kind((*first.parts, *parts[1:]))
    return kind(tuple(parts))


EXPRESSIONS: st.SearchStrategy[t.Expression] = st.recursive(
    comparisons() | st.builds(t.Truth, ATTRIBUTES | LITERALS[t.BOOLEAN]),
    lambda inner: st.one_of(
        st.builds(t.Not, inner),
        st.builds(chain, st.sampled_from((t.And, t.Or)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)
FILTERS = st.builds(t.Filter, st.none() | EXPRESSIONS)
SPANSETS: st.SearchStrategy[t.Spansets] = st.recursive(
    FILTERS,
    lambda inner: st.one_of(
        st.builds(t.Both, inner, inner),
        st.builds(t.Either, inner, inner),
        st.builds(t.Related, st.sampled_from((">", ">>", "<", "<<", "~")), inner, inner),
    ),
    max_leaves=3,
)
AGGREGATES = st.builds(
    t.Aggregate, st.just("count"), st.none(), st.sampled_from(ORDER), NUMBERS
) | st.builds(
    t.Aggregate,
    st.sampled_from(("avg", "min", "max", "sum")),
    ATTRIBUTES | st.sampled_from([t.Intrinsic("duration"), t.Intrinsic("traceDuration")]),
    st.sampled_from(ORDER),
    NUMBERS,
)
SELECTS = st.builds(t.Select, st.lists(FIELDS, min_size=1, max_size=3).map(tuple))
QUERIES = st.builds(
    t.Query,
    st.lists(SPANSETS | AGGREGATES | SELECTS, min_size=1, max_size=3).map(tuple),
    st.lists(st.tuples(st.sampled_from(("most_recent", "x")), st.one_of(*LITERALS.values()))).map(
        lambda hints: tuple(hints[:2])
    ),
)


@given(QUERIES)
def test_a_printed_query_is_read_as_the_same_tree(query: t.Query) -> None:
    assert parse(printed(query)) == query


@given(FIELDS)
def test_a_printed_field_is_read_as_the_same_field(field: t.Field) -> None:
    assert parse_field(printed_field(field)) == field


PIECES = (
    *(
        "{",
        "}",
        "(",
        ")",
        "&&",
        "||",
        "!",
        "=",
        "!=",
        "=~",
        "!~",
        "<",
        "<=",
        ">",
        ">=",
        ">>",
        "~",
        "|",
    ),
    *(".a", "span.", "span.x", "resource.y", 'event."z z"', "parent.a", "trace:id", "span:kind"),
    *("name", "status", "error", "server", "duration", "1s", "1.5", "1e400", "-", "0x", "nil"),
    *("true", '"x"', "`y`", '"\\q"', "'c'", "count()", "avg(", "select(", "by(", "with(", ",", "+"),
    *("\n", "/*", "*/", "//", "é", "\x00", "minInt", "9999999999999999999"),
)


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join)
    | st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
)
@example("{" + "(" * 3000)
@example("{" + "!" * 3000 + ".a}")
@example("{ .a " + "&& .a " * 1000 + "}")
@example("{ - minInt = 1 }")
def test_any_text_gives_a_tree_or_an_error_with_its_place(text: str) -> None:
    try:
        query = parse(text)
    except TraceQLError as error:
        lines = text.split("\n")
        assert 0 <= error.line <= len(lines)
        assert 0 <= error.column <= max(map(len, lines)) + 1
        if "parse error" in str(error):
            assert error.line >= 1 and error.column >= 1
    else:
        assert parse(printed(query)) == query
