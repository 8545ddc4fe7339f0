"""What a store holds: streams, segments, and the lines that are in the log only.

It is opened from what is on the disk, looked at as it is at one moment, and changed under its lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from vigie.store.segments import head as heads
from vigie.store.segments import manifest as manifests
from vigie.store.segments import wal as wals
from vigie.store.segments.counters import Counters
from vigie.store.segments.segment import Segment, read_segment
from vigie.store.segments.streams import Streams

log = logging.getLogger("vigie.store")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store as it was at one moment: streams, segments, and the lines in neither twice."""

    streams: Streams
    segments: tuple[Segment, ...]
    head: pa.Table
    head_streams: frozenset[int]


class Contents:
    """The contents of one folder, which is held by this process. `connection` is DuckDB's."""

    def __init__(
        self, folder: Path, connection: duckdb.DuckDBPyConnection, counters: Counters
    ) -> None:
        self.lock = threading.RLock()
        """Held while anything here is changed, or looked at together."""
        self.last_push = time.monotonic()
        self._folder = folder
        self._connection = connection
        self._counters = counters
        self._using: dict[str, int] = {}
        self._gone: dict[str, Segment] = {}
        self._settled: pa.Table | None = None
        self._logs = folder / "log"
        self.parts = folder / "segments"
        """Where the segments' files are."""
        self._open()

    # --- opening ---

    def _open(self) -> None:
        self._logs.mkdir(exist_ok=True)
        self.parts.mkdir(exist_ok=True)
        self.streams = Streams(self._folder)
        known = manifests.read(self._folder)
        self.segments = [read_segment(self.parts / f"{name}.parquet") for name in known.segments]
        for path in self.parts.iterdir():
            if path.stem not in known.segments:
                path.unlink()
        self._covered = known.covered
        self._sequence = known.next_sequence
        self._segment_number = max((int(n.split("-")[0]) for n in known.segments), default=0)
        self.head = heads.Head()
        self.head.know(self.segments)
        number = known.covered
        for number in wals.numbers(self._logs):
            path = wals.path_of(self._logs, number)
            if number <= known.covered:
                path.unlink()
                continue
            self._replay(path, number)
        self._wal_number = max(number, known.covered)
        self._new_chunk()

    def _replay(self, path: Path, number: int) -> None:
        self.head.chunks.append(heads.Chunk(number, began=time.monotonic()))
        for batch, first in wals.replay(path):
            self.head.add(batch, first, heads.groups_of(batch))
            self._sequence = max(self._sequence, first + batch.num_rows)

    def _new_chunk(self) -> None:
        self._wal_number += 1
        self._wal = wals.Wal(self._logs, self._wal_number)
        self.head.chunks.append(heads.Chunk(self._wal_number))

    # --- the log ---

    def secure(self, batch: pa.RecordBatch) -> None:
        """Bring lines to the disk; they are seen once they are added. Raises OSError."""
        self._wal.append(batch, self._sequence)

    def add(self, batch: pa.RecordBatch, groups: list[tuple[int, int, int]]) -> int:
        """Let lines be seen that are on the disk; gives their bytes."""
        now = time.monotonic()
        with self.lock:
            chunk = self.head.chunks[-1]
            if not chunk.lines:
                chunk.began = now
            size = self.head.add(batch, self._sequence, groups)
            self._sequence += batch.num_rows
            self.last_push = now
            self._settled = None
            return size

    def rotate(self) -> bool:
        """Begin a new log file, so that the one before can become a segment; whether it is so."""
        before = self._wal
        try:
            self._new_chunk()
        except OSError as error:
            log.error("no new log file can be begun: %s", error)
            self._wal_number -= 1
            self._wal = before
            return False
        before.close()
        return True

    # --- a look ---

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The store at this moment; its files stay until the end of the block."""
        with self.lock:
            segments = tuple(self.segments)
            table = self._settled_head()
            for one in segments:
                self._using[one.name] = self._using.get(one.name, 0) + 1
        streams = frozenset(table.column("stream").unique().to_pylist())
        try:
            yield Snapshot(self.streams, segments, table, streams)
        finally:
            with self.lock:
                for one in segments:
                    self._using[one.name] -= 1
                    if not self._using[one.name]:
                        del self._using[one.name]
                        if gone := self._gone.pop(one.name, None):
                            gone.delete()

    def lines_of(self, chunk: heads.Chunk) -> pa.Table:
        """The lines of a chunk, each once."""
        with self.lock:
            if chunk.unsettled:
                self._settled = self._settle(self.head.chunks)
            return pa.Table.from_batches(chunk.batches, schema=heads.ROWS)

    def _settled_head(self) -> pa.Table:
        if self._settled is None:
            self._settled = self._settle(self.head.chunks)
        return self._settled

    def _settle(self, chunks: list[heads.Chunk]) -> pa.Table:
        """The lines of the chunks, each once."""
        batches = [batch for chunk in chunks for batch in chunk.batches]
        table = pa.Table.from_batches(batches, schema=heads.ROWS)
        if not any(chunk.unsettled for chunk in chunks):
            return table
        cursor = self._connection.cursor()
        try:
            numbers = heads.repeated(table, self.segments, cursor)
        finally:
            cursor.close()
        for chunk in chunks:
            if chunk.unsettled and numbers:
                kept = heads.without(pa.Table.from_batches(chunk.batches, heads.ROWS), numbers)
                self._counters.repeated_lines += chunk.lines - kept.num_rows
                chunk.batches = kept.to_batches()
                chunk.lines = kept.num_rows
        table = heads.without(table, numbers)
        for chunk in chunks:
            chunk.unsettled = False
        return table

    # --- segments ---

    def new_segment(self, day: int) -> Path:
        """Where the next segment, of a day, is to be written."""
        self._segment_number += 1
        return self.parts / f"{self._segment_number:09}-{day}.parquet"

    def cover(self, chunk: heads.Chunk, written: list[Segment]) -> None:
        """Let segments stand for the oldest chunk, whose lines they have; raises OSError."""
        with self.lock:
            segments = [*self.segments, *written]
            self._commit(segments, chunk.number)
            self._covered = chunk.number
            self.head.chunks.remove(chunk)
            self._settled = None

    def clear(self, chunk: heads.Chunk) -> None:
        """Delete the log file of a chunk that is covered."""
        wals.path_of(self._logs, chunk.number).unlink(missing_ok=True)

    def replace(self, segments: list[Segment], by: Segment) -> None:
        """Let one segment stand for others; raises OSError."""
        with self.lock:
            kept = [one for one in self.segments if one not in segments]
            self._commit([*kept, by], self._covered)
            self._forget(segments)

    def drop(self, segments: list[Segment]) -> None:
        """Give segments up, and the streams that only they have lines of; raises OSError."""
        with self.lock:
            kept = [one for one in self.segments if one not in segments]
            self._commit(kept, self._covered)
            self._forget(segments)
            used = {stream for one in kept for stream in one.streams}
            used |= set(self.head.table().column("stream").unique().to_pylist())
            self.streams.keep_only(used)

    def _commit(self, segments: list[Segment], covered: int) -> None:
        names = tuple(one.name for one in segments)
        manifests.write(self._folder, manifests.Manifest(names, covered, self._sequence))
        self.segments = segments

    def _forget(self, segments: list[Segment]) -> None:
        """Delete files, or let the last reader of them do it."""
        for one in segments:
            if one.name in self._using:
                self._gone[one.name] = one
            else:
                one.delete()

    # --- what is told ---

    def disk_bytes(self) -> int:
        """Bytes of all files."""
        with self.lock:
            logs = sum(path.stat().st_size for path in self._logs.glob("*.wal"))
            return logs + sum(one.file_size for one in self.segments)

    def close(self) -> None:
        """Let go of the files."""
        self._wal.close()
        self.streams.close()
