"""Answers in the shapes of Loki's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from vigie.store.logql.quantities import print_go_float
from vigie.store.query import LogAnswer, Series

_ENCODER = msgspec.json.Encoder()
_STATISTICS: dict[str, Any] = {
    "summary": {
        "bytesProcessedPerSecond": 0,
        "linesProcessedPerSecond": 0,
        "totalBytesProcessed": 0,
        "totalLinesProcessed": 0,
        "execTime": 0,
        "queueTime": 0,
        "subqueries": 0,
        "totalEntriesReturned": 0,
    }
}


def encoded(answer: Any) -> bytes:
    """An answer as JSON."""
    return _ENCODER.encode(answer)


def success(data: Any) -> dict[str, Any]:
    """What most endpoints answer."""
    return {"status": "success", "data": data}


def query_data(kind: str, result: Any, seconds: float, by_kind: bool = False) -> dict[str, Any]:
    """The answer of a query that took so long."""
    statistics = {"summary": {**_STATISTICS["summary"], "execTime": seconds}}
    data = {"resultType": kind, "result": result, "stats": statistics}
    if by_kind:
        data["encodingFlags"] = ["categorize-labels"]
    return success(data)


def streams(found: Iterable[LogAnswer]) -> list[dict[str, Any]]:
    """Lines by their labels."""
    return [
        {"stream": one.labels, "values": [(str(entry[0]), *entry[1:]) for entry in one.entries]}
        for one in found
    ]


def vector(found: Iterable[Series], time: int) -> list[dict[str, Any]]:
    """One value of each series, at `time` (ns)."""
    at = seconds(time)
    return [
        {"metric": one.labels, "value": (at, number(float(one.values[0])))}
        for one in found
        if len(one.values)
    ]


def matrix(found: Iterable[Series], times: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """The values of each series, by the labels' order."""
    moments = [seconds(int(time)) for time in times]
    return [
        {
            "metric": one.labels,
            "values": [
                (moments[step], number(value))
                for step, value in zip(one.steps.tolist(), one.values.tolist(), strict=True)
            ],
        }
        for one in sorted(found, key=lambda series: series.key)
    ]


def scalar(value: float, time: int) -> tuple[float, str]:
    """A number, at `time` (ns)."""
    return seconds(time), number(value)


def seconds(time: int) -> float:
    """Nanoseconds as seconds, to the millisecond; whole ones as an int."""
    milliseconds = time // 1_000_000
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def number(value: float) -> str:
    """A sample's value."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else print_go_float(value)
