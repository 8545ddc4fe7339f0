"""What runs, since when, and what of it is not well."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from vigie.stack import components, orphans, readiness
from vigie.stack.components import Component
from vigie.stack.state import State
from vigie.stack.supervisord import Process, Supervisord

READY = "ready"


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component. `state` is `ready`, `no answer`, `starting`, `restarting`, `stopping` or
    `stopped`; what there is none of is None."""

    name: str
    title: str
    state: str
    pid: int | None
    uptime_seconds: float | None
    restarts: int
    memory_bytes: int | None
    url: str

    @property
    def ready(self) -> bool:
        """Whether it runs and answers."""
        return self.state == READY


@dataclass(frozen=True, slots=True)
class StackStatus:
    """A stack: whether its supervisor runs, its components, and processes that nothing watches."""

    folder: Path
    running: bool
    components: tuple[ComponentStatus, ...]
    unwatched: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether it runs and every component is ready."""
        return self.running and all(one.ready for one in self.components)


def status(state: State) -> StackStatus:
    """Look at the stack in `state`."""
    supervisord = Supervisord(state)
    if not supervisord.running():
        left = sorted(
            f"{belongs.component} (pid {process.pid})"
            for process in orphans.find(state)
            if (belongs := orphans.membership(process))
        )
        return StackStatus(state.folder, running=False, components=(), unwatched=tuple(left))
    processes = supervisord.processes()
    known = [one for one in components.saved(state) if one.name in processes]
    with ThreadPoolExecutor(max_workers=len(known) or 1) as pool:
        looked = pool.map(lambda one: _look(one, processes[one.name]), known)
        return StackStatus(state.folder, running=True, components=tuple(looked))


def _look(component: Component, process: Process) -> ComponentStatus:
    return ComponentStatus(
        name=component.name,
        title=component.title,
        state=_state(component, process),
        pid=process.pid or None,
        uptime_seconds=max(0.0, time.time() - process.started) if process.pid else None,
        restarts=process.restarts,
        memory_bytes=_memory_bytes(process.pid) if process.pid else None,
        url=component.url,
    )


def _state(component: Component, process: Process) -> str:
    if process.state in ("STARTING", "RUNNING"):
        if not component.ready_url:
            return READY if process.state == "RUNNING" else "starting"
        if readiness.answers(component.ready_url):
            return READY
        return "no answer" if process.state == "RUNNING" else "starting"
    words = {"BACKOFF": "restarting", "EXITED": "restarting", "STOPPING": "stopping"}
    return words.get(process.state, "stopped")


def _memory_bytes(pid: int) -> int | None:
    """Of the process and those that it started."""
    try:
        process = psutil.Process(pid)
        return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None
