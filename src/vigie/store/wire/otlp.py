"""OTLP logs: what OpenTelemetry's exporters send, as Loki keeps it.

Some attributes of the resource are the labels of the stream, the others and those of the record are
the line's metadata.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from vigie.store.logql.quantities import print_go_float
from vigie.store.wire import protobuf
from vigie.store.wire.attributes import (
    Attributes,
    any_value,
    any_value_of_json,
    attributes_of,
    attributes_of_json,
    items,
    member,
    pair,
)
from vigie.store.wire.body import unpacked
from vigie.store.wire.errors import bad
from vigie.store.wire.limits import metadata_name
from vigie.store.wire.push import Line, Stream

LABELS = frozenset(
    (
        *("cloud.availability_zone", "cloud.region", "container.name", "deployment.environment"),
        *("deployment.environment.name", "k8s.cluster.name", "k8s.container.name"),
        *("k8s.cronjob.name", "k8s.daemonset.name", "k8s.deployment.name", "k8s.job.name"),
        *("k8s.namespace.name", "k8s.pod.name", "k8s.replicaset.name", "k8s.statefulset.name"),
        *("service.instance.id", "service.name", "service.namespace"),
    )
)
"""The attributes of a resource that Loki makes labels of, by default."""


def read_otlp(body: bytes, content_type: str, encoding: str, now: float) -> list[Stream]:
    """The streams of an ExportLogsServiceRequest; `now` in seconds is the time of what has none.

    Raises `RequestError`.
    """
    content = unpacked(body, encoding)
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            resources = _resources_of_json(content)
        elif kind in ("application/x-protobuf", "application/protobuf"):
            resources = _resources(content)
        else:
            raise bad(
                f"content type {kind!r} is not supported: application/x-protobuf or"
                " application/json"
            )
        streams: dict[tuple[tuple[str, str], ...], Stream] = {}
        for attributes, scope, record in resources:
            labels, metadata = _split(attributes)
            key = tuple(sorted(labels.items()))
            stream = streams.setdefault(key, Stream(labels, []))
            stream.values.append(_line(metadata, scope, record, int(now * 1e9)))
    except protobuf.ProtobufError as error:
        raise bad(f"proto: {error}") from None
    return list(streams.values())


Record = dict[str, Any]
"""A log record: `time`, `observed`, `body`, `attributes`, `metadata`."""


def _split(attributes: Attributes) -> tuple[dict[str, str], dict[str, str]]:
    labels: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in attributes.items():
        if name in LABELS:
            labels[metadata_name(name)] = _text(value)
        else:
            metadata.update(_flat(name, value))
    labels = {name: value for name, value in labels.items() if value}
    return labels or {"service_name": "unknown_service"}, metadata


def _line(resource: dict[str, str], scope: dict[str, str], record: Record, now: int) -> Line:
    metadata = {**resource, **scope}
    for name, value in record["attributes"].items():
        metadata.update(_flat(name, value))
    metadata.update(record["metadata"])
    time = record["time"] or record["observed"] or now
    return Line(time, _text(record["body"]), metadata or None)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """An attribute, and those below it, as names and texts."""
    if isinstance(value, dict):
        for below, inner in value.items():
            yield from _flat(f"{name}_{below}", inner)
    else:
        yield metadata_name(name), _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return print_go_float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_text)


# --- protocol buffers ------------------------------------------------------------------------


def _resources(body: bytes) -> Iterator[tuple[Attributes, dict[str, str], Record]]:
    for number, value in protobuf.fields(body):
        if number != 1:
            continue
        attributes: Attributes = {}
        scopes: list[bytes] = []
        for part, content in protobuf.fields(protobuf.raw(value)):
            if part == 1:
                attributes = attributes_of(protobuf.raw(content), 1)
            elif part == 2:
                scopes.append(protobuf.raw(content))
        for scope in scopes:
            told: dict[str, str] = {}
            records: list[bytes] = []
            for part, content in protobuf.fields(scope):
                if part == 1:
                    told = _scope(protobuf.raw(content))
                elif part == 2:
                    records.append(protobuf.raw(content))
            for record in records:
                yield attributes, told, _record(record)


def _scope(message: bytes) -> dict[str, str]:
    told = {}
    for number, value in protobuf.fields(message):
        if number in (1, 2) and (text := protobuf.text(value)):
            told["scope_name" if number == 1 else "scope_version"] = text
        elif number == 3:
            told.update(_flat(*pair(protobuf.raw(value))))
    return told


def _record(message: bytes) -> Record:
    record: Record = {"time": 0, "observed": 0, "body": None, "attributes": {}, "metadata": {}}
    metadata: dict[str, str] = record["metadata"]
    for number, value in protobuf.fields(message):
        match number:
            case 1:
                record["time"] = protobuf.whole(value)
            case 11:
                record["observed"] = protobuf.whole(value)
                metadata["observed_timestamp"] = str(record["observed"])
            case 2:
                metadata["severity_number"] = str(protobuf.whole(value))
            case 3:
                metadata["severity_text"] = protobuf.text(value)
            case 5:
                record["body"] = any_value(protobuf.raw(value))
            case 6:
                name, content = pair(protobuf.raw(value))
                record["attributes"][name] = content
            case 7:
                metadata["dropped_attributes_count"] = str(protobuf.whole(value))
            case 8:
                metadata["flags"] = str(protobuf.whole(value))
            case 9:
                metadata["trace_id"] = protobuf.raw(value).hex()
            case 10:
                metadata["span_id"] = protobuf.raw(value).hex()
    record["metadata"] = {name: v for name, v in metadata.items() if v not in ("", "0")}
    return record


# --- JSON ------------------------------------------------------------------------------------


def _resources_of_json(body: bytes) -> Iterator[tuple[Attributes, dict[str, str], Record]]:
    try:
        request = json.loads(body)
        for resource in items(request, "resourceLogs"):
            attributes = attributes_of_json(member(resource, "resource"))
            for scope in items(resource, "scopeLogs"):
                about = member(scope, "scope")
                told = {
                    label: str(about[name])
                    for name, label in (("name", "scope_name"), ("version", "scope_version"))
                    if about.get(name)
                }
                for name, value in attributes_of_json(about).items():
                    told.update(_flat(name, value))
                for record in items(scope, "logRecords"):
                    yield attributes, told, _record_of_json(record)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise bad(f"cannot read the logs: {error}") from None


def _record_of_json(one: dict[str, Any]) -> Record:
    metadata: dict[str, str] = {}
    for name, label in (
        ("severityNumber", "severity_number"),
        ("severityText", "severity_text"),
        ("droppedAttributesCount", "dropped_attributes_count"),
        ("flags", "flags"),
        ("traceId", "trace_id"),
        ("spanId", "span_id"),
        ("observedTimeUnixNano", "observed_timestamp"),
    ):
        if (value := one.get(name)) not in (None, "", 0, "0"):
            metadata[label] = str(value).lower() if label.endswith("_id") else str(value)
    return {
        "time": int(one.get("timeUnixNano") or 0),
        "observed": int(one.get("observedTimeUnixNano") or 0),
        "body": any_value_of_json(one.get("body")),
        "attributes": attributes_of_json(one),
        "metadata": metadata,
    }
