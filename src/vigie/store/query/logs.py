"""Log queries: the newest, or the oldest, lines that pass a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from vigie.store.logql import plan
from vigie.store.logql import tree as t
from vigie.store.logql.stages import Entry, Pipeline, compiled_pipeline
from vigie.store.logql.stages.filters import line_predicate
from vigie.store.query.fields import (
    FieldQuery,
    UndecidedError,
    by_origin,
    field_rows,
    leading_filters,
)
from vigie.store.query.select import Reader, metadata_of, rows_of
from vigie.store.query.series import Key
from vigie.store.segments import LogStore
from vigie.store.segments.streams import Labels

_FIRST_WINDOW = 50_000
"""Lines that the first look at the store is meant to meet, when a pipeline may drop some."""
_GROWTH = 10
_STRETCH = 3
"""So many times its width may a window become, for the sake of whole segments."""
_ROW = "stream, ts, line, meta, seq"

Told = tuple[int, str] | tuple[int, str, dict[str, Labels]]


@dataclass(frozen=True, slots=True)
class Extract:
    """Which lines are asked for: up to `limit` from `start` to before `end`, at least `interval`
    apart; all in ns. `by_kind` keeps the stream's labels, metadata and what was parsed apart."""

    start: int
    end: int
    limit: int
    backward: bool = True
    interval: int = 0
    by_kind: bool = False


@dataclass(slots=True)
class LogAnswer:
    """Lines by the labels that they have after the pipeline; times in ns, in the order asked.

    With labels by kind these are the stream's, and each line has its metadata and what was parsed.
    """

    labels: Labels
    entries: list[Told]


def log_query(store: LogStore, query: t.LogQuery, asked: Extract) -> list[LogAnswer]:
    """The lines of a log query; raises `LogQLError` for a stage that cannot be."""
    pipeline = compiled_pipeline(query.stages)
    with store.snapshot() as snapshot, Reader(store, snapshot) as reader:
        streams = snapshot.streams.matching(query.matchers)
        answer = _Answer(asked, pipeline, streams)
        for batch in _Search(reader, pipeline, streams, asked).batches(answer):
            answer.take(batch)
            if not answer.left:
                break
    return list(answer.streams.values())


class _Answer:
    """What is answered, as far as it is known."""

    def __init__(self, asked: Extract, pipeline: Pipeline, streams: dict[int, Labels]) -> None:
        self.streams: dict[Key, LogAnswer] = {}
        self.left = asked.limit
        self._asked = asked
        self._pipeline = pipeline
        self._base = streams
        _, by_python = plan.conditions(pipeline.line_filters)
        self._checks = [line_predicate(one) for one in by_python]
        self._last: int | None = None
        self._known: dict[object, LogAnswer] = {}
        """By a stream's number, or by the labels."""

    def take(self, batch: pa.RecordBatch) -> None:
        """Run lines through the pipeline, until there are enough."""
        plain, by_kind = self._pipeline.is_empty, self._asked.by_kind
        columns = (column.to_pylist() for column in batch.columns[:4])
        for stream, time, line, meta in zip(*columns, strict=True):
            if self._checks and not all(check(line) for check in self._checks):
                continue
            base = self._base[stream]
            if plain and meta is None:
                self._add(stream, base, (time, line, {}) if by_kind else (time, line))
            else:
                one = Entry(time, line, base, metadata_of(meta) if meta else None)
                if not self._pipeline.run(one):
                    continue
                labels, entry = _told(one, by_kind)
                self._add(tuple(sorted(labels.items())), labels, entry)
            if not self.left:
                return

    def _add(self, key: object, labels: Labels, entry: Told) -> None:
        apart = self._asked.interval
        if apart and self._last is not None and abs(entry[0] - self._last) < apart:
            return
        self._last = entry[0]
        self.left -= 1
        found = self._known.get(key)
        if found is None:
            name = tuple(sorted(labels.items()))
            found = self._known[key] = self.streams.setdefault(name, LogAnswer(labels, []))
        found.entries.append(entry)


def _told(one: Entry, by_kind: bool) -> tuple[Labels, Told]:
    """The labels under which a line is answered, and what is answered of it."""
    if not by_kind:
        return one.labels(), (one.timestamp, one.line)
    stream, metadata, parsed = one.by_kind()
    extra = {}
    if metadata:
        extra["structuredMetadata"] = metadata
    if parsed:
        extra["parsed"] = parsed
    return stream, (one.timestamp, one.line, extra)


class _Search:
    """Reads lines that may pass, in order; window after window, each wider than the one before."""

    def __init__(
        self, reader: Reader, pipeline: Pipeline, streams: dict[int, Labels], asked: Extract
    ) -> None:
        self._reader = reader
        self._streams = streams
        self._asked = asked
        self._where, by_python = plan.conditions(pipeline.line_filters)
        self._exact = pipeline.is_empty and not by_python and not asked.interval
        filters = leading_filters(pipeline.stages)
        self._fields = FieldQuery(filters) if filters else None

    def batches(self, answer: _Answer) -> Iterator[pa.RecordBatch]:
        """The lines, as long as the answer lacks some."""
        for low, high in self._windows():
            parts = self._parts(low, high)
            if not parts:
                continue
            limit = answer.left if self._exact else None
            rows = plan.union(parts)
            ordered = plan.newest_or_oldest(rows, self._asked.backward, limit)
            yield from self._reader.batches(ordered)

    def _parts(self, low: int, high: int) -> list[plan.Sql]:
        if self._fields is None:
            return rows_of(self._reader.sources(self._streams, low, high), _ROW, self._where)
        parts = []
        for origins, streams in by_origin(self._streams, self._fields.names).items():
            for part in self._reader.sources(streams, low, high):
                try:
                    rows = field_rows(self._fields, origins, part)
                except UndecidedError:
                    parts.append(part.source.select(_ROW, self._where))
                    continue
                parts.append(rows.source.select(_ROW, self._where & rows.may_pass))
        return parts

    def _windows(self) -> Iterator[tuple[int, int]]:
        """Times from one end to the other; the first window is to have some lines."""
        asked = self._asked
        total = self._reader.lines_of(self._streams, asked.start, asked.end)
        low, high = self._extent()
        if total == 0 or low >= high:
            return
        all_pass = self._exact and self._where is plan.EVERYTHING
        lines = asked.limit if all_pass else max(_FIRST_WINDOW, asked.limit)
        width = max(1, (high - low) * lines // total)
        while low < high:
            if width * 1.5 >= high - low:
                yield low, high
                return
            widest = width if all_pass else width * _STRETCH
            if asked.backward:
                edge = self._between_segments(high - width, max(low, high - widest))
                yield edge, high
                high = edge
            else:
                edge = self._between_segments(low + width, min(high, low + widest))
                yield low, edge
                low = edge
            width *= _GROWTH

    def _between_segments(self, edge: int, farthest: int) -> int:
        """The end of a window, or a later one up to the farthest, where it cuts no segment in two:
        to be searched for text in two halves, a segment is read twice."""
        for segment in self._reader.snapshot.segments:
            if segment.first < edge <= segment.last:
                end = segment.first if farthest < edge else segment.last + 1
                if min(edge, farthest) <= end <= max(edge, farthest):
                    edge = end
        return edge

    def _extent(self) -> tuple[int, int]:
        """The part of the time asked for where there may be lines."""
        snapshot = self._reader.snapshot
        low, high = self._asked.end, self._asked.start
        if snapshot.head_streams & self._streams.keys():
            times = snapshot.head.column("ts").to_numpy()
            low, high = min(low, int(times.min())), max(high, int(times.max()) + 1)
        for segment in snapshot.segments:
            for number, extent in segment.streams.items():
                if number in self._streams:
                    low, high = min(low, extent.first), max(high, extent.last + 1)
        return max(low, self._asked.start), min(high, self._asked.end)
