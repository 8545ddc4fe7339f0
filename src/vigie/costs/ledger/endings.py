"""How a process ends, so that nothing is lost that waits to be written.

- Normal exit, and SIGTERM under gunicorn: `atexit`.
- A child of multiprocessing leaves without `atexit`: it has finalisers of its own.
- SIGTERM that nobody handles ends a process at once; uvicorn, after its orderly shutdown, puts the
  handler back that it found and raises the signal again, which comes to the same. So SIGTERM is
  handled: first ours, then whatever was there before, with the same effect and exit status.

Only SIGKILL and crashes lose what waits.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType


def call_at_child_exit(last_words: Callable[[], None]) -> None:
    """Call `last_words` when this process exits, if it is a child of multiprocessing.

    To be asked for in the child itself, which forgets what its parent asked for.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is None or multiprocessing.parent_process() is None:
        return
    from multiprocessing.util import Finalize

    Finalize(None, last_words, exitpriority=0)


def call_at_sigterm(last_words: Callable[[], None]) -> None:
    """Call `last_words`, a method, when SIGTERM comes; then do what would have been done.

    Handlers are set in the main thread only: elsewhere nothing is done. Nor where SIGTERM is
    ignored, or handled by other means than Python's.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is None or handler is signal.SIG_IGN:
        return
    if not isinstance(handler, _LastWords):
        handler = _LastWords(handler)
        signal.signal(signal.SIGTERM, handler)
    handler.add(last_words)


class _LastWords:
    """A handler of SIGTERM that stands before another; whoever is gone has no last words."""

    def __init__(self, before: object) -> None:
        self._before = before
        self._all: list[weakref.WeakMethod[Callable[[], None]]] = []

    def add(self, last_words: Callable[[], None]) -> None:
        self._all = [each for each in self._all if each() is not None]
        self._all.append(weakref.WeakMethod(last_words))

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for each in self._all:
            if last_words := each():
                last_words()
        if callable(self._before):
            self._before(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
