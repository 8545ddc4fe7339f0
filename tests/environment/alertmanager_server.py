"""A real Alertmanager with what is rendered for it, on ports of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import URLError
from urllib.request import Request, urlopen

from vigie.render import embedded
from vigie.settings import load
from vigie.stack import binaries
from vigie.stack.components import engines
from vigie.stack.state import State

Alert: TypeAlias = "dict[str, Any]"


def alert(
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Alert:
    """An alert as Prometheus posts it; it fires for an hour yet, unless it has ended."""
    begun, ended = since or datetime.now().astimezone(), until
    ended = ended or datetime.now().astimezone() + timedelta(hours=1)
    times = {"startsAt": begun.isoformat(), "endsAt": ended.isoformat()}
    return {"labels": dict(labels), "annotations": dict(annotations or {}), **times}


@dataclass(frozen=True, slots=True)
class AlertmanagerServer:
    """What answers at `url`; `amtool` is the tool that comes with it."""

    url: str
    amtool: Path

    def post(self, alerts: Iterable[Alert]) -> None:
        body = json.dumps(list(alerts)).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{self.url}/api/v2/alerts", body, headers), timeout=60) as answer:
            assert answer.status == 200

    def alerts(self) -> list[Alert]:
        """All of them, with what is known of each, the muted ones too."""
        with urlopen(f"{self.url}/api/v2/alerts", timeout=60) as answer:
            found: list[Alert] = json.load(answer)
        return found


def amtool() -> Path:
    """The executable beside Alertmanager's."""
    found = binaries.find_all()["alertmanager"].tool("amtool")
    assert found is not None, "this Alertmanager came without amtool"
    return found


@contextmanager
def running_alertmanager(
    folder: Path,
    given: str = "",
    console: int | None = None,
    pace: float = 1,
    silent: bool = False,
) -> Iterator[AlertmanagerServer]:
    """Alertmanager as `vigie up` starts it with the settings `given`, until the block ends.

    `console` is the port at which its inbox listens; by default nobody does. One that is `silent`
    waits for an hour before it tells anybody of anything.
    """
    own, nobody = free_ports(2)
    ports = f"ports: {{alertmanager: {own}, console: {console or nobody}}}\n"
    (folder / "vigie.yml").write_text(ports + given, encoding="utf-8")
    settings = load(environ={}, start=folder)
    state = State.at(folder / "state")
    state.make()
    for name, text in embedded(settings, pace).items():
        waiting = re.sub("group_wait: .*", "group_wait: 1h", text) if silent else text
        state.write(state.config / name, waiting)
    component = {one.name: one for one in engines(settings, state, binaries.find_all())}[
        "alertmanager"
    ]
    log = folder / "alertmanager.log"
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            component.command,
            cwd=component.cwd,
            env={**os.environ, **component.env},
            stdout=output,
            stderr=output,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        until(lambda: _answers(component.ready_url), log.read_text)
        yield AlertmanagerServer(component.url, amtool())


def until(
    true: Callable[[], object],
    told: Callable[[], str] = lambda: "it did not come true in time",
    seconds: float = 60,
) -> None:
    """Wait until something is true; say what is `told` if it does not become so."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        tick.wait(0.05)
    raise AssertionError(told())


def free_ports(number: int) -> list[int]:
    """So many ports on which nothing listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError):
        return False
