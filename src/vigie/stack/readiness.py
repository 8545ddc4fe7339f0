"""Whether components are ready, and what is told of one that does not get there."""

from __future__ import annotations

import http.client
import queue
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from urllib.parse import urlsplit

from vigie.stack import logs
from vigie.stack.components import Component
from vigie.stack.errors import StackError
from vigie.stack.state import State
from vigie.stack.supervisord import Process, Supervisord

POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
RELOAD_SECONDS = 30.0
WRITING_SECONDS = 2.0
SHOWN_LINES = 15
SHOWN_CHARACTERS = 390


@dataclass(frozen=True, slots=True)
class Launched:
    """A component was started."""

    component: Component


@dataclass(frozen=True, slots=True)
class Ready:
    """A component answers; `seconds` since it was started."""

    component: Component
    seconds: float


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A component runs on with its files as they are now."""

    component: Component


@dataclass(frozen=True, slots=True)
class Watch:
    """What to know of components before they are started, to tell afterwards what became of them.

    `deaths` are supervisord's counts and `log_bytes` the sizes of the logs, by name.
    """

    supervisord: Supervisord
    deaths: Mapping[str, int]
    log_bytes: Mapping[str, int]

    @classmethod
    def over(
        cls,
        supervisord: Supervisord,
        components: Iterable[Component],
        before: Mapping[str, Process],
    ) -> Watch:
        """Begin to watch; `before` is what supervisord says of the components now."""
        return cls(
            supervisord,
            {name: process.deaths for name, process in before.items()},
            {one.name: logs.size(supervisord.state.log(one.name)) for one in components},
        )

    def follow(
        self,
        components: Iterable[Component],
        report: Callable[[Launched | Ready], None],
        patience_seconds: float | None = None,
    ) -> None:
        """Wait until all `components`, which were just started, are ready.

        Those that come after others are started here, once those are ready. Raises StackError,
        with its last log lines, for one that dies or is not ready in `patience_seconds`, or else
        in its own.
        """
        components = list(components)
        waiting = {one.name: one for one in components}
        launched: dict[str, float] = {}
        ready: queue.SimpleQueue[str] = queue.SimpleQueue()
        enough = Event()

        def wait(component: Component) -> None:
            if _wait(component, enough.is_set):
                ready.put(component.name)

        with ThreadPoolExecutor(max_workers=len(components) or 1) as pool:
            try:
                while waiting:
                    processes = self.supervisord.processes()
                    for one in components:
                        if one.name in launched or any(name in waiting for name in one.after):
                            continue
                        if processes[one.name].state in ("STOPPED", "EXITED", "FATAL"):
                            self.supervisord.launch(one.name)
                        launched[one.name] = time.monotonic()
                        report(Launched(one))
                        if one.ready_url:
                            pool.submit(wait, one)
                    for name in [*waiting]:
                        self._check(waiting[name], processes[name], launched, patience_seconds)
                        if not waiting[name].ready_url and processes[name].state == "RUNNING":
                            ready.put(name)
                    for name in _emptied(ready):
                        seconds = time.monotonic() - launched[name]
                        report(Ready(waiting.pop(name), seconds))
            finally:
                enough.set()

    def _check(
        self,
        component: Component,
        process: Process,
        launched: Mapping[str, float],
        patience_seconds: float | None,
    ) -> None:
        name = component.name
        if process.deaths > self.deaths.get(name, 0):
            how = logs.last_exit(self.supervisord.state, name) or "it ended"
            raise StackError(self.told(component, f"stopped before it was ready ({how})"))
        patience_seconds = patience_seconds or component.patience_seconds
        if name in launched and time.monotonic() - launched[name] > patience_seconds:
            raise StackError(self.told(component, f"was not ready within {patience_seconds:g} s"))

    def told_soon(self, component: Component, what: str) -> str:
        """As `told`, for a component that has just said why: that is in its log in a moment."""
        log = self.supervisord.state.log(component.name)
        before = self.log_bytes.get(component.name, 0)
        deadline = time.monotonic() + WRITING_SECONDS
        while logs.size(log) == before and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        time.sleep(POLL_SECONDS)  # for the rest of what it says
        return self.told(component, what)

    def told(self, component: Component, what: str) -> str:
        """What became of a component, with the last that it printed since the watch began."""
        state: State = self.supervisord.state
        log = state.log(component.name)
        lines = logs.since(log, self.log_bytes.get(component.name, 0), SHOWN_LINES)
        shown = "\n".join(f"  {_clipped(line)}" for line in lines) or "  (it printed nothing)"
        return f"{component.title} {what}; the last that it printed:\n{shown}\nits log: {log}"


def _clipped(line: str) -> str:
    """A line as long as one wants to read here: its middle goes, for errors stand at the end."""
    head, end = SHOWN_CHARACTERS // 3, SHOWN_CHARACTERS * 2 // 3
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:head]} … {line[-end:]}"


def is_ready(component: Component) -> bool:
    """Whether every address answers that does when a component is ready."""
    return all(answers(url) for url in component.ready_urls)


def answers(url: str, timeout_seconds: float = ANSWER_SECONDS) -> bool:
    """Whether a GET of `url` is answered 2xx in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=timeout_seconds
    )
    try:
        connection.request("GET", parts.path or "/")
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def reload(component: Component) -> str:
    """Have a component reread its files; return why it refuses, nothing when it has done it.

    Raises OSError when it does not answer.
    """
    told = urllib.request.Request(component.reload_url, method="POST")
    try:
        with urllib.request.urlopen(told, timeout=RELOAD_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace").strip() or str(error)


def _wait(component: Component, given_up: Callable[[], bool]) -> bool:
    while not given_up():
        if is_ready(component):
            return True
        time.sleep(POLL_SECONDS)
    return False


def _emptied(names: queue.SimpleQueue[str]) -> list[str]:
    """All that is in the queue; waits a moment when there is nothing."""
    got = []
    try:
        got.append(names.get(timeout=POLL_SECONDS))
        while True:
            got.append(names.get_nowait())
    except queue.Empty:
        return got
