"""Other programs that are asked something, or made to do something, and answer soon."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SHOWN_LINES = 15


def run(
    command: Sequence[str | Path], seconds: float, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without input; all that it prints is in `stdout`.

    `options` are further ones of `subprocess.run`. Raises OSError where it cannot be started, and
    `subprocess.TimeoutExpired` after so many seconds.
    """
    return subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        **options,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The last lines of a command that did not end well, indented; nothing of one that did."""
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:]) or "  (it does not say why)"
