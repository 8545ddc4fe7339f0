"""Logs: their last lines, several in one, and what is added, across rotation."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from vigie.stack import logs
from vigie.stack.logs import Line
from vigie.stack.state import State


def last(path: Path, count: int) -> list[str]:
    return [line.text for line in logs.last({"x": path}, count, {"x": logs.size(path)})]


def steps(*actions: Callable[[], object]) -> Callable[[], bool]:
    """Does one thing at each look for new lines, and says no after the last."""
    todo = iter(actions)

    def go_on() -> bool:
        action = next(todo, None)
        if action is None:
            return False
        action()
        return True

    return go_on


def append(path: Path, text: str) -> Callable[[], None]:
    def act() -> None:
        with path.open("a") as file:
            file.write(text)

    return act


def followed(path: Path, *actions: Callable[[], object]) -> list[str]:
    ends = {"x": logs.size(path)}
    return [line.text for line in logs.follow({"x": path}, ends, steps(*actions))]


@pytest.mark.parametrize("count", [0, 1, 3, 5000, 20000])
def test_the_last_lines_are_read_from_the_end(tmp_path: Path, count: int) -> None:
    lines = [f"line {number} {'x' * (number % 50)}" for number in range(10000)]
    (tmp_path / "log").write_text("\n".join(lines) + "\n")
    assert last(tmp_path / "log", count) == (lines[-count:] if count else [])


def test_a_line_that_is_longer_than_a_block_is_whole(tmp_path: Path) -> None:
    long = "x" * (3 * logs.BLOCK_BYTES)
    (tmp_path / "log").write_text(f"first\n{long}\n")
    assert last(tmp_path / "log", 1) == [long]


def test_lines_from_before_the_last_rotation_are_added_when_there_are_few(tmp_path: Path) -> None:
    (tmp_path / "log.1").write_text("1\n2\n3\n")
    (tmp_path / "log").write_text("4\n5\n")
    assert last(tmp_path / "log", 4) == ["2", "3", "4", "5"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert last(tmp_path / "log", 4) == []


def test_several_logs_are_merged_by_the_times_in_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(
        "ts=2026-11-24T05:00:01.5Z level=info first\n"
        "  and its second line\n"
        'time=2026-11-24T05:00:04.000+00:00 level=INFO msg="fourth"\n'
    )
    (tmp_path / "b").write_text(
        "[2026-11-24 05:00:02 +0000] [1] [INFO] second\n"
        '{"ts": "2026-11-24T06:00:03.123456+01:00", "message": "third"}\n'
    )
    files = {name: tmp_path / name for name in ("a", "b")}
    merged = logs.last(files, 10, logs.sizes(files))
    assert [line.component for line in merged] == ["a", "a", "b", "b", "a"]
    assert merged[1] == Line("a", "  and its second line")
    assert "third" in merged[3].text


def test_what_looks_like_a_time_and_is_none_is_no_time(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("2026-99-99T05:00:01Z\n")
    assert last(tmp_path / "log", 1) == ["2026-99-99T05:00:01Z"]


def test_what_would_steer_the_terminal_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07 tab\there \xff\n")
    assert last(tmp_path / "log", 1) == ["red ]0;title tab\there \N{REPLACEMENT CHARACTER}"]


def test_lines_are_followed_as_they_are_finished(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    got = followed(log, append(log, "one\ntw"), append(log, "o\n"), append(log, "unfinished"))
    assert got == ["one", "two"]


def test_following_goes_on_across_rotation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")

    def rotate() -> None:
        append(log, "last of the old\n")()
        log.rename(tmp_path / "log.1")
        log.write_text("first of the new\n")

    assert followed(log, append(log, "one\n"), rotate, append(log, "two\n")) == [
        "one",
        "last of the old",
        "first of the new",
        "two",
    ]


def test_following_waits_for_a_log_between_its_two_files(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    got = followed(
        log, lambda: log.rename(tmp_path / "log.1"), lambda: log.write_text("new\n"), lambda: None
    )
    assert got == ["new"]


def test_following_takes_up_a_log_that_comes_later_or_was_emptied(tmp_path: Path) -> None:
    log = tmp_path / "log"
    got = followed(
        log,
        append(log, "a long first line\n"),
        lambda: log.write_text("short\n"),
    )
    assert got == ["a long first line", "short"]


def test_no_line_is_lost_or_told_twice_between_last_and_follow(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("1\n2\n")
    ends = {"x": logs.size(log)}
    append(log, "3\n")()
    shown = logs.last({"x": log}, 10, ends)
    added = logs.follow({"x": log}, ends, steps(append(log, "4\n")))
    assert [line.text for line in itertools.chain(shown, added)] == ["1", "2", "3", "4"]


def test_the_files_are_closed_when_nobody_follows_any_more(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    following = logs.follow(
        {"x": tmp_path / "log"}, {"x": 0}, steps(append(tmp_path / "log", "1\n"))
    )
    assert next(following).text == "1"
    following.close()  # an open file would be a warning, and a warning fails here


def test_how_a_component_ended_is_read_from_supervisords_log(state: State) -> None:
    state.make()
    assert logs.last_exit(state, "web") == ""
    state.log("supervisor").write_text(
        "2026-11-24 05:00:00,1 WARN exited: web (exit status 3; not expected)\n"
        "2026-11-24 05:00:01,1 WARN exited: webber (exit status 4; not expected)\n"
        "2026-11-24 05:00:02,1 WARN exited: web (terminated by SIGKILL; not expected)\n"
    )
    assert logs.last_exit(state, "web") == "terminated by SIGKILL"


def test_a_log_is_known_by_its_component(state: State) -> None:
    state.make()
    for name in ("web", "supervisor"):
        state.log(name).write_text("")
    state.log("web").with_name("web.log.1").write_text("")
    assert list(logs.files(state)) == ["supervisor", "web"]
