"""Spans as OTLP's JSON, sent to a store."""

from __future__ import annotations

import json
import time
from typing import Any

from running_store import Answer, Client

JSON = {"Content-Type": "application/json"}
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def request(**span: Any) -> dict[str, Any]:
    """An ExportTraceServiceRequest with one span, as JSON."""
    start = time.time_ns()
    one = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_500_000_000),
        **span,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "fastapi"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]}


def send(client: Client, told: Any, **headers: str) -> Answer:
    return client.ask("POST", "/v1/traces", json.dumps(told).encode(), {**JSON, **headers})


def spans_of(answer: Answer) -> list[dict[str, Any]]:
    return [
        span
        for batch in answer.json["batches"]
        for scope in batch["scopeSpans"]
        for span in scope["spans"]
    ]
