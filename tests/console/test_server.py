"""The console as a process: what outlives it, and who may run beside it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from told_alerts import delivery, sent, watchdog
from vigie.incidents.inbox import FILE_NAME, Journal
from vigie.render.links import INBOX_PATH

pytestmark = pytest.mark.servers


@dataclass
class Running:
    """`vigie console`, at a port of its own."""

    process: subprocess.Popen[str]
    port: int
    state: Path

    @property
    def inbox(self) -> Path:
        return self.state / "data" / "console" / FILE_NAME

    def get(self, address: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{address}", timeout=30) as answer:
            return json.load(answer)

    def tell(self, *alerts: dict[str, Any]) -> int:
        """Tell as Alertmanager does; the status of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{INBOX_PATH}",
            delivery(*alerts),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def start(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Running]]:
    """Starts the command, and waits until it answers."""
    started: list[subprocess.Popen[str]] = []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}

    def run(*, ready: bool = True) -> Running:
        port, state = free_port(), tmp_path / "state"
        process = subprocess.Popen(
            [
                *(sys.executable, "-u", "-m", "vigie", "console"),
                *("--state", str(state), "--port", str(port)),
            ],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        running = Running(process, port, state)
        tick = threading.Event()
        while ready and process.poll() is None:
            with suppress(OSError):
                running.get("/healthz")
                break
            tick.wait(0.05)
        return running

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_a_death_right_after_the_answer_loses_nothing(start: Callable[..., Running]) -> None:
    first = start()
    for number in range(20):
        assert first.tell(sent(f"f{number}"), watchdog()) == 200
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    with closing(Journal.open(first.inbox)) as journal:
        assert len(journal.firing()) == 20
    again = start()
    told = again.get("/api/alerts")
    assert len(told["firing"]) == 20
    assert told["watchdog"]["heard"] is not None
    assert told["watchdog"]["hearing"] == "waiting"  # what the last one heard, this one has not


def test_a_second_console_says_who_holds_the_inbox(start: Callable[..., Running]) -> None:
    first = start()
    second = start(ready=False)
    said, _ = second.process.communicate(timeout=60)
    assert second.process.returncode == 2
    assert said == (
        f"The console: http://127.0.0.1:{second.port}\n"
        f"vigie: a console holds {first.inbox.parent} already: http://127.0.0.1:{first.port} "
        f"(pid {first.process.pid})\n"
        "end that one (`vigie down`), or name another folder: --state DIR\n"
    )


def test_a_disk_that_takes_nothing_is_503_until_it_does_again(
    start: Callable[..., Running],
) -> None:
    running = start()
    assert running.tell(sent("before")) == 200
    # No file of this process may grow: to SQLite, that is a disk that does not take it.
    limits = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    large = [sent(f"f{n}", annotations={"summary": "x" * 4000}) for n in range(50)]
    assert running.tell(*large) == 503
    assert running.get("/api/watchdog")["trouble"] != ""
    assert [one["fingerprint"] for one in running.get("/api/alerts")["firing"]] == ["before"]
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, limits)
    assert running.tell(*large) == 200
    assert len(running.get("/api/alerts")["firing"]) == 51
    assert running.get("/api/watchdog")["trouble"] == ""


def test_it_ends_in_order_and_leaves_one_file(start: Callable[..., Running]) -> None:
    running = start()
    assert running.tell(sent("a")) == 200
    running.process.send_signal(signal.SIGTERM)
    said, _ = running.process.communicate(timeout=60)
    assert (running.process.returncode, said) == (
        0,
        f"The console: http://127.0.0.1:{running.port}\n",
    )
    assert {path.name for path in running.inbox.parent.iterdir()} == {FILE_NAME, "console.lock"}


def test_a_port_that_is_taken_is_told(start: Callable[..., Running], tmp_path: Path) -> None:
    first = start()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vigie", "console"),
            *("--state", str(tmp_path / "other"), "--port", str(first.port)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"vigie: port {first.port} cannot be had: Address already in use\n"
        "name another: --port PORT\n"
    )
