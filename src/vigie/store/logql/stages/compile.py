"""Stages of a tree made ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vigie.store.logql import tree as t
from vigie.store.logql.errors import StageError
from vigie.store.logql.ip import IpPatternError
from vigie.store.logql.pattern import PatternError, parse_line_pattern
from vigie.store.logql.printer import stage as printed
from vigie.store.logql.quantities import SECOND, go_bytes, go_duration, go_float
from vigie.store.logql.stages.entry import SAMPLE_ERROR, Entry, Labels, Step
from vigie.store.logql.stages.filters import (
    always_true,
    label_filter_step,
    line_filter_step,
    names_of,
)
from vigie.store.logql.stages.formats import (
    drop_step,
    keep_step,
    label_format_step,
    line_format_step,
)
from vigie.store.logql.stages.hints import Hints, metric_hints
from vigie.store.logql.stages.json_paths import PathError, json_paths_step, parse_path
from vigie.store.logql.stages.json_stage import json_step, unpack_step
from vigie.store.logql.stages.logfmt_stage import logfmt_fields_step, logfmt_step, parse_field
from vigie.store.logql.stages.text_parsers import decolorize, pattern_step, regexp_step
from vigie.store.logql.template import Template, TemplateSyntaxError

Run = Callable[[Entry], bool]

LABEL_FILTERS = (
    t.Matcher,
    t.NumberFilter,
    t.DurationFilter,
    t.BytesFilter,
    t.IpFilter,
    t.And,
    t.Or,
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`line_filters` come first, and see the line as it was sent; `run` is what follows them."""

    line_filters: tuple[t.LineFilter, ...]
    stages: tuple[t.Stage, ...]
    run: Run
    is_empty: bool
    """Whether nothing follows the line filters."""


@dataclass(frozen=True, slots=True)
class MetricPipeline:
    """What a metric query does to a line: its pipeline, then a value, and the series' labels.

    `unwrap` gives the value that is unwrapped, or None to leave the line out; without it the value
    is the caller's to take from the line. `labels` gives the labels of the series.
    """

    pipeline: Pipeline
    unwrap: Callable[[Entry], float | None] | None
    labels: Callable[[Entry], Labels]
    grouping: t.Grouping | None
    no_labels: bool


def compiled_pipeline(stages: Sequence[t.Stage]) -> Pipeline:
    """The pipeline of a log query; raises `StageError` for a stage that cannot be."""
    return _pipeline(stages, lambda kept: Hints(filters=_single_filters(kept)))


def metric_pipeline(one: t.RangeAggregation, override: t.Grouping | None) -> MetricPipeline:
    """The pipeline of a range aggregation. `override` is the grouping of a sum around it, which
    Loki hands down; raises `StageError`."""
    grouping = override if override is not None else one.grouping
    groups = tuple(sorted(grouping.labels)) if grouping else ()
    without = grouping is not None and grouping.without
    no_labels = grouping is not None and not grouping.labels and not grouping.without
    if one.operation == "absent_over_time":
        no_labels = True
    unwrap = one.range.unwrap
    if unwrap is not None and (not groups or without):
        without, groups = True, tuple(sorted((*groups, unwrap.label)))
    label = unwrap.label if unwrap else ""
    afterwards = [each for each in unwrap.filters if not always_true(each)] if unwrap else []

    def hints(kept: list[t.Stage]) -> Hints:
        needed = [name for stage in (*kept, *afterwards) for name in _needs(stage)]
        filters = _single_filters([*kept, *(afterwards if len(afterwards) == 1 else [])])
        return metric_hints(
            needed,
            groups,
            without=without,
            no_labels=no_labels,
            value_label=label,
            filters=filters,
        )

    pipeline = _pipeline(one.range.query.stages, hints)
    value = _unwrapper(unwrap, afterwards) if unwrap else None
    labels = _grouped(groups, without, no_labels)
    return MetricPipeline(pipeline, value, labels, grouping, no_labels)


def _pipeline(stages: Sequence[t.Stage], hints: Callable[[list[t.Stage]], Hints]) -> Pipeline:
    ordered = reordered(stages)
    kept = [stage for stage in ordered if not always_true(stage)]
    leading = 0
    while leading < len(kept) and isinstance(kept[leading], t.LineFilter):
        leading += 1
    line_filters = tuple(one for one in kept[:leading] if isinstance(one, t.LineFilter))
    known = hints(kept)
    for one in line_filters:
        _compiled(one, known)  # raises for an address that is none
    rest = kept[leading:]
    steps = [_compiled(stage, known) for stage in rest]
    return Pipeline(line_filters, tuple(rest), _chain(steps), not steps)


def reordered(stages: Sequence[t.Stage]) -> list[t.Stage]:
    """The stages in the order in which Loki runs them: line filters before the parsers and formats
    that stand before them, but not before a label filter, a line_format or an unpack."""
    ordered: list[t.Stage] = []
    line_filters: list[t.Stage] = []
    others: list[t.Stage] = []

    def settle() -> None:
        ordered.extend(line_filters)
        ordered.extend(others)
        line_filters.clear()
        others.clear()

    for stage in stages:
        if isinstance(stage, LABEL_FILTERS):
            settle()
            ordered.append(stage)
        elif isinstance(stage, t.LineFilter):
            line_filters.append(stage)
        else:
            others.append(stage)
            if isinstance(stage, t.LineFormat | t.Unpack):
                settle()
    settle()
    return ordered


def _chain(steps: list[Step]) -> Run:
    if not steps:
        return lambda _entry: True
    if len(steps) == 1:
        return steps[0]

    def run(entry: Entry) -> bool:
        return all(step(entry) for step in steps)

    return run


def _compiled(stage: t.Stage, hints: Hints) -> Step:
    try:
        return _step(stage, hints)
    except (PathError, IpPatternError, PatternError, TemplateSyntaxError, ValueError) as error:
        raise StageError(printed(stage), str(error)) from None


def _step(stage: t.Stage, hints: Hints) -> Step:
    match stage:
        case t.LineFilter(_, alternatives):
            for one in alternatives:
                if not one.ip and stage.op in ("|>", "!>"):
                    parse_line_pattern(one.value)
            return line_filter_step(stage)
        case t.Json(()):
            return json_step(hints)
        case t.Json(expressions):
            for each in expressions:
                parse_path(each.expression)
            return json_paths_step(expressions, hints)
        case t.Logfmt(strict, keep_empty, ()):
            return logfmt_step(strict, keep_empty, hints)
        case t.Logfmt(strict, _, expressions):
            for each in expressions:
                parse_field(each.expression)
            return logfmt_fields_step(expressions, strict, hints)
        case t.Regexp(expression):
            return regexp_step(expression, hints)
        case t.Pattern(expression):
            return pattern_step(expression, hints)
        case t.Unpack():
            return unpack_step(hints)
        case t.LineFormat(template):
            return line_format_step(_template(template, "invalid line template"))
        case t.LabelsFormat(formats):
            return label_format_step(_label_templates(formats))
        case t.Decolorize():
            return decolorize
        case t.Drop():
            return drop_step(stage)
        case t.Keep():
            return keep_step(stage)
        case _:
            return label_filter_step(stage)


def _template(text: str, refusal: str) -> Template:
    try:
        return Template(text)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(f"{refusal}: {error}") from None


def _label_templates(
    formats: tuple[t.LabelFormat, ...],
) -> list[tuple[t.LabelFormat, Template | None]]:
    seen: set[str] = set()
    for one in formats:
        if one.name == "__error__":
            raise ValueError("__error__ cannot be formatted")
        if one.name in seen:
            raise ValueError(
                f"multiple label name '{one.name}' not allowed in a single format operation"
            )
        seen.add(one.name)
    return [
        (one, None if one.rename else _template(one.value, _refusal(one.name))) for one in formats
    ]


def _refusal(name: str) -> str:
    return f"invalid template for label '{name}'"


def _needs(stage: t.Stage) -> tuple[str, ...]:
    """The labels that a stage reads, as far as Loki knows."""
    if isinstance(stage, LABEL_FILTERS):
        return names_of(stage)
    if isinstance(stage, t.LineFormat):
        return Template(stage.template).fields
    if isinstance(stage, t.LabelsFormat):
        return tuple(
            name
            for one in stage.formats
            for name in ((one.value,) if one.rename else Template(one.value).fields)
        )
    return ()


def _single_filters(stages: Sequence[t.Stage]) -> dict[str, Callable[[Entry], bool]]:
    filters: dict[str, Callable[[Entry], bool]] = {}
    for stage in stages:
        if isinstance(stage, LABEL_FILTERS) and not isinstance(stage, t.And | t.Or):
            try:
                filters.setdefault(stage.name, label_filter_step(stage))
            except IpPatternError as error:
                raise StageError(printed(stage), str(error)) from None
    return filters


def _unwrapper(
    unwrap: t.Unwrap, afterwards: list[t.LabelFilter]
) -> Callable[[Entry], float | None]:
    convert = lru_cache(maxsize=10_000)(_conversion(unwrap.conversion))
    checks = [label_filter_step(one) for one in afterwards]

    def value(entry: Entry) -> float | None:
        text = entry.get(unwrap.label)
        if not text:
            return None
        try:
            found = convert(text)
        except ValueError as error:
            entry.fail(SAMPLE_ERROR, str(error))
            found = 0.0
        passes = True
        for check in checks:
            passes = check(entry) and passes
        return found if passes else None

    return value


def _conversion(name: str) -> Callable[[str], float]:
    if name == "bytes":
        return lambda text: float(go_bytes(text))
    if name in ("duration", "duration_seconds"):
        return lambda text: go_duration(text) / SECOND
    return go_float


def _grouped(groups: tuple[str, ...], without: bool, no_labels: bool) -> Callable[[Entry], Labels]:
    if no_labels:
        return lambda entry: entry.labels() if entry.error else {}
    if not groups:
        return lambda entry: entry.labels() if entry.error else entry.plain_labels()

    def by(entry: Entry) -> Labels:
        if entry.error:
            return entry.labels()
        found = ((name, entry.get(name)) for name in groups)
        return {name: value for name, value in found if value is not None}

    def outside(entry: Entry) -> Labels:
        if entry.error:
            return entry.labels()
        labels = entry.plain_labels()
        for name in groups:
            labels.pop(name, None)
        return labels

    return outside if without else by
