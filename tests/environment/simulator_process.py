"""The simulated provider as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def running_simulator(port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run it on a port until the block ends; it answers when the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vigie.simulate", "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.ConnectError:
                assert process.poll() is None
                assert time.monotonic() < deadline
        yield process
    finally:
        process.kill()
        process.communicate()
