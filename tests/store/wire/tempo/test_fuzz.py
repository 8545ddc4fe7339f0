"""Nothing that is asked or sent makes an endpoint fail."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from running_store import Client, opened, opened_spans, served

pytestmark = pytest.mark.servers

QUICKLY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TRACE, SPAN = "a" * 32, "b" * 16

PATHS = st.one_of(
    st.sampled_from(
        ["/api/search", "/api/search/tags", "/api/v2/search/tags", "/api/echo", "/api/v1/status"]
    ),
    st.builds(
        "{}{}".format,
        st.sampled_from(["/api/traces/", "/api/v2/traces/"]),
        st.sampled_from([TRACE, "0", "xyz", "%00", "a" * 33, "é", "a/b"]),
    ),
    st.builds(
        "/api/{}search/tag/{}/values".format,
        st.sampled_from(["", "v2/"]),
        st.sampled_from(
            [
                *("name", ".a", "span.a", "resource.service.name", "event.x", "link:spanID"),
                *("status", "kind", "rootName", "traceDuration", "span:childCount", "1", ""),
                *("event:timeSinceStart", "nestedSetParent", "%22", "a/b", ".%00", "{"),
            ]
        ),
    ),
)
TEXTS = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["0", "-1", "1", "4294967295", "4294967296", "1e9", "99999999999999999999"]),
    st.sampled_from(
        ["1s", "2h3m", "-5ms", "9999999h", "span", "none", "a=b c", 'a="b c"', "n=1.5"]
    ),
    st.lists(
        st.sampled_from(
            [
                *("{", "}", "(", ")", "&&", "||", "!", "=", "!=", "=~", "!~", "<", ">=", "|", ","),
                *(".a", "span.a", 'event."x y"', "link.z", "name", "status", "kind", "duration"),
                *("traceDuration", "rootName", "span:childCount", "nestedSetParent", "event:name"),
                *("error", "server", "true", "nil", "1", "1.5", "1s", '"x"', '"("', "`.*`"),
                *("count()", "avg(duration)", "select(.a)", "with(x=1)"),
            ]
        ),
        max_size=12,
    ).map(" ".join),
    st.sampled_from(
        [
            '{ .a = "x" && duration > 1ns }',
            "{ } && { name =~ `.*` } | count() > 0 | select(event.x, status)",
            "{ span:childCount > 0 || traceDuration > 1s || rootName = `n` }",
        ]
    ),
)
PARAMETERS = st.dictionaries(
    st.sampled_from(
        ["q", "tags", "start", "end", "limit", "spss", "minDuration", "maxDuration", "scope"]
    ),
    TEXTS,
    max_size=4,
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with a few spans, in the log and in segments of both kinds."""
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    with (
        opened(folder / "logs") as logs,
        opened_spans(folder / "spans") as spans,
        served(logs, spans) as client,
    ):
        for part in range(3):
            body = json.dumps(request(part)).encode()
            assert send(client, body, "application/json") == 200
            if part < 2:
                spans.flush()
            if part == 0:
                spans.refine()
        assert len(client.get("/api/search", q="{ }").json["traces"]) == 1
        yield client


def request(part: int) -> dict[str, Any]:
    now = time.time_ns()
    attributes = [
        {"key": "a", "value": {"stringValue": "x"}},
        {"key": "n", "value": {"doubleValue": "NaN"}},
        {"key": "l", "value": {"arrayValue": {"values": [{"intValue": "1"}, {}]}}},
    ]
    span = {
        "traceId": TRACE,
        "spanId": f"{part + 1:016x}",
        "parentSpanId": f"{part:016x}",
        "name": "n",
        "startTimeUnixNano": now,
        "endTimeUnixNano": now + 5,
        "attributes": attributes,
        "events": [{"timeUnixNano": now, "name": "e", "attributes": attributes}],
        "links": [{"traceId": TRACE, "spanId": SPAN, "attributes": attributes}],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def send(client: Client, body: bytes, kind: str, encoding: str = "") -> int:
    headers = {"Content-Type": kind, "Content-Encoding": encoding}
    return client.ask("POST", "/v1/traces", body, headers).status


@QUICKLY
@given(PATHS, PARAMETERS, st.sampled_from(["", "application/json", "application/protobuf"]))
def test_no_question_makes_an_endpoint_fail(
    filled: Client, path: str, parameters: dict[str, str], accept: str
) -> None:
    quoted = urllib.parse.quote(path, safe="/%")
    answer = filled.ask("GET", quoted, headers={"Accept": accept}, **parameters)
    assert answer.status in (200, 400, 404, 422), answer.text


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        st.sampled_from([TRACE, SPAN, "NaN", "1e400", "-1", 2**64, 2**63, [], {}]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("key", "value", "stringValue", "intValue", "doubleValue", "boolValue"),
                    *("bytesValue", "arrayValue", "kvlistValue", "values", "code", "message"),
                ]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@QUICKLY
@given(st.data())
def test_no_json_makes_the_intake_fail(filled: Client, data: st.DataObject) -> None:
    told = request(7)
    spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"]
    where = data.draw(
        st.sampled_from(
            [spans[0], spans[0]["events"][0], spans[0]["links"][0], spans[0]["attributes"][0]]
        )
    )
    for name in data.draw(st.lists(st.sampled_from(sorted(where)), min_size=1, max_size=3)):
        where[name] = data.draw(JSON_VALUES)
    assert send(filled, json.dumps(told).encode(), "application/json") in (200, 400)


@QUICKLY
@given(
    st.binary(max_size=50),
    st.sampled_from(["application/x-protobuf", "application/json", "text/html", ""]),
    st.sampled_from(["", "gzip", "deflate", "br"]),
)
def test_no_bytes_make_the_intake_fail(
    filled: Client, body: bytes, kind: str, encoding: str
) -> None:
    assert send(filled, body, kind, encoding) in (200, 400, 415)


@QUICKLY
@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_no_broken_message_makes_the_intake_fail(filled: Client, at: int, noise: bytes) -> None:
    whole = ExportTraceServiceRequest()
    span = (
        whole.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=b"a" * 16, span_id=b"b" * 8, name="n", start_time_unix_nano=time.time_ns()
        )
    )
    span.attributes.add(key="k").value.array_value.values.add().string_value = "v"
    span.events.add(name="e").attributes.add(key="k").value.int_value = -1
    body = bytearray(whole.SerializeToString())
    at %= len(body)
    body[at : at + len(noise)] = noise
    assert send(filled, bytes(body), "application/x-protobuf") in (200, 400)
    assert filled.get(f"/api/traces/{(b'a' * 16).hex()}").status in (200, 404)
