"""Line filters and label filters."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from vigie.store.logql import tree as t
from vigie.store.logql.ip import holds_address
from vigie.store.logql.pattern import fits, parse_line_pattern
from vigie.store.logql.quantities import go_bytes, go_duration, go_float
from vigie.store.logql.regexes import compiled, predicate
from vigie.store.logql.stages.entry import ERROR, LABEL_FILTER_ERROR, Entry, Step

NEGATIVE = ("!=", "!~", "!>")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def line_filter_step(one: t.LineFilter) -> Step:
    """`|= "a" or "b"`."""
    fits_line = line_predicate(one)
    return lambda entry: fits_line(entry.line)


def line_predicate(one: t.LineFilter) -> Callable[[str], bool]:
    """Whether a line passes the filter."""
    checks = [_contains(one.op, alternative) for alternative in one.alternatives]
    if one.op in NEGATIVE:
        return lambda line: not any(check(line) for check in checks)
    if len(checks) == 1:
        return checks[0]
    return lambda line: any(check(line) for check in checks)


def _contains(op: str, one: t.LinePattern) -> Callable[[str], bool]:
    value = one.value
    if one.ip:
        return holds_address(value)
    if op in ("|=", "!="):
        return lambda line: value in line
    if op in ("|~", "!~"):
        search = compiled(value).search
        return lambda line: search(line) is not None
    parts = parse_line_pattern(value)
    return lambda line: fits(parts, line)


def label_filter_step(one: t.LabelFilter) -> Step:
    """A label filter; a value that cannot be converted keeps the line, and marks it."""
    match one:
        case t.Matcher(name, op, value):
            return _text_filter(name, predicate(op, value))
        case t.NumberFilter(name, op, value):
            return _amount_filter(name, op, value, go_float)
        case t.DurationFilter(name, op, value):
            return _amount_filter(name, op, value, go_duration)
        case t.BytesFilter(name, op, value):
            return _amount_filter(name, op, value, go_bytes)
        case t.IpFilter(name, op, value):
            return _ip_filter(name, op, value)
        case t.And(left, right):
            first, second = label_filter_step(left), label_filter_step(right)

            def both(entry: Entry) -> bool:
                # The second may mark the entry, whatever the first says.
                passes = first(entry)
                return second(entry) and passes

            return both
        case t.Or(left, right):
            first, second = label_filter_step(left), label_filter_step(right)
            return lambda entry: first(entry) or second(entry)


def _text_filter(name: str, check: Callable[[str], bool]) -> Step:
    if name == ERROR:
        return lambda entry: check(entry.error)
    return lambda entry: check(entry.get(name) or "")


def _amount_filter(name: str, op: str, value: float, convert: Callable[[str], float]) -> Step:
    compare = _COMPARE[op]
    converted = lru_cache(maxsize=10_000)(convert)

    def step(entry: Entry) -> bool:
        text = entry.get(name)
        if text is None:
            return False
        try:
            return compare(converted(text), value)
        except ValueError as error:
            entry.fail_once(LABEL_FILTER_ERROR, str(error))
            return True

    return step


def _ip_filter(name: str, op: str, pattern: str) -> Step:
    check = holds_address(pattern)

    def step(entry: Entry) -> bool:
        if entry.error:
            return True
        text = entry.get(name)
        return text is not None and check(text) == (op == "=")

    return step


def names_of(one: t.LabelFilter) -> tuple[str, ...]:
    """The labels that a filter looks at, each once."""
    if isinstance(one, t.And | t.Or):
        return tuple(dict.fromkeys((*names_of(one.left), *names_of(one.right))))
    return (one.name,)


def always_true(one: t.Stage) -> bool:
    """Whether the stage is a matcher that every text matches, which Loki leaves out."""
    return isinstance(one, t.Matcher) and one.op == "=~" and one.value == ".*"
