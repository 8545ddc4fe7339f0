"""The state folder: its layout, its secrets, its lock, and what is never deleted."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from vigie.settings.state_folder import default_folder
from vigie.stack.errors import RequestError, StackError
from vigie.stack.state import State


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_the_variable_else_xdg_else_in_the_home_folder(tmp_path: Path) -> None:
    home = Path.home()
    assert default_folder({"VIGIE_STATE": "/a", "XDG_STATE_HOME": "/b"}) == Path("/a")
    assert default_folder({"XDG_STATE_HOME": "/b"}) == Path("/b/vigie")
    assert default_folder({"XDG_STATE_HOME": "relative"}) == home / ".local/state/vigie"
    assert default_folder({}) == home / ".local/state/vigie"


def test_a_path_is_one_stack_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    written = ("state", "./state", "x/../state", "link/state", str(tmp_path / "state"))
    assert {State.at(Path(path)).folder for path in written} == {tmp_path / "state"}


def test_the_folder_and_its_secrets_are_for_their_owner_only(state: State) -> None:
    state.make()
    assert mode(state.folder) == 0o700
    assert mode(state.secret("key")) == 0o600


def test_an_older_folder_gets_its_mode_back(state: State) -> None:
    state.make()
    state.folder.chmod(0o755)
    state.make()
    assert mode(state.folder) == 0o700


def test_a_secret_is_made_once(state: State) -> None:
    state.make()
    first = state.secret("key").read_text()
    assert len(first) >= 32
    assert state.secret("key").read_text() == first
    assert state.secret("other").read_text() != first


def test_a_folder_of_somebody_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RequestError) as raised:
        State.at(tmp_path).make()
    assert str(raised.value) == (
        f"{tmp_path} is not empty and was not made by Vigie\n"
        "name another folder: --state DIR, or VIGIE_STATE=DIR"
    )


def test_the_home_folder_the_root_and_the_current_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "empty-home"))
    for folder in (Path("/"), tmp_path / "empty-home", here, tmp_path):
        state = State.at(folder)
        for act in (state.make, state.delete):
            with pytest.raises(RequestError) as raised:
                act()
            assert str(raised.value) == (
                f"{folder} holds more than Vigie's state\n"
                "name a folder of its own: --state DIR, or VIGIE_STATE=DIR"
            )


def test_several_at_once_make_one_folder(state: State) -> None:
    for _ in range(50):
        start = threading.Barrier(4)
        problems: list[Exception] = []

        def make(start: threading.Barrier = start, problems: list[Exception] = problems) -> None:
            start.wait()
            try:
                state.make()
            except StackError as error:
                problems.append(error)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        state.delete()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError) as raised:
        State.at(tmp_path / "file" / "state").make()
    assert str(raised.value) == (
        f"cannot write {tmp_path}/file/state: Not a directory\n"
        "make room or give access there, or name another folder: --state DIR, or VIGIE_STATE=DIR"
    )


def test_a_path_too_long_for_a_socket_is_refused_with_its_length(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    length = len(os.fsencode(folder / "sock"))
    with pytest.raises(RequestError) as raised:
        State.at(folder).make()
    assert str(raised.value) == (
        f"{folder}: this path is too long for a socket in it ({length} bytes with the socket's "
        "name, at most 92)\nname a shorter one: --state DIR, or VIGIE_STATE=DIR"
    )


def test_deleting_leaves_nothing_and_says_how_much_there_was(state: State) -> None:
    state.make()
    state.write(state.data("x") / "numbers", "1" * 1000)
    assert state.delete() > 1000
    assert not state.folder.exists()
    assert state.delete() == 0


def test_deleting_does_not_follow_links_out_of_the_folder(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("")
    state.make()
    (state.folder / "link").symlink_to(outside)
    (state.folder / "data" / "link").symlink_to(outside)
    state.delete()
    assert not state.folder.exists()
    assert (outside / "precious").exists()


def test_a_folder_without_the_marker_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(RequestError) as raised:
        State.at(tmp_path / "photos").delete()
    assert str(raised.value) == (
        f"{tmp_path}/photos was not made by Vigie (it holds no vigie.state), so it is not deleted"
    )
    assert (tmp_path / "photos").exists()


def test_a_link_to_a_state_folder_is_not_deleted(state: State, tmp_path: Path) -> None:
    state.make()
    (tmp_path / "link").symlink_to(state.folder)
    with pytest.raises(RequestError) as raised:
        State.at(tmp_path / "link").delete()
    assert str(raised.value) == (
        f"{tmp_path}/link is a symbolic link, so it is not deleted\n"
        f"name the folder itself: --state {state.folder}"
    )
    assert state.ours


def test_two_commands_do_not_hold_the_lock_at_once(state: State) -> None:
    state.make()
    inside, leave, order = threading.Event(), threading.Event(), []

    def first() -> None:
        with state.locked():
            inside.set()
            leave.wait(30)
            order.append("first leaves")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(30)
    told: list[str] = []

    def on_wait(holder: str) -> None:
        told.append(holder)
        leave.set()

    with state.locked(on_wait=on_wait):
        order.append("second enters")
    thread.join()
    assert order == ["first leaves", "second enters"]
    assert told == [f"pid {os.getpid()}"]


def test_whoever_waits_too_long_for_the_lock_is_told_who_holds_it(state: State) -> None:
    state.make()
    with state.locked(), pytest.raises(StackError) as raised, state.locked(wait_seconds=0):
        pass
    assert str(raised.value) == (
        f"another vigie command (pid {os.getpid()}) is still at work on {state.folder}\n"
        "wait for it, or end it, then try again"
    )


def test_a_lock_that_was_deleted_meanwhile_is_taken_anew(state: State) -> None:
    state.make()

    def delete_under_lock(_: str) -> None:
        state.delete()
        state.make()
        holding.__exit__(None, None, None)

    holding = state.locked()
    holding.__enter__()
    with (
        state.locked(on_wait=delete_under_lock),
        pytest.raises(StackError),
        state.locked(wait_seconds=0),
    ):
        pass
