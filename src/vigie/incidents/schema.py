"""The inbox's tables, and how those of an older Vigie become present ones.

Version n is what the first n steps make. A step is never changed once it was released: what is
needed next is a further step.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """A time, kept as microseconds since 1970: exact, sortable, and of no time zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """A time with its zone, for the database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """A time in UTC, from the database."""
        return None if value is None else _EPOCH + value * _MICROSECOND


METADATA = MetaData()

VERSION = Table("vigie_incidents", METADATA, Column("version", Integer, nullable=False))

ALERTS = Table(
    "vigie_alerts",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("started", Moment, nullable=False),
    Column("ended", Moment),
    Column("heard", Moment, nullable=False),
    Column("service", String, nullable=False),
    Column("signal", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("generator_url", String, nullable=False),
    UniqueConstraint("fingerprint", "started"),
    Index("vigie_alerts_ended", "ended"),
)

HEARTBEATS = Table(
    "vigie_heartbeats",
    METADATA,
    Column("name", String, primary_key=True),
    Column("listening", Moment, nullable=False),
    Column("heard", Moment),
    Column("lost", Moment),
    Column("recovered", Moment),
)

TOLD = Table(
    "vigie_heartbeats_told",
    METADATA,
    Column("name", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("lost", Moment, nullable=False),
    Column("recovered", Boolean, nullable=False),
)


class NewerInboxError(Exception):
    """A newer Vigie made the tables."""

    def __init__(self, place: str, version: int) -> None:
        super().__init__(
            f"the alerts in {place} are of version {version}, and this Vigie knows versions up to "
            f"{len(STEPS)}: install the Vigie that wrote them (pip install -U vigie), or name "
            "another folder: --state DIR"
        )


Step = Callable[[Connection], None]


def _first_tables(connection: Connection) -> None:
    METADATA.create_all(connection, [ALERTS, HEARTBEATS, TOLD])


STEPS: tuple[Step, ...] = (_first_tables,)


def bring_up_to_date(connection: Connection, place: str, steps: tuple[Step, ...] = STEPS) -> None:
    """Make the tables, or what they lack, within the caller's transaction.

    Raises NewerInboxError.
    """
    version = check_version(connection, place, steps)
    if version == len(steps):
        return
    if version == 0:
        METADATA.create_all(connection, [VERSION])
        connection.execute(insert(VERSION).values(version=0))
    for step in steps[version:]:
        step(connection)
    connection.execute(update(VERSION).values(version=len(steps)))


def check_version(connection: Connection, place: str, steps: tuple[Step, ...] = STEPS) -> int:
    """The version of the tables, 0 where there are none. Raises NewerInboxError."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    version = int(connection.execute(select(VERSION.c.version)).scalar_one())
    if version > len(steps):
        raise NewerInboxError(place, version)
    return version
