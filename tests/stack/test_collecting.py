"""What components print is kept: each line once, whatever dies in between."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from running_store import Client, opened, process, served
from vigie.instrument.logs import JsonFormatter, TextFormatter
from vigie.stack.collecting import Collector, Entry, Note, entries, push_body
from vigie.stack.state import COMPONENT_VARIABLE, State

EVERYTHING = '{service=~".+"}'


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with opened(tmp_path / "store") as store, served(store) as client:
        yield client


@pytest.fixture
def place(tmp_path: Path) -> State:
    made = State.at(tmp_path / "state")
    made.make()
    return made


def collector(place: State, url: str) -> Collector:
    return Collector(place, url, place.data("store") / "collected")


def collect(place: State, url: str) -> None:
    one = collector(place, url)
    while one.collect():
        pass
    one.stop()


def now(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat(timespec="milliseconds")


def append(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def by_level(made: list[Entry]) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in made]


def test_a_line_without_time_and_level_has_those_of_the_line_before() -> None:
    made, latest_ns, level = entries(
        [
            b"ts=2026-11-24T06:00:00.500Z level=warn first",
            b"Traceback (most recent call last):",
            b'  File "x.py", line 1',
            b"ValueError: y",
            b"ts=2026-11-24T06:00:01Z level=info second",
        ],
        Note(),
        0,
    )
    at = 1795500000_500_000_000
    assert [one.time_ns for one in made] == [at, at + 1, at + 2, at + 3, 1795500001_000_000_000]
    assert [one.level for one in made] == ["warning", "error", "error", "error", "info"]
    assert (latest_ns, level) == (made[-1].time_ns, "info")


def test_a_line_without_time_that_comes_alone_has_the_time_of_its_file() -> None:
    before = Note(latest_ns=1795500000_500_000_000, level="error")
    made, _, _ = entries([b"up again", b"and ready"], before, 1795500009_000_000_000)
    assert made == [
        Entry(1795500009_000_000_000, "info", "up again"),
        Entry(1795500009_000_000_001, "info", "and ready"),
    ]


def test_a_line_that_goes_on_behind_a_batch_belongs_to_the_line_before() -> None:
    before = Note(latest_ns=1795500000_500_000_000, level="error", more=True)
    made, _, _ = entries([b"ValueError: y"], before, 1795500009_000_000_000)
    assert made == [Entry(1795500000_500_000_001, "error", "ValueError: y")]


def test_lines_of_the_same_moment_are_apart_and_in_their_order() -> None:
    made, _, _ = entries([b"ts=2026-11-24T06:00:00.500Z level=info same"] * 3, Note(), 0)
    assert [one.time_ns % 1000 for one in made] == [0, 1, 2]


def test_secrets_and_what_steers_a_terminal_are_taken_out() -> None:
    said = b"posting to https://hooks.slack.com/services/T00/B00/abcdef failed \x1b[31mred\x1b[0m"
    ((_, _, text),), _, _ = entries([said], Note(), 1)
    assert "abcdef" not in text
    assert text.endswith("failed red")


def test_very_long_lines_are_cut() -> None:
    ((_, _, text),), _, _ = entries([b"x" * 100_000], Note(), 1)
    assert len(text) == 64 * 1024 + 1


@pytest.mark.servers
def test_each_component_is_a_stream_for_each_level(place: State, client: Client) -> None:
    append(place.log("prometheus"), f"ts={now()} level=info a", f"ts={now()} level=warn b")
    append(place.log("node-exporter"), "no time")
    collect(place, client.base)
    assert client.lines('{service="prometheus", level="warning"}')[0].endswith("level=warn b")
    assert client.lines('{service="node-exporter", level="info"}') == ["no time"]


@pytest.mark.servers
def test_what_was_taken_is_not_sent_again_by_the_next_process(place: State, client: Client) -> None:
    append(place.log("a"), "no time 1")
    collect(place, client.base)
    append(place.log("a"), "no time 2")
    collect(place, client.base)
    collect(place, client.base)
    assert client.lines(EVERYTHING) == ["no time 1", "no time 2"]


@pytest.mark.servers
def test_a_batch_whose_answer_was_lost_is_sent_again_and_kept_once(
    place: State, client: Client
) -> None:
    append(place.log("a"), "1", "2", f"ts={now()} level=error 3", "4")
    lossy = collector(place, "http://127.0.0.1:9")
    assert lossy.collect() is False  # nobody there: noted, not sent
    lossy.stop()
    noted = json.loads((place.data("store") / "collected" / "a.json").read_text())
    made, _, _ = entries(
        place.log("a").read_bytes().split(b"\n"), Note(), noted["batch"]["untimed_ns"]
    )
    headers = {"Content-Type": "application/json"}
    # The first sending arrives, and its sender dies before it knows.
    assert client.ask("POST", "/loki/api/v1/push", push_body("a", made), headers).status == 204
    append(place.log("a"), "5")
    collect(place, client.base)
    assert sorted(line[-1] for line in client.lines(EVERYTHING)) == list("12345")


@pytest.mark.servers
def test_what_a_service_sends_by_itself_is_not_sent_twice(place: State, client: Client) -> None:
    record = logging.LogRecord("coaching", logging.WARNING, "", 0, "Slow %s", ("chat",), None)
    ours, as_text = JsonFormatter("django").format(record), TextFormatter().format(record)
    for name, script in (("django", "export VIGIE_LOGS_URL=http://x\n"), ("mute", "exec x\n")):
        place.write(place.script(name), script)
        append(place.log(name), "before logging", ours, as_text)
    collect(place, client.base)
    assert client.lines('{service="django"}') == ["before logging"]
    assert set(client.lines('{service="mute"}')) == {"before logging", ours, as_text}


@pytest.mark.servers
def test_lines_that_are_refused_do_not_keep_the_others_back(
    place: State, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    append(place.log("a"), f"ts={now(days=30)} level=info old", f"ts={now()} level=info new")
    append(place.log("b"), f"ts={now()} level=info other")
    collect(place, client.base)
    lines = [line.split()[-1] for line in client.lines(EVERYTHING)]
    assert sorted(lines) == ["new", "other"]
    (record,) = caplog.records
    assert record.getMessage().startswith("some of a's lines were refused: 400")
    assert "too old" in record.getMessage()


@pytest.mark.servers
def test_a_log_that_cannot_be_read_keeps_no_other_back_and_is_told_once(
    place: State, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    place.log("a").mkdir()
    append(place.log("b"), "1")
    one = collector(place, client.base)
    one.collect()
    append(place.log("b"), "2")
    one.collect()
    one.stop()
    assert client.lines(EVERYTHING) == ["1", "2"]
    (record,) = caplog.records
    assert record.getMessage().startswith("a's log cannot be followed: ")


@pytest.mark.servers
def test_about_its_own_log_it_says_nothing_for_that_would_be_the_next_line(
    place: State,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(COMPONENT_VARIABLE, "store")
    append(place.log("store"), f"ts={now(days=30)} level=info old")
    collect(place, client.base)
    assert caplog.records == []


@pytest.mark.servers
def test_while_nobody_takes_the_lines_they_wait_in_their_files(
    place: State,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    free_port: Callable[[], int],
    until: Callable[..., None],
) -> None:
    caplog.set_level(logging.WARNING)
    port = free_port()
    one = collector(place, f"http://127.0.0.1:{port}")
    one.start()
    try:
        append(place.log("a"), "1", "2")
        until(lambda: caplog.records)
        append(place.log("a"), "3")
        with process(tmp_path / "elsewhere", "--port", str(port)) as (_, client):
            until(lambda: client.lines(EVERYTHING) == ["1", "2", "3"], 60)
            until(lambda: len(caplog.records) == 2)
    finally:
        one.stop()
    first, second = [record.getMessage() for record in caplog.records]
    assert first.startswith("the components' lines wait in their files: ")
    assert second == "the components' lines are taken again"


@pytest.mark.servers
def test_killed_at_any_moment_the_store_has_each_printed_line_once(
    place: State, until: Callable[..., None]
) -> None:
    log, dice = place.log("noisy"), random.Random(7)
    stop, written = threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not stop.wait(0.005):  # for one answer of 5000 lines
            if written % 400 == 399 and not log.with_name("noisy.log.1").exists():
                log.rename(log.with_name("noisy.log.1"))  # once: nothing is thrown away
            timed = f"ts={now()} level=info " if written % 3 else ""
            append(log, f"{timed}number {written}")
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(6):
            with process(place.folder):
                stop.wait(dice.uniform(0.1, 1.5))
    finally:
        stop.set()
        writer.join()
    with process(place.folder) as (_, client):
        count = 'sum(count_over_time({service="noisy"}[1h]))'

        def kept() -> int:
            result = client.get("/loki/api/v1/query", query=count).json["data"]["result"]
            return int(result[0]["value"][1]) if result else 0

        until(lambda: kept() >= written, 60)
        lines = client.lines('{service="noisy"}')
    assert Counter(int(line.split()[-1]) for line in lines) == Counter(range(written))
