"""The lines that are in the log, and not in a segment yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from vigie.store.segments.lines import WRITTEN
from vigie.store.segments.segment import Segment

ROWS = pa.schema(
    [*list(WRITTEN)[:2], pa.field("seq", pa.int64(), nullable=False), *list(WRITTEN)[2:]]
)
"""Lines with the number that tells in which order they came."""


@dataclass(slots=True)
class Chunk:
    """The lines of one log file."""

    number: int
    batches: list[pa.RecordBatch] = field(default_factory=list)
    lines: int = 0
    size: int = 0
    """Bytes of the lines."""
    unsettled: bool = False
    """Whether there may be lines that were there already."""
    began: float = 0.0
    """Monotonic time of the first line, in seconds."""


class Head:
    """The chunks that no segment has yet, oldest first; the last one grows.

    A line that was there already, to the nanosecond and the letter, is none: it is looked for only
    where a stream's time did not grow.
    """

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._latest: dict[int, int] = {}

    def add(self, batch: pa.RecordBatch, first: int, groups: Iterable[tuple[int, int, int]]) -> int:
        """Add lines, numbered from `first` on, to the last chunk; gives the bytes of the lines.

        `groups` are (stream, from, to) for the rows of one stream that follow one another.
        """
        chunk = self.chunks[-1]
        times = batch.column(1).to_numpy()
        for stream, start, end in groups:
            part = times[start:end]
            latest = self._latest.get(stream)
            if (latest is not None and part[0] <= latest) or (
                len(part) > 1 and not (part[1:] > part[:-1]).all()
            ):
                chunk.unsettled = True
            highest = int(part.max())
            self._latest[stream] = highest if latest is None else max(latest, highest)
        numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
        columns = batch.columns
        chunk.batches.append(
            pa.RecordBatch.from_arrays([*columns[:2], numbers, *columns[2:]], schema=ROWS)
        )
        size = _bytes_of(batch.column(2))
        chunk.lines += batch.num_rows
        chunk.size += size
        return size

    def know(self, segments: Iterable[Segment]) -> None:
        """Learn the latest times that segments have."""
        for segment in segments:
            for stream, extent in segment.streams.items():
                self._latest[stream] = max(self._latest.get(stream, extent.last), extent.last)

    @property
    def lines(self) -> int:
        """How many there are."""
        return sum(chunk.lines for chunk in self.chunks)

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum(chunk.size for chunk in self.chunks)

    def table(self) -> pa.Table:
        """All lines; those of unsettled chunks may be there twice."""
        return pa.Table.from_batches([b for c in self.chunks for b in c.batches], schema=ROWS)


def groups_of(batch: pa.RecordBatch) -> list[tuple[int, int, int]]:
    """(stream, from, to) for the rows of one stream that follow one another."""
    streams = batch.column(0).to_numpy()
    ends = [*(np.flatnonzero(streams[1:] != streams[:-1]) + 1).tolist(), len(streams)]
    return [
        (int(streams[start]), start, end)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
        if end > start
    ]


def repeated(
    table: pa.Table, segments: Iterable[Segment], connection: duckdb.DuckDBPyConnection
) -> set[int]:
    """The numbers of lines that an earlier line of the table, or of a segment, equals."""
    streams = table.column("stream").to_numpy()
    times = table.column("ts").to_numpy()
    numbers = table.column("seq").to_numpy()
    order = np.lexsort((numbers, times, streams))
    s, t = streams[order], times[order]
    same = np.flatnonzero((s[1:] == s[:-1]) & (t[1:] == t[:-1]))
    found: set[int] = set()
    if len(same):
        found |= _repeated_inside(table, order, same, numbers)
    for segment in segments:
        found |= _repeated_in(segment, table, streams, times, connection)
    return found


def without(table: pa.Table, numbers: set[int]) -> pa.Table:
    """The table without the lines of these numbers."""
    if not numbers:
        return table
    gone = np.isin(table.column("seq").to_numpy(), list(numbers))
    return table.filter(pa.array(~gone))


def _repeated_inside(
    table: pa.Table, order: np.ndarray, same: np.ndarray, numbers: np.ndarray
) -> set[int]:
    places = np.unique(np.concatenate((order[same], order[same + 1])))
    rows = table.take(pa.array(places)).select(["stream", "ts", "line", "meta", "seq"])
    columns = [column.to_pylist() for column in rows.columns]
    first: dict[tuple[object, ...], int] = {}
    found = set()
    for *key, number in sorted(zip(*columns, strict=True), key=lambda row: row[4]):
        if first.setdefault(tuple(key), number) != number:
            found.add(number)
    return found


def _repeated_in(
    segment: Segment,
    table: pa.Table,
    streams: np.ndarray,
    times: np.ndarray,
    connection: duckdb.DuckDBPyConnection,
) -> set[int]:
    suspects = np.zeros(len(streams), dtype=bool)
    for stream, extent in segment.streams.items():
        suspects |= (streams == stream) & (times >= extent.first) & (times <= extent.last)
    places = np.flatnonzero(suspects)
    if not len(places):
        return set()
    low, high = int(times[places].min()), int(times[places].max())
    connection.register("suspects", table.take(pa.array(places)))
    try:
        rows = connection.execute(
            "SELECT n.seq FROM read_parquet(?) o JOIN suspects n"
            " ON o.stream = n.stream AND o.ts = n.ts AND o.line = n.line"
            " AND o.meta IS NOT DISTINCT FROM n.meta"
            " WHERE o.ts BETWEEN ? AND ? AND o.seq < n.seq",
            [str(segment.path), low, high],
        ).fetchall()
    finally:
        connection.unregister("suspects")
    return {int(number) for (number,) in rows}


def _bytes_of(column: pa.Array) -> int:
    """Bytes of the texts in a column."""
    buffers = column.buffers()
    offsets = np.frombuffer(buffers[1], dtype=np.int32)
    start = column.offset
    return int(offsets[start + len(column)] - offsets[start])
