"""Tree to text: `parse(text(tree)) == tree`; `pretty` over several lines, as format_query."""

from __future__ import annotations

import math

from vigie.store.logql import tree as t
from vigie.store.logql.quantities import (
    MILLISECOND,
    print_bytes,
    print_float,
    print_go_duration,
    print_prometheus_duration,
)
from vigie.store.logql.strings import quote

WIDEST = 100
"""Characters; a part of a query that is longer is split over lines."""


def text(one: t.Query) -> str:
    """The query on one line."""
    if isinstance(one, t.LogQuery):
        return " ".join((selector(one.matchers), *map(stage, one.stages)))
    if isinstance(one, t.RangeAggregation):
        parameter = "" if one.parameter is None else f"{print_float(one.parameter)},"
        inner = f"{parameter}{_range(one.range)}"
        return f"{one.operation}({inner}){_grouping(one.grouping, after=True)}"
    if isinstance(one, t.VectorAggregation):
        parameter = "" if one.parameter is None else f"{one.parameter},"
        return f"{one.operation}{_grouping(one.grouping)}({parameter}{text(one.inner)})"
    if isinstance(one, t.Binary):
        return f"({text(one.left)} {_operator(one)} {text(one.right)})"
    if isinstance(one, t.Literal):
        return _literal(one.value)
    if isinstance(one, t.Vector):
        return f"vector({print_float(one.value)})"
    texts = (one.target, one.replacement, one.source, one.expression)
    return f"label_replace({','.join((text(one.inner), *map(quote, texts)))})"


def selector(matchers: tuple[t.Matcher, ...]) -> str:
    """`{a="b", c=~"d"}`."""
    return "{" + ", ".join(map(label_filter, matchers)) + "}"


def stage(one: t.Stage) -> str:
    """One stage, with its pipe."""
    match one:
        case t.LineFilter(op, alternatives):
            return f"{op} " + " or ".join(map(_line_pattern, alternatives))
        case t.Json(expressions):
            return "| json" + _extractions(expressions)
        case t.Logfmt(strict, keep_empty, expressions):
            flags = " --strict" * strict + " --keep-empty" * keep_empty
            return f"| logfmt{flags}" + _extractions(expressions)
        case t.Regexp(expression):
            return f"| regexp {quote(expression)}"
        case t.Pattern(expression):
            return f"| pattern {quote(expression)}"
        case t.Unpack():
            return "| unpack"
        case t.LineFormat(template):
            return f"| line_format {quote(template)}"
        case t.LabelsFormat(formats):
            return "| label_format " + ",".join(map(_label_format, formats))
        case t.Decolorize():
            return "| decolorize"
        case t.Drop(labels):
            return "| drop " + ",".join(map(_named, labels))
        case t.Keep(labels):
            return "| keep " + ",".join(map(_named, labels))
        case _:
            return f"| {label_filter(one)}"


def label_filter(one: t.LabelFilter) -> str:
    """A label filter, without its pipe."""
    match one:
        case t.Matcher(name, op, value):
            return f"{name}{op}{quote(value)}"
        case t.NumberFilter(name, op, value):
            return f"{name}{op}{_literal(value)}"
        case t.DurationFilter(name, op, value):
            return f"{name}{op}{print_go_duration(value)}"
        case t.BytesFilter(name, op, value):
            return f"{name}{op}{print_bytes(value)}"
        case t.IpFilter(name, op, value):
            return f"{name}{op}ip({quote(value)})"
        case t.And(left, right):
            return f"( {label_filter(left)} , {label_filter(right)} )"
        case t.Or(left, right):
            return f"( {label_filter(left)} or {label_filter(right)} )"


def pretty(one: t.Query, level: int = 0) -> str:
    """The query over several lines, where it is long."""
    indent = "  " * level
    if len(text(one)) <= WIDEST:
        return indent + text(one)
    if isinstance(one, t.LogQuery):
        lines = [indent + selector(one.matchers)]
        lines += [f"{indent}  {stage(each)}" for each in one.stages]
        return "\n".join(lines)
    if isinstance(one, t.RangeAggregation):
        parameter = "" if one.parameter is None else f"{indent}  {print_float(one.parameter)},\n"
        inner = parameter + _pretty_range(one.range, level + 1)
        return f"{indent}{one.operation}(\n{inner}\n{indent}){_grouping(one.grouping, after=True)}"
    if isinstance(one, t.VectorAggregation):
        parameter = "" if one.parameter is None else f"{indent}  {one.parameter},\n"
        inner = parameter + pretty(one.inner, level + 1)
        return f"{indent}{one.operation}{_grouping(one.grouping)}(\n{inner}\n{indent})"
    if isinstance(one, t.Binary):
        left, right = pretty(one.left, level + 1), pretty(one.right, level + 1)
        return f"{indent}(\n{left}\n{indent}{_operator(one)}\n{right}\n{indent})"
    if isinstance(one, t.LabelReplace):
        texts = (one.target, one.replacement, one.source, one.expression)
        inner = ",\n".join(
            (pretty(one.inner, level + 1), *(f"{indent}  {quote(x)}" for x in texts))
        )
        return f"{indent}label_replace(\n{inner}\n{indent})"
    return indent + text(one)


def _pretty_range(one: t.LogRange, level: int) -> str:
    inner = pretty(one.query, level)
    if one.unwrap is not None:
        inner += "\n" + "  " * (level + 1) + _unwrap(one.unwrap)
    return f"{inner} {_window(one)}"


def _range(one: t.LogRange) -> str:
    unwrap = "" if one.unwrap is None else f" {_unwrap(one.unwrap)}"
    return f"{text(one.query)}{unwrap} {_window(one)}"


def _window(one: t.LogRange) -> str:
    if one.offset == 0:
        return f"[{print_prometheus_duration(one.interval)}]"
    exact = one.offset > 0 and one.offset % MILLISECOND == 0
    write = print_prometheus_duration if exact else print_go_duration
    return f"[{print_prometheus_duration(one.interval)}] offset {write(one.offset)}"


def _unwrap(one: t.Unwrap) -> str:
    label = f"{one.conversion}({one.label})" if one.conversion else one.label
    return " ".join((f"| unwrap {label}", *(f"| {label_filter(each)}" for each in one.filters)))


def _grouping(one: t.Grouping | None, after: bool = False) -> str:
    if one is None:
        return ""
    written = f"{'without' if one.without else 'by'} ({','.join(one.labels)})"
    return f" {written}" if after else f" {written} "


def _operator(one: t.Binary) -> str:
    written = f"{one.operation} bool" if one.returns_bool else one.operation
    if one.matching is None:
        return written
    by = "on" if one.matching.on else "ignoring"
    written += f" {by} ({','.join(one.matching.labels)})"
    if one.matching.group:
        written += f" group_{one.matching.group} ({','.join(one.matching.include)})"
    return written


def _literal(value: float) -> str:
    if math.isnan(value):
        return "(0 / 0)"
    if math.isinf(value):
        return "(10 ^ 999)" if value > 0 else "(-10 ^ 999)"
    return print_float(value)


def _line_pattern(one: t.LinePattern) -> str:
    return f"ip({quote(one.value)})" if one.ip else quote(one.value)


def _extractions(expressions: tuple[t.Extraction, ...]) -> str:
    if not expressions:
        return ""
    return " " + ",".join(f"{one.name}={quote(one.expression)}" for one in expressions)


def _label_format(one: t.LabelFormat) -> str:
    return f"{one.name}={one.value if one.rename else quote(one.value)}"


def _named(one: str | t.Matcher) -> str:
    return one if isinstance(one, str) else label_filter(one)
