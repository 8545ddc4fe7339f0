"""A real Chromium, and a console with something to show."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import chromium
from console_process import ConsoleProcess, console_process
from told_alerts import sent, watchdog


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser; without one, tests are skipped.

    For a module only: as long as Playwright runs, the thread has an event loop that runs, and no
    other test could start one.
    """
    executable = chromium.found()
    if executable is None:
        pytest.skip("no Chromium here, and only root can install it: apt-get install chromium")
    with sync_playwright() as playwright:
        # Root, as in containers, has no sandbox.
        made = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def empty_console(tmp_path: Path) -> Iterator[ConsoleProcess]:
    """A console that nobody has told anything."""
    with console_process(tmp_path, _free_port()) as running:
        yield running


@pytest.fixture
def hurried_console(tmp_path: Path) -> Iterator[ConsoleProcess]:
    """A console that waits for its watchdog for a second, and not five minutes."""
    with console_process(tmp_path, _free_port(), "--pace", "300") as running:
        yield running


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcess]:
    """A console with two alerts that fire and one that ended."""
    with console_process(tmp_path_factory.mktemp("console"), _free_port()) as running:
        now = datetime.now(UTC)
        early = now - timedelta(hours=30)
        labels = {"alertname": "DiskSpace", "severity": "warning", "signal": "disk_space"}
        assert (
            running.tell(
                watchdog(),
                sent("a", started=now - timedelta(minutes=12)),
                sent("b", started=early, labels=labels),
                sent("c", started=early, ended=now - timedelta(hours=1)),
            )
            == 200
        )
        yield running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
