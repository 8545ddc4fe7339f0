"""What is watched: pure values, one file per subject.

A metric name, a label or a threshold is typed here and nowhere else. This room reads and writes
nothing and imports nothing but itself, so that a web worker can afford it.
"""

from collections.abc import Iterator

from vigie.catalogue import (
    coaching,
    container,
    costs,
    database,
    django,
    engines,
    fastapi,
    host,
    http,
    inbox,
    interservice,
    openai,
    probe,
    scrape,
    store,
    streamlit,
    telemetry,
)
from vigie.catalogue.metric import Metric

SUBJECTS = (
    django,
    fastapi,
    openai,
    costs,
    coaching,
    interservice,
    streamlit,
    container,
    database,
    host,
    probe,
    telemetry,
    scrape,
    engines,
    store,
    inbox,
)


def metrics() -> tuple[Metric, ...]:
    """Every metric of the catalogue, in the order of its subjects and definitions."""
    return tuple(metric for subject in SUBJECTS for metric in _metrics_in(vars(subject).values()))


def _metrics_in(values: object) -> Iterator[Metric]:
    for value in values:  # type: ignore[attr-defined]
        if isinstance(value, Metric):
            yield value
        elif isinstance(value, http.HttpMetrics):
            yield from (value.requests, value.duration, value.in_progress, value.exceptions)
