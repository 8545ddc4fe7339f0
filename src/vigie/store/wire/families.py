"""Figures of a store, as families of metrics and by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from vigie.catalogue.metric import Metric
from vigie.store.segments.segment import DAY_NS, Segment
from vigie.store.wire import limits


def counter(metric: Metric, value: float) -> CounterMetricFamily:
    """A counter without labels."""
    return CounterMetricFamily(metric.name, metric.help, value=value)


def counters(metric: Metric, values: Mapping[str, int]) -> CounterMetricFamily:
    """A counter with one label."""
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.label_names)
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def gauge(metric: Metric, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(metric.name, metric.help, value=value)


def days(segments: Iterable[Segment], rows: str) -> list[dict[str, Any]]:
    """What the segments have of each day, oldest first; `rows` is what their rows are called."""
    found: dict[int, dict[str, int]] = {}
    for segment in segments:
        day = found.setdefault(
            segment.day,
            {rows: 0, "bytes": 0, "file_bytes": 0, "oldest": segment.first, "newest": segment.last},
        )
        day[rows] += segment.lines
        day["bytes"] += segment.raw_size
        day["file_bytes"] += segment.file_size
        day["oldest"] = min(day["oldest"], segment.first)
        day["newest"] = max(day["newest"], segment.last)
    return [
        {
            "day": datetime.fromtimestamp(day * DAY_NS / 1e9, UTC).strftime("%Y-%m-%d"),
            **told,
            "oldest": limits.moment(told["oldest"]),
            "newest": limits.moment(told["newest"]),
        }
        for day, told in sorted(found.items())
    ]
