"""Taking a stack down: nothing of it runs on, and nothing of it is left when that is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from vigie.stack import orphans
from vigie.stack.components import Component
from vigie.stack.down import down
from vigie.stack.errors import RequestError
from vigie.stack.state import State
from vigie.stack.supervisord import Supervisord
from vigie.stack.up import Wanted, start

pytestmark = pytest.mark.servers

Server = Callable[..., Component]

SPEAKER = """
import pathlib, signal, sys, time, urllib.request

def leave(*_):
    time.sleep(0.5)  # for one that is stopped at the same moment to be gone
    with urllib.request.urlopen(sys.argv[1]) as answer:
        pathlib.Path(sys.argv[2]).write_bytes(answer.read())
    sys.exit()

signal.signal(signal.SIGTERM, leave)
print("listening for the end", flush=True)
signal.pause()
"""


@pytest.fixture
def running(state: State, server: Server) -> State:
    state.make()
    start(state, Wanted([server("one"), server("two")]), os.environ, lambda event: None)
    return state


def test_the_data_and_the_logs_stay(running: State) -> None:
    (running.data("one") / "kept").write_text("")
    assert down(running).stopped == 2
    assert orphans.find(running) == []
    assert (running.data("one") / "kept").exists()
    assert running.log("one").exists()
    assert not running.socket.exists()


def test_who_takes_the_last_words_of_the_others_is_stopped_after_them(
    state: State, server: Server, until: Callable[..., None], tmp_path: Path
) -> None:
    state.make()
    listener = replace(server("listener", answer="heard"), outlasts=True)
    heard = tmp_path / "heard"
    speaker = Component(
        name="speaker",
        title="Speaker",
        purpose="testing",
        command=(sys.executable, "-c", SPEAKER, listener.ready_url, str(heard)),
        cwd=str(tmp_path),
    )
    start(state, Wanted([listener, speaker]), os.environ, lambda event: None)
    until(lambda: "listening" in state.log("speaker").read_text())
    assert down(state).stopped == 2
    assert heard.read_text() == "heard"


def test_with_volumes_no_process_and_no_file_is_left(running: State) -> None:
    outcome = down(running, volumes=True)
    assert orphans.find(running) == []
    assert not running.folder.exists()
    assert outcome.deleted_bytes is not None
    assert outcome.deleted_bytes > 0


def test_a_second_down_finds_nothing_to_do(running: State) -> None:
    down(running, volumes=True)
    again = down(running, volumes=True)
    assert (again.stopped, again.deleted_bytes) == (0, 0)


def test_a_stubborn_component_is_killed(state: State, server: Server) -> None:
    state.make()
    start(state, Wanted([server(mode="stubborn")]), os.environ, lambda event: None)
    assert down(state).stopped == 1
    assert orphans.find(state) == []


def test_orphans_of_a_killed_supervisord_are_ended(
    running: State, until: Callable[..., None]
) -> None:
    psutil.Process(Supervisord(running).pid()).kill()
    until(lambda: not Supervisord(running).running())
    assert down(running, volumes=True).stopped == 2
    assert orphans.find(running) == []
    assert not running.folder.exists()


def test_a_stack_whose_folder_was_deleted_by_hand_is_ended(running: State) -> None:
    running.delete()
    assert down(running, volumes=True).stopped == 3  # supervisord too: its socket is gone
    assert orphans.find(running) == []


def test_a_grandchild_that_left_its_group_is_ended(
    state: State, until: Callable[..., None]
) -> None:
    state.make()
    escape = "setsid sleep 1000 & exec sleep 1000"
    start(
        state,
        Wanted([Component("sly", "Sly", "escapes", ("sh", "-c", escape), "/")]),
        os.environ,
        lambda event: None,
    )
    until(lambda: len(orphans.find(state)) == 3)  # with supervisord
    down(state)
    assert orphans.find(state) == []


def test_a_shell_that_only_names_the_state_is_spared(state: State) -> None:
    environ = {**os.environ, "VIGIE_STATE": str(state.folder)}
    with psutil.Popen(["sleep", "1000"], env=environ) as bystander:
        try:
            down(state)
            assert bystander.is_running()
        finally:
            bystander.kill()


def test_a_folder_that_is_not_vigies_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for volumes in (False, True):
        with pytest.raises(RequestError) as raised:
            down(State.at(tmp_path / "photos"), volumes)
        assert str(raised.value) == (
            f"{tmp_path}/photos was not made by Vigie (it holds no vigie.state): "
            "nothing was done to it"
        )
