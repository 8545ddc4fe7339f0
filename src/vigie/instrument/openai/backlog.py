"""Attempts that are settled off the request path.

An attempt comes here where its tokens must be estimated, where prices are not loaded yet, or where
its end was noticed by a finaliser. A finaliser runs anywhere, also inside the lock of the very
counter that it would increment; so `put` takes no lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from vigie.instrument.guard import guarded

_LEAVE_SECONDS = 2.0
_LOOK_SECONDS = 0.005


class Unsettled(Protocol):
    """Something that can be settled later."""

    def settle(self) -> None:
        """Count it."""


class Backlog:
    """Settles attempts in a thread of its own.

    `load` is called before anything is settled, and never by two threads at once; it raises
    nothing, and costs nothing once all is loaded.
    """

    def __init__(self, load: Callable[[], None]) -> None:
        self._load = load
        self._waiting: deque[Unsettled] = deque()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._settling = threading.Lock()
        self._process = 0

    def start(self) -> None:
        """Start the thread, unless it runs in this process: a fork takes no thread along."""
        if self._process == os.getpid():
            return
        if self._process:  # what waited at the fork is the parent's to settle
            self._waiting.clear()
        self._process = os.getpid()
        self._wake = SimpleQueue()
        self._settling = threading.Lock()
        threading.Thread(
            target=self._run, args=(self._wake,), name="vigie-openai", daemon=True
        ).start()

    def stop(self) -> None:
        """Settle what waits and end the thread."""
        self._wake.put(False)
        self.drain()
        self._process = 0

    def put(self, attempt: Unsettled) -> None:
        """Have an attempt settled soon; may be called from a finaliser."""
        self._waiting.append(attempt)
        self._wake.put(True)

    def drain(self) -> None:
        """Settle what waits, now: after it, nothing that was put before is left out."""
        with self._settling:
            if self._waiting:
                self._load()
            while self._waiting:
                with guarded("openai"):
                    self._waiting.popleft().settle()

    def leave(self) -> None:
        """SIGTERM came: wait until what waits is settled, two seconds at most.

        The thread does it: a signal's handler may have interrupted the very code whose locks the
        settling needs.
        """
        deadline = time.monotonic() + _LEAVE_SECONDS
        while self._waiting and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        if self._settling.acquire(timeout=max(deadline - time.monotonic(), 0)):
            self._settling.release()

    def _run(self, wake: SimpleQueue[bool]) -> None:
        with self._settling:
            self._load()
        while wake.get():
            self.drain()
