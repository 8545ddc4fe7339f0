"""The store's folder: who has it, and how files in it are replaced."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from vigie.store.segments.errors import HeldError


def hold(folder: Path) -> int:
    """Take the folder for this process, until it ends; raises `HeldError` with who has it.

    Gives the file descriptor of the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 1000).decode(errors="replace").strip()
        os.close(lock)
        raise HeldError(
            f"the store in {folder} is held by {holder or 'another process'}\n"
            "stop that one, or name another folder: --state DIR"
        ) from None
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()}, since {since}\n".encode(), 0)
    return lock


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another: after a crash there is the one or the other."""
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
