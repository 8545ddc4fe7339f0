"""The tracer provider of a process that has none of its own."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer, Tracer

# FastAPI traces by itself, as soon as there is a provider: each request twice then, with its path
# and query, and a span for every step on the way.
_SEEN_BY_US = frozenset({"fastapi"})


def provider_of_process(service: str) -> TracerProvider:
    """The provider of OpenTelemetry's SDK that this process has, else one that it has from now."""
    present = trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        return present
    # What waits at the end is sent by the shipper's last words.
    made = _Provider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    trace.set_tracer_provider(made)
    return made


class _Provider(TracerProvider):
    """Without the tracers of what our own instruments see already."""

    def get_tracer(self, instrumenting_module_name: str, *args: Any, **kwargs: Any) -> Tracer:
        if instrumenting_module_name in _SEEN_BY_US:
            return NoOpTracer()
        return super().get_tracer(instrumenting_module_name, *args, **kwargs)
