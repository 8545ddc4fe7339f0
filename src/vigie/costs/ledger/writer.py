"""Writes priced calls to the ledger, off the request path.

`append` puts a call into a bounded queue and returns. One thread writes what has come together in
half a second, which is also what SIGKILL loses. What cannot be written now (a locked file, a
full disk, a server that is away) waits and is tried again; what no longer fits into the queue is
dropped. Both are told, neither is felt.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from vigie.costs.ledger import endings, schema
from vigie.costs.ledger.database import Database
from vigie.costs.ledger.link import LOCK_SECONDS, Link
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.rows import delete_before, insert, row_of
from vigie.costs.ledger.users import user_hash, user_key
from vigie.costs.priced_call import PricedCall

CAPACITY = 10_000
BATCH = 500
REST_SECONDS = 0.5
EXIT_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 30.0
PRUNE_EVERY = timedelta(hours=1)


class LedgerWriter:
    """Appends calls to one ledger, from any thread and in every forked child.

    `place` is asked once, off the request path: where the ledger is, or None where none is to be
    kept. `failed` is told each failure, `dropped` how many calls were given up.
    """

    def __init__(
        self,
        place: Callable[[], LedgerPlace | None],
        failed: Callable[[Exception], None],
        dropped: Callable[[int], None],
        *,
        capacity: int = CAPACITY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._failed = failed
        self._dropped = dropped
        self._capacity = capacity
        self._now = now
        self._leaving = False
        self._hopeless = False
        # What waits at a fork is the parent's to write.
        self._link = Link(place, in_child=self._begin)
        self._begin()
        atexit.register(self._exit)  # now: at the end of the process it is too late to be heard
        endings.call_at_sigterm(self._leave)

    def _begin(self) -> None:
        """What a new process starts with."""
        self._queue: deque[PricedCall | str] = deque()
        self._pending: list[_Pending] = []
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._awake = False
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._written_by = 0
        self._key: bytes | None = None
        self._prune_after = 0.0
        self._more_to_prune = False

    def append(self, call: PricedCall) -> None:
        """Have a call written soon. Neither waits nor raises."""
        self._put(call)

    def release(self, reservation: str) -> None:
        """Have a reservation given back whose call cost nothing."""
        if reservation:
            self._put(reservation)

    def flush(self, within_seconds: float = EXIT_SECONDS) -> bool:
        """Write what waits, now and in this thread; returns whether nothing is left."""
        deadline = time.monotonic() + within_seconds
        while not self._write(wait_seconds=max(deadline - time.monotonic(), 0)):
            if time.monotonic() + REST_SECONDS > deadline:
                return False
            time.sleep(REST_SECONDS)
        return True

    def close(self, within_seconds: float = EXIT_SECONDS) -> None:
        """Write what waits and let go of the ledger; what is appended afterwards begins anew.

        What cannot be written within that time is told as dropped.
        """
        self.flush(within_seconds)
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            self._wake.put(None)
            thread.join(timeout=LOCK_SECONDS)
        if lost := self._waiting():
            self._failed(TimeoutError(f"{lost} priced calls were not written before the end"))
            self._dropped(lost)
        if self._link.lock.acquire(timeout=LOCK_SECONDS):  # else a server keeps us waiting
            self._disconnect()
            self._link.lock.release()
        atexit.unregister(self._exit)

    def _put(self, item: PricedCall | str) -> None:
        if self._waiting() >= self._capacity:
            self._dropped(1)
            return
        self._queue.append(item)
        if self._leaving:
            if not self._hopeless:  # else the process would end a little later for each call
                self._hopeless = not self.flush(within_seconds=LOCK_SECONDS)
            return
        if self._thread is None:
            self._start()
        if not self._awake:
            self._awake = True
            self._wake.put(None)

    def _waiting(self) -> int:
        return len(self._queue) + len(self._pending)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            atexit.unregister(self._exit)
            atexit.register(self._exit)
            endings.call_at_child_exit(self._exit)
            self._stopped = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(self._wake, self._stopped), name="vigie-ledger", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # no more threads: `_exit` writes what waits
                self._failed(error)
                return
            self._thread = thread

    def _leave(self) -> None:
        """The process is about to end: from now on a call is written before `append` returns."""
        self._leaving = True
        self._hopeless = not self.flush(within_seconds=LOCK_SECONDS)

    def _exit(self) -> None:
        self._leaving = True  # others' last words may come after ours
        self.close()

    def _run(self, wake: SimpleQueue[None], stopped: threading.Event) -> None:
        pause = REST_SECONDS
        while True:
            if pause == REST_SECONDS and not self._more_to_prune:
                with contextlib.suppress(Empty):
                    wake.get(timeout=PRUNE_EVERY.total_seconds())
            if stopped.wait(pause):
                return
            self._awake = False
            written = self._write(wait_seconds=LOCK_SECONDS, prune=True)
            pause = REST_SECONDS if written else min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _write(self, wait_seconds: float, *, prune: bool = False) -> bool:
        """Write all that waits, if no other thread is at it; returns whether nothing is left."""
        if self._written_by == threading.get_ident():
            return False  # a signal's handler, in the middle of a write
        lock = self._link.lock
        if not lock.acquire(timeout=wait_seconds):
            return False
        self._written_by = threading.get_ident()
        try:
            while self._queue or self._pending:
                database = self._link.database()
                if database is None:
                    self._queue.clear()
                    self._pending = []
                    break
                self._take_batch()
                self._write_batch(database)
                self._pending = []
            if prune and self._link.connected is not None:
                self._prune(self._link.connected)
        except Exception as error:
            self._disconnect()
            self._failed(error)
            return False
        finally:
            self._written_by = 0
            lock.release()
        return True

    def _take_batch(self) -> None:
        """Turn the next items into rows: once, so that a second try writes the same rows."""
        while self._queue and len(self._pending) < BATCH:
            item = self._queue.popleft()
            if isinstance(item, str):
                self._pending.append(_Pending(None, item))
                continue
            try:
                self._pending.append(_Pending(row_of(item, self._hashed), item.reservation))
            except OverflowError as error:
                self._give_up(error)

    def _write_batch(self, database: Database) -> None:
        try:
            _insert(database, self._pending)
        except Exception as error:
            if not database.refuses_row(error):
                raise
            while self._pending:  # one by one, without the one at fault
                try:
                    _insert(database, self._pending[:1])
                except Exception as refused:
                    if not database.refuses_row(refused):
                        raise
                    self._give_up(refused)
                del self._pending[0]

    def _give_up(self, error: Exception) -> None:
        self._failed(error)
        self._dropped(1)

    def _disconnect(self) -> None:
        try:
            self._link.let_go()
        except Exception as error:
            self._failed(error)

    def _hashed(self, user: str) -> str | None:
        place = self._link.place()
        if place is None or place.user_key_file is None:
            return None
        try:
            if self._key is None:
                self._key = user_key(place.user_key_file)
        except (OSError, ValueError) as error:  # the call counts, whoever made it
            self._failed(error)
            return None
        return user_hash(self._key, user)

    def _prune(self, database: Database) -> None:
        """Delete a batch of rows that are older than the retention, if it is time to."""
        now = self._now()
        if not self._more_to_prune:
            if time.monotonic() < self._prune_after:
                return
            self._prune_after = time.monotonic() + PRUNE_EVERY.total_seconds()
            with database.transaction():
                if not schema.claim_pruning(database, now, PRUNE_EVERY):
                    return
        place = self._link.place()
        if place is not None:
            with database.transaction():
                deleted = delete_before(database, now - place.retention, at_most=BATCH)
            self._more_to_prune = deleted == BATCH


class _Pending(NamedTuple):
    row: tuple[Any, ...] | None
    reservation: str


def _insert(database: Database, pending: list[_Pending]) -> None:
    with database.transaction():
        insert(database, [each.row for each in pending if each.row is not None])
        given_back = [each.reservation for each in pending if each.reservation]
        if given_back:
            marks = ", ".join("?" * len(given_back))
            database.run(f"DELETE FROM vigie_reservations WHERE id IN ({marks})", given_back)
