"""Databases as Django sees them: statements, errors, and connections in use.

A connection's statements are seen through Django's own `execute_wrapper`, so every backend is
covered, SQL Server too. What happens below it is not: a COMMIT, and the fetching of rows.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import WeakSet, ref

from django.core.signals import got_request_exception, request_finished
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from vigie.catalogue.django import (
    DB_CONNECTIONS_ACTIVE,
    DB_CONNECTIONS_MAX,
    DB_ERRORS,
    DB_QUERY_DURATION,
)
from vigie.instrument import spans
from vigie.instrument.cells import MAKING
from vigie.instrument.django.answering import now_answering
from vigie.instrument.django.capacity import Capacity
from vigie.instrument.django.registered import one_for
from vigie.instrument.django.statements import error_kind, operation, without_values
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.meters import Child, Meters

log = logging.getLogger("vigie")


def watch_databases(meters: Meters, slow_seconds: float) -> DatabaseWatch:
    """Watch every database connection of this process: those that this thread has, and new ones."""
    watch = one_for(meters, DatabaseWatch, lambda: DatabaseWatch(meters, slow_seconds))
    watch.start()
    return watch


class DatabaseWatch:
    """The connections of all threads of this process, and what passes through them."""

    def __init__(self, meters: Meters, slow_seconds: float) -> None:
        self._meters = meters
        self._slow_seconds = slow_seconds
        self._durations = meters[DB_QUERY_DURATION]
        self._errors = meters[DB_ERRORS]
        self._active = meters[DB_CONNECTIONS_ACTIVE]
        self._max = meters[DB_CONNECTIONS_MAX]
        self._capacity = Capacity(meters.storage.folder)
        self._seen: WeakSet[BaseDatabaseWrapper] = WeakSet()
        self._open: dict[int, ref[BaseDatabaseWrapper]] = {}
        self._copies: dict[str, BaseDatabaseWrapper] = {}  # of one connection for each alias
        self._children: dict[tuple[str, str], Child] = {}
        self._counted: WeakSet[BaseException] = WeakSet()
        self._wrapper = self._execute

    def start(self) -> None:
        """Watch this thread's connections, and those that any thread opens from now on."""
        connection_created.connect(self._opened)
        got_request_exception.connect(self._request_failed)
        self._meters.before_scrape("django_databases", self._refresh)
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None:
                self._watch(connection)

    def stop(self) -> None:
        """Watch nothing any more."""
        connection_created.disconnect(self._opened)
        got_request_exception.disconnect(self._request_failed)
        request_finished.disconnect(self._after_request)
        for connection in list(self._seen):
            if self._wrapper in connection.execute_wrappers:
                connection.execute_wrappers.remove(self._wrapper)

    def _opened(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        with guarded("django_databases", self._meters):
            self._watch(connection)

    def _watch(self, connection: BaseDatabaseWrapper) -> None:
        if self._wrapper not in connection.execute_wrappers:
            # At the front: who wraps for a while (`with connection.execute_wrapper(…)`) takes the
            # last one off, and that must be their own.
            connection.execute_wrappers.insert(0, self._wrapper)
        alias = connection.alias
        with MAKING:
            self._seen.add(connection)
            self._open[id(connection)] = ref(connection)
            new = alias not in self._copies
            if new:
                self._copies[alias] = connection.copy()
        if new:
            for kind in DB_ERRORS.labels[1].values:
                self._errors.child(alias, kind)
            request_finished.connect(self._after_request)
        self._recount()

    def _execute(
        self,
        execute: Callable[..., Any],
        sql: object,
        params: object,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        started = perf_counter()
        raised: Error | None = None
        try:
            return execute(sql, params, many, context)
        except Error as error:
            raised = error
            self._count_error(error, context["connection"].alias)
            raise
        finally:
            try:
                self._executed(context["connection"], sql, perf_counter() - started, raised)
            except Exception as failure:
                count_failure("django_databases", failure, self._meters)
            raised = None  # it would hold on to this frame, and this frame to it

    def _executed(
        self, connection: BaseDatabaseWrapper, sql: object, seconds: float, error: Error | None
    ) -> None:
        kind = operation(sql)
        if spans.tracing is not None:
            with guarded("traces", self._meters):
                spans.tracing.statement(
                    connection.vendor,
                    _name(connection),
                    kind,
                    sql,
                    seconds=seconds,
                    error=error,
                )
        key = (connection.alias, kind)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._durations.child(*key)
        child.observe(seconds)
        answering = now_answering()
        if answering is not None:
            notes = answering.note()
            notes.statements += 1
            notes.statements_seconds += seconds
            if seconds > notes.slowest_seconds:
                notes.slowest_seconds = seconds
                notes.slowest_sql, notes.slowest_vendor = sql, connection.vendor
        if seconds > self._slow_seconds:
            log.warning(
                "Slow statement alias=%s operation=%s seconds=%.3f request_id=%s sql=%s",
                connection.alias,
                kind,
                seconds,
                answering.request_id if answering else "-",
                without_values(sql, connection.vendor),
            )

    def _request_failed(self, **_: Any) -> None:
        """Where no connection could be had, there was no statement to see it by."""
        error = sys.exc_info()[1]
        if isinstance(error, Error) and error not in self._counted:
            alias = _alias_in(error)
            if alias is not None:
                self._count_error(error, alias)

    def _count_error(self, error: Error, alias: str) -> None:
        with guarded("django_databases", self._meters):
            self._counted.add(error)
            self._errors.child(alias, error_kind(error)).inc()

    def _after_request(self, **_: Any) -> None:
        """Django closes connections when a request has ended, and tells nobody."""
        with guarded("django_databases", self._meters):
            if not all(_is_open(found()) for found in list(self._open.values())):
                self._recount()

    def _recount(self) -> None:
        with MAKING:
            in_use: Counter[str] = Counter()
            for key, found in list(self._open.items()):
                connection = found()
                if connection is not None and _is_open(connection):
                    in_use[connection.alias] += 1
                else:
                    del self._open[key]
            for alias in self._copies:
                self._active.child(alias).set(in_use[alias])

    def _refresh(self) -> None:
        self._recount()
        with MAKING:
            copies = list(self._copies.items())
        for alias, connection in copies:
            with guarded("django_databases", self._meters):
                limit = self._capacity.limit(connection)
                if limit is not None:
                    self._max.child(alias).set(limit)


def _name(connection: BaseDatabaseWrapper) -> str:
    """The database's name; of SQLite's, the file's name without its folder."""
    return Path(str(connection.settings_dict.get("NAME", ""))).name


def _is_open(connection: BaseDatabaseWrapper | None) -> bool:
    return connection is not None and connection.connection is not None


def _alias_in(error: BaseException) -> str | None:
    """The database in which an exception arose, read from the frames that it passed."""
    traceback = error.__traceback__
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        # By its type: `isinstance` would have a lazy object look itself up.
        if owner is not None and issubclass(type(owner), BaseDatabaseWrapper):
            return str(owner.alias)
        traceback = traceback.tb_next
    return None
