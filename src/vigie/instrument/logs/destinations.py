"""Where lines are shipped: Loki's push API, or a collector of OpenTelemetry's protocol.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vigie.catalogue.logs import LEVELS
from vigie.instrument import otlp
from vigie.instrument.logs.line import Entry
from vigie.instrument.receiver import Address, Receiver

PUSH_PATH = "/loki/api/v1/push"
OTLP_PATH = "/v1/logs"
OTLP_PORT = 4318

# https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
_SEVERITIES = dict(zip(LEVELS, (5, 9, 13, 17, 21), strict=True))


class Destination(NamedTuple):
    """How to speak with a receiver of lines."""

    receiver: Receiver
    body: Callable[[Sequence[Entry]], bytes]
    rejected: Callable[[bytes], int]


def destination(url: str, service: str, headers: Mapping[str, str]) -> Destination:
    """Where a URL leads.

    One that ends in `/v1/logs`, or has OTLP's own port 4318 and no path, is a collector's; others
    are Loki's, with or without the path of its push API. Raises ValueError where it is no address.
    """
    address = Address.of(url)
    if address.path.endswith(OTLP_PATH) or (address.port == OTLP_PORT and not address.path):
        receiver = Receiver(address, address.path or OTLP_PATH, headers)
        return Destination(
            receiver,
            lambda entries: otlp_body(service, entries),
            lambda answer: otlp.rejected(answer, "rejectedLogRecords"),
        )
    path = address.path.removesuffix(PUSH_PATH) + PUSH_PATH
    receiver = Receiver(address, path, headers)
    return Destination(receiver, lambda entries: push_body(service, entries), lambda answer: 0)


def push_body(service: str, entries: Sequence[Entry]) -> bytes:
    """A batch as Loki's push API takes it: a stream for each level."""
    streams: dict[str, list[list[Any]]] = {}
    for entry in entries:
        value: list[Any] = [str(entry.time_ns), entry.line]
        if entry.trace_id:
            value.append({"trace_id": entry.trace_id})
        streams.setdefault(entry.level, []).append(value)
    return otlp.body(
        {
            "streams": [
                {"stream": {"service": service, "level": level}, "values": values}
                for level, values in streams.items()
            ]
        }
    )


def otlp_body(service: str, entries: Sequence[Entry]) -> bytes:
    """A batch as a collector takes it: what is a line elsewhere is a record's body."""
    records = []
    for entry in entries:
        record: dict[str, Any] = {
            "timeUnixNano": str(entry.time_ns),
            "severityNumber": _SEVERITIES[entry.level],
            "severityText": entry.level,
            "body": {"stringValue": entry.line},
        }
        if entry.trace_id:
            record["traceId"] = entry.trace_id
        records.append(record)
    resource = {"attributes": otlp.attributes({"service.name": service})}
    scope = {"scope": {"name": "vigie"}, "logRecords": records}
    return otlp.body({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]})
