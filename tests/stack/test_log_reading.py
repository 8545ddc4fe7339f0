"""Whose lines are read, and from where."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from running_store import Client, opened, served
from vigie.stack import log_reading, started
from vigie.stack.components import Component
from vigie.stack.errors import RequestError, StackError
from vigie.stack.kept_logs import Kept, KeptLogs, Sought
from vigie.stack.log_reading import Reading
from vigie.stack.started import Started
from vigie.stack.state import State

EVERYTHING = Sought(0)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with opened(tmp_path / "store") as store, served(store) as client:
        yield client


def append(path: Path, *lines: str) -> Path:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def push(client: Client, service: str, *lines: str) -> None:
    values = [[str(time.time_ns() + number), line] for number, line in enumerate(lines)]
    assert client.push(({"service": service, "level": "info"}, values)).status == 204


def texts(lines: list[Kept]) -> list[str]:
    return [line.text for line in lines]


def reading(
    files: dict[str, Path],
    client: Client | None = None,
    wanted: Sought = EVERYTHING,
    *,
    everybody: bool = True,
    names: tuple[str, ...] = (),
    told: list[str] | None = None,
) -> Reading:
    kept = KeptLogs(client.base) if client else None
    said = told if told is not None else []
    return Reading(files, kept, wanted, said.append, names=names, everybody=everybody)


@pytest.mark.parametrize("count", [0, 1, 2, None])
def test_files_are_read_with_times_and_levels(tmp_path: Path, count: int | None) -> None:
    log = append(
        tmp_path / "a.log",
        "ts=2026-11-24T06:00:00.5Z level=warn first",
        "  its second line",
        "ts=2026-11-24T06:00:01Z level=info third",
    )
    found = reading({"a": log}).last(count)
    whole = [
        (1795500000_500_000_000, "a", "warning", "ts=2026-11-24T06:00:00.5Z level=warn first"),
        (1795500000_500_000_001, "a", "warning", "  its second line"),
        (1795500001_000_000_000, "a", "info", "ts=2026-11-24T06:00:01Z level=info third"),
    ]
    if count == 2:  # the line before is not read, and it is not known what it said
        whole[1] = (1, "a", "info", "  its second line")
    told = [(one.time_ns, one.service, one.level, one.text) for one in found]
    assert told == whole[len(whole) - count if count is not None else 0 :]


def test_the_lines_sought_in_a_file_are_counted_without_the_others(tmp_path: Path) -> None:
    log = append(tmp_path / "a.log", *(f"level={('info', 'error')[n % 2]} {n}" for n in range(10)))
    files = {"a": log}
    assert texts(reading(files, wanted=Sought(0, "error")).last(2)) == [
        "level=error 7",
        "level=error 9",
    ]
    assert texts(reading(files, wanted=Sought(0, "", "O 8")).last(2)) == ["level=info 8"]
    # What has no time is not from the last hour, as far as anybody knows.
    assert reading(files, wanted=Sought(time.time_ns() - 10**12)).last(2) == []


@pytest.mark.servers
def test_whom_the_store_does_not_know_is_read_in_the_file(tmp_path: Path, client: Client) -> None:
    push(client, "known", "kept")
    push(client, "unlisted", "kept too")
    push(client, "supervisor", "spawned")
    files = {
        "known": append(tmp_path / "known.log", "in the file"),
        "unknown": append(tmp_path / "unknown.log", "in the file only"),
    }
    every = reading(files, client)
    assert sorted(texts(every.last(20))) == ["in the file only", "kept", "kept too"]
    assert sorted(every.names) == ["known", "unknown", "unlisted"]
    one = reading({"known": files["known"]}, client, everybody=False)
    assert texts(one.last(20)) == ["kept"]
    # What runs in a container has no file.
    contained = reading({}, client, everybody=False, names=("unlisted",))
    assert texts(contained.last(20)) == ["kept too"]


@pytest.mark.servers
def test_where_nobody_answers_the_files_are_read_and_that_is_said(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    log = append(tmp_path / "a.log", "in the file")
    said: list[str] = []
    dead = Client(free_port())
    one = reading({"a": log}, dead, told=said)
    assert texts(one.last(20)) == ["in the file"]
    (told,) = said
    assert told.startswith(f"{dead.base} does not answer: ")
    assert told.endswith(": these are the log files")
    looks = iter([lambda: append(log, "level=warn new")])

    def go_on() -> bool:
        look = next(looks, None)
        return bool(look and look())

    assert [(line.level, line.text) for line in one.follow(go_on)] == [
        ("warning", "level=warn new")
    ]


@pytest.mark.servers
def test_no_line_is_lost_or_told_twice_between_last_and_follow(
    tmp_path: Path, client: Client
) -> None:
    files = {"a": append(tmp_path / "a.log", "")}
    push(client, "a", "1", "2", "3")
    one = reading(files, client)
    push(client, "a", "4")
    shown = one.last(2)
    push(client, "a", "5")
    stop = threading.Event()
    followed = []
    for line in one.follow(lambda: not stop.is_set()):
        followed.append(line)
        if line.text == "5":
            push(client, "later", "6")
        else:
            stop.set()
    assert texts(shown + followed) == ["3", "4", "5", "6"]


@pytest.mark.servers
def test_following_goes_on_when_the_store_comes_back(tmp_path: Path) -> None:
    files = {"a": append(tmp_path / "a.log", "")}
    said: list[str] = []
    stop = threading.Event()
    with opened(tmp_path / "store") as store:
        with served(store) as client:
            push(client, "a", "1")
            one = reading(files, client, told=said)
        followed = one.follow(lambda: not stop.is_set() and not said)
        assert list(followed) == []
    (told,) = said
    assert told.endswith(": waiting for it")


def test_what_cannot_be_meant_is_refused_with_what_can() -> None:
    with pytest.raises(RequestError) as wrong:
        log_reading.sought("yesterday", None, None)
    assert str(wrong.value) == (
        '--since is "yesterday": write a duration with its unit, e.g. 15s, 10m, 12h or 7d'
    )
    with pytest.raises(RequestError) as wrong:
        log_reading.sought(None, "bad", None)
    assert str(wrong.value) == (
        '--level is "bad": write one of debug, info, warning, error, critical'
    )
    assert log_reading.sought(None, "WARNING", "x") == Sought(0, "warning", "x")
    hour = log_reading.sought("1h", None, None).start_ns
    assert abs(time.time_ns() - 3600 * 10**9 - hour) < 60 * 10**9


def test_whoever_was_started_for_logs_is_the_one_that_is_asked(
    state: State, server: Callable[..., Component]
) -> None:
    state.make()
    assert log_reading.seat(state) == ""
    store = replace(server("store", port=3100), setting="ports.logs")
    started.save(state, Started([server("web"), store]))
    assert log_reading.seat(state) == "http://127.0.0.1:3100"
    # Containers have it beside other ports.
    loki = replace(server("containers"), also={"ports.logs": 3101}, ready_url="http://[::1]:3000/")
    started.save(state, Started([loki]))
    assert log_reading.seat(state) == "http://[::1]:3101"


def test_of_a_stack_that_does_not_run_nobody_elses_store_is_asked(
    state: State, server: Callable[..., Component]
) -> None:
    state.make()
    store = replace(server("store", port=3100), setting="ports.logs")
    started.save(state, Started([store]))
    append(state.log("web"), "in the file")
    append(state.log("supervisor"), "spawned")
    said: list[str] = []
    one = log_reading.begin(state, None, EVERYTHING, said.append)
    assert texts(one.last(5)) == ["in the file"]
    assert said == [f"nothing runs in {state.folder}: these are the log files"]
    with pytest.raises(RequestError, match=r"did you mean web\?"):
        log_reading.begin(state, "wab", EVERYTHING, said.append)
    assert texts(log_reading.begin(state, "supervisor", EVERYTHING, said.append).last(5)) == [
        "spawned"
    ]


def test_where_nothing_ever_ran_there_is_nothing_to_read(state: State) -> None:
    state.make()
    with pytest.raises(StackError, match="nothing ever ran in"):
        log_reading.begin(state, None, EVERYTHING, lambda said: None)
