"""What the store tells about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vigie import __version__
from vigie.catalogue import store as catalogue
from vigie.store.segments import LogStore
from vigie.store.spans import SpanStore
from vigie.store.wire import families, limits, parameters
from vigie.store.wire.queries import json_response
from vigie.store.wire.tempo import status as tempo

LOKI = "3.4.6"
"""The Loki whose answers these are."""


class Status:
    """/ready, /metrics, /config, buildinfo and /api/v1/status."""

    def __init__(self, store: LogStore, spans: SpanStore | None = None) -> None:
        self._store = store
        self._spans = spans
        self._registry = CollectorRegistry()
        self._registry.register(_StoreCollector(store))
        if spans is not None:
            self._registry.register(tempo.SpanCollector(spans))
        duration = catalogue.REQUEST_DURATION
        self._duration = Histogram(
            duration.name,
            duration.help,
            duration.label_names,
            buckets=duration.buckets,
            registry=self._registry,
        )

    def took(self, route: str, status: int, seconds: float) -> None:
        """Note how long a request took."""
        self._duration.labels(route, str(status)).observe(seconds)

    async def ready(self, _request: Request) -> Response:
        """/ready"""
        return PlainTextResponse("ready\n")

    async def metrics(self, _request: Request) -> Response:
        """/metrics"""
        return Response(
            generate_latest(self._registry),
            media_type="text/plain; version=0.0.4; charset=utf-8",
        )

    async def config(self, _request: Request) -> Response:
        """/config"""
        kept = self._store.limits
        told = {
            "target": "all",
            "auth_enabled": False,
            "common": {"path_prefix": str(self._store.folder)},
            "limits_config": {
                "retention_period": f"{kept.retention_seconds:.0f}s",
                "reject_old_samples": True,
                "reject_old_samples_max_age": f"{limits.OLDEST_SECONDS}s",
                "creation_grace_period": f"{limits.NEWEST_SECONDS}s",
                "max_line_size": limits.LONGEST_LINE,
                "max_label_names_per_series": limits.MOST_LABELS,
                "max_label_name_length": limits.LONGEST_NAME,
                "max_label_value_length": limits.LONGEST_VALUE,
                "max_entries_limit_per_query": parameters.MOST_ENTRIES,
                "max_query_series": parameters.MOST_SERIES,
                "max_query_length": "30d1h",
                "allow_structured_metadata": True,
                "volume_enabled": True,
                "discover_service_name": [],
                "discover_log_levels": False,
            },
            "vigie": {"version": __version__, "retention_max_bytes": kept.max_bytes},
        }
        return Response(yaml.safe_dump(told, sort_keys=False), media_type="text/plain")

    async def build(self, _request: Request) -> Response:
        """/loki/api/v1/status/buildinfo"""
        return json_response(
            {
                "version": LOKI,
                "revision": f"vigie-{__version__}",
                "branch": "vigie",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            }
        )

    async def status(self, _request: Request) -> Response:
        """/api/v1/status"""
        told = status_of(self._store)
        if self._spans is not None:
            told["traces"] = tempo.status_of(self._spans)
        return json_response(told)


def status_of(store: LogStore) -> dict[str, Any]:
    """Bytes, lines, and the times of the oldest and newest line, by day."""
    segments = store.segments()
    head = store.head_lines()
    return {
        "logs": {
            "lines": sum(one.lines for one in segments) + head,
            "bytes": sum(one.raw_size for one in segments),
            "file_bytes": store.disk_bytes(),
            "streams": len(store.streams),
            "head_lines": head,
            "full": store.full,
            "retention_seconds": store.limits.retention_seconds,
            "retention_max_bytes": store.limits.max_bytes,
            "days": families.days(segments, "lines"),
        }
    }


class _StoreCollector(Collector):
    """The store's own figures, read when they are scraped."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The families of `vigie.catalogue.store`."""
        store, counted = self._store, self._store.counters
        yield families.counter(catalogue.LINES, counted.lines)
        yield families.counter(catalogue.BYTES, counted.bytes)
        yield families.counter(catalogue.REPEATED_LINES, counted.repeated_lines)
        yield families.counter(catalogue.COMMITS, counted.commits)
        yield families.counters(
            catalogue.REFUSED_PUSHES,
            {"queue_full": counted.refused_queue, "disk_full": counted.refused_full},
        )
        yield families.counter(catalogue.FAILED_WRITES, counted.failed_writes)
        yield families.counters(
            catalogue.DROPPED_SEGMENTS,
            {"age": counted.dropped_segments_age, "size": counted.dropped_segments_size},
        )
        segments = store.segments()
        yield families.gauge(catalogue.SEGMENTS, len(segments))
        yield families.gauge(catalogue.STREAMS, len(store.streams))
        yield families.gauge(catalogue.DISK_BYTES, store.disk_bytes())
        yield families.gauge(catalogue.HEAD_LINES, store.head_lines())
        yield families.gauge(catalogue.QUEUE_BYTES, store.waiting_bytes())
