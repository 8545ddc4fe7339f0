"""What a person sees: on a terminal of 80 columns, and in a file."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from vigie.stack import screen
from vigie.stack.binaries import NODE_EXPORTER, Downloading
from vigie.stack.components import Component
from vigie.stack.logs import Line
from vigie.stack.readiness import Launched, Ready
from vigie.stack.status import ComponentStatus, StackStatus
from vigie.stack.up import CleanedUp, Event, RealProvider, Waiting

PROMETHEUS = Component(
    "prometheus", "Prometheus", "metrics and rules", ("x",), "/", url="http://localhost:9090"
)
EXPORTER = Component("node-exporter", "Node exporter", "this machine's metrics", ("x",), "/")

MORNING: list[Event] = [
    Waiting("pid 7"),
    CleanedUp(3),
    RealProvider("https://api.openai.com/v1"),
    Downloading(NODE_EXPORTER, "Debian"),
    Downloading(NODE_EXPORTER, "the net", 3_000_000, 12_000_000),
    Launched(PROMETHEUS),
    Launched(EXPORTER),
    Ready(EXPORTER, 0.04),
    Ready(PROMETHEUS, 0.21),
]


def written(*events: Event, terminal: bool = False, width: int = 160) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=width, no_color=True, markup=False
    )
    with screen.Progress(console) as progress:
        for event in events:
            progress.report(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(*rows: object, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, no_color=True, markup=False)
    for row in rows:
        console.print(row)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_without_a_terminal_each_event_is_one_plain_line() -> None:
    assert written(*MORNING).splitlines() == [
        "another vigie command (pid 7) is at work here: waiting for it",
        "ended 3 processes of a stack whose supervisor was killed",
        "OPENAI_API_KEY is set: the demo talks to https://api.openai.com/v1 at your cost, without "
        "simulated traffic. Unset it for the simulator.",
        "Node exporter: fetching it from Debian",
        "Node exporter: ready in 0.0 s",
        "Prometheus: ready in 0.2 s",
    ]


def test_on_a_terminal_each_component_is_one_live_line() -> None:
    screens = written(*MORNING, terminal=True, width=80)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screens).replace("\r", "\n")
    assert [line.rstrip() for line in plain.splitlines() if line.strip()][-2:] == [
        "✔ Node exporter ready in 0.0 s",
        "✔ Prometheus    ready in 0.2 s",
    ]


def test_a_component_that_was_not_ready_in_the_end_is_marked() -> None:
    assert "✘ Prometheus" in written(Launched(PROMETHEUS), terminal=True)


def test_the_addresses_stand_in_columns() -> None:
    assert shown(screen.addresses([PROMETHEUS, EXPORTER])) == [
        "Prometheus     http://localhost:9090  metrics and rules",
        "Node exporter  -                      this machine's metrics",
    ]


def test_the_status_fits_80_columns_in_every_state() -> None:
    def component(
        name: str, state: str, pid: int | None, seconds: float | None, restarts: int
    ) -> ComponentStatus:
        return ComponentStatus(
            name, name, state, pid, seconds, restarts, 44_100_000, "http://localhost:9090"
        )

    stack = StackStatus(
        Path("/x"),
        running=True,
        components=(
            component("Prometheus", "ready", 12345, 47500, 0),
            component("Node exporter", "restarting", None, None, 12),
        ),
    )
    assert shown(screen.status(stack)) == [
        "component     state        pid up          restarts memory address",
        "Prometheus    ready      12345 13 h 11 min        0  44 MB http://localhost:9090",
        "Node exporter restarting     - -                 12  44 MB http://localhost:9090",
    ]


def test_log_lines_say_whose_they_are_when_there_are_several() -> None:
    lines = [Line("django", "[INFO] one"), Line("ui", "two")]
    console = Console(file=io.StringIO(), width=80, markup=False)
    screen.lines(console, lines, ["django", "ui"])
    screen.lines(console, lines[:1], ["django"])
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "django | [INFO] one\nui     | two\n[INFO] one\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (59.7, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (86399, "23 h 59 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_are_in_the_two_largest_units(seconds: float, words: str) -> None:
    assert screen.duration(seconds) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(900, "1 kB"), (34_000, "34 kB"), (44_100_000, "44 MB"), (1_500_000_000, "1.5 GB")],
)
def test_sizes_are_in_readable_units(size_bytes: int, words: str) -> None:
    assert screen.size(size_bytes) == words


def test_no_color_and_no_terminal_write_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert screen.console(no_color=True).no_color
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.console().no_color
