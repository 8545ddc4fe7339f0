"""Where the numbers are: in this process's memory, or in a file that its fellow workers can read.

A cell is two numbers side by side: a value and, where that matters, the time at which it was set
(seconds since 1970, else 0). Instruments add to `cells.values[position]`, and nothing else happens
on the way of a request.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from vigie.instrument.processes import identity

_P = ParamSpec("_P")
_T = TypeVar("_T")

MAKING = threading.RLock()
"""Held while an instrument or a cell is made; never while a number is added."""


@functools.cache
def survive_forks() -> None:
    """See to it that a forked child never finds `MAKING` held by a thread it does not have."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=MAKING.acquire,
            after_in_parent=MAKING.release,
            after_in_child=MAKING.release,
        )


_HEADER = struct.Struct("i4x")
_KEY_LENGTH = struct.Struct("i")
_VALUE_AND_TIME = struct.Struct("dd")
_FIRST_SIZE = 64 * 1024


def indivisible(update: Callable[_P, _T]) -> Callable[_P, _T]:
    """Mark a method whose additions no other thread may come between.

    CPython with its GIL changes threads, and runs signal handlers, only where a function starts, a
    call returns or a loop turns (since 3.10). The marked methods do none of these from their first
    read of a cell to their last write, so they need no lock: a lock would cost more than all that
    they do, and a signal handler might find it held. Without the GIL they get one.
    """
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        return update
    return under_lock(update)


def under_lock(update: Callable[_P, _T]) -> Callable[_P, _T]:
    """`update`, one caller at a time."""

    @functools.wraps(update)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _adding:
            return update(*args, **kwargs)

    return alone


_adding = threading.RLock()


class Numbers(Protocol):
    """A list of floats, or a view of a file's."""

    def __getitem__(self, position: int, /) -> float: ...

    def __setitem__(self, position: int, number: float, /) -> None: ...


class Cells(Protocol):
    """Numbers, and the way to get room for more of them."""

    values: Numbers

    def places(self, keys: Sequence[str]) -> tuple[int, ...]:
        """The positions of the values of `keys`, which are made where they are new.

        A key is prometheus_client's `mmap_key`. Raises OSError where there is no room; then none
        of them is made.
        """


class MemoryCells:
    """Numbers that only this process sees."""

    def __init__(self) -> None:
        self._numbers: list[float] = []
        self.values: Numbers = self._numbers

    def places(self, keys: Sequence[str]) -> tuple[int, ...]:
        """Positions of new cells: nobody asks for the same key twice."""
        first = len(self._numbers)
        self._numbers.extend([0.0] * (2 * len(keys)))
        return tuple(range(first, len(self._numbers), 2))


class FileCells:
    """Numbers in a memory-mapped file of prometheus_client's format, which outlives a SIGKILL.

    The format, whose own writer is `prometheus_client.mmap_dict`: an int32 with the number of bytes
    in use and four bytes of padding; then entries, each an int32 with the length of its key, the
    key in UTF-8 padded with spaces to a multiple of 8, and two doubles, value and timestamp.
    A file's blocks are written before they are mapped: on a full disk, a write through the mapping
    of a hole would kill the process with SIGBUS.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        """Cells of the present process in `folder`; `kind` is the start of the file's name."""
        self._folder = folder
        self._kind = kind
        self.values: Numbers
        self._places: dict[str, int] = {}
        self._used = _HEADER.size
        self._map: mmap.mmap
        self._open()

    def places(self, keys: Sequence[str]) -> tuple[int, ...]:
        """Positions of the cells of `keys`, new ones at the end of the file."""
        new = [key for key in keys if key not in self._places]
        entries = [_entry(key) for key in dict.fromkeys(new)]
        self._make_room(sum(map(len, entries)))
        for key, entry in zip(dict.fromkeys(new), entries, strict=True):
            start, end = self._used, self._used + len(entry)
            self._map[start:end] = entry
            self._used = end
            self._places[key] = (end - _VALUE_AND_TIME.size) // 8
        # Last, so that a reader never sees half an entry.
        self._map[: _HEADER.size] = _HEADER.pack(self._used)
        return tuple(self._places[key] for key in keys)

    def start_again_after_fork(self) -> None:
        """In a forked child: the same cells, all zero, in a file of the child's own.

        What the parent counted stays the parent's. Positions stay what they were.
        """
        keys, size = list(self._places), len(self._map)
        try:
            self._open()
        except OSError:  # the child counts for itself alone, in memory without a name
            self._map, self._used, self._places = mmap.mmap(-1, size), _HEADER.size, {}
            self.values = memoryview(self._map).cast("d")
        self.places(keys)

    def _open(self) -> None:
        self._path = self._folder / f"{self._kind}_{identity()}.db"
        self._places = {}
        if not self._path.exists():
            # Renamed into place, so that no reader finds a file without a header.
            made = self._path.with_suffix(f".{threading.get_ident()}.new")
            try:
                made.write_bytes(_HEADER.pack(_HEADER.size).ljust(_FIRST_SIZE, b"\0"))
                made.rename(self._path)
            except OSError:
                made.unlink(missing_ok=True)
                raise
        self._map_file()
        (self._used,) = _HEADER.unpack_from(self._map, 0)
        for key, position in _entries(self._map, self._used):
            # Only this process's program before an exec can have written here.
            self._places[key] = position
            if self._kind.startswith("gauge"):
                self.values[position] = 0.0

    def _make_room(self, size: int) -> None:
        capacity = len(self._map)
        needed = capacity
        while self._used + size > needed:
            needed *= 2
        if needed == capacity:
            return
        with self._path.open("r+b") as file:
            try:
                file.seek(capacity)
                file.write(b"\0" * (needed - capacity))
                file.flush()
            except OSError:
                file.truncate(capacity)
                raise
        self._map_file()

    def _map_file(self) -> None:
        # Who still holds the former view writes into the same file.
        with self._path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.values = memoryview(self._map).cast("d")


def read_cells(path: Path) -> dict[str, tuple[float, float]]:
    """The value and timestamp of each key in a file, which another process may be writing.

    Raises ValueError where the file is not of the format.
    """
    try:
        return cells_in(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def cells_in(data: bytes) -> dict[str, tuple[float, float]]:
    """The value and timestamp of each key in what was read from a file.

    Raises ValueError where it is not of the format.
    """
    try:
        (used,) = _HEADER.unpack_from(data, 0)
        return {
            key: _VALUE_AND_TIME.unpack_from(data, 8 * position)
            for key, position in _entries(data, used)
        }
    except struct.error as error:
        raise ValueError(f"no cells: {error}") from error


def write_cells(path: Path, cells: dict[str, tuple[float, float]]) -> None:
    """Write a file that `read_cells` reads; complete on the disk when this returns."""
    entries = b"".join(_entry(key, *cell) for key, cell in cells.items())
    with path.open("wb") as file:
        file.write(_HEADER.pack(_HEADER.size + len(entries)) + entries)
        file.flush()
        os.fsync(file.fileno())


def _entries(data: Any, used: int) -> Iterator[tuple[str, int]]:
    start = _HEADER.size
    while start < used:
        (length,) = _KEY_LENGTH.unpack_from(data, start)
        key_start = start + _KEY_LENGTH.size
        value_start = key_start + _padded_length(length)
        if length <= 0 or value_start + _VALUE_AND_TIME.size > used:
            raise ValueError(f"an entry of {length} bytes at {start} does not fit into {used}")
        yield bytes(data[key_start : key_start + length]).decode(), value_start // 8
        start = value_start + _VALUE_AND_TIME.size


def _entry(key: str, value: float = 0.0, timestamp: float = 0.0) -> bytes:
    encoded = key.encode()
    padded = encoded.ljust(_padded_length(len(encoded)), b" ")
    return _KEY_LENGTH.pack(len(encoded)) + padded + _VALUE_AND_TIME.pack(value, timestamp)


def _padded_length(length: int) -> int:
    return length + 8 - (length + _KEY_LENGTH.size) % 8
