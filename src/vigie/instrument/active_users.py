"""How many distinct users were seen lately, in memory that does not grow with their number.

A table of 65,536 times: each user has a place in it by a keyed hash of their id, and the time of
their last request is written there. The number of users is estimated from the number of places with
a recent time, by linear counting (Whang, Vander-Zanden and Taylor, 1990,
https://doi.org/10.1145/78922.78925): to ±0.5 % (standard error) up to 65,000 users, and it is exact
while no two of them share a place. No id is kept, and none can be told from the table without the
key.
"""

from __future__ import annotations

import math
import mmap
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

WINDOW_SECONDS = 300
_PLACES = 65_536
_BYTES = 4 * _PLACES


class ActiveUsers:
    """The users seen in the last five minutes; times are seconds of the wall clock.

    `key` is any secret; processes that share a table must have the same one.
    """

    def __init__(self, key: bytes, table: memoryview | None = None) -> None:
        self._hash = blake2b(key=blake2b(key, digest_size=32).digest(), digest_size=2)
        self._seen = (memoryview(bytearray(_BYTES)) if table is None else table).cast("I")

    @classmethod
    def shared(cls, key: bytes, path: Path) -> ActiveUsers:
        """A table in a file, so that the worker processes of one service count together.

        Raises OSError where there is no room for it.
        """
        if not path.exists():
            _make(path)
        with path.open("r+b") as file:
            return cls(key, memoryview(mmap.mmap(file.fileno(), _BYTES)))

    def see(self, user: object, now: float) -> None:
        """Note that `user` (their id) asked for something."""
        place = self._hash.copy()
        place.update(str(user).encode())
        self._seen[int.from_bytes(place.digest(), "little")] = int(now)

    def count(self, now: float) -> int:
        """The number of distinct users seen in the window before `now`."""
        since = int(now) - WINDOW_SECONDS
        taken = sum(1 for time in self._seen if time > since)
        if taken == _PLACES:  # more than can be told: about 700,000 or more
            return round(_PLACES * math.log(_PLACES))
        return round(-_PLACES * math.log1p(-taken / _PLACES))


def _make(path: Path) -> None:
    """Make an empty table; where another process has just made one, leave that.

    Its blocks are written and not only reserved: a full disk must tell now. Later, through the
    mapping, it would kill the process.
    """
    ours = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(ours, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(ours, path)  # whole, or not at all
    finally:
        ours.unlink(missing_ok=True)
