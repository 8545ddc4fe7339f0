"""Several worker processes behind one port: `/metrics` is exact whichever of them answers.

    gunicorn -c python:vigie.instrument.gunicorn --workers 4 app:wsgi
    PROMETHEUS_MULTIPROC_DIR=/run/app/metrics uvicorn --workers 4 app:app

The variable names a folder, which is made if need be. Each worker keeps its numbers there, in files
of prometheus_client's own multiprocess format. It is for the workers of one service on one machine
or in one container; what they counted survives them as long as the folder does, so let it go with
the service (a RuntimeDirectory of systemd, a container's /tmp).

Where the folder cannot be used, a worker counts in its own memory, says so in the log and in
`vigie_internal_errors_total{where="workers"}`, and answers a scrape with its own figures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family

from vigie.instrument import archive
from vigie.instrument.cells import MAKING, Cells, FileCells, MemoryCells
from vigie.instrument.processes import FOLDER_VARIABLE

__all__ = ["FOLDER_VARIABLE", "Memory", "Storage", "WorkerFolder", "everyones", "storage"]


class Storage(Protocol):
    """Where the numbers of one registry's instruments are."""

    folder: Path | None
    """The folder that all workers share; None where the numbers are this process's alone."""
    failure: OSError | None
    """Why it is not the folder that the environment asked for."""

    def cells(self, kind: str) -> Cells:
        """The cells of the metrics of a kind: `counter`, `histogram` or `gauge_<mode>`."""

    def go_on_in_memory(self, kind: str) -> Cells:
        """Give up on the kind's file for new cells, and return what stands in for it."""

    def tidy(self) -> None:
        """Merge what dead workers left. Raises OSError where that fails."""


@contextmanager
def everyones(registry: CollectorRegistry) -> Iterator[CollectorRegistry]:
    """The registry to render: this process's own, or one that reads all workers' files.

    Raises TimeoutError where another process has kept the folder to itself for seconds, and OSError
    where it cannot be read.
    """
    from vigie.instrument.meters import meters

    folder = meters(registry).storage.folder
    if folder is None:
        yield registry
        return
    whole = CollectorRegistry()
    whole.register(_Collected(archive.families(folder)))
    yield whole


def storage() -> Storage:
    """What the environment asks for: memory, or the workers' folder."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder or not hasattr(os, "fork"):  # Windows has no such workers
        return Memory()
    with MAKING:
        try:
            found = _opened.get(folder)
            if found is None:
                found = _opened[folder] = WorkerFolder(Path(folder))
            return found
        except OSError as failure:
            return Memory(failure)


class Memory:
    """Numbers in this process's memory."""

    def __init__(self, failure: OSError | None = None) -> None:
        self.folder: Path | None = None
        self.failure = failure
        self._cells = MemoryCells()

    def cells(self, kind: str) -> Cells:
        """The same cells for every kind."""
        return self._cells

    def go_on_in_memory(self, kind: str) -> Cells:
        """It is in memory already."""
        return self._cells

    def tidy(self) -> None:
        """Nothing is left here."""


class WorkerFolder:
    """This process's files in the folder that all workers share."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the folder cannot be made or written."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder: Path | None = folder
        self.failure: OSError | None = None
        self._file = partial(FileCells, folder)
        self._cells: dict[str, Cells] = {"counter": self._file("counter")}
        os.register_at_fork(after_in_child=self._start_again)

    def cells(self, kind: str) -> Cells:
        """The cells in the file of this kind."""
        found = self._cells.get(kind)
        if found is None:
            found = self._cells[kind] = self._file(kind)
        return found

    def go_on_in_memory(self, kind: str) -> Cells:
        """Cells in memory: what is counted there is missing from the workers' figures."""
        spare = self._cells[kind] = MemoryCells()
        return spare

    def tidy(self) -> None:
        """Merge what dead workers left, in case nobody ever scrapes."""
        assert self.folder is not None
        with suppress(TimeoutError):  # somebody else is at it
            archive.absorb_dead(self.folder)

    def _start_again(self) -> None:
        for cells in self._cells.values():
            if isinstance(cells, FileCells):
                cells.start_again_after_fork()


_opened: dict[str, WorkerFolder] = {}


class _Collected:
    """Families that have been read already, as a collector."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families
