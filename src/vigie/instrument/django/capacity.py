"""How many database connections Django may hold: what DB_CONNECTIONS_MAX tells, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from vigie.instrument.processes import alive

_QUESTIONS = {
    "postgresql": "SHOW max_connections",
    "mysql": "SELECT @@max_connections",
    "microsoft": "SELECT @@MAX_CONNECTIONS",
}
_CONNECT_TIMEOUT_SECONDS = 3
_RETRY_SECONDS = 300


class Capacity:
    """The limits of the databases, each found once and off the requests' way.

    With a pool it is the pool's `max_size`, of all workers. Without, it is what the server allows
    to all of its clients together. SQLite has no server: a connection to a file is an open file,
    and the limit is the number of files that the processes may have open. A database for which none
    of this can be told has no limit here, and so no series.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float] = monotonic) -> None:
        """`folder` is the one that this service's workers share, if there are several."""
        self._folder = folder
        self._clock = clock
        self._found: dict[str, float] = {}
        self._ask_again: dict[str, float] = {}

    def limit(self, connection: BaseDatabaseWrapper) -> float | None:
        """The number of connections, or None; may connect to the server and wait for it.

        `connection` is one that nobody else uses; it is not opened.
        """
        if connection.settings_dict["OPTIONS"].get("pool"):
            return float(connection.pool.max_size * _workers(self._folder))
        if connection.vendor == "sqlite":
            files = None if connection.is_in_memory_db() else _open_files_limit()
            return None if files is None else float(files * _workers(self._folder))
        return self._server_limit(connection)

    def _server_limit(self, connection: BaseDatabaseWrapper) -> float | None:
        alias = connection.alias
        question = _QUESTIONS.get(connection.vendor)
        if alias not in self._found and question and self._clock() >= self._ask_again.get(alias, 0):
            # A server that does not answer must not hold up every scrape.
            self._ask_again[alias] = self._clock() + _RETRY_SECONDS
            self._found[alias] = float(_ask(connection, question))
        return self._found.get(alias)


def _ask(connection: BaseDatabaseWrapper, question: str) -> Any:
    """The server's answer on a connection of our own, closed at once."""
    parameters = connection.get_connection_params()
    if connection.vendor != "microsoft":
        parameters.setdefault("connect_timeout", _CONNECT_TIMEOUT_SECONDS)
    raw = connection.get_new_connection(parameters)
    try:
        cursor = raw.cursor()
        cursor.execute(question)
        return cursor.fetchone()[0]
    finally:
        raw.close()


def _open_files_limit() -> int | None:
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _workers(folder: Path | None) -> int:
    """The number of live processes that keep their numbers in the workers' folder."""
    if folder is None:
        return 1
    names = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    return sum(1 for name in names if alive(name)) or 1
