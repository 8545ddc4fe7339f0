"""Sends records away from the process, off the path of whoever makes them.

`put` adds to a bounded queue and returns. One thread sends what waits, in batches: a fifth of a
second after the first, so that SIGKILL loses a fifth of a second. While the receiver is away, what
is sent is tried again, ever more rarely; what does not fit into the queue meanwhile is dropped.
Both are told, neither is felt. At the end of the process what waits is sent; a child that was
forked begins with nothing, because what waited then is its parent's to send.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from vigie.costs.ledger import endings
from vigie.instrument.receiver import NotNowError, Receiver, RefusedError, TooLargeError

CAPACITY = 10_000
CAPACITY_BYTES = 16 * 1024 * 1024
BATCH = 1_000
BATCH_BYTES = 1024 * 1024
REST_SECONDS = 0.2
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
ANSWER_SECONDS = 10.0
EXIT_SECONDS = 5.0
SIGTERM_SECONDS = 2.0
HOPELESS_SECONDS = 1.0

Record = TypeVar("Record")

_busy = threading.local()


def is_sending() -> bool:
    """Whether this thread is sending records: what it logs meanwhile is not to be sent in turn."""
    return bool(getattr(_busy, "sending", False))


class Shipper(Generic[Record]):
    """Sends records to one receiver, from any thread and in every forked child.

    `body` makes a batch into what is posted, and `rejected` reads from the answer how many of the
    batch were not kept. `failed` is told each time that sending begins to fail, and each batch that
    is refused; `dropped` how many records were given up.
    """

    def __init__(
        self,
        receiver: Receiver,
        body: Callable[[Sequence[Record]], bytes],
        *,
        failed: Callable[[Exception], None],
        dropped: Callable[[int], None],
        rejected: Callable[[bytes], int] = lambda answer: 0,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        dice: random.Random | None = None,
    ) -> None:
        self._receiver = receiver
        self._body = body
        self._failed = failed
        self._dropped = dropped
        self._rejected = rejected
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._first_pause_seconds = first_pause_seconds
        self._dice = dice or random.Random()
        self._closed = False
        self._leaving = False
        self._begin()
        _watch_forks()
        _shippers.add(self)
        atexit.register(self._exit)
        endings.call_at_sigterm(self._leave)

    def _begin(self) -> None:
        """What a new process starts with."""
        self._queue: deque[tuple[int, Record]] = deque()
        self._batch: list[Record] = []
        self._bytes = 0
        self._counting = threading.RLock()  # again: a signal's handler may log
        self._sending = threading.Lock()
        self._sent_by = 0
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._awake = False
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False
        self._asked: float | None = None  # to be left alone so long; None where it did not answer

    def put(self, record: Record, size_bytes: int) -> None:
        """Have a record sent soon. Neither waits nor raises."""
        if self._closed:
            return
        with self._counting:
            fits = (
                len(self._queue) + len(self._batch) < self._capacity
                and self._bytes + size_bytes <= self._capacity_bytes
            )
            if fits:
                self._bytes += size_bytes
                self._queue.append((size_bytes, record))
        if not fits:
            self._dropped(1)
            return
        if self._leaving:
            if not self._failing:  # else the process would end a little later for each record
                self.flush(SIGTERM_SECONDS)
            return
        if self._thread is None:
            self._start()
        if not self._awake:
            self._awake = True
            self._wake.put(None)

    def flush(self, within_seconds: float = EXIT_SECONDS) -> bool:
        """Send what waits, now and in this thread; returns whether nothing is left.

        A receiver that answers, but not yet takes what is sent, is asked again.
        """
        deadline = time.monotonic() + within_seconds
        while not self._send(deadline):
            if self._asked is None or time.monotonic() + self._asked >= deadline:
                return False
            time.sleep(self._asked)
        return True

    def close(self, within_seconds: float = EXIT_SECONDS) -> None:
        """Send what waits, and take nothing more. What cannot be sent in time is dropped."""
        self._closed = True
        self._end(within_seconds)
        atexit.unregister(self._exit)

    def forget_parent(self) -> None:
        """Begin anew, in a child that was forked."""
        # Its copy of the socket is closed; the parent's stays open.
        self._receiver.close()
        self._begin()

    def _start(self) -> None:
        if self._thread is not None or not self._starting.acquire(blocking=False):
            return  # another thread is at it; or this one, and a signal's handler came between
        try:
            if self._thread is not None:
                return
            endings.call_at_child_exit(self._exit)
            self._stopped = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(self._wake, self._stopped), name="vigie-sender", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no more threads: `_exit` sends what waits
                return
            self._thread = thread
        finally:
            self._starting.release()

    def _leave(self) -> None:
        """SIGTERM came: the process may be gone at once, or go on for a while."""
        self.flush(SIGTERM_SECONDS)

    def _exit(self) -> None:
        self._leaving = True  # others' last words may come after ours
        self._end(EXIT_SECONDS)

    def _end(self, within_seconds: float) -> None:
        self._stopped.set()
        self._wake.put(None)
        # Nobody waits long for a receiver that has not been there.
        self.flush(min(within_seconds, HOPELESS_SECONDS) if self._failing else within_seconds)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
        with self._counting:
            lost = len(self._queue) + len(self._batch)
            self._queue.clear()
            self._batch = []
            self._bytes = 0
        if lost:
            self._dropped(lost)
        self._receiver.close()

    def _run(self, wake: SimpleQueue[None], stopped: threading.Event) -> None:
        pause = self._first_pause_seconds
        while not stopped.is_set():
            with contextlib.suppress(Empty):
                wake.get(timeout=60)
            stopped.wait(REST_SECONDS)
            self._awake = False
            while not stopped.is_set() and not self._send(None):
                # Not all at once, where many processes wait for the same receiver.
                stopped.wait(max(self._asked or 0.0, pause * self._dice.uniform(0.5, 1.0)))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            pause = self._first_pause_seconds

    def _send(self, deadline: float | None) -> bool:
        """Send all that waits; returns whether nothing is left. Without a deadline, it waits for
        its turn and for answers as long as it takes."""
        if self._sent_by == threading.get_ident():
            return False  # a signal's handler, in the middle of sending
        wait = -1.0 if deadline is None else max(deadline - time.monotonic(), 0.0)
        if not self._sending.acquire(timeout=wait):
            return False
        self._sent_by = threading.get_ident()
        self._asked = None
        _busy.sending = True
        try:
            while self._batch or self._take_batch():
                seconds = ANSWER_SECONDS if deadline is None else deadline - time.monotonic()
                if seconds <= 0:
                    return False
                self._post(self._batch, min(seconds, ANSWER_SECONDS))
                self._batch = []
                self._failing = False
            return True
        except NotNowError as error:
            if not self._failing:
                self._failing = True
                self._failed(error)
            self._asked = error.wait_seconds
            return False
        except Exception as error:  # what cannot be made into a body, or an answer not understood
            self._give_up(len(self._batch), error)
            self._batch = []
            return False
        finally:
            _busy.sending = False
            self._sent_by = 0
            self._sending.release()

    def _take_batch(self) -> bool:
        size = 0
        batch: list[Record] = []
        with self._counting:
            while self._queue and len(batch) < BATCH and size < BATCH_BYTES:
                bytes_, record = self._queue.popleft()
                size += bytes_
                batch.append(record)
            self._bytes = self._bytes - size if self._queue else 0
            self._batch = batch
        return bool(batch)

    def _post(self, batch: list[Record], seconds: float) -> None:
        try:
            answer = self._receiver.post(self._body(batch), seconds)
        except TooLargeError as error:
            if len(batch) == 1:
                self._give_up(1, error)
                return
            half = len(batch) // 2
            self._post(batch[:half], seconds)
            self._batch = batch[half:]  # should it fail now, the first half is not sent again
            self._post(batch[half:], seconds)
        except RefusedError as error:
            self._give_up(len(batch), error)
        else:
            if lost := self._rejected(answer):
                self._give_up(lost, RefusedError(f"{lost} of {len(batch)} records were refused"))

    def _give_up(self, count: int, error: Exception) -> None:
        self._failed(error)
        self._dropped(count)


_shippers: weakref.WeakSet[Shipper[Any]] = weakref.WeakSet()


@cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    _busy.sending = False
    for shipper in list(_shippers):
        shipper.forget_parent()
