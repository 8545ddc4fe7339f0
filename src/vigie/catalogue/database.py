"""Database servers, as they see themselves."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge, histogram

DATABASE = Label("database", cap=50)
ENGINE = Label("engine", values=("postgresql", "mssql"))

CONNECTIONS_ACTIVE = gauge(
    "database_connections_active", "Open connections.", DATABASE, ENGINE, emitter=Emitter.EXPORTER
)
CONNECTIONS_MAX = gauge(
    "database_connections_max",
    "Connections that the server accepts.",
    DATABASE,
    ENGINE,
    emitter=Emitter.EXPORTER,
)
QUERY_DURATION = histogram(
    "database_query_duration_seconds",
    "Seconds that the server spent on a statement.",
    DATABASE,
    ENGINE,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
    emitter=Emitter.EXPORTER,
)
DEADLOCKS = counter(
    "database_deadlocks_total",
    "Deadlocks that the server broke.",
    DATABASE,
    ENGINE,
    emitter=Emitter.EXPORTER,
)
