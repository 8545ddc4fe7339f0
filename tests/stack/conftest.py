"""Real processes on free ports: a supervisord, and small servers for it to watch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from vigie.stack import down
from vigie.stack.components import Component
from vigie.stack.state import State

SERVER = """
import http.server, os, signal, sys, time
port, wait_seconds, mode = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("ANSWER", "").encode())
    def do_POST(self):
        refusal = os.path.exists(sys.argv[4]) and open(sys.argv[4]).read()
        self.send_response(500 if refusal else 200)
        self.end_headers()
        self.wfile.write((refusal or "").encode())
    def log_message(self, *_):
        print("asked for", self.path, flush=True)

print("a server on port", port, flush=True)
time.sleep(wait_seconds)
if mode == "dies":
    sys.exit("no such luck")
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state folder of the test's own; what still runs in it is stopped at the end."""
    state = State.at(tmp_path / "state")
    yield state
    down.stop(state)


@pytest.fixture
def server(free_port: Callable[[], int], tmp_path: Path) -> Callable[..., Component]:
    """Makes components: a small HTTP server, ready after `wait_seconds`, or one that dies first.

    It refuses to reload with what the file NAME-refuses says.
    """

    def make(
        name: str = "web",
        *,
        mode: str = "serves",
        wait_seconds: float = 0,
        answer: str = "",
        port: int | None = None,
        after: Sequence[str] = (),
        prepare: Sequence[str] = (),
        reads: Sequence[str] = (),
        rereads: Iterable[str] = (),
    ) -> Component:
        port = port or free_port()
        return Component(
            name=name,
            title=name.capitalize(),
            purpose="testing",
            command=(
                *(sys.executable, "-c", SERVER, str(port), str(wait_seconds), mode),
                str(tmp_path / f"{name}-refuses"),
            ),
            cwd=str(tmp_path),
            env={"ANSWER": answer},
            port=port,
            setting=f"ports.{name}",
            url=f"http://localhost:{port}",
            ready_url=f"http://127.0.0.1:{port}/",
            after=tuple(after),
            prepare=tuple(prepare),
            reads=tuple(reads),
            rereads=tuple(rereads),
            reload_url=f"http://127.0.0.1:{port}/reload",
        )

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; whatever runs in its folder `state` is stopped at the end."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "vigie-test", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this sandbox cannot mount a file system")
    yield disk
    down.stop(State.at(disk / "state"))
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for a condition, and fails when it does not come true in a generous time."""

    def wait(condition: Callable[[], object], seconds: float = 30) -> None:
        tick = threading.Event()
        for _ in range(int(seconds / 0.05)):
            if condition():
                return
            tick.wait(0.05)
        pytest.fail("the condition did not come true in time")

    return wait


@pytest.fixture
def environ() -> dict[str, str]:
    """The caller's environment, without what a developer's shell may say to Vigie."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
