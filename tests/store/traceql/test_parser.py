"""Single queries, and what their refusals say."""

from __future__ import annotations

import pytest

from vigie.store.traceql import TraceQLError, parse, parse_field
from vigie.store.traceql import tree as t


def test_a_filter_is_read_with_its_scopes_and_types() -> None:
    query = parse('{ span.http.method = "GET" && duration > 1.5s && .ok && status != error }')
    assert query == t.Query(
        (
            t.Filter(
                t.And(
                    (
                        t.Comparison(
                            "=",
                            t.Attribute("span", "http.method"),
                            t.Literal(t.STRING, "GET"),
                        ),
                        t.Comparison(
                            ">", t.Intrinsic("duration"), t.Literal(t.DURATION, 1_500_000_000)
                        ),
                        t.Truth(t.Attribute("", "ok")),
                        t.Comparison("!=", t.Intrinsic("status"), t.Literal(t.STATUS, "error")),
                    )
                )
            ),
        )
    )


def test_and_binds_no_closer_than_or() -> None:
    assert parse("{ .a || .b && .c }") == parse("{ (.a || .b) && .c }")


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("span:duration > 1s", "duration > 1s"),
        ('span:name = "a"', 'name = "a"'),
        ("span:status = ok", "status = ok"),
        ("span:kind = client", "kind = client"),
        ('trace:rootName = "a"', 'rootName = "a"'),
        ('trace:rootService = "a"', 'rootServiceName = "a"'),
        ("trace:duration > 1s", "traceDuration > 1s"),
    ],
)
def test_intrinsics_have_two_spellings(long: str, short: str) -> None:
    assert parse(f"{{ {long} }}") == parse(f"{{ {short} }}")


def test_names_with_odd_characters_are_quoted() -> None:
    assert parse_field('span."a b"."c\\"d"') == t.Attribute("span", 'a b.c"d')
    assert parse_field(".a-b/c+d") == t.Attribute("", "a-b/c+d")


def test_comments_and_lines_are_space() -> None:
    query = "{ // a comment\n .a = /* another */ 1 }"
    assert parse(query) == parse("{ .a = 1 }")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ("{ .a = ", "parse error at line 1, col 8: syntax error: unexpected $end"),
        ("{ .a == 4 }", "parse error at line 1, col 7: syntax error: unexpected ="),
        ("{ a = 4 }", "parse error at line 1, col 3: unknown identifier: a"),
        ("{\n  . }", "parse error at line 2, col 3: an attribute without a name"),
        ("{ trace:kind = server }", "parse error at line 1, col 3: unknown identifier: trace:kind"),
        ("{ } !>> { }", "parse error at line 1, col 5: !>> is not supported"),
        ("{ .a >> 1 }", "parse error at line 1, col 6: syntax error: unexpected >>"),
        ("{ } !~ { }", "parse error at line 1, col 5: syntax error: unexpected !~"),
        ("{ .a + 1 = 2 }", "parse error at line 1, col 6: + is not supported"),
        ("{ parent.a = 1 }", "parse error at line 1, col 3: parent. is not supported"),
        ("{ } | rate()", "parse error at line 1, col 7: rate is not supported"),
        ('{ .a = "x }', "parse error at line 1, col 8: literal not terminated"),
        ('{ ."x = 1 }', 'parse error at line 1, col 4: unexpected EOF, expecting "'),
        ('{ -"x" = 1 }', "parse error at line 1, col 3: only a number can be negative"),
        ("{ name = 3 }", "binary operations must operate on the same type: name = 3"),
        ("{ status > ok }", "illegal operation for the given types: status > ok"),
        ('{ .a =~ "(" }', 'invalid regex: .a =~ "("'),
        ("{ .a =~ .b }", "invalid type for =~ or !~: .a =~ .b"),
        ("{ name = nil }", "name = nil is not valid because it cannot be nil"),
        (
            "{ duration }",
            "span filter field expressions must resolve to a boolean: { duration }",
        ),
        (
            "{ } | avg(name) > 1",
            "aggregate field expressions must resolve to a number: avg(name) > 1",
        ),
        ("{ } | avg() > 1", "count() takes no field, the others take one: avg() > 1"),
        (
            "{" + "!(" * 60 + ".a" + ")" * 60 + "}",
            "the query is nested more than 50 deep",
        ),
        ("{ .a " + "|| .b " * 200 + "}", "the query has more than 200 conditions"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(query: str, told: str) -> None:
    with pytest.raises(TraceQLError) as refused:
        parse(query)
    assert str(refused.value) == told
