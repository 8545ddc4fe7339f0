"""What `up` notes of what it started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vigie.stack.components import Component
from vigie.stack.started import Started, save, saved
from vigie.stack.state import State


def test_what_was_started_is_noted_and_read_again(
    state: State, server: Callable[..., Component], tmp_path: Path
) -> None:
    state.make()
    assert saved(state) == Started()
    (tmp_path / "a").write_text("1")
    web = server(after=["other"], prepare=["true"], rereads=[str(tmp_path / "a")])
    started = Started.now([web, server("other")], 15)
    save(state, started)
    assert saved(state) == started


def test_whether_a_component_has_read_its_files_as_they_are_is_known(
    server: Callable[..., Component], tmp_path: Path
) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("1")
    web = server(rereads=map(str, files))
    started = Started.now([web], 1)
    assert started.has_read(web)
    files[1].write_text("2")
    assert not started.has_read(web)
    assert not Started().has_read(web)
    assert Started().has_read(replace(web, rereads=()))
