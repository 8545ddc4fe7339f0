"""What single stages do to a line and its labels: `drop`, `keep`, `ip()`, and logfmt's flags."""

from __future__ import annotations

import pytest

from vigie.store.logql import parse
from vigie.store.logql import tree as t
from vigie.store.logql.errors import StageError
from vigie.store.logql.ip import IpPatternError, holds_address
from vigie.store.logql.stages import Entry, compiled_pipeline
from vigie.store.logql.stages.filters import line_predicate

STREAM = {"job": "web", "level": "info"}
METADATA = {"trace_id": "4bf9"}


def ran(stages: str, line: str = "", metadata: dict[str, str] | None = None) -> Entry | None:
    """The line behind the stages; None where they drop it."""
    query = parse('{job="web"} ' + stages)
    assert isinstance(query, t.LogQuery)
    pipeline = compiled_pipeline(query.stages)
    if not all(line_predicate(one)(line) for one in pipeline.line_filters):
        return None
    entry = Entry(0, line, STREAM, metadata)
    return entry if pipeline.run(entry) else None


def labels(stages: str, line: str = "", metadata: dict[str, str] | None = None) -> dict[str, str]:
    entry = ran(stages, line, metadata)
    assert entry is not None
    return entry.labels()


@pytest.mark.parametrize(
    ("stages", "left"),
    [
        ("| logfmt | drop a", {**STREAM, **METADATA, "b": "2"}),
        ("| logfmt | drop a, level, trace_id", {"job": "web", "b": "2"}),
        ("| logfmt | drop missing", {**STREAM, **METADATA, "a": "1", "b": "2"}),
        ('| logfmt | drop a="1", b="1"', {**STREAM, **METADATA, "b": "2"}),
        ('| logfmt | drop a=~"1|2", b!="2"', {**STREAM, **METADATA, "b": "2"}),
        ('| logfmt | drop a!~"2.*"', {**STREAM, **METADATA, "b": "2"}),
        ("| logfmt | keep a", {"a": "1"}),
        ("| logfmt | keep a, job, trace_id", {"a": "1", "job": "web", "trace_id": "4bf9"}),
        ('| logfmt | keep a="2", b=~"2|3"', {"b": "2"}),
        ("| logfmt | keep missing", {}),
        # What is dropped may be set anew, and a filter no longer finds it.
        ("| logfmt | drop a | label_format a=b", {**STREAM, **METADATA, "a": "2"}),
        ('| drop level | level=""', {"job": "web", **METADATA}),
    ],
)
def test_labels_of_every_kind_are_dropped_and_kept(stages: str, left: dict[str, str]) -> None:
    assert labels(stages, "a=1 b=2", METADATA) == left


def test_the_marks_of_an_error_can_be_dropped_and_keep_leaves_them() -> None:
    marked = labels("| json", "no json")
    assert set(marked) == {*STREAM, "__error__", "__error_details__"}
    assert labels("| json | drop __error__, __error_details__", "no json") == STREAM
    assert labels('| json | drop __error__="Other"', "no json") == marked
    assert set(labels("| json | keep job", "no json")) == {"job", "__error__", "__error_details__"}


def test_a_dropped_error_lets_the_line_through_the_filter_of_errors() -> None:
    assert ran('| json | __error__=""', "no json") is None
    assert ran('| json | drop __error__ | __error__=""', "no json") is not None


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("", {"a": "1", "c": "3"}),
        ("--keep-empty", {"a": "1", "b": "", "bare": "", "c": "3"}),
    ],
)
def test_empty_values_are_labels_only_where_they_are_asked_for(
    flags: str, told: dict[str, str]
) -> None:
    assert labels(f"| logfmt {flags}", 'a=1 b= bare c="3"') == {**STREAM, **told}


def test_without_strict_a_fault_is_passed_over_and_with_it_the_line_is_marked() -> None:
    line = 'a=1 b="open c=3 d=4'
    assert labels("| logfmt", "a=1 =2 c=3") == {**STREAM, "a": "1", "c": "3"}
    assert labels("| logfmt", line) == {**STREAM, "a": "1"}
    assert labels("| logfmt --strict", line) == {
        **STREAM,
        "a": "1",
        "__error__": "LogfmtParserErr",
        "__error_details__": "logfmt syntax error at pos 20 : unterminated quoted value",
    }
    strict = labels("| logfmt --strict", "a=1 =2 c=3")
    assert strict["__error_details__"] == "logfmt syntax error at pos 5 : unexpected '='"
    assert "c" not in strict


def test_the_flags_go_with_expressions_and_with_each_other() -> None:
    line = "a=1 b= =x c=3"
    both = labels("| logfmt --strict --keep-empty", line)
    assert (both["a"], both["b"], both["__error__"]) == ("1", "", "LogfmtParserErr")
    assert labels('| logfmt --keep-empty x="a", b', line) == {**STREAM, "x": "1", "b": ""}
    # The line is read to the fault, even where all that is asked for stands before it.
    for field, value in (("a", "1"), ("c", "")):
        found = labels(f'| logfmt --strict x="{field}"', line)
        assert (found["x"], found["__error__"]) == (value, "LogfmtParserErr")


def test_a_parsed_label_that_the_stream_has_already_gets_another_name() -> None:
    assert labels("| logfmt", "job=x")["job_extracted"] == "x"


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("10.0.0.7", ["10.0.0.7", "from 10.0.0.7:80", "[10.0.0.7]"], ["10.0.0.70", "110.0.0.7"]),
        ("10.0.0.0/8", ["a 10.255.0.1 b", "1.1.1.1,10.0.0.1"], ["11.0.0.1", "10.0.0", ""]),
        ("10.0.0.9/24", ["10.0.0.1"], ["10.0.1.1"]),
        ("10.0.0.5-10.0.1.7", ["10.0.0.5", "10.0.1.7", "10.0.0.255"], ["10.0.0.4", "10.0.1.8"]),
        ("2001:db8::/32", ["2001:db8::1", "x 2001:db8:0:1::2 y"], ["2001:db9::1", "10.0.0.1"]),
        ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2"]),
        ("2001:db8::1-2001:db8::9", ["2001:db8::5"], ["2001:db8::a"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["2001:db8::1", "no address", "999.1.1.1", "1.2.3"]),
    ],
)
def test_an_address_is_found_wherever_it_stands(
    pattern: str, inside: list[str], outside: list[str]
) -> None:
    check = holds_address(pattern)
    assert [text for text in inside if not check(text)] == []
    assert [text for text in outside if check(text)] == []


@pytest.mark.parametrize(
    "pattern", ["", "x", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-", "a-b"]
)
def test_what_means_no_address_is_refused(pattern: str) -> None:
    with pytest.raises(IpPatternError, match="ip: invalid pattern"):
        holds_address(pattern)
    with pytest.raises(StageError, match="ip: invalid pattern"):
        ran(f'|= ip("{pattern}")', "x")


def test_lines_and_labels_are_filtered_by_address() -> None:
    line = "ip=10.0.0.7 took=3"
    assert ran('|= ip("10.0.0.0/8")', line) is not None
    assert ran('!= ip("10.0.0.0/8")', line) is None
    assert ran('|= ip("11.0.0.0/8") or "took"', line) is not None
    assert ran('| logfmt | ip=ip("10.0.0.0/8")', line) is not None
    assert ran('| logfmt | ip!=ip("10.0.0.0/8")', line) is None
    assert ran('| logfmt | took=ip("10.0.0.0/8")', line) is None
