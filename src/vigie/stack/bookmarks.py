"""Places in a log that is rotated: `x.log` grows, and becomes `x.log.1`, which becomes `x.log.2`.

The files are one text, cut anywhere, whose beginning is thrown away from time to time. A place says
up to where it was read, and is found again whatever was rotated in the meantime. When the file that
it is in is gone, all that is left comes behind it.
"""

from __future__ import annotations

import os
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BACKUPS = 9
"""As many files as anybody may keep of one log."""
_KNOWN_BY = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the first `offset` bytes of a file.

    The file is known by its number, and by the checksum of its first `known_by` bytes: the number
    of a file that was deleted is soon another's.
    """

    device: int
    inode: int
    offset: int
    known_by: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines, each with its end, and the place behind them.

    `untouched_since` is when the last of these files was written to, in ns since 1970; `more` tells
    whether something comes behind it already.
    """

    content: bytes
    end: Place
    untouched_since: int
    more: bool


def read_on(path: Path, place: Place | None, most_bytes: int) -> Piece | None:
    """The lines behind a place, or from the beginning; None where there is no whole one.

    At most `most_bytes`, where a longer line is cut.
    """
    if place is not None and _is_end(path, place):
        return None
    with ExitStack() as stack:
        files = _oldest_first(path, stack)
        at = next((n for n, one in enumerate(files) if place and _holds(one, place)), None)
        offset = place.offset if place is not None and at is not None else 0
        content = b""
        read: list[tuple[BinaryIO, int, int]] = []
        for file in files[at or 0 :]:
            file.seek(offset)
            part = file.read(most_bytes - len(content))
            read.append((file, offset, len(part)))
            content += part
            offset = 0
            if len(content) == most_bytes:
                break
        whole = content.rfind(b"\n") + 1
        if not whole and len(content) == most_bytes:
            whole = most_bytes
        if not whole:
            return None
        left = whole
        for file, start, size in read:
            if left <= size:
                seen = os.fstat(file.fileno())
                more = len(content) == most_bytes or left < size or file is not files[-1]
                end = _place(file, start + left)
                return Piece(content[:whole], end, seen.st_mtime_ns, more)
            left -= size
    raise AssertionError("the parts are as long as the whole")


def _is_end(path: Path, place: Place) -> bool:
    """Whether nothing can have been added: the usual case, for which no other file is opened."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size == place.offset and _holds(file, place)
    except FileNotFoundError:
        return False  # between the rename and the new file: the old ones may hold more


def _oldest_first(path: Path, stack: ExitStack) -> list[BinaryIO]:
    """The files of a log. The newest is opened first: what is rotated meanwhile is then there
    twice, which can be seen, rather than missing."""
    found: dict[tuple[int, int], BinaryIO] = {}
    for number in range(BACKUPS + 1):
        name = path if number == 0 else path.with_name(f"{path.name}.{number}")
        try:
            file = stack.enter_context(name.open("rb"))
        except FileNotFoundError:
            if number:
                break
            continue
        seen = os.fstat(file.fileno())
        found.setdefault((seen.st_dev, seen.st_ino), file)
    return list(reversed(found.values()))


def _holds(file: BinaryIO, place: Place) -> bool:
    seen = os.fstat(file.fileno())
    return (
        (seen.st_dev, seen.st_ino) == (place.device, place.inode)
        and seen.st_size >= place.offset
        and _checksum(file, place.known_by) == place.checksum
    )


def _place(file: BinaryIO, offset: int) -> Place:
    seen = os.fstat(file.fileno())
    known_by = min(offset, _KNOWN_BY)
    return Place(seen.st_dev, seen.st_ino, offset, known_by, _checksum(file, known_by))


def _checksum(file: BinaryIO, size: int) -> int:
    file.seek(0)
    return zlib.crc32(file.read(size))
