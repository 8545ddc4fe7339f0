"""What `status` says of a component in each condition."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import psutil
import pytest

from vigie.stack.components import Component
from vigie.stack.state import State
from vigie.stack.status import StackStatus, WatchdogStatus, status
from vigie.stack.supervisord import Supervisord
from vigie.stack.up import Wanted, start

pytestmark = pytest.mark.servers

Server = Callable[..., Component]


def test_where_nothing_ever_ran_nothing_runs(state: State) -> None:
    assert status(state) == StackStatus(state.folder, running=False, components=())
    assert not status(state).well


def test_a_component_has_pid_uptime_memory_and_address(state: State, server: Server) -> None:
    state.make()
    web = server()
    start(state, Wanted([web]), os.environ, lambda event: None)
    (one,) = status(state).components
    assert (one.name, one.title, one.state, one.restarts) == ("web", "Web", "ready", 0)
    assert one.url == web.url
    assert one.pid is not None
    assert psutil.Process(one.pid).cmdline()[-4:] == list(web.command[-4:])
    assert one.uptime_seconds is not None
    assert 0 <= one.uptime_seconds < 60
    assert one.memory_bytes is not None
    assert 1e6 < one.memory_bytes < 1e9


def test_a_component_that_hangs_does_not_answer(
    state: State, server: Server, until: Callable[..., None]
) -> None:
    state.make()
    start(state, Wanted([server()]), os.environ, lambda event: None)
    until(lambda: Supervisord(state).processes()["web"].state == "RUNNING")
    pid = Supervisord(state).processes()["web"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert status(state).components[0].state == "no answer"
        assert not status(state).well
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(("hearing", "well"), [("waiting", True), ("heard", True), ("lost", False)])
def test_the_console_says_whether_alerts_arrive(
    state: State, server: Server, hearing: str, well: bool
) -> None:
    state.make()
    said = f'{{"hearing": "{hearing}", "silent_seconds": 7.5, "trouble": "it is full"}}'
    console = server("console", answer=said)
    start(state, Wanted([console]), os.environ, lambda event: None)
    told = status(state)
    runbook = f"{console.url}/runbooks/watchdog"
    assert told.watchdog == WatchdogStatus(hearing, 7.5, "it is full", runbook)
    assert told.well is well


def test_a_console_that_says_something_else_says_nothing(state: State, server: Server) -> None:
    state.make()
    start(state, Wanted([server("console", answer="[]")]), os.environ, lambda event: None)
    assert status(state).watchdog is None
    assert status(state).well


def test_a_component_that_was_stopped_is_stopped(state: State, server: Server) -> None:
    state.make()
    start(state, Wanted([server()]), os.environ, lambda event: None)
    Supervisord(state).stop("web")
    (one,) = status(state).components
    assert (one.state, one.pid, one.uptime_seconds, one.memory_bytes) == (
        "stopped",
        None,
        None,
        None,
    )
