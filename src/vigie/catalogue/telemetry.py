"""Telemetry's own health: what was swallowed, what could not be kept, and what is kept too long."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

WHERE = Label("where", cap=50)

INTERNAL_ERRORS = counter(
    "vigie_internal_errors_total",
    "Failures of the instruments themselves; the watched request went on.",
    WHERE,
    rare=True,
)
DROPPED_RECORDS = counter(
    "vigie_dropped_records_total",
    "Records that were discarded because a queue was full.",
    WHERE,
    rare=True,
)
UNSENT_LOGS = counter(
    "loki_write_dropped_entries_total",
    "Log lines that Alloy discarded, because Loki did not take them.",
    Label("reason", cap=20),
    emitter=Emitter.EXPORTER,
)
_KEPT = Label("kind", values=("logs", "traces"))

OLDEST_RECORD = gauge(
    "vigie_oldest_record_timestamp_seconds",
    "Unix time of the oldest log line, or of the oldest trace, that is stored: whoever keeps them "
    "is asked every few minutes. Absent while nothing is stored, or they do not tell.",
    _KEPT,
    emitter=Emitter.EXPORTER,
)
OLDEST_RECORD_FAILED_LOOKS = gauge(
    "vigie_oldest_record_failed_looks",
    "How many times in a row whoever keeps these records could not be asked for the oldest; 0 once "
    "they tell.",
    _KEPT,
    emitter=Emitter.EXPORTER,
)
RETENTION = gauge(
    "vigie_retention_seconds",
    "How long records are to be kept, as vigie.yml has it.",
    Label("kind", values=("logs", "metrics", "traces")),
    emitter=Emitter.RULES,
)
