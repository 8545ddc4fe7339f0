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

from running_store import Answer, Client
from vigie.store.spans import SpanStore

pytestmark = pytest.mark.servers

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


@contextmanager
def tracing(client: Client, service: str = "coaching") -> Iterator[Tracer]:
    """A tracer whose spans have reached the store when the block ends."""
    resource = Resource.create({"service.name": service, "host.cpus": 4})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{client.base}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("tests", "1.2")
    provider.shutdown()


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


def test_a_search_answers_in_the_shape_of_tempo(client: Client) -> None:
    attributes = [{"key": "http.status_code", "value": {"intValue": "500"}}]
    told = request(attributes=attributes, status={"code": 2})
    send(client, told)
    start = told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["startTimeUnixNano"]
    answer = client.get(
        "/api/search", q="{ span.http.status_code >= 500 && duration > 1s && status = error }"
    )
    spans = {
        "spans": [
            {
                "spanID": SPAN,
                "name": "chat",
                "startTimeUnixNano": start,
                "durationNanos": "1500000000",
                "attributes": [
                    {"key": "http.status_code", "value": {"intValue": "500"}},
                    {"key": "status", "value": {"stringValue": "error"}},
                ],
            }
        ],
        "matched": 1,
    }
    assert answer.json == {
        "traces": [
            {
                "traceID": TRACE,
                "rootServiceName": "fastapi",
                "rootTraceName": "chat",
                "startTimeUnixNano": start,
                "durationMs": 1500,
                "spanSet": spans,
                "spanSets": [spans],
                "serviceStats": {"fastapi": {"spanCount": 1, "errorCount": 1}},
            }
        ],
        "metrics": {
            "inspectedTraces": 1,
            "inspectedBytes": "0",
            "totalBlocks": 0,
            "completedJobs": 1,
            "totalJobs": 1,
        },
    }


def test_a_trace_without_its_root_says_so(client: Client) -> None:
    send(client, request(parentSpanId="1" * 16))
    (found,) = client.get("/api/search", q="{ }").json["traces"]
    assert found["rootServiceName"] == found["rootTraceName"] == "<root span not yet received>"


TAGS: list[tuple[dict[str, str], bool]] = [
    ({"tags": "service.name=FAST"}, True),
    ({"tags": 'service.name="fastapi" name=chat'}, True),
    ({"tags": "service.name=django"}, False),
    ({"tags": "http.status_code=500"}, True),
    ({"tags": "http.status_code=50"}, False),
    ({"tags": 'url="/api/a b?c=(d)"'}, True),
    ({"tags": "status=error"}, True),
    ({"tags": "status=ok"}, False),
    ({"tags": "status=nonsense"}, False),
    ({"tags": "error=true"}, True),
    ({"tags": "root.name=ha root.service.name=fast"}, True),
    ({"minDuration": "1s"}, True),
    ({"minDuration": "2s"}, False),
    ({"maxDuration": "1.5s", "tags": ""}, True),
    ({"maxDuration": "100ms"}, False),
    ({}, True),
]


@pytest.mark.parametrize(("asked", "found"), TAGS)
def test_traces_are_found_by_tags_and_durations(
    client: Client, asked: dict[str, str], found: bool
) -> None:
    attributes = [
        {"key": "http.status_code", "value": {"intValue": "500"}},
        {"key": "url", "value": {"stringValue": "x/api/a b?c=(d)y"}},
    ]
    send(client, request(attributes=attributes, status={"code": 2}))
    traces = client.get("/api/search", **asked).json["traces"]
    assert bool(traces) == found
    assert not any("spanSets" in one for one in traces)


def test_a_search_has_a_period_and_limits(client: Client) -> None:
    now = int(time.time())
    for i in range(5):
        trace = f"{i + 1:032x}"
        start = (now - 100 + 10 * i) * 10**9
        for j in range(4):
            times = {"startTimeUnixNano": str(start + j), "endTimeUnixNano": str(start + 10**9)}
            send(client, request(traceId=trace, spanId=f"{j + 1:016x}", **times))

    def found(**asked: str) -> list[str]:
        return [one["traceID"] for one in client.get("/api/search", **asked).json["traces"]]

    assert found() == ["5", "4", "3", "2", "1"]
    assert found(limit="2") == ["5", "4"]
    assert found(start=str(now - 90), end=str(now - 80)) == ["3", "2"]
    assert found(start=str(now - 89), end=str(now - 81)) == ["2"]
    (one,) = client.get("/api/search", q="{ }", limit="1", spss="2").json["traces"]
    assert (len(one["spanSets"][0]["spans"]), one["spanSets"][0]["matched"]) == (2, 4)


@pytest.mark.parametrize(
    ("path", "asked", "message"),
    [
        ("search", {"limit": "0"}, "invalid limit: must be a positive number"),
        ("search", {"limit": "x"}, 'invalid limit: strconv.ParseUint: parsing "x": invalid syntax'),
        (
            "search",
            {"start": "99999999999"},
            'invalid start: strconv.ParseUint: parsing "99999999999": value out of range',
        ),
        (
            "search",
            {"start": "5", "end": "5"},
            "http parameter start must be before end. received start=5 end=5",
        ),
        ("search", {"minDuration": "x"}, 'invalid minDuration: time: invalid duration "x"'),
        (
            "search",
            {"minDuration": "2s", "maxDuration": "1s"},
            "invalid maxDuration: must be greater than minDuration",
        ),
        ("search", {"tags": "a=b a=c"}, "invalid tags: tag a has been set twice"),
        ("search", {"tags": 'a="b'}, "invalid tags: unexpected character at pos 1"),
        (
            "search",
            {"tags": "a=b", "q": "{}"},
            "invalid request: can't specify tags and q in the same query",
        ),
        (
            "search",
            {"q": "{ foo = 1 }"},
            "invalid TraceQL query: parse error at line 1, col 3: unknown identifier: foo",
        ),
        ("search/tags", {"scope": "x"}, "invalid scope: x"),
        (
            "v2/search/tag/foo/values",
            {},
            "please provide a valid tagName: parse error at line 1, col 2: unknown identifier: foo",
        ),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_the_reason(
    client: Client, path: str, asked: dict[str, str], message: str
) -> None:
    answer = client.get(f"/api/{path}", **asked)
    assert (answer.status, answer.text) == (400, message + "\n")


def test_tags_and_their_values_are_told(client: Client, spans: SpanStore) -> None:
    attributes = [
        {"key": "http/route", "value": {"stringValue": "/a"}},
        {"key": "n", "value": {"intValue": "5"}},
        {"key": "d", "value": {"doubleValue": 0.5}},
        {"key": "ok", "value": {"boolValue": True}},
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
    ]
    event = {
        "timeUnixNano": "1",
        "name": "exception",
        "attributes": [{"key": "exception.type", "value": {"stringValue": "ValueError"}}],
    }
    send(client, request(attributes=attributes, events=[event]))
    send(client, request(spanId="1" * 16, parentSpanId=SPAN, name="other"))

    def values(name: str, **asked: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = client.get(f"/api/v2/search/tag/{name}/values", **asked).json[
            "tagValues"
        ]
        return found

    for _ in range(3):
        names = ["d", "http/route", "list", "n", "ok"]
        told = client.get("/api/search/tags").json
        assert told == {
            "tagNames": sorted([*names, "exception.type", "service.name"]),
            "metrics": {},
        }
        assert client.get("/api/search/tags", scope="span").json["tagNames"] == names
        scopes = client.get("/api/v2/search/tags").json["scopes"]
        by_name = {one["name"]: one["tags"] for one in scopes}
        assert list(by_name) == ["resource", "span", "event", "intrinsic"]
        assert by_name["resource"] == ["service.name"]
        assert by_name["event"] == ["exception.type"]
        assert "traceDuration" in by_name["intrinsic"]
        filtered = client.get("/api/v2/search/tags", scope="span", q='{ name = "other" }').json
        assert filtered["scopes"] == []
        assert values("resource.service.name") == [{"type": "string", "value": "fastapi"}]
        assert values(".http/route") == [{"type": "string", "value": "/a"}]
        assert values("span.n") == [{"type": "int", "value": "5"}]
        assert values("span.d") == [{"type": "float", "value": "0.5"}]
        assert values("span.ok") == [{"type": "bool", "value": "true"}]
        assert values("span.list") == [{"type": "string", "value": "x"}]
        assert values("event.exception.type") == [{"type": "string", "value": "ValueError"}]
        assert [one["value"] for one in values("name")] == ["chat", "other"]
        assert [one["value"] for one in values("name", q="{ span.n = 5 }")] == ["chat"]
        assert [one["value"] for one in values("name", q="{ span.n = }")] == ["chat", "other"]
        assert values("rootName") == [{"type": "string", "value": "chat"}]
        assert {"type": "keyword", "value": "error"} in values("status")
        plain = client.get("/api/search/tag/service.name/values").json
        assert plain == {"tagValues": ["fastapi"], "metrics": {}}
        spans.flush()
        spans.refine()


def test_what_grafana_asks_to_know_a_tempo_is_answered(client: Client) -> None:
    assert client.get("/api/echo").text == "echo"
    assert client.get("/ready").text == "ready\n"
    build = client.get("/api/status/buildinfo").json
    assert (build["version"], build["branch"]) == ("3.0.3", "vigie")


def test_the_status_tells_spans_and_bytes_by_day(client: Client, spans: SpanStore) -> None:
    send(client, request())
    assert client.get("/api/v1/status").json["traces"]["head_spans"] == 1
    spans.flush()
    told = client.get("/api/v1/status").json["traces"]
    assert (told["spans"], told["head_spans"], told["resources"]) == (1, 0, 1)
    assert [day["spans"] for day in told["days"]] == [1]
    assert told["file_bytes"] > 0
    assert 'vigie_oldest_record_timestamp_seconds{kind="traces"}' in client.get("/metrics").text
