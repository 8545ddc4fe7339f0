"""Spans when the store is killed at any moment, on a disk that is full, and when they are old."""

from __future__ import annotations

import http.client
import json
import logging
import random
import resource
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from running_store import Answer, Client, opened, process
from vigie.store.segments import Lines, StoreLimits
from vigie.store.spans import Source, Span, SpanStore
from vigie.store.spans.search import Asked, search
from vigie.store.traceql import parse

pytestmark = pytest.mark.servers

KILLS = 20
DAY = 86_400
JSON = {"Content-Type": "application/json"}


def request(spans: list[tuple[str, str, int]], **more: Any) -> bytes:
    """An ExportTraceServiceRequest: traces, ids and starts."""
    told = [
        {
            "traceId": trace,
            "spanId": span,
            "name": "n",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 5),
            **more,
        }
        for trace, span, start in spans
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": told}]}]}).encode()


class Sender:
    """Sends numbered spans of one trace, and the same again until they are acknowledged."""

    def __init__(self, trace: str) -> None:
        self.trace = trace
        self.acknowledged: list[str] = []
        self._began = time.time_ns()

    def send(self, port: int, count: int) -> bool:
        """One request; False where the server is gone."""
        first = len(self.acknowledged) + 1
        ids = [f"{n:016x}" for n in range(first, first + count)]
        # Backwards: spans of a trace end, and are sent, from the innermost on.
        body = request([(self.trace, one, self._began + int(one, 16)) for one in reversed(ids)])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/v1/traces", body, JSON)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        assert status == 200
        self.acknowledged += ids
        return True


def send_until_gone(sender: Sender, port: int) -> None:
    counts = random.Random(port)
    while sender.send(port, counts.choice((1, 5, 20))):
        pass


def ids_of(client: Client, trace: str) -> list[str]:
    """The ids of the spans of a trace, as TraceQL tells them: each as often as it is kept."""
    spans = client.get("/api/search", q=f'{{ trace:id = "{trace}" }}', spss="10000").json["traces"]
    return [one["spanID"] for one in spans[0]["spanSets"][0]["spans"]]


def test_killed_twenty_times_every_acknowledged_span_is_there_once(tmp_path: Path) -> None:
    moments = random.Random(7)
    senders = [Sender("a" * 32), Sender("b" * 32)]
    for _ in range(KILLS):
        with process(tmp_path) as (running, client):
            killer = threading.Timer(
                moments.uniform(0.0, 0.4), running.send_signal, [signal.SIGKILL]
            )
            threads = [
                threading.Thread(target=send_until_gone, args=(one, client.port)) for one in senders
            ]
            for thread in threads:
                thread.start()
            killer.start()
            for thread in threads:
                thread.join()
            killer.join()
    with process(tmp_path) as (_, client):
        for one in senders:
            assert len(one.acknowledged) > KILLS
            found = Counter(ids_of(client, one.trace))
            missing = [span for span in one.acknowledged if found[span] == 0]
            repeated = [span for span, count in found.items() if count > 1]
            assert (missing, repeated) == ([], [])


def test_a_full_disk_refuses_spans_answers_queries_and_recovers(tmp_path: Path) -> None:
    now = time.time_ns()
    trace = "c" * 32
    noise = random.Random(3)

    def send(client: Client, number: int) -> Answer:
        value = {"stringValue": f"{noise.getrandbits(40_000):x}"}
        body = request([(trace, f"{number:016x}", now)], attributes=[{"key": "a", "value": value}])
        return client.ask("POST", "/v1/traces", body, JSON)

    with process(tmp_path) as (running, client):
        assert send(client, 1).status == 200
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
        answers = [send(client, number) for number in range(2, 42)]
        accepted = [answer.status for answer in answers].count(200)
        assert [answer.status for answer in answers] == [200] * accepted + [503] * (40 - accepted)
        assert 0 < accepted < 40
        told = {"message": "the disk is full: no span was kept; try again later"}
        assert (answers[-1].json, answers[-1].headers["retry-after"]) == (told, "10")
        assert len(ids_of(client, trace)) == 1 + accepted
        assert client.get("/api/v1/status").json["traces"]["full"] is True
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, unlimited)
        assert send(client, 100).status == 200
        assert client.get("/api/v1/status").json["traces"]["full"] is False
    with process(tmp_path) as (_, client):
        assert len(ids_of(client, trace)) == accepted + 2


def test_a_queue_that_is_full_is_told_with_when_to_try_again(
    client: Client, spans: SpanStore
) -> None:
    spans.limits = StoreLimits(queue_bytes=0, head_bytes=0)
    body = request([("d" * 32, f"{n:016x}", time.time_ns()) for n in range(1, 3)])
    assert client.ask("POST", "/v1/traces", body, JSON).status == 200
    answer = client.ask("POST", "/v1/traces", body, JSON)
    assert answer.status == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json == {"message": "the queue of spans to be written is full; try again"}


def test_days_that_are_over_are_dropped_whole(tmp_path: Path) -> None:
    now = 1_790_000_000.0
    clock = [now]
    limits = StoreLimits(retention_seconds=3 * DAY, idle_seconds=3600)
    spans = SpanStore(tmp_path, limits, lambda: clock[0])
    try:
        for age in range(5):
            start = int((now - age * DAY) * 1e9)
            one = Span(trace=f"{age + 1:032x}", span="1" * 16, start=start, end=start + 1)
            spans.add([(Source({"service.name": str(age)}), one)]).result()
        spans.flush()
        spans.expire()
        assert kept(spans) == [1, 2, 3, 4]
        clock[0] = now + 2 * DAY
        spans.expire()
        assert kept(spans) == [1, 2]
        assert len(spans.streams) == 2
        assert spans.counters.dropped_segments_age == 3
    finally:
        spans.close()


def kept(spans: SpanStore) -> list[int]:
    return sorted(int(one.trace, 16) for one in search(spans, parse("{ }"), Asked(traces=100)))


def test_the_oldest_of_logs_and_traces_go_first_when_both_are_too_much(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    day = int(time.time()) // DAY * DAY * 10**9
    noise = random.Random(5)
    limits = StoreLimits(max_bytes=100_000, idle_seconds=3600, retention_seconds=30 * DAY)
    with opened(tmp_path / "logs", limits) as logs:
        spans = SpanStore(tmp_path / "traces", limits)
        logs.beside, spans.beside = (spans,), (logs,)
        try:
            for age in (6, 5, 4, 3):
                start = day - age * DAY * 10**9
                text = f"{noise.getrandbits(160_000):x}"
                if age % 2:
                    one = Span(
                        trace=f"{age:032x}", span="1" * 16, start=start, end=start, name=text
                    )
                    spans.add([(Source(), one)]).result()
                    spans.flush()
                else:
                    logs.push([Lines((("job", "x"),), [start], [text], size=len(text))]).result()
                    logs.flush()
            # Each is 40 kB: the logs of six and four days ago, the spans of five and three.
            for _ in range(2):
                spans.expire()
                logs.expire()
            assert logs.disk_bytes() + spans.disk_bytes() <= 100_000
            assert [one.first for one in logs.segments()] == [day - 4 * DAY * 10**9]
            assert [one.first for one in spans.segments()] == [day - 3 * DAY * 10**9]
            assert logs.counters.dropped_segments_size == 1
            assert spans.counters.dropped_segments_size == 1
            assert all("retention.max_bytes is 100000" in told for told in caplog.messages)
        finally:
            spans.close()
