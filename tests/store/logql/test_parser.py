"""What the parser makes of queries, and in which words it refuses."""

from __future__ import annotations

import pytest

from vigie.store.logql import LogQLError, parse, parse_matchers
from vigie.store.logql import tree as t
from vigie.store.logql.validate import NEEDS_A_MATCHER

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "parse error : syntax error: unexpected $end"),
        (
            "{",
            "parse error at line 1, col 2: syntax error: unexpected $end,"
            " expecting } or IDENTIFIER",
        ),
        ("{a=}", "parse error at line 1, col 4: syntax error: unexpected }, expecting STRING"),
        ('{a="b"', "parse error at line 1, col 7: syntax error: unexpected $end, expecting } or ,"),
        ('{a="b"} extra', "parse error at line 1, col 9: syntax error: unexpected IDENTIFIER"),
        ('{a="b"}\n|= "unclosed', "parse error at line 2, col 4: literal not terminated"),
        ("{a='b'}", "parse error at line 1, col 4: invalid char literal"),
        ('{a=~"("}', "parse error : error parsing regexp: missing closing ): `(`"),
        ('{a=~".*"}', f"parse error : {NEEDS_A_MATCHER}"),
        ('{a!="b"}', f"parse error : {NEEDS_A_MATCHER}"),
        ("count_over_time({}[5m])", f"parse error : {NEEDS_A_MATCHER}"),
        ('rate({a="b"}[])', "parse error at line 1, col 13: empty duration string"),
        ('rate({a="b"}[5])', 'parse error at line 1, col 13: not a valid duration string: "5"'),
        ('rate({a="b"}[5m', "parse error at line 1, col 13: missing closing ']' in duration"),
        ('topk(sum(rate({a="b"}[5m])))', "parse error : parameter required for operation topk"),
        (
            'topk(0, rate({a="b"}[5m]))',
            "parse error : invalid parameter (must be greater than 0) topk(0",
        ),
        ('sum(2, rate({a="b"}[5m]))', "parse error : unsupported parameter for operation sum(2,"),
        ('rate(0.5, {a="b"}[5m])', "parse error : parameter 0.5 not supported for operation rate"),
        ('rate({a="b"}[5m]) by (c)', "parse error : grouping not allowed for rate aggregation"),
        (
            'sum_over_time({a="b"}[5m])',
            "parse error : invalid aggregation sum_over_time without unwrap",
        ),
        (
            'count_over_time({a="b"} | unwrap c [5m])',
            "parse error : invalid aggregation count_over_time with unwrap",
        ),
        ("sort(vector(1)) by (a)", "parse error : sort and sort_desc doesn't allow grouping by "),
        (
            "1 and 2",
            "parse error : unexpected literal for left leg of logical/set binary"
            " operation (and): 1.000000",
        ),
        (
            '{a="b"} | regexp "x"',
            "parse error : invalid regexp parser: at least one named capture must be supplied",
        ),
        (
            '{a="b"} | pattern "<a><b>"',
            "parse error : invalid pattern parser:"
            " found consecutive capture '<a><b>': invalid expression",
        ),
        (
            'label_replace(vector(1), "a", "b", "c", "(")',
            "parse error : invalid regex in label_replace:"
            " error parsing regexp: missing closing ): `(`",
        ),
        ('{a="b"} |~ ip("10.0.0.1")', "parse error : ip: invalid operation"),
    ],
)
def test_a_wrong_query_is_refused_in_lokis_words(query: str, message: str) -> None:
    with pytest.raises(LogQLError) as caught:
        parse(query)
    assert str(caught.value) == message


def only_filter(query: str) -> t.Stage:
    found = parse('{a="b"} | ' + query)
    assert isinstance(found, t.LogQuery)
    (stage,) = found.stages
    return stage


a, b, c, d = (t.Matcher(name, "=", "1") for name in "abcd")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ('a="1" or b="1" and c="1"', t.Or(a, t.And(b, c))),
        ('a="1" and b="1" or c="1"', t.Or(t.And(a, b), c)),
        ('a="1", b="1" or c="1"', t.And(a, t.Or(b, c))),
        ('a="1" b="1" or c="1"', t.And(a, t.Or(b, c))),
        ('a="1" or b="1", c="1" or d="1"', t.Or(a, t.And(b, t.Or(c, d)))),
        ('(a="1" or b="1"), c="1"', t.And(t.Or(a, b), c)),
        ("a > 5m", t.DurationFilter("a", ">", 5 * MINUTE)),
        ("a >= 1.5", t.NumberFilter("a", ">=", 1.5)),
        ("a = -2", t.NumberFilter("a", "==", -2)),
        ("a <= 1MB", t.BytesFilter("a", "<=", 1_000_000)),
        ('a != ip("::1")', t.IpFilter("a", "!=", "::1")),
    ],
)
def test_label_filters_bind_as_lokis_do(query: str, tree: t.Stage) -> None:
    assert only_filter(query) == tree


def test_a_size_is_compared_as_lokis_front_end_writes_it() -> None:
    # 61440 bytes are "61 kB" where a query is written out again.
    assert only_filter("a > 60KiB") == t.BytesFilter("a", ">", 61_000)


def number(value: float) -> t.Literal:
    return t.Literal(value)


@pytest.mark.parametrize(
    ("query", "value"),
    [("2 ^ 3 ^ 2", 512), ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("-2 ^ 2", 4), ("7 % 4 > 2", 1)],
)
def test_numbers_are_computed_as_they_are_read(query: str, value: float) -> None:
    assert parse(query) == number(value)


def test_a_word_is_a_function_only_where_it_is_called() -> None:
    found = parse('{sum="x", rate="y"} | json count, bytes="b" | duration > 5s')
    assert isinstance(found, t.LogQuery)
    assert [one.name for one in found.matchers] == ["sum", "rate"]
    assert found.stages[1] == t.DurationFilter("duration", ">", 5 * 10**9)


def test_a_range_may_stand_before_the_pipeline() -> None:
    before = parse('rate({a="b"} [5m] | json | unwrap c)')
    behind = parse('rate({a="b"} | json | unwrap c [5m])')
    around = parse('rate(({a="b"} | json | unwrap c) [5m])')
    assert before == behind == around


def test_a_comment_is_a_space() -> None:
    assert parse('{a="b"} # one\n|= "c" # two') == parse('{a="b"} |= "c"')


def test_matchers_alone_may_be_empty() -> None:
    assert parse_matchers("{}") == ()
    with pytest.raises(LogQLError, match=r"^only label matchers are supported$"):
        parse_matchers('{a="b"} |= "c"')


def test_a_query_that_is_too_long_is_refused() -> None:
    with pytest.raises(LogQLError, match="input size too long"):
        parse('{a="' + "b" * 131_072 + '"}')
