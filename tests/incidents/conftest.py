"""Inboxes in files of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from vigie.incidents.inbox import Inbox
from vigie.settings import Settings, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the inbox is."""
    return tmp_path / "a folder, 100% ours?" / "incidents.sqlite3"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Inbox]]:
    """Opens the inbox of the test, with options; it is closed at the end."""
    with ExitStack() as stack:

        def open_(**options: Any) -> Inbox:
            inbox = Inbox.open(path, **options)
            stack.callback(inbox.close)
            return inbox

        yield open_


@pytest.fixture
def inbox(opened: Callable[..., Inbox]) -> Inbox:
    """An empty inbox."""
    return opened()


@pytest.fixture
def set_to(tmp_path: Path) -> Callable[[str], Settings]:
    """The settings that a text of vigie.yml gives."""

    def read(text: str = "") -> Settings:
        file = tmp_path / "vigie.yml"
        file.write_text(text, encoding="utf-8")
        return load(file, environ={})

    return read
