"""One inbox has one console: who holds it, as a lock that ends with its process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "console.lock"

LOOKS, LOOK_SECONDS = 10, 0.02


class HeldError(Exception):
    """Somebody else holds it; `holder` is what they said of themselves."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def held(folder: Path, holder: str) -> Iterator[None]:
    """Hold the inbox in `folder` meanwhile, as `holder`. Raises HeldError or OSError."""
    path = folder / FILE_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(folder: Path) -> str | None:
    """Who holds the inbox in `folder`; None where nobody does."""
    try:
        descriptor = os.open(folder / FILE_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _said(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> None:
    for _ in range(LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(LOOK_SECONDS)  # whoever asks for the holder has it for a moment
    raise HeldError(_said(descriptor))


def _said(descriptor: int) -> str:
    return os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "its process is unknown"
