"""The folder that workers share: what all of them counted, the dead ones too, in few files.

A worker's files are `<kind>_<process>.db`. When it has died, however it died, its live gauges go,
and its counters and histograms are added to one archive, `<kind>_archive-<n>.db`: so the figures
never fall and the files never grow in number.

A merge is committed by replacing the manifest, which names the archive's files and those that went
into them. Whoever is killed before that leaves an archive that no manifest names, and nobody reads;
whoever is killed after it leaves files that the manifest says are in the archive already.
One process at a time reads or merges: a lock on a file, which the kernel lifts with its holder.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from prometheus_client import Metric as Family

from vigie.instrument.cells import cells_in, read_cells, write_cells
from vigie.instrument.guard import count_failure
from vigie.instrument.merge import Content, merged
from vigie.instrument.processes import alive

_LOCK = "vigie.lock"
_MANIFEST = "vigie-archive.json"
_SUMMED = ("counter", "histogram", "summary")
_LOCK_TIMEOUT_SECONDS = 5.0
_LOCK_POLL_SECONDS = 0.005


def families(folder: Path) -> list[Family]:
    """What all workers counted, and the live gauges of those that live.

    Raises TimeoutError where another process holds the folder's lock for 5 seconds, and OSError
    where the folder cannot be read.
    """
    with _alone_in(folder):
        try:
            _absorb(folder, alive)
        except OSError as error:  # a full disk: the dead workers' files can be read as they are
            count_failure("workers", error)
        files = {file: file.read_bytes() for file in _readable(folder)}
    return merged(_contents(files))  # others need not wait for this


def absorb_dead(folder: Path, alive: Callable[[str], bool] = alive) -> None:
    """Merge the files of the processes that are not `alive`.

    Raises as `families`, and OSError where the disk is full.
    """
    with _alone_in(folder):
        _absorb(folder, alive)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    import fcntl  # not on Windows, which has no such workers

    with (folder / _LOCK).open("a") as handle:
        last_try = time.monotonic() + _LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > last_try:
                    message = f"{handle.name} was locked for {_LOCK_TIMEOUT_SECONDS:g} s"
                    raise TimeoutError(message) from None
                time.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


@dataclass(frozen=True)
class _Manifest:
    """The last merge: the archive's files, and the files that went into them."""

    number: int = 0
    archives: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()


def _absorb(folder: Path, alive: Callable[[str], bool]) -> None:
    manifest = _last_merge(folder)
    _finish_merge(folder, manifest)
    dead = [file for found in sorted(folder.glob("*.db")) if (file := _laid_aside(found, alive))]
    if not dead:
        return
    number = manifest.number + 1
    archives = []
    for kind in _SUMMED:
        parts = [file for file in dead if _kind(file) == kind]
        parts += [folder / name for name in manifest.archives if _kind(folder / name) == kind]
        if parts:
            archive = folder / f"{kind}_archive-{number}.db"
            write_cells(archive, _sum(parts))
            archives.append(archive.name)
    merge = _Manifest(number, tuple(archives), (*(file.name for file in dead), *manifest.archives))
    new = folder / f"{_MANIFEST}.new"
    with new.open("w") as opened:
        json.dump(asdict(merge), opened)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(folder / _MANIFEST)
    _finish_merge(folder, merge)


def _last_merge(folder: Path) -> _Manifest:
    try:
        found = json.loads((folder / _MANIFEST).read_text())
        return _Manifest(found["number"], tuple(found["archives"]), tuple(found["absorbed"]))
    except FileNotFoundError:
        return _Manifest()
    except (ValueError, KeyError, TypeError) as error:
        count_failure("workers", error)
        return _Manifest()


def _finish_merge(folder: Path, manifest: _Manifest) -> None:
    for name in manifest.absorbed:
        (folder / name).unlink(missing_ok=True)
    for archive in folder.glob("*_archive-*.db"):
        if archive.name not in manifest.archives:
            archive.unlink(missing_ok=True)
    for unfinished in folder.glob("*.new"):
        if not alive(_process(unfinished)):
            unfinished.unlink(missing_ok=True)


def _laid_aside(file: Path, alive: Callable[[str], bool]) -> Path | None:
    """A dead worker's file under a name that no living process will open; None for all others.

    prometheus_client's own files are called after a process id alone, and a new process with the
    same id goes on in the same file. If one came up since it was found dead, it may have opened it.
    """
    process = _process(file)
    if process.startswith("dead-"):
        if file.stat().st_nlink == 1:
            return file
        file.unlink()  # it was being given back: see below
        return None
    if process.startswith("archive-") or alive(process):
        return None
    kind = _kind(file)
    if kind.startswith("gauge_live"):
        file.unlink(missing_ok=True)
        return None
    if kind not in _SUMMED:  # the user's own gauges that are meant to outlive a process
        return None
    aside = file.with_name(f"{kind}_dead-{process}-{time.time_ns()}.db")
    file.rename(aside)
    if alive(process):
        with suppress(FileExistsError):  # it made a new one: then it never saw this one
            os.link(aside, file)
            aside.unlink()
            return None
    return aside


def _readable(folder: Path) -> list[Path]:
    """The files to read: no archive that was not committed, no file that is in the archive."""
    manifest = _last_merge(folder)
    return [
        file
        for file in sorted(folder.glob("*.db"))
        if file.name not in manifest.absorbed
        and (file.name in manifest.archives or not _process(file).startswith("archive-"))
    ]


def _contents(files: dict[Path, bytes]) -> Iterator[Content]:
    for file, data in files.items():
        try:
            yield Content(_kind(file), _process(file), cells_in(data))
        except ValueError as error:  # one damaged file must not hide all others
            count_failure("workers", error)


def _sum(files: list[Path]) -> dict[str, tuple[float, float]]:
    total: dict[str, tuple[float, float]] = {}
    for file in files:
        try:
            cells = read_cells(file)
        except ValueError as error:
            count_failure("workers", error)
            continue
        for key, (value, _) in cells.items():
            total[key] = (total.get(key, (0.0, 0.0))[0] + value, 0.0)
    return total


def _kind(file: Path) -> str:
    return file.name.rpartition("_")[0]


def _process(file: Path) -> str:
    return file.name.rpartition("_")[2].partition(".")[0]
