"""Vigie's own health inside a service: what it swallowed, and what it could not keep."""

from vigie.catalogue.metric import Label, counter

WHERE = Label("where", cap=50)

INTERNAL_ERRORS = counter(
    "vigie_internal_errors_total",
    "Failures of the instruments themselves; the watched request went on.",
    WHERE,
)
DROPPED_RECORDS = counter(
    "vigie_dropped_records_total", "Records that were discarded because a queue was full.", WHERE
)
