"""The endpoints that answer: their shapes, the tail, and that nothing makes them fail."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from running_store import Client
from vigie.catalogue import store as catalogue
from vigie.catalogue.metric import Metric
from vigie.store.segments import LogStore

API = "/loki/api/v1"


def now() -> int:
    return time.time_ns()


def fill(client: Client) -> int:
    at = now() - 10**9
    lines = [[str(at + i), f"line {i}"] for i in range(3)]
    assert client.push(({"job": "x", "env": "a"}, lines), ({"job": "y"}, lines)).status == 204
    return at


def test_what_tools_ask_of_a_loki_is_answered(client: Client, store: LogStore) -> None:
    fill(client)
    assert client.get("/ready").text == "ready\n"
    build = client.get(f"{API}/status/buildinfo").json
    assert (build["version"], build["branch"]) == ("3.4.6", "vigie")
    assert "max_entries_limit_per_query: 5000" in client.get("/config").text
    assert client.get(f"{API}/labels").json == {"status": "success", "data": ["env", "job"]}
    assert client.get(f"{API}/label/job/values").json["data"] == ["x", "y"]
    assert client.get(f"{API}/label/job/values", query='{env="a"}').json["data"] == ["x"]
    series = client.ask("GET", f"{API}/series", **{"match[]": '{job=~".+"}'}).json["data"]
    assert series == [{"env": "a", "job": "x"}, {"job": "y"}]
    for _ in range(2):
        stats = client.get(f"{API}/index/stats", query='{job="x"}').json
        assert (stats["streams"], stats["entries"], stats["bytes"]) == (1, 3, 18)
        volume = client.get(f"{API}/index/volume", query='{job=~".+"}').json["data"]
        assert [one["metric"] for one in volume["result"]] == [{"job": "x"}, {"job": "y"}]
        assert [one["value"][1] for one in volume["result"]] == ["18", "18"]
        ranged = client.get(f"{API}/index/volume_range", query='{job="x"}', step="60").json
        values = ranged["data"]["result"][0]["values"]
        assert sum(int(value) for _, value in values) == 18
        store.flush()


def test_a_query_is_written_out_over_several_lines(client: Client) -> None:
    query = 'sum by (a)(rate({job="x"}|="' + "y" * 100 + '"[5m]))'
    answer = client.get(f"{API}/format_query", query=query).json
    assert answer["data"].splitlines()[0] == "sum by (a) ("
    assert client.get(f"{API}/format_query", query="{").status == 400


def test_the_status_tells_lines_and_bytes_by_day(client: Client, store: LogStore) -> None:
    fill(client)
    assert client.get("/api/v1/status").json["logs"]["head_lines"] == 6
    store.flush()
    told = client.get("/api/v1/status").json["logs"]
    assert (told["lines"], told["bytes"], told["streams"], told["head_lines"]) == (6, 36, 2, 0)
    assert told["file_bytes"] > 0
    assert [day["lines"] for day in told["days"]] == [6]


def test_each_metric_of_the_catalogue_is_exposed(client: Client, store: LogStore) -> None:
    fill(client)
    store.flush()
    client.get("/ready")
    families = {one.name for one in text_string_to_metric_families(client.get("/metrics").text)}
    promised = [one for one in vars(catalogue).values() if isinstance(one, Metric)]
    assert {one.name.removesuffix("_total") for one in promised} <= families


def test_a_post_is_answered_as_a_get(client: Client) -> None:
    fill(client)
    body = b"query=%7Bjob%3D%22x%22%7D&limit=1"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.ask("POST", f"{API}/query_range", body, kind)
    assert answer.json["data"]["result"][0]["values"][0][1] == "line 2"


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("query_range", {"query": '{job="x"}', "limit": "5001"}, "max entries limit per query"),
        ("query_range", {"query": '{job="x"}', "start": "1", "step": "1000000"}, "30d1h"),
        ("query", {"query": '{job="x"}'}, "not supported as an instant query"),
        ("query_range", {"query": "{"}, "parse error at line 1, col 2"),
        ("label/job/values", {"query": '{a="b"} |= "c"'}, "only label matchers are supported"),
        ("index/volume", {"query": '{a="b"}', "aggregateBy": "x"}, "invalid aggregateBy"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    client: Client, path: str, parameters: dict[str, str], message: str
) -> None:
    answer = client.ask("GET", f"{API}/{path}", **parameters)
    assert answer.status == 400
    assert message in answer.text


def test_a_tail_tells_what_was_and_what_comes(client: Client) -> None:
    fill(client)
    told = asyncio.run(tailed(client))
    assert told == ["line 1", "line 2", "line new 1"]


async def tailed(client: Client) -> list[str]:
    url = (
        f"ws://127.0.0.1:{client.port}{API}/tail?query=%7Bjob%3D%22x%22%7D%20%7C~%20%22%5B12%5D%22"
    )
    told: list[str] = []
    async with websockets.connect(url) as socket:
        told += lines_of(await asyncio.wait_for(socket.recv(), 20))
        values = [[str(now()), "line new 1"], [str(now()), "line new 3"]]
        answer = await asyncio.to_thread(client.push, ({"job": "x"}, values))
        assert answer.status == 204
        told += lines_of(await asyncio.wait_for(socket.recv(), 20))
    return told


def lines_of(message: str | bytes) -> list[str]:
    streams = json.loads(message)["streams"]
    return [line for stream in streams for _, line in stream["values"]]


def test_a_tail_of_what_is_no_log_query_is_refused(client: Client) -> None:
    answer = asyncio.run(refused(client))
    assert answer == 400


async def refused(client: Client) -> int:
    try:
        async with websockets.connect(f"ws://127.0.0.1:{client.port}{API}/tail?query=1"):
            return 101
    except websockets.InvalidStatus as error:
        return error.response.status_code


# --- nothing makes them fail -----------------------------------------------------------------

PATHS = [
    *("query", "query_range", "labels", "label/a/values", "series", "index/stats"),
    *("index/volume", "index/volume_range", "format_query", "push", "status/buildinfo"),
]
SOME = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *("", "0", "-1", "1e400", "nan", "1h", "5", "9" * 30, "2026-01-01T00:00:00Z", "1.5"),
            *('{job="x"}', 'rate({job=~".+"}[5m])', "vector(1)", '{job="x"} | json | a > 1'),
            *('sum by (a) (count_over_time({job=~".+"} | logfmt [1m]))', "1/0", "2^9999"),
            '{job="x"} | line_format `{{ printf "%d" .a | repeat 3 | div 1 0 }}`',
            '{job="x"} | label_format a=`{{ fromJson __line__ }}` | drop a=~".*"',
            'topk(3, rate({job=~".+"}[1h] offset 292y)) / on () vector(0)',
            "forward",
        ]
    ),
)
NAMES = [
    *("query", "start", "end", "since", "step", "interval", "limit", "time", "direction"),
    *("match[]", "targetLabels", "aggregateBy"),
]


@given(
    path=st.sampled_from(PATHS),
    parameters=st.dictionaries(st.sampled_from(NAMES), SOME, max_size=6),
)
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_parameters_make_an_endpoint_fail(
    client: Client, path: str, parameters: dict[str, str]
) -> None:
    if not client.get(f"{API}/labels").json["data"]:
        fill(client)
    answer = client.ask("GET", f"{API}/{path}", **parameters)
    assert answer.status < 500, answer.text


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("streams", "stream", "values", "resourceLogs", "scopeLogs", "logRecords"),
                    *("body", "attributes", "key", "value", "stringValue", "resource", "intValue"),
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    path=st.sampled_from([f"{API}/push", "/otlp/v1/logs", "/v1/logs"]),
    body=st.binary(max_size=60) | JSON_VALUES.map(lambda one: json.dumps(one).encode()),
    kind=st.sampled_from(["application/json", "application/x-protobuf", "text/plain", ""]),
    encoding=st.sampled_from(["", "gzip", "deflate", "snappy", "br"]),
)
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_body_makes_a_push_fail(
    client: Client, path: str, body: bytes, kind: str, encoding: str
) -> None:
    headers = {"Content-Type": kind}
    if encoding:
        headers["Content-Encoding"] = encoding
    answer = client.ask("POST", path, body, headers)
    assert answer.status < 500, answer.text
