"""How lines get in: queued, written in groups, one fsync for all that came meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pyarrow as pa

from vigie.store.segments.contents import Contents
from vigie.store.segments.counters import Counters
from vigie.store.segments.errors import QueueFullError, StoreFullError, TooManyStreamsError
from vigie.store.segments.limits import MIB, StoreLimits
from vigie.store.segments.lines import WRITTEN, Lines
from vigie.store.segments.streams import Streams

log = logging.getLogger("vigie.store")

_GROUP = 4 * MIB
"""Bytes of lines that one commit writes, at least where so many wait."""

Listener = Callable[[Sequence[Lines]], None]
_Push = tuple[Sequence[Lines], int, Future[None]]


class Writer:
    """Writes pushes in a thread of its own. `rotated` is told when a chunk can become a segment,
    or should be one at last."""

    def __init__(
        self,
        contents: Contents,
        limits: StoreLimits,
        counters: Counters,
        rotated: Callable[[], None],
    ) -> None:
        self.full = False
        """Whether the disk took no more when it was last asked."""
        self.waiting_bytes = 0
        """Of lines that wait to be written."""
        self._contents = contents
        self.limits = limits
        self._counters = counters
        self._rotated = rotated
        self._queue: queue.Queue[_Push | None] = queue.Queue()
        self._listeners: list[Listener] = []
        self._thread = threading.Thread(target=self._write, name="store-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._queue.put(None)
        self._thread.join()

    def push(self, lines: Sequence[Lines]) -> Future[None]:
        """See `LogStore.push`."""
        size = sum(one.size for one in lines)
        done: Future[None] = Future()
        with self._contents.lock:
            if self.waiting_bytes and self.waiting_bytes + size > self.limits.queue_bytes:
                self._counters.refused_queue += 1
                raise QueueFullError
            self.waiting_bytes += size
        self._queue.put((lines, size, done))
        return done

    def listen(self, listener: Listener) -> Callable[[], None]:
        """See `LogStore.listen`."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _write(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            size = first[1]
            while size < _GROUP:
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

    def _commit(self, group: list[_Push], size: int) -> None:
        failure: Exception | None = None
        try:
            if self._contents.head.size > self.limits.head_bytes:
                # The segments do not keep up: the clients are to slow down, or the disk is full.
                self._rotated()
                raise StoreFullError if self.full else QueueFullError
            self._append([one for lines, _, _ in group for one in lines])
        except OSError as error:
            failure = StoreFullError(str(error))
            self._counters.failed_writes += 1
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
        with self._contents.lock:
            self.waiting_bytes -= size
            if isinstance(failure, StoreFullError):
                self._counters.refused_full += len(group)
            elif isinstance(failure, QueueFullError):
                self._counters.refused_queue += len(group)
        for lines, _, done in group:
            if failure is not None:
                done.set_exception(failure)
                continue
            done.set_result(None)
            for listener in tuple(self._listeners):
                listener(lines)

    def _append(self, group: list[Lines]) -> None:
        """Write lines to the log and the head, all or none; raises OSError."""
        contents = self._contents
        streams = contents.streams
        new = {one.stream for one in group if streams.number(one.stream) is None}
        if new and len(streams) + len(new) > self.limits.most_streams:
            raise TooManyStreamsError
        streams.add(one.stream for one in group)
        batch, groups = _batch(group, streams)
        contents.secure(batch)
        if self.full:
            log.warning("the log can be written again")
            self.full = False
        with contents.lock:
            size = contents.add(batch, groups)
            grown = contents.head.chunks[-1].size >= self.limits.chunk_bytes
            if grown and contents.rotate():
                self._rotated()
        self._counters.commits += 1
        self._counters.lines += batch.num_rows
        self._counters.bytes += size


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
