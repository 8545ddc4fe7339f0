"""The store killed at any moment, and on a disk that is full."""

from __future__ import annotations

import http.client
import json
import random
import resource
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from running_store import Client, process

pytestmark = pytest.mark.servers

KILLS = 20


class Sender:
    """Pushes numbered lines, one push after the other, and notes which were acknowledged.

    A push that was not answered is pushed again until it is, as a client does.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0
        self.acknowledged: list[str] = []

    def push(self, port: int, size: int) -> bool:
        """One push; False where the server is gone."""
        first = int(time.time() * 1e9) if self._next == 0 else self._first
        self._first = first
        numbers = range(self._next, self._next + size)
        texts = [f"{self._name} line {n}" for n in numbers]
        values = [[str(first + n), text] for n, text in zip(numbers, texts, strict=True)]
        body = json.dumps({"streams": [{"stream": {"job": self._name}, "values": values}]})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/loki/api/v1/push", body.encode(), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        assert status == 204
        self.acknowledged += texts
        self._next += size
        return True


def test_killed_twenty_times_every_acknowledged_line_is_there_once(tmp_path: Path) -> None:
    moments = random.Random(7)
    senders = [Sender("a"), Sender("b")]
    for _ in range(KILLS):
        with process(tmp_path) as (running, client):
            killer = threading.Timer(
                moments.uniform(0.0, 0.5), running.send_signal, [signal.SIGKILL]
            )
            threads = [
                threading.Thread(target=push_until_gone, args=(one, client.port)) for one in senders
            ]
            for thread in threads:
                thread.start()
            killer.start()
            for thread in threads:
                thread.join()
            killer.join()
    with process(tmp_path) as (_, client):
        for one in senders:
            found = every_line(client, one.acknowledged[0].split()[0])
            assert len(one.acknowledged) > KILLS
            counted = Counter(found)
            assert [text for text in one.acknowledged if counted[text] != 1] == []


def push_until_gone(sender: Sender, port: int) -> None:
    sizes = random.Random(port)
    while sender.push(port, sizes.choice((1, 10, 300))):
        pass


def every_line(client: Client, job: str) -> list[str]:
    """All lines of a stream, page after page."""
    found: list[str] = []
    start = int(time.time() * 1e9) - 3600 * 10**9
    while True:
        page = client.get(
            "/loki/api/v1/query_range",
            query=f'{{job="{job}"}}',
            start=str(start),
            end=str(int(time.time() * 1e9) + 3600 * 10**9),
            limit="5000",
            direction="forward",
        ).json["data"]["result"]
        if not page:
            return found
        values = page[0]["values"]
        found += [text for _, text in values]
        start = int(values[-1][0]) + 1


def test_a_full_disk_refuses_pushes_answers_queries_and_recovers(tmp_path: Path) -> None:
    now = int(time.time() * 1e9)
    with process(tmp_path) as (running, client):
        assert client.push(({"job": "x"}, [[str(now), "before"]])).status == 204
        limits = (60_000, resource.RLIM_INFINITY)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, limits)
        noise = random.Random(3)
        statuses = []
        for i in range(40):
            text = f"{noise.getrandbits(40_000):x}"
            answer = client.push(({"job": "x"}, [[str(now + 1 + i), text]]))
            statuses.append(answer.status)
        accepted = statuses.count(204)
        assert statuses == [204] * accepted + [507] * (40 - accepted)
        assert 0 < accepted < 40
        assert answer.text == "the disk is full: no line was kept; try again later\n"
        assert answer.headers["retry-after"] == "10"
        assert len(client.lines('{job="x"}')) == 1 + accepted
        assert client.get("/api/v1/status").json["logs"]["full"] is True

        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, unlimited)
        assert client.push(({"job": "x"}, [[str(now + 100), "after"]])).status == 204
        assert client.lines('{job="x"}')[-1] == "after"
        assert client.get("/api/v1/status").json["logs"]["full"] is False
        running.send_signal(signal.SIGTERM)
        _, errors = running.communicate(timeout=30)
    assert "the log cannot be written, and pushes are refused until it can" in errors
    assert "the log can be written again" in errors
    with process(tmp_path) as (_, client):
        found = client.lines('{job="x"}')
        assert (found[0], found[-1], len(found)) == ("before", "after", accepted + 2)


def test_a_second_process_says_who_holds_the_store(tmp_path: Path) -> None:
    with process(tmp_path) as (running, _):
        with pytest.raises(AssertionError) as caught, process(tmp_path):
            pass
        told = str(caught.value).splitlines()
        assert told[0].startswith(
            f"vigie: the store in {tmp_path / 'data' / 'store'} is held by process {running.pid},"
        )
        assert told[1] == "stop that one, or name another folder: --state DIR"
