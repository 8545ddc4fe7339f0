"""What the engines read, as a draft: checked by their tools, exchanged, and put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vigie.render import alertmanager, prometheus
from vigie.stack.binaries import Executable
from vigie.stack.configuration import Draft, Tools, tools_of
from vigie.stack.errors import StackError
from vigie.stack.state import State


@pytest.fixture
def made(tmp_path: Path) -> State:
    state = State.at(tmp_path / "state")
    state.make()
    return state


def tools_there(folder: Path, **tools: str) -> Tools:
    """Those of engines with these scripts as their tools, and with no other ones."""
    for name, script in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return tools_of({name: Executable(folder / name) for name in ("prometheus", "alertmanager")})


def test_each_tool_is_asked_about_its_own_file_in_the_draft(made: State, tmp_path: Path) -> None:
    note = f'echo "$@" >> {tmp_path}/asked'
    draft = Draft.of(made, {prometheus.PATH: "", alertmanager.PATH: ""})
    draft.check(tools_there(tmp_path, promtool=note, amtool=note))
    assert (tmp_path / "asked").read_text() == (
        f"check config {made.folder}/config.next/prometheus/prometheus.yml\n"
        f"check-config {made.folder}/config.next/alertmanager/alertmanager.yml\n"
    )


def test_what_a_tool_refuses_is_told_in_its_words(made: State, tmp_path: Path) -> None:
    draft = Draft.of(made, {alertmanager.PATH: ""})
    with pytest.raises(StackError) as raised:
        draft.check(tools_there(tmp_path, promtool="exit 0", amtool='echo "$2: no route"; exit 1'))
    assert str(raised.value) == (
        f"amtool refuses what is to become of {made.config}/alertmanager/alertmanager.yml:\n"
        "  alertmanager/alertmanager.yml: no route\n"
        "nothing was changed: what runs goes on as it was"
    )


def test_without_tools_nothing_is_refused(made: State, tmp_path: Path) -> None:
    Draft.of(made, {prometheus.PATH: "nonsense"}).check(tools_there(tmp_path))


def test_a_tool_in_a_container_is_called_with_the_folder_that_it_is_to_read(
    made: State, tmp_path: Path
) -> None:
    asked: list[tuple[str, str, Path]] = []

    def call(engine: str, tool: str, folder: Path) -> list[str]:
        asked.append((engine, tool, folder))
        return ["sh", "-c", f'echo "$@" >> {tmp_path}/asked', tool]

    draft = Draft.of(made, {f"docker/{prometheus.PATH}": ""}, readable="docker")
    draft.check(call, below="docker")
    assert asked == [
        ("prometheus", "promtool", draft.folder),
        ("alertmanager", "amtool", draft.folder),
    ]
    assert (tmp_path / "asked").read_text().splitlines()[0] == (
        f"check config {made.folder}/config.next/docker/prometheus/prometheus.yml"
    )


def test_only_what_containers_are_to_read_can_be_read_by_others(made: State) -> None:
    before = os.umask(0o077)
    try:
        draft = Draft.of(made, {"docker/loki/loki.yml": "", "vigie.yml": ""}, readable="docker")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in draft.folder.rglob("*")}
    assert modes == {"docker": 0o755, "loki": 0o755, "loki.yml": 0o644, "vigie.yml": 0o600}
    assert made.folder.stat().st_mode & 0o777 == 0o700


def test_a_draft_takes_the_place_of_the_files_and_is_put_back(made: State) -> None:
    first = Draft.of(made, {"a/b": "1", "old": "1"})
    assert first.changes_something()
    first.take_effect()
    first.discard()
    same = Draft.of(made, {"a/b": "1", "old": "1"})
    assert not same.changes_something()
    second = Draft.of(made, {"a/b": "2"})
    second.take_effect()
    assert (made.config / "a" / "b").read_text() == "2"
    assert not (made.config / "old").exists()
    second.put_back()
    assert (made.config / "a" / "b").read_text() == "1"
    assert (made.config / "old").exists()
    assert list(made.folder.glob("config.*")) == []


def test_a_draft_that_is_given_up_leaves_the_files_alone(made: State) -> None:
    Draft.of(made, {"a": "1"}).take_effect()
    draft = Draft.of(made, {"a": "2"})
    draft.put_back()
    assert (made.config / "a").read_text() == "1"
    assert list(made.folder.glob("config.*")) == []
