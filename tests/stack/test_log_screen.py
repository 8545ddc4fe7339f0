"""Lines as people read them, and as programs do."""

from __future__ import annotations

import io
import json
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from vigie.stack import log_screen
from vigie.stack.kept_logs import Kept

PARIS = ZoneInfo("Europe/Paris")
AT = 1795500000_512_345_678  # 07:00 in Paris


def kept(text: str, service: str = "django", level: str = "info", time_ns: int = AT) -> Kept:
    return Kept(time_ns, {"service": service, "level": level}, text)


def written(*lines: Kept, names: tuple[str, ...] = ("django",), color: bool = False) -> str:
    to = Console(
        file=io.StringIO(), force_terminal=color, no_color=not color, width=80, highlight=False
    )
    log_screen.lines(to, lines, names, PARIS)
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def ours(**fields: object) -> str:
    every = {
        **{"ts": "2026-11-24T06:00:00.512345Z", "level": "warning", "service": "django"},
        **{"logger": "vigie", "event": "Auth failure"},
        "message": "Auth failure reason=expired_token ip=10.0.0.1",
    }
    return json.dumps(every | fields)


def test_a_line_has_its_time_in_the_zone_and_its_words_once() -> None:
    assert written(kept("ts=2026-11-24T06:00:00.512Z level=info msg=up")) == (
        "2026-11-24 07:00:00.512 level=info msg=up\n"
    )


def test_with_several_names_each_line_says_whose_it_is() -> None:
    lines = (kept("a"), kept("b", "prometheus"), kept("c", "not-known-before"))
    assert [
        line.split(" | ")[0] for line in written(*lines, names=("django", "prometheus")).split("\n")
    ] == ["django    ", "prometheus", "not-known-before", ""]


def test_a_line_without_time_keeps_its_place() -> None:
    assert written(kept("plain", time_ns=1)) == " " * 24 + "plain\n"


def test_of_json_the_message_is_read_with_the_fields_that_are_not_in_it() -> None:
    text = ours(reason="expired_token", ip="10.0.0.1", user_type="free", request_id="7f")
    assert log_screen.words(kept(text)) == (
        "WARNING Auth failure reason=expired_token ip=10.0.0.1 user_type=free request_id=7f"
    )


def test_a_traceback_is_on_lines_of_its_own_so_that_grep_shows_it() -> None:
    text = ours(
        exception_type="ValueError", exception="Traceback (most…):\n  File x\nValueError: y"
    )
    assert log_screen.words(kept(text)).split("\n")[1:] == [
        "    Traceback (most…):",
        "      File x",
        "    ValueError: y",
    ]


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '{"message"', '{"other": 1}'])
def test_what_is_no_event_is_shown_as_it_is(text: str) -> None:
    assert log_screen.words(kept(text)) == text


def test_what_would_steer_the_terminal_is_left_out() -> None:
    assert log_screen.words(kept("a\x1b[31mb\x1b]0;t\x07\r")) == "ab]0;t"
    assert log_screen.words(kept(ours(message="a\x1b[2Jb\nc"))) == "WARNING abc"


def test_errors_are_red_unless_nobody_wants_colours() -> None:
    assert "\x1b[31mbroken" in written(kept("broken", level="error"), color=True)
    assert "\x1b" not in written(kept("broken", level="error"))


def test_programs_get_one_object_a_line() -> None:
    one = Kept(AT, {"service": "django", "level": "error", "trace_id": "4bf9"}, "naïve\x1b")
    assert json.loads(log_screen.as_json(one, PARIS)) == {
        "ts": "2026-11-24T07:00:00.512346+01:00",
        "service": "django",
        "level": "error",
        "trace_id": "4bf9",
        "line": "naïve\x1b",
    }
    assert json.loads(log_screen.as_json(kept("x", time_ns=1), PARIS))["ts"] is None
