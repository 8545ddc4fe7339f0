"""The store itself: pushes in, snapshots out, and what is done behind them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from vigie.store.memory import give_back
from vigie.store.segments import head as heads
from vigie.store.segments import manifest as manifests
from vigie.store.segments import wal as wals
from vigie.store.segments.columns import Columns, json_columns
from vigie.store.segments.errors import QueueFullError, StoreFullError, TooManyStreamsError
from vigie.store.segments.folder import hold
from vigie.store.segments.lines import WRITTEN, Lines
from vigie.store.segments.segment import DAY_NS, Segment, read_segment, write_segment
from vigie.store.segments.streams import Labels, Streams

log = logging.getLogger("vigie.store")

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much the store keeps, and holds in memory."""

    retention_seconds: float = 7 * 86_400
    max_bytes: int | None = None
    """Of the files; the oldest segments go first."""
    queue_bytes: int = 16 * MIB
    """Of lines that wait to be written."""
    head_bytes: int = 64 * MIB
    """Of lines that are in no segment yet; above it pushes are refused."""
    chunk_bytes: int = 16 * MIB
    """Of lines; so much becomes one segment."""
    chunk_seconds: float = 300
    """A chunk that is older becomes a segment, however small."""
    idle_seconds: float = 1.5
    """A chunk of some size that nothing is added to becomes a segment."""
    quiet_seconds: float = 0.7
    """Columns are made when nothing has come for so long."""
    most_streams: int = 100_000


_WORTH_A_SEGMENT = 5_000
"""Lines; a smaller chunk waits for more when nothing comes."""
_SMALL = 8 * MIB
_MERGED = 8
"""So many small segments of a day become one."""
_REFINED = 24 * MIB
"""Bytes of lines that are given columns at once."""
_MOST_PLAIN = 24
"""Segments without columns; above it they get some, even while lines come."""


@dataclass(slots=True)
class Counters:
    """What the store has done; the wire shows them as metrics."""

    lines: int = 0
    bytes: int = 0
    repeated_lines: int = 0
    commits: int = 0
    refused_full: int = 0
    refused_queue: int = 0
    dropped_segments_age: int = 0
    dropped_segments_size: int = 0
    failed_writes: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store as it was at one moment: streams, segments, and the lines in neither twice."""

    streams: Streams
    segments: tuple[Segment, ...]
    head: pa.Table
    head_streams: frozenset[int]


class LogStore:
    """The lines of one folder; one process has it, others get `HeldError`."""

    def __init__(
        self,
        folder: Path,
        limits: StoreLimits | None = None,
        clock: Callable[[], float] = time.time,
        columns: Columns = json_columns,
    ) -> None:
        self.folder = folder
        self.limits = limits or StoreLimits()
        self.counters = Counters()
        self.full = False
        """Whether the disk took no more when it was last asked."""
        self.beside: tuple[LogStore, ...] = ()
        """Stores that `max_bytes` is for together with this one."""
        self._clock = clock
        self._columns = columns
        self._lock_file = hold(folder)
        self._lock = threading.RLock()
        self._tending = threading.RLock()
        """Held while segments are made, merged or dropped; taken before `_lock`."""
        self._using: dict[str, int] = {}
        self._gone: dict[str, Segment] = {}
        self._queue: queue.Queue[tuple[Sequence[Lines], int, Future[None]] | None] = queue.Queue()
        self._waiting_bytes = 0
        self._settled: tuple[object, pa.Table] | None = None
        self._listeners: list[Callable[[Sequence[Lines]], None]] = []
        self._flusher_wakes = threading.Event()
        self._closing = False
        self._last_push = time.monotonic()
        self._duckdb = duckdb.connect(config={"threads": 2, "memory_limit": "128MB"})
        self._background = duckdb.connect(config={"threads": 1, "memory_limit": "96MB"})
        for connection in (self._duckdb, self._background):
            connection.execute("SET temp_directory = ?", [str(folder / "temporary")])
            connection.execute("SET parquet_metadata_cache = true")
            connection.execute("SET enable_external_file_cache = false")
            connection.execute("SET preserve_insertion_order = true")
        self._open()
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._flusher = threading.Thread(target=self._tend, name="store-flusher", daemon=True)
        self._writer.start()
        self._flusher.start()

    # --- opening ---

    def _open(self) -> None:
        logs, parts = self.folder / "log", self.folder / "segments"
        logs.mkdir(exist_ok=True)
        parts.mkdir(exist_ok=True)
        self.streams = Streams(self.folder)
        known = manifests.read(self.folder)
        self._segments = [read_segment(parts / f"{name}.parquet") for name in known.segments]
        for path in parts.iterdir():
            if path.stem not in known.segments:
                path.unlink()
        self._covered = known.covered
        self._sequence = known.next_sequence
        self._segment_number = max((int(n.split("-")[0]) for n in known.segments), default=0)
        self._head = heads.Head()
        self._head.know(self._segments)
        number = known.covered
        for number in wals.numbers(logs):
            path = wals.path_of(logs, number)
            if number <= known.covered:
                path.unlink()
                continue
            self._replay(path, number)
        self._logs = logs
        self._parts = parts
        self._wal_number = max(number, known.covered)
        self._new_chunk()

    def _replay(self, path: Path, number: int) -> None:
        self._head.chunks.append(heads.Chunk(number, began=time.monotonic()))
        for batch, first in wals.replay(path):
            self._head.add(batch, first, heads.groups_of(batch))
            self._sequence = max(self._sequence, first + batch.num_rows)

    def _new_chunk(self) -> None:
        self._wal_number += 1
        self._wal = wals.Wal(self._logs, self._wal_number)
        self._head.chunks.append(heads.Chunk(self._wal_number))

    # --- writing ---

    def push(self, lines: Sequence[Lines]) -> Future[None]:
        """Give lines to be written; the future is done when they are on disk.

        Raises `QueueFullError`; the future fails with `StoreFullError` or `TooManyStreamsError`.
        """
        size = sum(one.size for one in lines)
        done: Future[None] = Future()
        with self._lock:
            if self._waiting_bytes and self._waiting_bytes + size > self.limits.queue_bytes:
                self.counters.refused_queue += 1
                raise QueueFullError
            self._waiting_bytes += size
        self._queue.put((lines, size, done))
        return done

    def listen(self, listener: Callable[[Sequence[Lines]], None]) -> Callable[[], None]:
        """Call `listener`, in the writer's thread, with what is written; gives how to end it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _write(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            size = first[1]
            while size < 4 * MIB:
                try:
                    one = self._queue.get_nowait()
                except queue.Empty:
                    break
                if one is None:
                    self._queue.put(None)
                    break
                group.append(one)
                size += one[1]
            self._commit(group, size)

    def _commit(self, group: list[tuple[Sequence[Lines], int, Future[None]]], size: int) -> None:
        failure: Exception | None = None
        try:
            if self._head.size > self.limits.head_bytes:
                # The segments do not keep up: the clients are to slow down, or the disk is full.
                self._flusher_wakes.set()
                raise StoreFullError if self.full else QueueFullError
            self._append([one for lines, _, _ in group for one in lines])
        except OSError as error:
            failure = StoreFullError(str(error))
            self.counters.failed_writes += 1
            if not self.full:
                log.error(
                    "the log cannot be written, and pushes are refused until it can: %s", error
                )
            self.full = True
        except (QueueFullError, StoreFullError, TooManyStreamsError) as error:
            failure = error
        except Exception as error:  # the clients must hear of it, and the writer must live
            log.exception("a push could not be written")
            failure = error
        with self._lock:
            self._waiting_bytes -= size
            if isinstance(failure, StoreFullError):
                self.counters.refused_full += len(group)
            elif isinstance(failure, QueueFullError):
                self.counters.refused_queue += len(group)
        for lines, _, done in group:
            if failure is not None:
                done.set_exception(failure)
                continue
            done.set_result(None)
            for listener in tuple(self._listeners):
                listener(lines)

    def _append(self, group: list[Lines]) -> None:
        """Write lines to the log and the head, all or none; raises OSError."""
        new = {one.stream for one in group if self.streams.number(one.stream) is None}
        if new and len(self.streams) + len(new) > self.limits.most_streams:
            raise TooManyStreamsError
        self.streams.add(one.stream for one in group)
        batch, groups = _batch(group, self.streams)
        self._wal.append(batch, self._sequence)
        if self.full:
            log.warning("the log can be written again")
            self.full = False
        now = time.monotonic()
        with self._lock:
            chunk = self._head.chunks[-1]
            if not chunk.lines:
                chunk.began = now
            size = self._head.add(batch, self._sequence, groups)
            self._sequence += batch.num_rows
            self._last_push = now
            self._settled = None
            if chunk.size >= self.limits.chunk_bytes:
                self._rotate()
        self.counters.commits += 1
        self.counters.lines += batch.num_rows
        self.counters.bytes += size

    def _rotate(self) -> None:
        """Begin a new log file; the one before can become a segment."""
        before = self._wal
        try:
            self._new_chunk()
        except OSError as error:
            log.error("no new log file can be begun: %s", error)
            self._wal_number -= 1
            self._wal = before
            return
        before.close()
        self._flusher_wakes.set()

    # --- reading ---

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The store at this moment; its files stay until the end of the block."""
        with self._lock:
            segments = tuple(self._segments)
            table = self._settled_head()
            for one in segments:
                self._using[one.name] = self._using.get(one.name, 0) + 1
        streams = frozenset(table.column("stream").unique().to_pylist())
        try:
            yield Snapshot(self.streams, segments, table, streams)
        finally:
            with self._lock:
                for one in segments:
                    self._using[one.name] -= 1
                    if not self._using[one.name]:
                        del self._using[one.name]
                        if gone := self._gone.pop(one.name, None):
                            gone.delete()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, to read with; it is to be closed."""
        return self._duckdb.cursor()

    def _settled_head(self) -> pa.Table:
        if self._settled is None:
            self._settled = (None, self._settle(self._head.chunks))
        return self._settled[1]

    def _settle(self, chunks: list[heads.Chunk]) -> pa.Table:
        """The lines of the chunks, each once."""
        batches = [batch for chunk in chunks for batch in chunk.batches]
        table = pa.Table.from_batches(batches, schema=heads.ROWS)
        if not any(chunk.unsettled for chunk in chunks):
            return table
        cursor = self._duckdb.cursor()
        try:
            numbers = heads.repeated(table, self._segments, cursor)
        finally:
            cursor.close()
        for chunk in chunks:
            if chunk.unsettled and numbers:
                kept = heads.without(pa.Table.from_batches(chunk.batches, heads.ROWS), numbers)
                self.counters.repeated_lines += chunk.lines - kept.num_rows
                chunk.batches = kept.to_batches()
                chunk.lines = kept.num_rows
        table = heads.without(table, numbers)
        for chunk in chunks:
            chunk.unsettled = False
        return table

    # --- what is done behind ---

    def _tend(self) -> None:
        next_care = 0.0
        while not self._closing:
            self._flusher_wakes.wait(0.5)
            self._flusher_wakes.clear()
            try:
                self.flush_due()
                while self._may_refine() and self.refine():
                    self.flush_due()
                if time.monotonic() >= next_care:
                    next_care = time.monotonic() + 30
                    self.expire()
            except Exception:  # whatever it was, a later round tries again
                self.counters.failed_writes += 1
                log.exception("the segments could not be tended; it is tried again")
                self._flusher_wakes.wait(5)

    def _may_refine(self) -> bool:
        """Columns are made when nobody pushes, or when too many segments have none."""
        quiet = time.monotonic() - self._last_push > self.limits.quiet_seconds
        plain = sum(one.fields is None for one in self._segments)
        return not self._closing and (quiet or plain > _MOST_PLAIN)

    def flush_due(self) -> None:
        """Make segments of the chunks that are big or old enough."""
        with self._tending:
            self._flush_due()

    def _flush_due(self) -> None:
        with self._lock:
            last = self._head.chunks[-1]
            now = time.monotonic()
            idle = last.lines >= _WORTH_A_SEGMENT and (
                now - self._last_push > self.limits.idle_seconds
            )
            old = last.lines and now - last.began > self.limits.chunk_seconds
            if idle or old:
                self._rotate()
            due = self._head.chunks[:-1]
        for chunk in due:
            if not self._flush(chunk):
                return

    def flush(self) -> None:
        """Make segments of all lines."""
        with self._tending:
            with self._lock:
                if self._head.chunks[-1].lines:
                    self._rotate()
                due = self._head.chunks[:-1]
            for chunk in due:
                self._flush(chunk)

    def _flush(self, chunk: heads.Chunk) -> bool:
        with self._lock:
            if chunk.unsettled:
                self._settled = (None, self._settle(self._head.chunks))
            table = pa.Table.from_batches(chunk.batches, schema=heads.ROWS)
        written: list[Segment] = []
        try:
            written = self._write_segments(table)
            with self._lock:
                segments = [*self._segments, *written]
                self._put_manifest(segments, chunk.number)
                self._segments = segments
                self._covered = chunk.number
                self._head.chunks.remove(chunk)
                self._settled = None
        except OSError as error:
            for one in written:
                one.delete()
            self.counters.failed_writes += 1
            log.error("no segment can be written; it is tried again: %s", error)
            return False
        wals.path_of(self._logs, chunk.number).unlink(missing_ok=True)
        give_back()
        return True

    def _write_segments(self, table: pa.Table) -> list[Segment]:
        """The segments of the lines of a table, one for each day."""
        import numpy as np

        days = table.column("ts").to_numpy() // DAY_NS
        written: list[Segment] = []
        try:
            for day in np.unique(days):
                rows = (
                    table
                    if len(written) == 0 and (days == day).all()
                    else table.filter(pa.array(days == day))
                )
                written.append(self._write_segment(rows, int(day), columns=False))
        except OSError:
            for one in written:
                one.delete()
            raise
        return written

    def _write_segment(self, rows: pa.Table, day: int, columns: bool) -> Segment:
        self._segment_number += 1
        path = self._parts / f"{self._segment_number:09}-{day}.parquet"
        chosen = self._columns if columns else None
        return write_segment(self._background, path, rows, day, chosen)

    def _put_manifest(self, segments: list[Segment], covered: int) -> None:
        names = tuple(one.name for one in segments)
        manifests.write(self.folder, manifests.Manifest(names, covered, self._sequence))

    def expire(self) -> None:
        """Drop the days that are over, and the oldest segments when there are too many bytes."""
        elsewhere = sum(one.disk_bytes() for one in self.beside)
        with self._tending, self._lock:
            oldest = int((self._clock() - self.limits.retention_seconds) * 1e9) // DAY_NS
            over = [one for one in self._segments if one.day < oldest]
            if over:
                log.info(
                    "dropping %d segments that are over %d days old",
                    len(over),
                    int(self.limits.retention_seconds // 86_400),
                )
                self._drop(over)
                self.counters.dropped_segments_age += len(over)
            self._keep_to_size(elsewhere)

    def _keep_to_size(self, elsewhere: int) -> None:
        """`elsewhere` are the bytes of the stores beside this one, which drop what is older."""
        if self.limits.max_bytes is None:
            return
        total = self.disk_bytes() + elsewhere
        older = min((one.last for store in self.beside for one in store.segments()), default=None)
        going = []
        for one in sorted(self._segments, key=lambda segment: segment.last):
            if total <= self.limits.max_bytes or (older is not None and one.last > older):
                break
            going.append(one)
            total -= one.file_size
        if going:
            log.warning(
                "retention.max_bytes is %d: dropping the %d oldest segments, with %d lines",
                self.limits.max_bytes,
                len(going),
                sum(one.lines for one in going),
            )
            self._drop(going)
            self.counters.dropped_segments_size += len(going)

    def refine(self) -> bool:
        """Make one segment with columns of some that have none, or of several small ones.

        Gives whether there was something to do; raises OSError.
        """
        with self._tending:
            with self._lock:
                chosen = _to_refine(self._segments)
            if not chosen:
                return False
            rows = self._background.sql(
                "SELECT stream, ts, seq, line, meta FROM read_parquet(?)",
                params=[[str(one.path) for one in chosen]],
            ).to_arrow_table()
            refined = self._write_segment(rows.cast(heads.ROWS), chosen[0].day, columns=True)
            del rows
            with self._lock:
                kept = [one for one in self._segments if one not in chosen]
                self._put_manifest([*kept, refined], self._covered)
                self._segments = [*kept, refined]
                self._forget(chosen)
        give_back()
        return True

    def _drop(self, segments: list[Segment]) -> None:
        kept = [one for one in self._segments if one not in segments]
        self._put_manifest(kept, self._covered)
        self._segments = kept
        self._forget(segments)
        used = {stream for one in kept for stream in one.streams}
        used |= set(self._head.table().column("stream").unique().to_pylist())
        self.streams.keep_only(used)

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
        with self._lock:
            logs = sum(path.stat().st_size for path in self._logs.glob("*.wal"))
            return logs + sum(one.file_size for one in self._segments)

    def segments(self) -> tuple[Segment, ...]:
        """The segments that count."""
        return tuple(self._segments)

    def head_lines(self) -> int:
        """Lines that are in no segment yet."""
        return self._head.lines

    def waiting_bytes(self) -> int:
        """Bytes of lines that wait to be written."""
        return self._waiting_bytes

    def close(self) -> None:
        """Write what waits, and let go of the folder."""
        import os

        self._closing = True
        self._queue.put(None)
        self._writer.join()
        self._flusher_wakes.set()
        self._flusher.join()
        self._wal.close()
        self.streams.close()
        self._duckdb.close()
        self._background.close()
        os.close(self._lock_file)


def _to_refine(segments: list[Segment]) -> list[Segment]:
    """Segments of one day that are to become one with columns."""
    days: dict[int, list[Segment]] = {}
    for one in segments:
        if one.fields is None or one.raw_size < _SMALL:
            days.setdefault(one.day, []).append(one)
    for candidates in days.values():
        plain = any(one.fields is None for one in candidates)
        if not plain and len(candidates) < _MERGED:
            continue
        # Those without columns come first, and take others with them as far as it is not too much.
        chosen: list[Segment] = []
        size = 0
        for one in sorted(candidates, key=lambda each: (each.fields is not None, each.name)):
            if not chosen or size + one.raw_size <= _REFINED:
                chosen.append(one)
                size += one.raw_size
        if plain or len(chosen) >= _MERGED // 2:
            return chosen
    return []


def _batch(
    group: list[Lines], streams: Streams
) -> tuple[pa.RecordBatch, list[tuple[int, int, int]]]:
    """The lines as one batch, and which of its rows are of which stream."""
    numbers: list[int] = []
    times: list[int] = []
    lines: list[str] = []
    metadata: list[str | None] = []
    groups = []
    for one in group:
        number = streams.number(one.stream)
        assert number is not None  # they were added before
        count = len(one.times)
        groups.append((number, len(times), len(times) + count))
        numbers += [number] * count
        times += one.times
        lines += one.lines
        metadata += one.metadata if one.metadata is not None else [None] * count
    columns = [
        pa.array(numbers, pa.int32()),
        pa.array(times, pa.int64()),
        pa.array(lines, pa.string()),
        pa.array(metadata, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=WRITTEN), groups


__all__ = ["Labels", "LogStore", "Snapshot", "StoreLimits"]
