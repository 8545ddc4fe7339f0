"""The write-ahead log: a push is acknowledged when it is here, on disk.

A file is a row of frames: magic, length, checksum and first sequence number, then the lines as an
Arrow record batch. What a crash cut off at the end of a file was never acknowledged.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from vigie.store.segments.folder import sync
from vigie.store.segments.lines import WRITTEN

_HEADER = struct.Struct("<4sIIQ")
_MAGIC = b"vgl1"


class Wal:
    """The log file that is being written; its number grows from file to file."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = path_of(folder, number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self._options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self.size = 0
        sync(folder)

    def append(self, batch: pa.RecordBatch, first: int) -> None:
        """Bring a batch to the disk, its rows numbered from `first` on.

        Raises OSError, and has then written nothing.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, WRITTEN, options=self._options) as writer:
            writer.write_batch(batch)
        payload = sink.getvalue()
        header = _HEADER.pack(_MAGIC, payload.size, zlib.crc32(payload), first)
        try:
            _write_all(self._file, [memoryview(header), memoryview(payload)])
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(header) + payload.size

    def close(self) -> None:
        """No more is written."""
        os.close(self._file)


def path_of(folder: Path, number: int) -> Path:
    """Where the log file of a number is."""
    return folder / f"{number:012}.wal"


def numbers(folder: Path) -> list[int]:
    """The numbers of the log files that there are, in their order."""
    return sorted(int(path.stem) for path in folder.glob("*.wal"))


def replay(path: Path) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The batches of a log file with the number of their first row, up to where a crash cut it."""
    with path.open("rb") as file:
        while True:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            magic, length, checksum, first = _HEADER.unpack(header)
            if magic != _MAGIC:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            with pa.ipc.open_stream(payload) as reader:
                for batch in reader:
                    yield batch, first
                    first += batch.num_rows


def _write_all(file: int, parts: list[memoryview]) -> None:
    while parts:
        written = os.writev(file, parts)
        while parts and written >= len(parts[0]):
            written -= len(parts[0])
            parts.pop(0)
        if parts:
            parts[0] = parts[0][written:]
