"""What is asked of Loki, or the store: LogQL, pages, and what comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running_store import Client, opened, served
from vigie.stack.kept_logs import Kept, KeptLogs, Sought, UnansweredError
from vigie.store.logql import parse

EVERYTHING = Sought(0)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with opened(tmp_path / "store") as store, served(store) as client:
        yield client


@pytest.fixture
def base_ns() -> int:
    return (time.time_ns() // 10**9 - 60) * 10**9


def push(client: Client, base_ns: int, service: str, level: str, *lines: str) -> None:
    values = [[str(base_ns + number), line] for number, line in enumerate(lines)]
    assert client.push(({"service": service, "level": level}, values)).status == 204


def texts(lines: list[Kept]) -> list[str]:
    return [line.text for line in lines]


@pytest.mark.parametrize("text", ['a"b', "a\\d", "(x) [y] {z}", "é\t`", "1.5+2*3?^$|"])
def test_a_text_is_sought_as_it_is_whatever_is_in_it(text: str) -> None:
    parse(Sought(0, "error", text).query(["x.y"]))
    assert Sought(0, "", text).holds("", f"before {text.upper()} behind")


def test_a_level_is_sought_with_all_that_are_worse() -> None:
    assert Sought(0, "error").query(["a", "b"]) == '{service=~"a|b", level=~"error|critical"}'
    assert [
        level for level in ("", "info", "error", "critical") if Sought(0, "error").holds(level, "")
    ] == ["error", "critical"]


@pytest.mark.servers
def test_lines_are_found_by_service_level_text_and_time(client: Client, base_ns: int) -> None:
    push(client, base_ns, "django", "info", "GET /", "get (x)")
    push(client, base_ns, "django", "error", "Broken")
    push(client, base_ns, "supervisor", "info", "spawned")
    logs = KeptLogs(client.base)
    assert sorted(logs.services(0)) == ["django", "supervisor"]
    assert sorted(texts(logs.last([], EVERYTHING))) == ["Broken", "GET /", "get (x)"]
    assert texts(logs.last(["django"], Sought(0, "warning"))) == ["Broken"]
    assert texts(logs.last(["django"], Sought(0, "", "GET ("))) == ["get (x)"]
    assert texts(logs.last(["django"], Sought(base_ns + 1))) == ["get (x)"]
    assert texts(logs.last(["supervisor"], EVERYTHING)) == ["spawned"]
    assert logs.last([], Sought(0, "", "not there")) == []


@pytest.mark.servers
@pytest.mark.parametrize("count", [0, 1, 4, 9, 30, None])
def test_pages_hold_each_line_once(client: Client, base_ns: int, count: int | None) -> None:
    # Several lines of the same moment in different streams stand where pages end.
    push(client, base_ns, "a", "info", *(f"i{number:02}" for number in range(10)))
    push(client, base_ns, "a", "error", *(f"e{number:02}" for number in range(10)))
    found = KeptLogs(client.base, page=3).last(["a"], EVERYTHING, count)
    assert [line.time_ns for line in found] == sorted(line.time_ns for line in found)
    assert len(found) == min(20 if count is None else count, 20)
    assert len(set(texts(found))) == len(found)
    if found:
        assert found[-1].text in ("i09", "e09")


@pytest.mark.servers
def test_lines_are_followed_also_those_that_come_late(client: Client, base_ns: int) -> None:
    push(client, base_ns, "a", "info", "before")
    stop = threading.Event()
    got = []
    for line in KeptLogs(client.base).follow(
        ["a"], Sought(base_ns - 10**9), lambda: not stop.is_set()
    ):
        got.append(line)
        if line.text == "before":
            push(client, base_ns, "b", "info", "another's")
            push(client, base_ns - 5 * 10**8, "a", "warning", "late")
        else:
            stop.set()
    assert [(line.level, line.text) for line in got] == [("info", "before"), ("warning", "late")]


@pytest.mark.servers
def test_who_does_not_answer_is_named(free_port: Callable[[], int], client: Client) -> None:
    nobody = KeptLogs(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UnansweredError, match=r"does not answer: .*refused"):
        nobody.last([], EVERYTHING)
    with pytest.raises(UnansweredError, match=r"does not answer: .*refused"):
        list(nobody.follow([], EVERYTHING, lambda: True))
    stranger = KeptLogs(f"{client.base}/elsewhere")
    with pytest.raises(UnansweredError, match="answers 404: 404 page not found"):
        stranger.services(0)
