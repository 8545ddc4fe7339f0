"""Restarting one component."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from vigie.stack.components import Component
from vigie.stack.errors import RequestError, StackError
from vigie.stack.readiness import Launched, Ready
from vigie.stack.restart import named, restart
from vigie.stack.state import State
from vigie.stack.status import status
from vigie.stack.supervisord import Supervisord
from vigie.stack.up import Wanted, start

Server = Callable[..., Component]


@pytest.mark.servers
def test_it_is_ready_again_with_a_new_process_and_the_rest_runs_on(
    state: State, server: Server
) -> None:
    state.make()
    start(state, Wanted([server("web"), server("other")]), os.environ, lambda event: None)
    before = Supervisord(state).processes()
    told: list[Launched | Ready] = []
    restart(state, "web", told.append)
    after = Supervisord(state).processes()
    assert [type(event) for event in told] == [Launched, Ready]
    assert before["web"].pid != after["web"].pid
    assert before["other"].pid == after["other"].pid
    assert [one.restarts for one in status(state).components] == [0, 0]  # nobody died


@pytest.mark.servers
def test_a_component_that_does_not_come_back_is_named(
    state: State, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = tmp_path_factory.mktemp("x") / "broken"
    state.make()
    web = server(prepare=["sh", "-c", f"test ! -e {broken} || {{ echo is broken; exit 5; }}"])
    start(state, Wanted([web]), os.environ, lambda event: None)
    broken.write_text("")
    with pytest.raises(StackError) as raised:
        restart(state, "web", lambda event: None)
    assert str(raised.value) == (
        "Web stopped before it was ready (exit status 5); the last that it printed:\n"
        "  is broken\n"
        f"its log: {state.folder}/logs/web.log\n"
        "the supervisor goes on trying: vigie status"
    )


def test_when_nothing_runs_it_says_how_to_start(state: State) -> None:
    with pytest.raises(StackError) as raised:
        restart(state, "web", lambda event: None)
    assert str(raised.value) == f"nothing runs in {state.folder}\nstart it: vigie up"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RequestError) as raised:
        named("promethus", ["prometheus", "alertmanager"])
    assert str(raised.value) == (
        "there is no component promethus\n"
        "did you mean prometheus?\n"
        "the components are: prometheus, alertmanager"
    )
    with pytest.raises(RequestError) as raised:
        named("grafana", [])
    assert str(raised.value) == "there is no component grafana\nthe components are: none"


def test_a_name_may_be_written_as_in_the_settings_or_as_status_shows_it() -> None:
    assert named("node_exporter", ["node-exporter"]) == "node-exporter"
    assert named("Node exporter", ["node-exporter"]) == "node-exporter"
