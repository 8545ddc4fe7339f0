"""Attempts that are settled off the request path.

An attempt comes here where its tokens must be estimated, where the price list is not loaded yet,
or where its end was noticed by a finaliser. A finaliser runs anywhere, also inside the lock of the
very counter that it would increment; so `put` takes no lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import Protocol

from vigie.costs.prices import PriceList
from vigie.instrument.guard import guarded


class Unsettled(Protocol):
    """Something that can be settled later."""

    def settle(self) -> None:
        """Count it."""


class Backlog:
    """Settles attempts in a thread of its own, which first loads the price list."""

    def __init__(self, prices: PriceList) -> None:
        self._prices = prices
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
            while self._waiting:
                with guarded("openai"):
                    self._waiting.popleft().settle()

    def _run(self, wake: SimpleQueue[bool]) -> None:
        with guarded("openai"):
            self._prices.load()
        while wake.get():
            self.drain()
