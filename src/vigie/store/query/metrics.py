"""Metric queries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vigie.store.logql import tree as t
from vigie.store.logql.arithmetic import SETS
from vigie.store.logql.errors import PipelineError
from vigie.store.logql.stages import ERROR
from vigie.store.logql.stages.compile import metric_pipeline
from vigie.store.logql.stages.entry import PRESERVE_ERROR
from vigie.store.query.samples import COUNTED, Collection
from vigie.store.query.select import Reader
from vigie.store.query.series import (
    Series,
    aggregated,
    combined,
    matched,
    relabelled,
    set_operated,
    with_number,
)
from vigie.store.query.windows import Times, Windows
from vigie.store.segments import LogStore
from vigie.store.segments.streams import Labels

_MOST_BUCKETS = 50_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The times of a query's steps (ns); a query at one moment has one, and a step of 0."""

    start: int
    end: int
    step: int = 0

    @property
    def times(self) -> Times:
        """The steps' times."""
        if not self.step:
            return np.array([self.start], dtype=np.int64)
        return np.arange(self.start, self.end + 1, self.step, dtype=np.int64)


def metric_query(store: LogStore, query: t.Metric, grid: Grid) -> list[Series]:
    """The series of a metric query at the steps of a grid.

    Raises `LogQLError` for a stage that cannot be, `PipelineError` for a line that a stage failed
    on, `MatchingError` and `LimitError`.
    """
    with store.snapshot() as snapshot, Reader(store, snapshot) as reader:
        return _Evaluation(reader, grid).of(query)


class _Evaluation:
    def __init__(self, reader: Reader, grid: Grid) -> None:
        self._reader = reader
        self._grid = grid
        self._times = grid.times

    def of(self, one: t.Metric) -> list[Series]:
        match one:
            case t.Literal(value) | t.Vector(value):
                count = len(self._times)
                return [Series({}, np.arange(count), np.full(count, value))]
            case t.RangeAggregation():
                return self._range(one, None)
            case t.VectorAggregation():
                return aggregated(one, self._aggregated(one), len(self._times))
            case t.LabelReplace():
                return relabelled(one, self.of(one.inner))
            case t.Binary():
                return self._binary(one)

    def _aggregated(self, one: t.VectorAggregation) -> list[Series]:
        inner = one.inner
        if (
            one.operation == "sum"
            and isinstance(inner, t.RangeAggregation)
            and inner.grouping is None
            and inner.operation in (*COUNTED, "sum_over_time")
        ):
            return self._range(inner, one.grouping or t.Grouping(()))
        return self.of(inner)

    def _binary(self, one: t.Binary) -> list[Series]:
        if isinstance(one.left, t.Literal):
            return with_number(one, self.of(one.right), one.left.value, on_left=True)
        if isinstance(one.right, t.Literal):
            return with_number(one, self.of(one.left), one.right.value, on_left=False)
        left, right = self.of(one.left), self.of(one.right)
        if one.operation in SETS:
            return set_operated(one, left, right)
        return matched(one, left, right)

    # --- ranges ---

    def _range(self, one: t.RangeAggregation, override: t.Grouping | None) -> list[Series]:
        pipeline = metric_pipeline(one, override)
        ends = self._times - one.range.offset
        interval = one.range.interval
        collection = Collection(
            self._reader,
            one,
            pipeline,
            start=int(ends[0]) - interval + 1,
            end=int(ends[-1]) + 1,
            width=self._width(interval),
        )
        operation = one.operation
        if operation == "count_over_time":
            operation = "sum_over_time"  # a sample may stand for several lines
        found = []
        for labels, times, values in collection.collect().series():
            window = Windows(ends, interval)
            steps, results = window.of(operation, times, values, one.parameter)
            if not len(steps):
                continue
            if ERROR in labels and labels.get(PRESERVE_ERROR) != "true":
                raise PipelineError(labels)
            found.append(Series(labels, steps, results))
        if one.operation == "absent_over_time":
            return self._absent(one, found)
        return combined(found)

    def _width(self, interval: int) -> int:
        """The widest buckets (ns) into which lines can be counted without a window noticing."""
        if not self._grid.step:
            return interval
        width = math.gcd(self._grid.step, interval)
        length = int(self._times[-1] - self._times[0]) + interval
        return width if length // width <= _MOST_BUCKETS else 1

    def _absent(self, one: t.RangeAggregation, found: list[Series]) -> list[Series]:
        there = np.zeros(len(self._times), dtype=bool)
        for series in found:
            there[series.steps] = True
        steps = np.flatnonzero(~there)
        labels = _absent_labels(one.range.query.matchers)
        return [Series(labels, steps, np.ones(len(steps)))] if len(steps) else []


def _absent_labels(matchers: tuple[t.Matcher, ...]) -> Labels:
    """The labels that a missing series would have: those that one matcher alone tells."""
    labels: dict[str, str | None] = {}
    for one in matchers:
        labels[one.name] = one.value if one.op == "=" and one.name not in labels else None
    return {name: value for name, value in labels.items() if value}
