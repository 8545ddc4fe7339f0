"""What the store tells about its spans, and where Tempo tells about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vigie import __version__
from vigie.catalogue import store as catalogue
from vigie.store.spans import SpanStore
from vigie.store.wire import families
from vigie.store.wire.queries import json_response

TEMPO = "3.0.3"
"""The Tempo whose answers these are."""


async def echo(_request: Request) -> Response:
    """/api/echo"""
    return PlainTextResponse("echo")


async def build(_request: Request) -> Response:
    """/api/status/buildinfo"""
    return json_response(
        {
            "version": TEMPO,
            "revision": f"vigie-{__version__}",
            "branch": "vigie",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


def status_of(spans: SpanStore) -> dict[str, Any]:
    """Bytes, spans, and the times of the oldest and newest span, by day."""
    segments = spans.segments()
    head = spans.head_lines()
    return {
        "spans": sum(one.lines for one in segments) + head,
        "bytes": sum(one.raw_size for one in segments),
        "file_bytes": spans.disk_bytes(),
        "resources": len(spans.streams),
        "head_spans": head,
        "full": spans.full,
        "retention_seconds": spans.limits.retention_seconds,
        "days": families.days(segments, "spans"),
    }


class SpanCollector(Collector):
    """The figures of the spans, read when they are scraped."""

    def __init__(self, spans: SpanStore) -> None:
        self._spans = spans

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The families of `vigie.catalogue.store` that are about spans."""
        spans, counted = self._spans, self._spans.counters
        yield families.counter(catalogue.SPANS, counted.lines)
        yield families.counter(catalogue.SPAN_BYTES, counted.bytes)
        yield families.counter(catalogue.REPEATED_SPANS, counted.repeated_lines)
        yield families.counter(catalogue.INVALID_SPANS, spans.invalid)
        yield families.counters(
            catalogue.REFUSED_SPAN_PUSHES,
            {"queue_full": counted.refused_queue, "disk_full": counted.refused_full},
        )
        yield families.counter(catalogue.FAILED_SPAN_WRITES, counted.failed_writes)
        yield families.counters(
            catalogue.DROPPED_SPAN_SEGMENTS,
            {"age": counted.dropped_segments_age, "size": counted.dropped_segments_size},
        )
        segments = spans.segments()
        yield families.gauge(catalogue.SPAN_SEGMENTS, len(segments))
        yield families.gauge(catalogue.SPAN_RESOURCES, len(spans.streams))
        yield families.gauge(catalogue.SPAN_DISK_BYTES, spans.disk_bytes())
        yield families.gauge(catalogue.HEAD_SPANS, spans.head_lines())
