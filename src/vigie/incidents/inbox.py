"""Where alerts are kept: a SQLite file, which one console writes and everybody reads.

    inbox = Inbox.open(path)
    inbox.receive(read(body, now), now)     # kept when it returns, also if the machine dies next

    with closing(Journal.open(path)) as journal:     # whether or not a console runs
        journal.firing()

In WAL mode (https://sqlite.org/wal.html) readers and the writer do not wait for one another. The
WAL needs shared memory, so the file cannot be on a network's file system.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    QueuePool,
    bindparam,
    case,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from vigie.catalogue.signals import WATCHDOG
from vigie.incidents.alert import LATE, Alert, told
from vigie.incidents.delivery import Delivery
from vigie.incidents.schema import (
    ALERTS,
    HEARTBEATS,
    TOLD,
    bring_up_to_date,
    check_version,
)
from vigie.incidents.watchdog import Heartbeat

FILE_NAME = "incidents.sqlite3"

RETENTION = timedelta(days=403)
"""How long an alert is kept after it was told last: thirteen months."""

MOST_ALERTS = 100_000
"""So many are kept at most, whatever their age: some hundred megabytes."""

PRUNE_EVERY = timedelta(hours=1)
PRUNE_AFTER_ALERTS = 1_000

WAIT_SECONDS = 3.0
"""How long a write waits for a lock: well below the time that Alertmanager waits for an answer."""

MOST_SHOWN = 1_000

_AT_ONCE = 500  # SQLite's parameters are limited
_ALERT_COLUMNS = (
    *("fingerprint", "started", "ended", "heard", "labels", "annotations"),
    "generator_url",
)


class NoInboxError(Exception):
    """Nothing was ever kept there."""


class UnavailableError(Exception):
    """The database cannot be used just now (locked, full, broken); later it may."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel was told last of a heartbeat: of the silence noticed at `lost`, that it began
    or, `recovered`, that it is over."""

    lost: datetime
    recovered: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """How many alerts there are, and when the oldest of them began."""

    alerts: int
    oldest: datetime | None


class Journal:
    """Reads what was kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises NoInboxError, NewerInboxError or UnavailableError."""
        if not path.is_file():
            raise NoInboxError(f"there is no inbox at {path}")
        engine = database(path, writes=False)
        try:
            with _transaction(engine) as connection:
                if check_version(connection, str(path)) == 0:
                    raise NoInboxError(f"there is nothing in {path}")
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def firing(self) -> list[Alert]:
        """What fires, the worst first, then the latest. Raises UnavailableError, as the others."""
        worst = case({"critical": 0, "warning": 1}, value=ALERTS.c.severity, else_=2)
        firing = select(ALERTS).where(ALERTS.c.ended.is_(None))
        wanted = firing.order_by(worst, ALERTS.c.started.desc())
        with _transaction(self._engine) as connection:
            return [_alert(row) for row in connection.execute(wanted.limit(MOST_SHOWN))]

    def ended(self, since: datetime) -> list[Alert]:
        """What ended since then, the latest first."""
        wanted = select(ALERTS).where(ALERTS.c.ended >= since).order_by(ALERTS.c.ended.desc())
        with _transaction(self._engine) as connection:
            return [_alert(row) for row in connection.execute(wanted.limit(MOST_SHOWN))]

    def firing_by_severity(self) -> dict[str, int]:
        """How many fire."""
        wanted = (
            select(ALERTS.c.severity, func.count())
            .where(ALERTS.c.ended.is_(None))
            .group_by(ALERTS.c.severity)
        )
        with _transaction(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(wanted)}

    def extent(self) -> Extent:
        """How much there is."""
        with _transaction(self._engine) as connection:
            row = connection.execute(select(func.count(), func.min(ALERTS.c.started))).one()
            return Extent(*row)

    def heartbeat(self, name: str) -> Heartbeat | None:
        """What was kept of a heartbeat; None where nobody ever listened to it."""
        with _transaction(self._engine) as connection:
            wanted = select(HEARTBEATS).where(HEARTBEATS.c.name == name)
            row = connection.execute(wanted).mappings().one_or_none()
        return None if row is None else Heartbeat(**{k: v for k, v in row.items() if k != "name"})

    def told(self, name: str) -> dict[str, Told]:
        """What each channel was told last of a heartbeat."""
        with _transaction(self._engine) as connection:
            rows = connection.execute(select(TOLD).where(TOLD.c.name == name)).all()
        return {row.channel: Told(row.lost, row.recovered) for row in rows}

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()


class Inbox(Journal):
    """Keeps what is told. For one process, and any of its threads."""

    def __init__(
        self,
        writer: Engine,
        reader: Engine,
        *,
        late: timedelta = LATE,
        retention: timedelta = RETENTION,
        most_alerts: int = MOST_ALERTS,
    ) -> None:
        """Both are of one file, which has the tables (see `open`); reads do not wait for writes.
        `late` is explained in `vigie.incidents.alert`."""
        super().__init__(reader)
        self._writer = writer
        self._late = late
        self._retention = retention
        self._most_alerts = most_alerts
        self._pruned: datetime | None = None
        self._added = 0
        self.trouble = ""
        """Why nothing could be kept the last time; empty where it could."""
        self._one_at_a_time = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, wait_seconds: float = WAIT_SECONDS, **options: Any) -> Self:
        """The inbox in this file, which is made if it is not there; see `Inbox` for `options`.

        Raises NewerInboxError, UnavailableError or OSError.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        writer = database(path, writes=True, wait_seconds=wait_seconds)
        try:
            with _transaction(writer) as connection:
                bring_up_to_date(connection, str(path))
        except BaseException:
            writer.dispose()
            raise
        return cls(writer, database(path, writes=False, wait_seconds=wait_seconds), **options)

    def receive(self, delivery: Delivery, now: datetime) -> None:
        """Keep all that was told, or nothing. Raises UnavailableError."""
        with self._writing() as connection:
            if delivery.beats:
                _beat(connection, WATCHDOG.name, now)
            fresh, changed = _changes(connection, delivery.alerts, self._late)
            if fresh:
                connection.execute(insert(ALERTS), [_row(one) for one in fresh])
            if changed:
                connection.execute(_UPDATE, [_row(one, "_") for one in changed])
            self._added += len(fresh)
            self._prune(connection, now)

    def keep_heartbeat(self, name: str, beat: Heartbeat) -> None:
        """Keep what is known of a heartbeat. Raises UnavailableError."""
        with self._writing() as connection:
            connection.execute(delete(HEARTBEATS).where(HEARTBEATS.c.name == name))
            connection.execute(insert(HEARTBEATS).values(name=name, **asdict(beat)))

    def keep_told(self, name: str, channel: str, told: Told) -> None:
        """Keep what a channel was told of a heartbeat. Raises UnavailableError."""
        with self._writing() as connection:
            same = (TOLD.c.name == name) & (TOLD.c.channel == channel)
            connection.execute(delete(TOLD).where(same))
            connection.execute(insert(TOLD).values(name=name, channel=channel, **asdict(told)))

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._writer.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._one_at_a_time:
            try:
                with _transaction(self._writer) as connection:
                    yield connection
            except UnavailableError as error:
                self.trouble = str(error)
                raise
            self.trouble = ""

    def _prune(self, connection: Connection, now: datetime) -> None:
        """Now and then, delete what is too old or too much: what ended first goes first."""
        due = self._pruned is None or abs(now - self._pruned) >= PRUNE_EVERY
        if not due and self._added < PRUNE_AFTER_ALERTS:
            return
        connection.execute(delete(ALERTS).where(ALERTS.c.heard < now - self._retention))
        count = connection.execute(select(func.count()).select_from(ALERTS)).scalar_one()
        if count > self._most_alerts:
            oldest = (
                select(ALERTS.c.id)
                .order_by(ALERTS.c.ended.is_(None), ALERTS.c.heard, ALERTS.c.id)
                .limit(count - self._most_alerts)
            )
            connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(oldest)))
        self._pruned, self._added = now, 0


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise UnavailableError(str(getattr(error, "orig", None) or error)) from error


def _changes(
    connection: Connection, news: Sequence[Alert], late: timedelta
) -> tuple[list[Alert], list[Alert]]:
    """What is to be inserted and what to be updated, after all of the news."""
    if not news:
        return [], []
    found: dict[str, list[Alert]] = {one.fingerprint: [] for one in news}
    earliest = min(one.started for one in news)
    fingerprints = list(found)
    for start in range(0, len(fingerprints), _AT_ONCE):
        wanted = select(ALERTS).where(
            ALERTS.c.fingerprint.in_(fingerprints[start : start + _AT_ONCE]),
            ALERTS.c.ended.is_(None) | (ALERTS.c.started >= earliest),
        )
        for row in connection.execute(wanted):
            found[row.fingerprint].append(_alert(row))
    before = {(one.fingerprint, one.started): one for ones in found.values() for one in ones}
    for one in news:
        found[one.fingerprint] = told(found[one.fingerprint], one, late)
    after = [one for ones in found.values() for one in ones]
    fresh = [one for one in after if (one.fingerprint, one.started) not in before]
    changed = [one for one in after if before.get((one.fingerprint, one.started), one) != one]
    return fresh, changed


def _beat(connection: Connection, name: str, now: datetime) -> None:
    heard = update(HEARTBEATS).where(HEARTBEATS.c.name == name).values(heard=now)
    if connection.execute(heard).rowcount == 0:
        connection.execute(insert(HEARTBEATS).values(name=name, listening=now, heard=now))


def _alert(row: Any) -> Alert:
    return Alert(**{name: getattr(row, name) for name in _ALERT_COLUMNS})


def _row(one: Alert, prefix: str = "") -> dict[str, Any]:
    values = {name: getattr(one, name) for name in _ALERT_COLUMNS}
    values |= {"service": one.service, "signal": one.signal, "severity": one.severity}
    return {prefix + name: value for name, value in values.items()}


_UPDATE = (
    update(ALERTS)
    .where(
        ALERTS.c.fingerprint == bindparam("_fingerprint"),
        ALERTS.c.started == bindparam("_started"),
    )
    .values(
        {
            name: bindparam(f"_{name}")
            for name in (*_ALERT_COLUMNS, "service", "signal", "severity")
            if name not in ("fingerprint", "started")
        }
    )
)


def database(path: Path, *, writes: bool, wait_seconds: float = WAIT_SECONDS) -> Engine:
    """A SQLite file that is there; each transaction of a writer keeps others from writing."""
    # Whether it may write is said to SQLite, and a path may hold anything.
    address = f"file:{quote(str(path.absolute()))}?mode={'rw' if writes else 'ro'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, timeout=wait_seconds, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            if writes:
                connection.execute("PRAGMA journal_mode = WAL")
                # Alertmanager forgets what was taken: it must outlive the machine's death too.
                connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Reading first and writing then, a transaction may be refused; so it asks for both at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
