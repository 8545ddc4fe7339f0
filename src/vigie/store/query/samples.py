"""Samples of a range aggregation: counted in SQL where it can say it, line by line elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vigie.store.logql import plan
from vigie.store.logql import tree as t
from vigie.store.logql.errors import LimitError
from vigie.store.logql.stages import Entry
from vigie.store.logql.stages.compile import MetricPipeline
from vigie.store.logql.stages.entry import ERROR
from vigie.store.logql.stages.filters import line_predicate
from vigie.store.query.fields import (
    FieldQuery,
    FieldRows,
    UndecidedError,
    by_origin,
    field_rows,
    filters_after_json,
)
from vigie.store.query.select import Reader, metadata_of, rows_of
from vigie.store.query.series import Key
from vigie.store.query.windows import Times
from vigie.store.segments.streams import Labels

MOST_SERIES = 200_000
"""Inside a query; a client's limit is for what is answered."""

COUNTED = frozenset(("count_over_time", "rate", "bytes_over_time", "bytes_rate"))
"""What is a sum over the lines, so that lines can be counted in buckets first."""
_BYTES = frozenset(("bytes_over_time", "bytes_rate"))
_ORDERED = frozenset(("first_over_time", "last_over_time", "rate_counter"))


class Samples:
    """Samples by the labels of their series."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._labels: list[Labels] = []
        self._rows: list[tuple[list[int], list[float]]] = []
        self._arrays: list[tuple[int, Times, Any]] = []

    def add(self, labels: Labels, time: int, value: float) -> None:
        """Add one sample."""
        times, values = self._rows[self._number(labels)]
        times.append(time)
        values.append(value)

    def add_array(self, labels: Labels, times: Times, values: Any) -> None:
        """Add samples of one series."""
        self._arrays.append((self._number(labels), times, values))

    def series(self) -> Iterator[tuple[Labels, Times, Any]]:
        """Labels, rising times and values of each series."""
        arrays: dict[int, list[tuple[Times, Any]]] = {}
        for number, times, values in self._arrays:
            arrays.setdefault(number, []).append((times, values))
        for number, labels in enumerate(self._labels):
            rows = self._rows[number]
            parts = [
                *arrays.get(number, ()),
                (np.array(rows[0], dtype=np.int64), np.array(rows[1], dtype=np.float64)),
            ]
            times = np.concatenate([part[0] for part in parts])
            values = np.concatenate([part[1] for part in parts])
            order = np.argsort(times, kind="stable")
            yield labels, times[order], values[order]

    def _number(self, labels: Labels) -> int:
        key = tuple(sorted(labels.items()))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._labels)
            if number >= MOST_SERIES:
                raise LimitError(f"the query has more than {MOST_SERIES} series on its way")
            self._labels.append(labels)
            self._rows.append(([], []))
        return number


class Collection:
    """Collects the samples of one range aggregation.

    Times are in ns; `end` is excluded. Lines may be counted in buckets of `width`.
    """

    def __init__(
        self,
        reader: Reader,
        one: t.RangeAggregation,
        pipeline: MetricPipeline,
        *,
        start: int,
        end: int,
        width: int,
    ) -> None:
        self._reader = reader
        self._one = one
        self._pipeline = pipeline
        self._start, self._end, self._width = start, end, width
        self._streams = reader.snapshot.streams.matching(one.range.query.matchers)
        self._where, left = plan.conditions(pipeline.pipeline.line_filters)
        self._checks = [line_predicate(each) for each in left]
        self.samples = Samples()

    def collect(self) -> Samples:
        """The samples."""
        if not self._checks and self._one.operation not in _ORDERED:
            if self._only_counts():
                return self._counted()
            if (query := self._field_query()) is not None:
                return self._of_fields(query)
        sources = self._reader.sources(self._streams, self._start, self._end)
        self._line_by_line(rows_of(sources, _ROW, self._where))
        return self.samples

    # --- lines that need only be counted ---

    def _only_counts(self) -> bool:
        countable = (*COUNTED, "absent_over_time")
        return (
            self._pipeline.pipeline.is_empty
            and self._pipeline.unwrap is None
            and self._one.operation in countable
        )

    def _counted(self) -> Samples:
        sources = self._reader.sources(self._streams, self._start, self._end)
        if not sources:
            return self.samples
        plain = self._where & plan.Sql("meta IS NULL")
        rows = rows_of(sources, f"stream, ts, {self._size} AS size", plain)
        found = self._reader.table(plan.counts(rows, self._start - 1, self._width))
        numbers = found.column("stream").to_numpy()
        times = self._ends_of(found.column("bucket"))
        values = found.column("size").to_numpy().astype(np.float64)
        for stream in np.unique(numbers):
            mine = numbers == stream
            labels = self._pipeline.labels(Entry(0, "", self._streams[int(stream)], None))
            self.samples.add_array(labels, times[mine], values[mine])
        told = self._where & plan.Sql("meta IS NOT NULL")
        self._line_by_line(rows_of(sources, _ROW, told))
        return self.samples

    # --- fields that have columns ---

    def _field_query(self) -> FieldQuery | None:
        filters = filters_after_json(self._pipeline.pipeline.stages)
        unwrap, grouping = self._one.range.unwrap, self._pipeline.grouping
        if filters is None or (grouping is not None and grouping.without):
            return None
        if not self._pipeline.no_labels and not (grouping and grouping.labels):
            return None
        groups = tuple(sorted(set(grouping.labels))) if grouping else ()
        if ERROR in groups or self._one.operation == "absent_over_time":
            return None
        if unwrap is None:
            return FieldQuery(filters, groups)
        if unwrap.conversion or any(each.name != ERROR for each in _flat(unwrap.filters)):
            return None
        return FieldQuery((*filters, *unwrap.filters), groups, unwrap.label)

    def _of_fields(self, query: FieldQuery) -> Samples:
        left: list[plan.Sql] = []
        for origins, streams in by_origin(self._streams, query.names).items():
            for part in self._reader.sources(streams, self._start, self._end):
                try:
                    rows = field_rows(query, origins, part)
                except UndecidedError:
                    left.append(part.source.select(_ROW, self._where))
                    continue
                self._add_fields(query, rows)
                if (undecided := rows.undecided) is not None:
                    left.append(rows.source.select(_ROW, self._where & undecided))
        self._line_by_line(left)
        return self.samples

    @property
    def _size(self) -> str:
        """SQL for what a line adds; its bytes are read only where they are asked for."""
        return "strlen(line)" if self._one.operation in _BYTES else "1"

    def _ends_of(self, buckets: Any) -> Times:
        """The times at the ends of buckets."""
        ends: Times = self._start - 1 + (buckets.to_numpy().astype(np.int64) + 1) * self._width
        return ends

    def _add_fields(self, query: FieldQuery, rows: FieldRows) -> None:
        asked = [(f"g{i}", one) for i, one in enumerate(rows.groups) if isinstance(one, plan.Sql)]
        columns = [*asked, ("value", rows.value or plan.Sql(self._size))]
        selected = rows.source.select(
            ", ".join(["ts", *(f"{one.text} AS {name}" for name, one in columns)]),
            self._where & rows.decided & rows.passes,
        )
        parameters = [value for _, one in columns for value in one.parameters]
        inner = plan.Sql(selected.text, (*parameters, *selected.parameters))
        names = [name for name, _ in asked]
        if rows.value is not None:
            found = self._reader.table(plan.lists(inner, names))
            times = found.column("ts")
        else:
            found = self._reader.table(plan.sums(inner, names, self._start - 1, self._width))
            times = found.column("bucket")
        texts = [found.column(name).to_pylist() for name in names]
        for i, key in enumerate(zip(*texts, strict=True) if names else [()] * found.num_rows):
            labels: Labels = {}
            own = iter(key)
            for name, group in zip(query.groups, rows.groups, strict=True):
                value = next(own) if isinstance(group, plan.Sql) else group
                if value is not None:
                    labels[name] = value
            mine = times[i].values
            self.samples.add_array(
                labels,
                mine.to_numpy() if rows.value is not None else self._ends_of(mine),
                found.column("value")[i].values.to_numpy().astype(np.float64),
            )

    # --- what SQL cannot say ---

    def _line_by_line(self, parts: list[plan.Sql]) -> None:
        if not parts:
            return
        rows = plan.union(parts)
        if self._one.operation in _ORDERED:
            rows = plan.Sql(f"SELECT * FROM ({rows.text}) ORDER BY ts, seq", rows.parameters)
        run, unwrap = self._pipeline.pipeline.run, self._pipeline.unwrap
        labels_of, add = self._pipeline.labels, self.samples.add
        sized = self._one.operation in _BYTES
        for batch in self._reader.batches(rows):
            columns = (column.to_pylist() for column in batch.columns[:4])
            for stream, time, line, meta in zip(*columns, strict=True):
                if self._checks and not all(check(line) for check in self._checks):
                    continue
                base = self._streams[stream]
                entry = Entry(time, line, base, metadata_of(meta) if meta else None)
                if not run(entry):
                    continue
                if unwrap is None:
                    value = float(len(entry.line.encode())) if sized else 1.0
                    add(labels_of(entry), time, value)
                elif (found := unwrap(entry)) is not None:
                    add(labels_of(entry), time, found)


_ROW = "stream, ts, line, meta, seq"


def _flat(filters: tuple[t.LabelFilter, ...]) -> Iterator[Any]:
    for one in filters:
        if isinstance(one, t.And | t.Or):
            yield from _flat((one.left, one.right))
        else:
            yield one
