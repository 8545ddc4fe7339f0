"""A process's one connection to its ledger, and what becomes of it when the process forks.

SQLite's connections must not be carried across a fork (https://sqlite.org/howtocorrupt.html): the
child would take over the parent's idea of which locks are held. So before a fork the connection is
closed, between two transactions; parent and child each make a new one when they need it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import cache

from vigie.costs.ledger import schema
from vigie.costs.ledger.database import Database, connect
from vigie.costs.ledger.place import LedgerPlace

LOCK_SECONDS = 2.0
"""How long a statement waits for another process's lock."""

_FORK_SECONDS = 5.0


class Link:
    """A connection that is made when it is first needed, and again after `let_go`.

    `place` is asked once, at first need: where the ledger is, or None where none is kept. Whoever
    calls `database` or `let_go` holds `lock`. `in_child` is called in a forked child.
    """

    def __init__(
        self, place: Callable[[], LedgerPlace | None], in_child: Callable[[], None]
    ) -> None:
        self.lock = threading.Lock()
        self._place = place
        self._in_child = in_child
        self._located: list[LedgerPlace | None] = []
        self._database: Database | None = None
        self._left_behind: list[Database] = []
        self._forking = False
        _watch_forks()
        _links.add(self)

    def place(self) -> LedgerPlace | None:
        """Where the ledger is; None where none is kept. Raises what reading the settings does."""
        if not self._located:
            self._located = [self._place()]
        return self._located[0]

    def database(self) -> Database | None:
        """The connection, to a ledger that is up to date; None where none is kept.

        Raises what `connect` and `bring_up_to_date` do.
        """
        place = self.place()
        if self._database is None and place is not None:
            database = connect(place, create=True, wait_seconds=LOCK_SECONDS)
            try:
                schema.bring_up_to_date(database, place)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    @property
    def connected(self) -> Database | None:
        """The connection, if there is one."""
        return self._database

    def let_go(self) -> None:
        """Close the connection, if there is one."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def before_fork(self) -> None:
        """Close the connection, and keep others from making one."""
        if self.lock.acquire(timeout=_FORK_SECONDS):
            self._forking = True
            self.let_go()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._forking:
            self._forking = False
            self.lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew; a connection that could not be closed in time is the parent's."""
        if self._database is not None:
            self._left_behind.append(self._database)
        self._database = None
        self._forking = False
        self.lock = threading.Lock()
        self._in_child()


_links: weakref.WeakSet[Link] = weakref.WeakSet()


@cache
def _watch_forks() -> None:
    def each(step: Callable[[Link], None]) -> Callable[[], None]:
        def all_links() -> None:
            for link in list(_links):
                step(link)

        return all_links

    os.register_at_fork(
        before=each(Link.before_fork),
        after_in_parent=each(Link.after_fork_in_parent),
        after_in_child=each(Link.after_fork_in_child),
    )
