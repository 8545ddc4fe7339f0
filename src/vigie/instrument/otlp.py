"""What OpenTelemetry's protocol has in common for logs and traces, in JSON.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A mapping, as a list of keys and values."""
    return [{"key": name, "value": value(each)} for name, each in values.items()]


def value(each: Any) -> dict[str, Any]:
    """One value; what the protocol has no word for is written out."""
    if isinstance(each, bool):
        return {"boolValue": each}
    if isinstance(each, int):
        return {"intValue": str(each)}
    if isinstance(each, float):
        return {"doubleValue": each if abs(each) < float("inf") else str(each)}
    if isinstance(each, list | tuple):
        return {"arrayValue": {"values": [value(one) for one in each]}}
    return {"stringValue": str(each)}


def body(content: Mapping[str, Any]) -> bytes:
    """What is posted."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")  # half a surrogate pair is no text


def rejected(answer: bytes, name: str) -> int:
    """How many records a receiver took and threw away; `name` is what it calls that number."""
    try:
        return int(json.loads(answer)["partialSuccess"][name])
    except (ValueError, KeyError, TypeError):
        return 0
