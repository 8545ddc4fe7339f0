"""Stops a stack, and with `volumes` deletes what it kept."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vigie.settings.state_folder import MARKER
from vigie.stack.errors import RequestError
from vigie.stack.started import saved
from vigie.stack.state import State
from vigie.stack.supervisord import Supervisord


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many processes were stopped, how long it took, and the bytes that were deleted."""

    stopped: int
    seconds: float
    deleted_bytes: int | None


def down(state: State, volumes: bool = False) -> Outcome:
    """Stop everything that runs in `state`; with `volumes`, delete the folder.

    Raises RequestError for a folder that is not Vigie's.
    """
    began = time.monotonic()
    if not state.folder.exists():
        # Deleted by hand, perhaps while a stack ran in it.
        return Outcome(stop(state), time.monotonic() - began, 0 if volumes else None)
    if not (state.folder / MARKER).is_file():
        raise RequestError(
            f"{state.folder} was not made by Vigie (it holds no {MARKER}): nothing was done to it"
        )
    with state.locked():
        stopped = stop(state, volumes)
        deleted_bytes = state.delete() if volumes else None
    return Outcome(stopped, time.monotonic() - began, deleted_bytes)


def stop(state: State, volumes: bool = False) -> int:
    """End all processes of the stack in `state`, watched or not; return how many there were.

    Its containers are removed, and with `volumes` what they kept. The caller holds the lock. Raises
    StackError when containers cannot be removed: everything else is ended then.
    """
    # Needed at the end of a stack only, and slow to import.
    from vigie.stack import orphans
    from vigie.stack.containers import CONTAINERS, clean_up

    components = saved(state).components
    containers = any(one.name == CONTAINERS for one in components)
    supervisord = Supervisord(state)
    stopped = 0
    if supervisord.running():
        stopped = sum(1 for one in supervisord.processes().values() if one.pid)
        supervisord.shut_down(last=[one.name for one in components if one.outlasts])
    # Whoever left its process group, or lost its supervisor.
    stopped += orphans.end(state)
    clean_up(state, ended=containers, volumes=volumes)
    for left in (state.socket, state.pid_file, state.configuration, state.components):
        left.unlink(missing_ok=True)
    shutil.rmtree(state.folder / "run", ignore_errors=True)
    return stopped


@contextmanager
def uninterrupted() -> Iterator[None]:
    """No signal ends the command here: nobody impatient is to leave half a stack running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, signal.SIG_IGN) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
