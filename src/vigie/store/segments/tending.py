"""What is done behind the pushes: segments are made, given columns, merged, and dropped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa

from vigie.store.memory import give_back
from vigie.store.segments import head as heads
from vigie.store.segments.columns import Columns
from vigie.store.segments.contents import Contents
from vigie.store.segments.counters import Counters
from vigie.store.segments.limits import MIB, StoreLimits
from vigie.store.segments.segment import DAY_NS, Segment, write_segment

log = logging.getLogger("vigie.store")

_WORTH_A_SEGMENT = 5_000
"""Lines; a smaller chunk waits for more when nothing comes."""
_SMALL = 8 * MIB
_MERGED = 8
"""So many small segments of a day become one."""
_REFINED = 24 * MIB
"""Bytes of lines that are given columns at once."""
_MOST_PLAIN = 24
"""Segments without columns; above it they get some, even while lines come."""
_CARE_SECONDS = 30
_LOOK_SECONDS = 0.5
_AFTER_FAILURE_SECONDS = 5


class Neighbour(Protocol):
    """Another store that `max_bytes` is for together with this one."""

    def disk_bytes(self) -> int:
        """Bytes of all files."""

    def segments(self) -> tuple[Segment, ...]:
        """The segments that count."""


class Tender:
    """Tends the segments of a store in a thread of its own, and whenever it is asked to."""

    def __init__(
        self,
        contents: Contents,
        limits: StoreLimits,
        counters: Counters,
        connection: duckdb.DuckDBPyConnection,
        *,
        clock: Callable[[], float],
        columns: Columns,
        beside: Callable[[], Sequence[Neighbour]],
    ) -> None:
        self._contents = contents
        self.limits = limits
        self._counters = counters
        self._connection = connection
        self._clock = clock
        self._columns = columns
        self._beside = beside
        self._tending = threading.RLock()
        """Held while segments are made, merged or dropped; taken before that of the contents."""
        self._wakes = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._tend, name="store-flusher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wakes.set()

    def stop_soon(self) -> None:
        """Begin nothing more."""
        self._closing = True

    def close(self) -> None:
        """Stop."""
        self._closing = True
        self._wakes.set()
        self._thread.join()

    def _tend(self) -> None:
        next_care = 0.0
        while not self._closing:
            self._wakes.wait(_LOOK_SECONDS)
            self._wakes.clear()
            try:
                self.flush_due()
                while self._may_refine() and self.refine():
                    self.flush_due()
                if time.monotonic() >= next_care:
                    next_care = time.monotonic() + _CARE_SECONDS
                    self.expire()
            except Exception:  # whatever it was, a later round tries again
                self._counters.failed_writes += 1
                log.exception("the segments could not be tended; it is tried again")
                self._wakes.wait(_AFTER_FAILURE_SECONDS)

    # --- lines become segments ---

    def flush_due(self) -> None:
        """Make segments of the chunks that are big or old enough."""
        with self._tending:
            contents = self._contents
            with contents.lock:
                last = contents.head.chunks[-1]
                now = time.monotonic()
                idle = last.lines >= _WORTH_A_SEGMENT and (
                    now - contents.last_push > self.limits.idle_seconds
                )
                old = last.lines and now - last.began > self.limits.chunk_seconds
                if idle or old:
                    contents.rotate()
                due = contents.head.chunks[:-1]
            for chunk in due:
                if not self._flush(chunk):
                    return

    def flush(self) -> None:
        """Make segments of all lines."""
        with self._tending:
            contents = self._contents
            with contents.lock:
                if contents.head.chunks[-1].lines:
                    contents.rotate()
                due = contents.head.chunks[:-1]
            for chunk in due:
                self._flush(chunk)

    def _flush(self, chunk: heads.Chunk) -> bool:
        written: list[Segment] = []
        table = self._contents.lines_of(chunk)
        try:
            written = self._write_segments(table)
            self._contents.cover(chunk, written)
        except OSError as error:
            for one in written:
                one.delete()
            self._counters.failed_writes += 1
            log.error("no segment can be written; it is tried again: %s", error)
            return False
        self._contents.clear(chunk)
        give_back()
        return True

    def _write_segments(self, table: pa.Table) -> list[Segment]:
        """The segments of the lines of a table, one for each day."""
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
        path = self._contents.new_segment(day)
        chosen = self._columns if columns else None
        return write_segment(self._connection, path, rows, day, chosen)

    # --- segments get columns ---

    def _may_refine(self) -> bool:
        """Columns are made when nobody pushes, or when too many segments have none."""
        quiet = time.monotonic() - self._contents.last_push > self.limits.quiet_seconds
        plain = sum(one.fields is None for one in self._contents.segments)
        return not self._closing and (quiet or plain > _MOST_PLAIN)

    def refine(self) -> bool:
        """Make one segment with columns of some that have none, or of several small ones.

        Gives whether there was something to do; raises OSError.
        """
        with self._tending:
            with self._contents.lock:
                chosen = _to_refine(self._contents.segments)
            if not chosen:
                return False
            rows = self._connection.sql(
                "SELECT stream, ts, seq, line, meta FROM read_parquet(?) ORDER BY stream, ts, seq",
                params=[[str(one.path) for one in chosen]],
            ).to_arrow_table()
            refined = self._write_segment(rows.cast(heads.ROWS), chosen[0].day, columns=True)
            del rows
            self._contents.replace(chosen, refined)
        give_back()
        return True

    # --- segments are dropped ---

    def expire(self) -> None:
        """Drop the days that are over, and the oldest segments when there are too many bytes."""
        elsewhere = sum(one.disk_bytes() for one in self._beside())
        contents = self._contents
        with self._tending, contents.lock:
            oldest = int((self._clock() - self.limits.retention_seconds) * 1e9) // DAY_NS
            over = [one for one in contents.segments if one.day < oldest]
            if over:
                log.info(
                    "dropping %d segments that are over %d days old",
                    len(over),
                    int(self.limits.retention_seconds // 86_400),
                )
                contents.drop(over)
                self._counters.dropped_segments_age += len(over)
            self._keep_to_size(elsewhere)

    def _keep_to_size(self, elsewhere: int) -> None:
        """`elsewhere` are the bytes of the stores beside this one, which drop what is older."""
        if self.limits.max_bytes is None:
            return
        contents = self._contents
        total = contents.disk_bytes() + elsewhere
        older = min(
            (one.last for store in self._beside() for one in store.segments()), default=None
        )
        going = []
        for one in sorted(contents.segments, key=lambda segment: segment.last):
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
            contents.drop(going)
            self._counters.dropped_segments_size += len(going)


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
