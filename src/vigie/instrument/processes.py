"""Which process wrote a file of the workers' folder, and whether it still lives.

A process id alone is soon another process's: with the time at which the process started it names
one process for good.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable: the folder that the workers of one service share."""


def identity() -> str:
    """This process: `<id>-<start>`, the start in clock ticks since the machine's."""
    pid = os.getpid()
    return f"{pid}-{_start(pid) or 0}"


def alive(who: str) -> bool:
    """Whether a process lives: `who` is an `identity()`, or an id alone as prometheus_client's.

    A process that has ended and that its parent has not asked about (a zombie) is dead.
    Processes of another container are not seen: a folder is for one container's workers.
    """
    pid, _, start = who.partition("-")
    if not pid.isdecimal():
        return False
    started = _start(int(pid))
    return started is not None and start in ("", str(started))


def _start(pid: int) -> int | None:
    try:
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; a program's name, the second
        # field, may hold spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _start_without_proc(pid)
    state, start = fields[0], int(fields[19])
    return None if state in "ZX" else start


def _start_without_proc(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it lives, and is another user's
    return 0
