"""What the store takes in, and what it refuses."""

from __future__ import annotations

import gzip
import json
import struct
import time
from pathlib import Path
from typing import Any

import cramjam
import pytest

from compare_loki import field, push_protobuf, snappy
from running_store import Client, opened, served
from vigie.store.segments import StoreLimits
from vigie.store.wire.body import LARGEST

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def now() -> int:
    return time.time_ns()


def body(*values: list[Any], **labels: str) -> bytes:
    return json.dumps({"streams": [{"stream": labels, "values": list(values)}]}).encode()


def push(client: Client, content: bytes, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.ask("POST", "/loki/api/v1/push", content, {**JSON, **named}).status


def test_a_push_in_json_is_there_at_once(client: Client) -> None:
    assert push(client, body([str(now()), "été 🏃"], job="x")) == 204
    assert client.lines('{job="x"}') == ["été 🏃"]


def test_a_push_in_json_may_have_lines_with_metadata_and_lines_without(client: Client) -> None:
    at = now()
    values = [[str(at), "plain"], [str(at + 1), "told", {"trace_id": "t1"}], [str(at + 2), "", {}]]
    assert push(client, body(*values, job="x")) == 204
    assert client.lines('{job="x"}') == ["plain", "told", ""]
    assert client.lines('{job="x"} | trace_id="t1"') == ["told"]


@pytest.mark.parametrize("pack", [snappy, lambda raw: bytes(cramjam.snappy.compress_raw(raw))])
def test_a_push_as_promtail_sends_it_keeps_its_metadata(client: Client, pack: Any) -> None:
    streams = [{"stream": {"job": "x", "q": 'a"b'}, "values": [[0, "line", {"trace_id": "t1"}]]}]
    content = pack(push_protobuf(streams, now()))
    answer = client.ask("POST", "/loki/api/v1/push", content, PROTOBUF)
    assert answer.status == 204
    assert client.lines('{q="a\\"b"} | trace_id="t1"') == ["line"]


def test_a_push_may_be_compressed(client: Client) -> None:
    content = gzip.compress(body([str(now()), "zipped"], job="x"))
    assert push(client, content, Content_Encoding="gzip") == 204
    assert client.lines('{job="x"}') == ["zipped"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {}, 422),
        (b'{"streams": []}', {}, 422),
        (b'{"streams": null}', {}, 422),
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b'{"streams": [{"stream": {"a": "b"}, "values": [["x", "y"]]}]}', {}, 400),
        (b'{"streams": [{"stream": {"a": "b"}, "values": [["1"]]}]}', {}, 400),
        (b'{"streams": [{"stream": {"a": 1}, "values": []}]}', {}, 400),
        (b'{"streams": [{"stream": {"a": "b"}, "values": []}]}', {}, 204),
        (b"\x1f\x8bbroken", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b'{"streams":[]}', mtime=0)[:-9], {"Content_Encoding": "gzip"}, 400),
        (b"{}", {"Content_Encoding": "br"}, 400),
        (b"\xff\xff\xff\xff\x7f", {"Content_Type": "application/x-protobuf"}, 413),
        (snappy(b"\x0a\x05ab"), {"Content_Type": "application/x-protobuf"}, 400),
        (snappy(field(1, field(1, "{a=b}"))), {"Content_Type": "application/x-protobuf"}, 400),
    ],
)
def test_what_is_no_push_is_refused(
    client: Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert push(client, content, **headers) == status


def test_the_good_lines_of_a_push_are_kept_and_the_others_named(client: Client) -> None:
    old = now() - 8 * 86_400 * 10**9
    answer = client.push(
        ({"job": "x"}, [[str(old), "old"], [str(now()), "good"], [str(now()), "y" * 262_145]]),
        ({"1st": "x"}, [[str(now()), "bad label"]]),
    )
    assert answer.status == 400
    assert answer.text.startswith("entry for stream '{job=\"x\"}' has timestamp too old: ")
    assert answer.text.endswith("(and 2 more)\n")
    assert client.lines('{job=~".+"}') == ["good"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(client: Client, chunked: bool) -> None:
    if chunked:
        bomb = gzip.compress(b" " * (LARGEST + 1))
        assert push(client, bomb, Content_Encoding="gzip") == 413
    else:
        headers = {**JSON, "Content-Length": str(LARGEST + 1)}
        assert client.ask("POST", "/loki/api/v1/push", b"{}", headers).status == 413


def test_a_full_queue_is_told_with_when_to_come_again(tmp_path: Path) -> None:
    limits = StoreLimits(head_bytes=0, idle_seconds=3600)
    with opened(tmp_path, limits) as store, served(store) as client:
        assert push(client, body([str(now()), "one"], job="x")) == 204
        answer = client.ask("POST", "/loki/api/v1/push", body([str(now()), "two"], job="x"), JSON)
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        store.flush()
        assert push(client, body([str(now()), "two"], job="x")) == 204
        assert len(client.lines('{job="x"}')) == 2


# --- OTLP ------------------------------------------------------------------------------------


def attribute(name: str, value: bytes) -> bytes:
    return field(1, name) + field(2, value)


def fixed64(number: int, value: int) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<Q", value)


def otlp_protobuf(time_ns: int) -> bytes:
    """ExportLogsServiceRequest, by opentelemetry/proto/logs/v1/logs.proto."""
    text = field(1, "django")
    resource = field(1, attribute("service.name", text)) + field(
        1, attribute("host.name", field(1, "web-1"))
    )
    nested = field(6, field(1, attribute("id", field(3, 7))))
    record = (
        fixed64(1, time_ns)
        + field(2, 9)
        + field(3, "INFO")
        + field(5, field(1, "user logged in"))
        + field(6, attribute("user", nested))
        + field(6, attribute("ok", field(2, 1)))
        + field(9, bytes.fromhex("5b8efff798038103d269b633813fc60c"))
        + field(10, bytes.fromhex("eee19b7ec3c1b174"))
    )
    scope = field(1, field(1, "app.auth")) + field(2, record)
    return field(1, field(1, resource) + field(2, scope))


def otlp_json(time_ns: int) -> bytes:
    record = {
        "timeUnixNano": str(time_ns),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": "user logged in"},
        "attributes": [
            {
                "key": "user",
                "value": {"kvlistValue": {"values": [{"key": "id", "value": {"intValue": "7"}}]}},
            },
            {"key": "ok", "value": {"boolValue": True}},
        ],
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
    }
    resource = {
        "attributes": [
            {"key": "service.name", "value": {"stringValue": "django"}},
            {"key": "host.name", "value": {"stringValue": "web-1"}},
        ]
    }
    scope = {"scope": {"name": "app.auth"}, "logRecords": [record]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}).encode()


@pytest.mark.parametrize(
    ("path", "status"), [("/otlp/v1/logs", 204), ("/v1/logs", 200)], ids=["Loki", "collector"]
)
@pytest.mark.parametrize(
    ("make", "kind"),
    [(otlp_protobuf, "application/x-protobuf"), (otlp_json, "application/json")],
    ids=["protobuf", "JSON"],
)
def test_otlp_logs_are_kept_as_loki_keeps_them(
    client: Client, path: str, status: int, make: Any, kind: str
) -> None:
    answer = client.ask("POST", path, make(now()), {"Content-Type": kind})
    assert answer.status == status
    (stream,) = client.get("/loki/api/v1/query_range", query='{service_name="django"}').json[
        "data"
    ]["result"]
    assert [line for _, line in stream["values"]] == ["user logged in"]
    assert stream["stream"] == {
        "service_name": "django",
        "host_name": "web-1",
        "scope_name": "app.auth",
        "severity_number": "9",
        "severity_text": "INFO",
        "user_id": "7",
        "ok": "true",
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": "eee19b7ec3c1b174",
    }


def test_otlp_without_a_service_has_one_that_is_unknown(client: Client) -> None:
    record = {"body": {"stringValue": "lost"}}
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    answer = client.ask("POST", "/otlp/v1/logs", json.dumps(request).encode(), JSON)
    assert answer.status == 204
    assert client.lines('{service_name="unknown_service"}') == ["lost"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"resourceLogs": 5}', "application/json", 400),
        (b'{"resourceLogs": [5]}', "application/json", 400),
        (b"\x0a\xff", "application/x-protobuf", 400),
        (b"x", "text/plain", 400),
        (b"", "application/x-protobuf", 200),
    ],
)
def test_what_is_no_otlp_is_refused(client: Client, content: bytes, kind: str, status: int) -> None:
    assert client.ask("POST", "/v1/logs", content, {"Content-Type": kind}).status == status
