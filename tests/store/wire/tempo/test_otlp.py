"""Spans in by OTLP, traces out by Tempo's API: with OpenTelemetry's own exporter and messages."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer

from running_store import Client
from span_sender import JSON, SPAN, TRACE, request, send, spans_of
from vigie.store.spans import SpanStore

pytestmark = pytest.mark.servers

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@contextmanager
def tracing(client: Client, service: str = "coaching") -> Iterator[Tracer]:
    """A tracer whose spans have reached the store when the block ends."""
    resource = Resource.create({"service.name": service, "host.cpus": 4})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{client.base}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("tests", "1.2")
    provider.shutdown()


def test_what_the_sdk_sends_comes_back_whole(client: Client, spans: SpanStore) -> None:
    with tracing(client) as tracer:
        with tracer.start_as_current_span("GET /plan", kind=SpanKind.SERVER) as root:
            root.set_attribute("http.response.status_code", 200)
            root.set_attribute("ratio", 0.5)
            root.set_attribute("cached", True)
            root.set_attribute("tags", ["a", "b"])
            root.set_attribute("text", 'é "quoted"\n\x00')
            link = Link(root.get_span_context(), {"why": "test"})
            with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, links=[link]) as inner:
                inner.add_event("token", {"index": 7})
                inner.set_status(Status(StatusCode.ERROR, "timed out"))
        trace = f"{root.get_span_context().trace_id:032x}"
    for where in ("log", "segment", "columns"):
        answer = client.get(f"/api/traces/{trace}")
        assert answer.status == 200 and answer.headers["content-type"] == "application/json", where
        (batch,) = answer.json["batches"]
        resource = {one["key"]: one["value"] for one in batch["resource"]["attributes"]}
        assert resource["service.name"] == {"stringValue": "coaching"}
        assert resource["host.cpus"] == {"intValue": "4"}
        assert batch["scopeSpans"][0]["scope"] == {"name": "tests", "version": "1.2"}
        first, second = spans_of(answer)
        assert first["traceId"] == base64.b64encode(bytes.fromhex(trace)).decode()
        assert "parentSpanId" not in first and second["parentSpanId"] == first["spanId"]
        assert (first["name"], first["kind"], first["status"]) == (
            "GET /plan",
            "SPAN_KIND_SERVER",
            {},
        )
        attributes = {one["key"]: one["value"] for one in first["attributes"]}
        assert attributes == {
            "http.response.status_code": {"intValue": "200"},
            "ratio": {"doubleValue": 0.5},
            "cached": {"boolValue": True},
            "tags": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
            "text": {"stringValue": 'é "quoted"\n\x00'},
        }
        assert second["status"] == {"message": "timed out", "code": "STATUS_CODE_ERROR"}
        assert second["events"][0]["name"] == "token"
        assert second["events"][0]["attributes"] == [{"key": "index", "value": {"intValue": "7"}}]
        assert second["links"][0]["spanId"] == first["spanId"]
        if where == "log":
            spans.flush()
        else:
            spans.refine()
    assert all(one.fields is not None for one in spans.segments())


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("kind", ["json", "protobuf"])
def test_every_field_of_otlp_survives(client: Client, kind: str, encoding: str) -> None:
    sent = ExportTraceServiceRequest()
    about = sent.resource_spans.add(schema_url="https://a")
    about.resource.attributes.add(key="service.name").value.string_value = "django"
    about.resource.dropped_attributes_count = 1
    scope = about.scope_spans.add(schema_url="https://b")
    scope.scope.name, scope.scope.version = "n", "v"
    scope.scope.attributes.add(key="s").value.bool_value = False
    scope.scope.dropped_attributes_count = 2
    now = time.time_ns()
    one = scope.spans.add(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        parent_span_id=b"\1" * 8,
        trace_state="a=b",
        flags=0x301,
        name="n",
        kind=5,
        start_time_unix_nano=now,
        end_time_unix_nano=now + 7,
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )
    one.status.code, one.status.message = 1, "fine"
    one.attributes.add(key="y").value.bytes_value = b"\0\xff"
    one.attributes.add(key="none").value.SetInParent()
    one.attributes.add(key="big").value.int_value = -(2**63)
    one.attributes.add(key="d").value.double_value = 1.0
    values = one.attributes.add(key="m").value.kvlist_value.values
    values.add(key="k").value.array_value.values.add().int_value = 1
    event = one.events.add(time_unix_nano=now + 1, name="e", dropped_attributes_count=6)
    event.attributes.add(key="x").value.string_value = "y"
    link = one.links.add(
        trace_id=b"\2" * 16, span_id=b"\3" * 8, trace_state="c", dropped_attributes_count=7, flags=1
    )
    link.attributes.add(key="z").value.string_value = ""
    if kind == "protobuf":
        body, headers = sent.SerializeToString(), dict(PROTOBUF)
    else:
        body, headers = json.dumps(_otlp_json(sent)).encode(), dict(JSON)
    if encoding:
        body, headers["Content-Encoding"] = gzip.compress(body), encoding
    answer = client.ask("POST", "/v1/traces", body, headers)
    assert (answer.status, answer.body) == (200, b"{}" if kind == "json" else b"")
    back = client.ask("GET", f"/api/traces/{TRACE}", headers={"Accept": "application/protobuf"})
    assert back.headers["content-type"] == "application/protobuf"
    got = TracesData.FromString(back.body)
    assert list(got.resource_spans) == list(sent.resource_spans)


def _otlp_json(message: Any) -> dict[str, Any]:
    """OTLP's JSON has its ids in hexadecimal, where protocol buffers' JSON has base64."""

    def with_ids(one: Any) -> Any:
        if isinstance(one, list):
            return [with_ids(each) for each in one]
        if not isinstance(one, dict):
            return one
        ids = ("traceId", "spanId", "parentSpanId")
        return {
            name: base64.b64decode(value).hex().upper() if name in ids else with_ids(value)
            for name, value in one.items()
        }

    told: dict[str, Any] = with_ids(MessageToDict(message))
    return told


def test_a_trace_is_answered_in_the_second_shape_too(client: Client) -> None:
    assert send(client, request()).status == 200
    told = client.get(f"/api/v2/traces/{TRACE}").json
    assert [*told] == ["trace", "metrics"]
    (span,) = told["trace"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["name"] == "chat"
    headers = {"Accept": "application/protobuf"}
    answer = client.ask("GET", f"/api/v2/traces/{TRACE}", headers=headers)
    # TraceByIDResponse has the trace as its first field, and metrics as its second.
    assert answer.body[:1] == b"\x0a" and answer.body.endswith(b"\x12\x00")


def test_a_trace_that_is_not_there_is_not_found(client: Client) -> None:
    assert client.get(f"/api/traces/{TRACE}").status == 404
    answer = client.get(f"/api/v2/traces/{TRACE}")
    assert (answer.status, answer.json) == (200, {"trace": {}, "metrics": {}})


def test_ids_may_be_told_without_their_zeros(client: Client) -> None:
    short = "00000000000000000000000000000abc"
    send(client, request(traceId=short))
    assert len(spans_of(client.get("/api/traces/abc"))) == 1
    assert client.get("/api/search", q="{ }").json["traces"][0]["traceID"] == "abc"
    answer = client.get("/api/traces/xyz")
    assert answer.status == 400
    assert answer.text == (
        "trace IDs can only contain hex characters: invalid character 'x' at position 1\n"
    )


def test_a_span_that_is_sent_again_is_there_once(client: Client, spans: SpanStore) -> None:
    told = request()
    for settle in (lambda: None, spans.flush, lambda: spans.refine() and None):
        assert send(client, told).status == 200
        settle()
        assert len(spans_of(client.get(f"/api/traces/{TRACE}"))) == 1
        assert client.get("/api/search", q="{ }").json["traces"][0]["spanSets"][0]["matched"] == 1


def test_what_is_wrong_with_a_span_is_told_and_the_others_are_kept(client: Client) -> None:
    told = request()
    spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"]
    good = dict(spans[0])
    spans += [{**good, "traceId": "00"}, {**good, "spanId": "0" * 16}]
    spans += [{**good, "startTimeUnixNano": str(10**18)}, {**good, "startTimeUnixNano": 2**63}]
    answer = send(client, told)
    assert (answer.status, answer.json) == (
        200,
        {
            "partialSuccess": {
                "rejectedSpans": "4",
                "errorMessage": "a trace id is 16 bytes, not all zero (1);"
                " a span id is 8 bytes, not all zero (1);"
                " a span begins before what is kept (1); a span begins in the future (1)",
            }
        },
    )
    assert len(spans_of(client.get(f"/api/traces/{TRACE}"))) == 1
    wrong = ExportTraceServiceRequest()
    wrong.resource_spans.add().scope_spans.add().spans.add(name="no ids")
    refused = client.ask("POST", "/v1/traces", wrong.SerializeToString(), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(refused.body).partial_success
    assert partial.rejected_spans == 1
    assert partial.error_message == "a trace id is 16 bytes, not all zero (1)"
    assert "vigie_store_invalid_spans_total 5.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"resourceSpans": 3}', JSON, 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": [1]}]}]}]}', JSON, 400),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}]}]}]}', JSON, 400),
        (b"\x0a\xff", PROTOBUF, 400),
        (b"x", {**JSON, "Content-Encoding": "gzip"}, 400),
        (b"{}", {**JSON, "Content-Encoding": "br"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * (32 << 20) + b"{}", JSON, 413),
        (gzip.compress(b" " * (33 << 20)), {**JSON, "Content-Encoding": "gzip"}, 413),
    ],
)
def test_what_is_no_request_is_refused(
    client: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.ask("POST", "/v1/traces", body, headers)
    assert answer.status == status
    if headers["Content-Type"] == "application/json":
        assert answer.json["message"]
