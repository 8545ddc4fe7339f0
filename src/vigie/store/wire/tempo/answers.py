"""Answers in the shapes of Tempo's."""

from __future__ import annotations

from typing import Any

from vigie.store.spans.search import FoundSpan, FoundTrace
from vigie.store.wire.tempo.trace_json import any_value

Members = dict[str, Any]

INTRINSIC_TAGS = (
    *("duration", "event:name", "event:timeSinceStart", "instrumentation:name"),
    *("instrumentation:version", "kind", "link:spanID", "link:traceID", "name", "rootName"),
    *("rootServiceName", "span:childCount", "span:duration", "span:id", "span:kind", "span:name"),
    *("span:parentID", "span:status", "span:statusMessage", "status", "statusMessage"),
    *("trace:duration", "trace:id", "trace:rootName", "trace:rootService", "traceDuration"),
)
"""What spans have by themselves, in both spellings."""


def searched(found: list[FoundTrace], with_spans: bool, blocks: int, size: int) -> Members:
    """The answer of a search; spans are told of a TraceQL query only."""
    return {
        "traces": [_trace(one, with_spans) for one in found],
        "metrics": {
            "inspectedTraces": len(found),
            "inspectedBytes": str(size),
            "totalBlocks": blocks,
            "completedJobs": 1,
            "totalJobs": 1,
        },
    }


def _trace(one: FoundTrace, with_spans: bool) -> Members:
    told: Members = {
        "traceID": one.trace.lstrip("0"),
        "rootServiceName": one.root_service,
        "rootTraceName": one.root_name,
        "startTimeUnixNano": str(one.start),
    }
    if one.duration >= 1_000_000:
        told["durationMs"] = min(one.duration // 1_000_000, 2**32 - 1)
    if with_spans:
        spans = {"spans": [_span(span) for span in one.spans], "matched": one.matched}
        # Grafana once read the one, and reads the other now.
        told |= {"spanSet": spans, "spanSets": [spans]}
    told["serviceStats"] = {
        service: {"spanCount": count, **({"errorCount": failed} if failed else {})}
        for service, (count, failed) in sorted(one.services.items())
    }
    return told


def _span(one: FoundSpan) -> Members:
    told: Members = {"spanID": one.span}
    if one.name:
        told["name"] = one.name
    told["startTimeUnixNano"] = str(one.start)
    if one.duration:
        told["durationNanos"] = str(one.duration)
    if one.told:
        told["attributes"] = [
            {"key": name, "value": any_value(value)} for name, value in one.told.items()
        ]
    return told


def tags(names: list[str]) -> Members:
    """The answer of /api/search/tags."""
    return {"tagNames": names, "metrics": {}}


def scopes(names: dict[str, list[str]]) -> Members:
    """The answer of /api/v2/search/tags."""
    return {
        "scopes": [{"name": scope, "tags": found} for scope, found in names.items() if found],
        "metrics": {},
    }


def values(found: list[tuple[str, str]]) -> Members:
    """The answer of /api/search/tag/<name>/values."""
    return {"tagValues": sorted({value for _, value in found}), "metrics": {}}


def typed_values(found: list[tuple[str, str]]) -> Members:
    """The answer of /api/v2/search/tag/<name>/values."""
    return {
        "tagValues": [{"type": kind, "value": value} for kind, value in found],
        "metrics": {},
    }
