"""Searches, tags, and what tools ask of a Tempo: shapes, limits and refusals."""

from __future__ import annotations

import time

import pytest

from running_store import Client
from span_sender import SPAN, TRACE, request, send
from vigie.store.spans import SpanStore

pytestmark = pytest.mark.servers


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
