"""`vigie console` as a process, at a port of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from told_alerts import delivery
from vigie.incidents.inbox import FILE_NAME
from vigie.render.links import INBOX_PATH


@dataclass(frozen=True, slots=True)
class ConsoleProcess:
    """The process, where it answers, and where it keeps everything."""

    process: subprocess.Popen[str]
    port: int
    state: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def inbox(self) -> Path:
        return self.state / "data" / "console" / FILE_NAME

    def get(self, address: str) -> Any:
        """What it answers, as JSON."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{address}", timeout=30) as answer:
            return json.load(answer)

    def tell(self, *alerts: dict[str, Any]) -> int:
        """Tell it as Alertmanager does; the status of the answer."""
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


@contextmanager
def console_process(
    folder: Path, port: int, *options: str, ready: bool = True
) -> Iterator[ConsoleProcess]:
    """The console of `folder`/state with further `options`, until the block ends.

    It answers when the block begins; without `ready`, that is not waited for.
    """
    folder.mkdir(exist_ok=True)
    state = folder / "state"
    command = ["-u", "-m", "vigie", "console", "--state", str(state), "--port", str(port), *options]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={name: text for name, text in os.environ.items() if not name.startswith("VIGIE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = ConsoleProcess(process, port, state)
    tick = threading.Event()
    try:
        while ready and process.poll() is None:
            with suppress(OSError):
                running.get("/healthz")
                break
            tick.wait(0.05)
        yield running
    finally:
        process.kill()
        process.communicate()
