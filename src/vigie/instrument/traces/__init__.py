"""Traces: OpenTelemetry, set up in one call for all that Vigie watches.

    from vigie.instrument import traces
    traces.setup("fastapi")

Requests that PrometheusMiddleware sees, of Django or any ASGI application, calls by the httpx
clients that are watched, statements to Django's databases, Streamlit's pages and calls of the
OpenAI SDK are then spans, sent where $VIGIE_TRACES_URL leads. The ids are those of
`vigie.instrument.context`: a log line's `trace_id` is its trace's. Spans of one's own are made as
OpenTelemetry's documentation has it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue import telemetry
from vigie.instrument import otlp, spans
from vigie.instrument.guard import count_failure
from vigie.instrument.meters import meters
from vigie.instrument.receiver import Address, Receiver
from vigie.instrument.service import service_name
from vigie.instrument.shipping import Shipper

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

    from vigie.instrument.traces.export import ShippingProcessor

__all__ = ["setup", "shutdown"]

NAME = "traces"
"""What this instrument is called where its failures and losses are counted."""

URL_VARIABLE = "VIGIE_TRACES_URL"
PATH = "/v1/traces"
CAPACITY = 5_000
"""How many spans may wait."""

_MARK = "_vigie_traces"
_installing = threading.Lock()


def setup(
    service: str | None = None,
    *,
    to: str | None = None,
    headers: Mapping[str, str] | None = None,
    provider: TracerProvider | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Make spans, and send them to `to`: http://127.0.0.1:4318, or a URL that ends in /v1/traces.

    `service` is by default $VIGIE_SERVICE, `to` is $VIGIE_TRACES_URL; without either of the latter
    nothing is done, and nothing is paid for. `headers` go along. Where the process has a tracer
    provider of OpenTelemetry's SDK already, or `provider` is given, that one is used, with its
    sampler; otherwise one is made, which samples as $OTEL_TRACES_SAMPLER says: by default, all.

    To be called in the main thread, so that SIGTERM is heard of. May be called again: the same does
    nothing, something else counts from then on. Raises ImportError without OpenTelemetry, and
    ValueError for what is no address.
    """
    to = to or os.environ.get(URL_VARIABLE) or None
    if to is None:
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise ImportError(
            "vigie.instrument.traces needs OpenTelemetry: pip install 'vigie[tracing]'"
        )
    wanted = _Setup(
        service or service_name(), to, tuple(sorted((headers or {}).items())), provider, registry
    )
    with _installing:
        found = _installed()
        if found is not None:
            if found.setup == wanted:
                return
            _remove(found)
        _install(wanted)


def shutdown() -> None:
    """Send what waits, and make no more spans."""
    with _installing:
        found = _installed()
        if found is not None:
            _remove(found)


@dataclass(frozen=True, slots=True)
class _Setup:
    service: str
    to: str
    headers: tuple[tuple[str, str], ...]
    provider: TracerProvider | None
    registry: CollectorRegistry


@dataclass(frozen=True, slots=True)
class _Installed:
    setup: _Setup
    processor: ShippingProcessor


def _install(wanted: _Setup) -> None:
    from vigie.instrument.traces.export import ShippingProcessor, request_of
    from vigie.instrument.traces.provider import provider_of_process
    from vigie.instrument.traces.tracer import OpenTelemetryTracing

    address = Address.of(wanted.to)
    instruments = meters(wanted.registry)
    shipper: Shipper[ReadableSpan] = Shipper(
        Receiver(address, address.path.removesuffix(PATH) + PATH, dict(wanted.headers)),
        lambda ended: request_of(wanted.service, ended),
        rejected=lambda answer: otlp.rejected(answer, "rejectedSpans"),
        failed=lambda error: count_failure(NAME, error, instruments),
        dropped=instruments[telemetry.DROPPED_RECORDS].child(NAME).inc,
        capacity=CAPACITY,
    )
    processor = ShippingProcessor(shipper)
    provider = wanted.provider or provider_of_process(wanted.service)
    provider.add_span_processor(processor)
    # On the module of whom everybody asks, which is loaded once: see `logs`.
    setattr(spans, _MARK, _Installed(wanted, processor))
    spans.tracing = OpenTelemetryTracing(provider)


def _remove(found: _Installed) -> None:
    delattr(spans, _MARK)
    spans.tracing = None
    found.processor.shutdown()


def _installed() -> _Installed | None:
    return getattr(spans, _MARK, None)
