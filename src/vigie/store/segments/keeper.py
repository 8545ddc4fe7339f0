"""The store itself: pushes in, snapshots out.

`contents` is what it holds, `writing` how lines get in, `tending` what is done behind them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from vigie.store.segments.columns import Columns, json_columns
from vigie.store.segments.contents import Contents, Snapshot
from vigie.store.segments.counters import Counters
from vigie.store.segments.folder import hold
from vigie.store.segments.limits import StoreLimits
from vigie.store.segments.lines import Lines
from vigie.store.segments.segment import Segment
from vigie.store.segments.streams import Streams
from vigie.store.segments.tending import Tender
from vigie.store.segments.writing import Writer


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
        limits = limits or StoreLimits()
        self.counters = Counters()
        self.beside: tuple[LogStore, ...] = ()
        """Stores that `max_bytes` is for together with this one."""
        self._lock_file = hold(folder)
        self._duckdb = _connection(folder, threads=2, memory="128MB")
        self._background = _connection(folder, threads=1, memory="96MB")
        self._contents = Contents(folder, self._duckdb, self.counters)
        self._tender = Tender(
            self._contents,
            limits,
            self.counters,
            self._background,
            clock=clock,
            columns=columns,
            beside=lambda: self.beside,
        )
        self._writer = Writer(self._contents, limits, self.counters, self._tender.wake)
        self._writer.start()
        self._tender.start()

    @property
    def limits(self) -> StoreLimits:
        """What bounds it; may be changed while it runs."""
        return self._tender.limits

    @limits.setter
    def limits(self, limits: StoreLimits) -> None:
        self._tender.limits = self._writer.limits = limits

    # --- in and out ---

    def push(self, lines: Sequence[Lines]) -> Future[None]:
        """Give lines to be written; the future is done when they are on disk.

        Raises `QueueFullError`; the future fails with `StoreFullError` or `TooManyStreamsError`.
        """
        return self._writer.push(lines)

    def listen(self, listener: Callable[[Sequence[Lines]], None]) -> Callable[[], None]:
        """Call `listener`, in the writer's thread, with what is written; gives how to end it."""
        return self._writer.listen(listener)

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The store at this moment; its files stay until the end of the block."""
        return self._contents.snapshot()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, to read with; it is to be closed."""
        return self._duckdb.cursor()

    # --- what is done behind, at once ---

    def flush_due(self) -> None:
        """Make segments of the chunks that are big or old enough."""
        self._tender.flush_due()

    def flush(self) -> None:
        """Make segments of all lines."""
        self._tender.flush()

    def refine(self) -> bool:
        """Make one segment with columns of some that have none, or of several small ones.

        Gives whether there was something to do; raises OSError.
        """
        return self._tender.refine()

    def expire(self) -> None:
        """Drop the days that are over, and the oldest segments when there are too many bytes."""
        self._tender.expire()

    # --- what is told ---

    @property
    def full(self) -> bool:
        """Whether the disk took no more when it was last asked."""
        return self._writer.full

    @property
    def streams(self) -> Streams:
        """The streams that there are lines of."""
        return self._contents.streams

    def disk_bytes(self) -> int:
        """Bytes of all files."""
        return self._contents.disk_bytes()

    def segments(self) -> tuple[Segment, ...]:
        """The segments that count."""
        return tuple(self._contents.segments)

    def head_lines(self) -> int:
        """Lines that are in no segment yet."""
        return self._contents.head.lines

    def waiting_bytes(self) -> int:
        """Bytes of lines that wait to be written."""
        return self._writer.waiting_bytes

    def close(self) -> None:
        """Write what waits, and let go of the folder."""
        self._tender.stop_soon()
        self._writer.close()
        self._tender.close()
        self._contents.close()
        self._duckdb.close()
        self._background.close()
        os.close(self._lock_file)


def _connection(folder: Path, *, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": threads, "memory_limit": memory})
    connection.execute("SET temp_directory = ?", [str(folder / "temporary")])
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET enable_external_file_cache = false")
    connection.execute("SET preserve_insertion_order = true")
    return connection
