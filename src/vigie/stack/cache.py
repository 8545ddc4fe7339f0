"""The folder in which downloaded binaries are kept, and how things come into it.

A thing appears in it whole or not at all: it is made in a draft folder beside its place and renamed
there. One process makes it at a time; what a killed one left is swept away by the next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vigie.stack.errors import StackError

VARIABLE = "VIGIE_CACHE"


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`$VIGIE_CACHE`, else `$XDG_CACHE_HOME/vigie`, else `~/.cache/vigie`."""
    if named := environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    home = environ.get("XDG_CACHE_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".cache"
    return base / "vigie"


def keep(place: Path, make: Callable[[Path], None]) -> Path:
    """Return `place`, a folder that `make` fills on first use.

    `make` is given an empty draft folder; when it raises, the draft is deleted and nothing is left.
    Raises StackError when the folder above `place` cannot be written.
    """
    if place.is_dir():
        return place
    with alone(place):
        # Somebody else may have made it while this process waited.
        if not place.is_dir():
            # Whoever is alone here is the only one with drafts: any other one is a dead one's.
            for left in place.parent.glob(f"{_draft_prefix(place)}*"):
                shutil.rmtree(left, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(prefix=_draft_prefix(place), dir=place.parent))
            try:
                make(draft)
                draft.rename(place)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
    return place


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Keep every other process and thread out of `place` meanwhile.

    What the system refuses to write in it becomes a StackError that names the file.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
    except OSError as error:
        raise StackError(
            f"cannot write {error.filename or place.parent}: {error.strerror}\n"
            f"make room or give access there, or name another folder: {VARIABLE}=DIR"
        ) from error


def _draft_prefix(place: Path) -> str:
    return f".{place.name}.draft-"
