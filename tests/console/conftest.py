"""The console's application over a real inbox, with a clock that tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from told_alerts import NOON, delivery
from vigie.console.app import create_app
from vigie.incidents.channels import Channel
from vigie.incidents.dead_mans_switch import DeadMansSwitch
from vigie.incidents.inbox import FILE_NAME, Inbox
from vigie.render.links import INBOX_PATH
from vigie.settings import Settings, load

JSON = {"Content-Type": "application/json"}


@dataclass
class Bench:
    """A console: what it is made of, and a browser."""

    settings: Settings
    inbox: Inbox
    switch: DeadMansSwitch
    browser: TestClient
    path: Path
    now: datetime

    def tell(self, *alerts: dict[str, Any]) -> Any:
        """Tell the inbox as Alertmanager does."""
        return self.browser.post(INBOX_PATH, content=delivery(*alerts), headers=JSON)

    def page(self, address: str, language: str = "en", status: int = 200) -> str:
        """The text of a page."""
        answer = self.browser.get(address, headers={"Accept-Language": language})
        assert answer.status_code == status, answer.text
        return answer.text


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes a console with the settings that a text of vigie.yml gives."""
    made: list[Bench] = []

    def make(text: str = "", channels: list[Channel] | None = None) -> Bench:
        file, path = tmp_path / "vigie.yml", tmp_path / FILE_NAME
        file.write_text(text, encoding="utf-8")
        settings, inbox = load(file, environ={}), Inbox.open(path, wait_seconds=0.05)
        switch = DeadMansSwitch(inbox, settings, channels or [], NOON)
        app = create_app(settings, inbox, switch, lambda: bench.now)
        client = TestClient(app, "http://localhost:3300", raise_server_exceptions=False)
        bench = Bench(settings, inbox, switch, client, path, NOON + timedelta(minutes=1))
        made.append(bench)
        return bench

    yield make
    for one in made:
        with closing(one.inbox), closing(one.browser):
            pass


@pytest.fixture
def bench(console: Callable[..., Bench]) -> Bench:
    """A console with the usual settings."""
    return console()
