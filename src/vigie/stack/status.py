"""What runs, since when, and what of it is not well."""

from __future__ import annotations

import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from vigie.catalogue.scrape import CONSOLE
from vigie.catalogue.signals import WATCHDOG
from vigie.render import links
from vigie.stack import orphans, readiness, started
from vigie.stack.components import Component
from vigie.stack.state import State
from vigie.stack.supervisord import Process, Supervisord

READY = "ready"
LOST = "lost"


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
class WatchdogStatus:
    """Whether the console hears the alert that always fires: `hearing` is `waiting` (it has just
    started), `heard` or `lost`; `silent_seconds` is for how long it was not heard, and `trouble`
    why the console cannot keep anything, if so. `runbook_url` says what to do."""

    hearing: str
    silent_seconds: float
    trouble: str
    runbook_url: str

    @property
    def lost(self) -> bool:
        """Whether no alert would arrive."""
        return self.hearing == LOST


@dataclass(frozen=True, slots=True)
class StackStatus:
    """A stack: whether its supervisor runs, its components, and processes that nothing watches.

    `watchdog` is None where there is no console to tell of it. Its rules go `pace` times faster
    than by the clock.
    """

    folder: Path
    running: bool
    components: tuple[ComponentStatus, ...]
    unwatched: tuple[str, ...] = ()
    watchdog: WatchdogStatus | None = None
    pace: float = 1

    @property
    def well(self) -> bool:
        """Whether it runs, every component is ready, and alerts arrive."""
        lost = self.watchdog is not None and self.watchdog.lost
        return self.running and all(one.ready for one in self.components) and not lost


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
    saved = started.saved(state)
    known = [one for one in saved.components if one.name in processes]
    with ThreadPoolExecutor(max_workers=len(known) or 1) as pool:
        looked = tuple(pool.map(lambda one: _look(one, processes[one.name]), known))
    console = next((one for one in known if one.name == CONSOLE), None)
    watchdog = _watchdog(console) if console else None
    return StackStatus(
        state.folder, running=True, components=looked, watchdog=watchdog, pace=saved.pace
    )


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
        if readiness.is_ready(component):
            return READY
        return "no answer" if process.state == "RUNNING" else "starting"
    words = {"BACKOFF": "restarting", "EXITED": "restarting", "STOPPING": "stopping"}
    return words.get(process.state, "stopped")


def _watchdog(console: Component) -> WatchdogStatus | None:
    """What the console says; None where it does not answer, which its own line tells."""
    url = console.ready_url.removesuffix(links.HEALTH_PATH) + links.WATCHDOG_PATH
    try:
        with urllib.request.urlopen(url, timeout=readiness.ANSWER_SECONDS) as answer:
            told = json.load(answer)
        runbook = f"{console.url}/runbooks/{WATCHDOG.name}"
        return WatchdogStatus(told["hearing"], told["silent_seconds"], told["trouble"], runbook)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _memory_bytes(pid: int) -> int | None:
    """Of the process and those that it started."""
    try:
        process = psutil.Process(pid)
        return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None
