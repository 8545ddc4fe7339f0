"""Processes of a stack whose supervisord was killed: nothing watches them any more.

Each process of a stack has the state folder and its component's name in its environment, which
survives whatever happens to its parents.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from vigie.settings.state_folder import VARIABLE
from vigie.stack.components import STOP_SECONDS
from vigie.stack.state import COMPONENT_VARIABLE, State
from vigie.stack.supervisord import POLL_SECONDS, alive


@dataclass(frozen=True, slots=True)
class Membership:
    """Of which stack, and which component of it, a process is a part."""

    folder: Path
    component: str


def membership(process: psutil.Process) -> Membership | None:
    """What the process's environment says; None for a stranger's or an unreadable one."""
    try:
        environ = process.environ()
    except (psutil.Error, OSError):
        return None
    # $VIGIE_STATE alone says nothing: a person's shell may have it too.
    if VARIABLE in environ and COMPONENT_VARIABLE in environ:
        return Membership(Path(environ[VARIABLE]), environ[COMPONENT_VARIABLE])
    return None


def find(state: State) -> list[psutil.Process]:
    """The living processes of the stack in `state`, apart from this one and those above it."""
    folder = state.folder.resolve()
    own = psutil.Process()
    spared = {own.pid, *(parent.pid for parent in own.parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        belongs = membership(process)
        if belongs is None or belongs.folder.resolve() != folder:
            continue
        if alive(process.pid):
            found.append(process)
    return found


def end(state: State) -> int:
    """End every process of the stack in `state`: SIGTERM, then SIGKILL; return how many there were.

    Looks again until there are none, for a supervisord that is among them starts new ones.
    """
    ended = 0
    while found := find(state):
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        for process in _still_there(found):
            with contextlib.suppress(psutil.Error):
                process.kill()
        _still_there(found)
        ended += len(found)
    return ended


def _still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are alive after a grace period."""
    deadline = time.monotonic() + STOP_SECONDS
    while (living := [one for one in processes if alive(one.pid)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return living
