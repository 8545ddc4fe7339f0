"""Starts a stack, or what is missing of one, and waits until it is ready."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from vigie import render
from vigie.catalogue.scrape import STORE
from vigie.render.compose import IMAGES
from vigie.settings import FILE_VARIABLE, Settings
from vigie.settings.notify import check_secrets
from vigie.stack import components as known
from vigie.stack import containers as docked
from vigie.stack import down, ports
from vigie.stack.binaries import Downloading, Executable, find_all
from vigie.stack.components import Component
from vigie.stack.configuration import Draft, Tools, tools_of
from vigie.stack.docker import Docker, Pulling
from vigie.stack.errors import RequestError, StackError
from vigie.stack.readiness import Launched, Ready, Reloaded, Watch, is_ready, reload
from vigie.stack.started import Started, save, saved
from vigie.stack.state import State
from vigie.stack.supervisord import Process, Supervisord


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another command is at work on this stack; `holder` says which."""

    holder: str


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """Processes of an earlier stack, whose supervisor was killed, were ended."""

    processes: int


@dataclass(frozen=True, slots=True)
class RealProvider:
    """The demo talks to the real AI provider, at `url`, with the caller's key."""

    url: str


Event = Downloading | Pulling | Waiting | CleanedUp | RealProvider | Launched | Ready | Reloaded
"""What happens on the way, in the order in which it happens."""


NO_SETTINGS = "# `vigie up` found no vigie.yml: everything is as by default.\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What runs in the end; the names of what was started now, and of what was made to reread its
    files."""

    components: Sequence[Component]
    started: Sequence[str]
    reloaded: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run in the end: `components`, their rules `pace` times faster than by the clock.

    `draft` is what they are to read. Those in `gone` that are not among them are stopped; what else
    runs goes on.
    """

    components: Sequence[Component]
    draft: Draft | None = None
    pace: float = 1
    gone: Collection[str] = ()


def up(
    state: State,
    settings: Settings,
    environ: Mapping[str, str],
    report: Callable[[Event], None],
    *,
    demo: bool = False,
    docker: bool = False,
    pace: float = 1,
) -> Outcome:
    """Start the engines, with `demo` the coaching application too, and wait until all are ready.

    With `docker` the engines are containers. What already runs, a demo or containers too, is
    brought to these settings: it rereads its files, or starts anew where that will not do, or is
    left alone. The rules go `pace` times faster than by the clock. Raises StackError, and
    SettingsError where a secret cannot be used; nothing that was started here runs on then, and
    what ran before does as it did.
    """
    check_secrets(settings)
    state.make()
    with state.locked(on_wait=lambda holder: report(Waiting(holder))):
        running = saved(state).components if Supervisord(state).running() else ()
        engines: _Processes | _Containers
        if _on_docker(docker, pace, running):
            engines = _Containers.found(environ, report)
        else:
            engines = _Processes(find_all(environ, report, dict(settings.binaries)), pace)
        demos: list[Component] = []
        gone: Collection[str] = ()
        if demo or any(one.name in known.DEMO for one in running):
            from vigie.stack.demo import asked_before, coaching

            asked = environ if demo else asked_before(environ, running)
            added = coaching(settings, state, asked, pace=pace, store=engines.store)
            demos, environ, gone = added.components, added.environ, known.DEMO
            if added.real_provider:
                report(RealProvider(added.real_provider))
        # What cannot answer yet has not been down; at a faster pace it would have been for minutes.
        awaited = [one.name for one in demos if one.name in settings.services and pace > 1]
        components = engines.components(settings, state, awaited) + demos
        files = engines.files(settings, state)
        if settings.path is None:
            files[known.settings_file(settings, state).name] = NO_SETTINGS
        draft = Draft.of(state, files, engines.folder)
        try:
            changed = draft.changes_something()
            if running and changed:
                draft.check(engines.tools(), engines.folder)
            settled = {FILE_VARIABLE, *settings.variables}
            rest = {name: value for name, value in environ.items() if name not in settled}
            # Containers have the folder itself: it is not exchanged for one that is the same.
            wanted = Wanted(components, draft if changed else None, pace, gone)
            return start(state, wanted, rest, report)
        finally:
            draft.discard()


def _on_docker(asked: bool, pace: float, running: Sequence[Component]) -> bool:
    """Whether the engines are containers: asked for now, or when those that run were started."""
    containers = any(one.name == docked.CONTAINERS for one in running)
    if asked and running and not containers:
        raise RequestError(
            "the engines already run, and not on Docker\nstop them first: vigie down"
        )
    if pace != 1 and (asked or containers):
        raise RequestError(
            "--fast is for engines without Docker\nleave out --fast"
            + ("" if asked else ", or stop these first: vigie down")
        )
    return asked or containers


@dataclass(frozen=True, slots=True)
class _Processes:
    """Engines that are processes of this machine, their rules `pace` times faster."""

    binaries: Mapping[str, Executable]
    pace: float
    store = STORE
    folder = ""

    def components(
        self, settings: Settings, state: State, awaited: Sequence[str]
    ) -> list[Component]:
        return known.engines(settings, state, self.binaries, self.pace, awaited)

    def files(self, settings: Settings, state: State) -> dict[str, str]:
        return render.embedded(settings, self.pace)

    def tools(self) -> Tools:
        return tools_of(self.binaries)


@dataclass(frozen=True, slots=True)
class _Containers:
    """Engines that are containers."""

    docker: Docker
    store = docked.CONTAINERS
    folder = docked.FOLDER

    @classmethod
    def found(cls, environ: Mapping[str, str], report: Callable[[Event], None]) -> _Containers:
        """With every image at hand. Raises StackError."""
        docker = Docker.found(environ)
        docker.fetch(IMAGES.values(), report)
        return cls(docker)

    def components(
        self, settings: Settings, state: State, awaited: Sequence[str]
    ) -> list[Component]:
        containers = docked.containers(settings, state, self.docker)
        docked.note(state, containers)
        return [containers, *known.beside_containers(settings, state)]

    def files(self, settings: Settings, state: State) -> dict[str, str]:
        return docked.files(settings, state)

    def tools(self) -> Tools:
        return docked.tools(self.docker)


def start(
    state: State,
    wanted: Wanted,
    environ: Mapping[str, str],
    report: Callable[[Event], None],
) -> Outcome:
    """Start what is wanted under the supervisor of `state`, whose lock the caller holds."""
    supervisord = Supervisord(state)
    if supervisord.running():
        return _join(supervisord, wanted, report)
    return _begin(supervisord, wanted, environ, report)


def _begin(
    supervisord: Supervisord,
    wanted: Wanted,
    environ: Mapping[str, str],
    report: Callable[[Event], None],
) -> Outcome:
    state, components = supervisord.state, wanted.components
    # Its own end removes this file: it is still there when supervisord was killed, or the machine.
    if state.pid_file.exists() and (ended := down.stop(state)):
        report(CleanedUp(ended))
    ports.check_free(components)
    watch = Watch.over(supervisord, components, {})
    with _all_or_nothing(lambda: down.stop(state), "what had been started was stopped"):
        if wanted.draft:
            wanted.draft.take_effect()
        save(state, Started.now(components, wanted.pace))
        supervisord.start(components, environ)
        watch.follow(components, report)
    return Outcome(components, [one.name for one in components])


def _join(supervisord: Supervisord, wanted: Wanted, report: Callable[[Event], None]) -> Outcome:
    """Bring a running stack to what is wanted."""
    state, components, draft = supervisord.state, wanted.components, wanted.draft
    before = supervisord.processes()
    last = saved(state)
    replaced = {*wanted.gone, *(one.name for one in components)}
    whole = [*components, *(one for one in last.components if one.name not in replaced)]

    running = [one for one in last.components if _runs(before.get(one.name))]
    ports.check_free(components, {one.name: one.seats.values() for one in running})
    watch = Watch.over(supervisord, whole, before)
    fresh: list[Component] = []
    reread: list[Component] = []

    def undo() -> None:
        if draft:
            draft.put_back()
        for one in fresh:
            supervisord.stop(one.name)
        supervisord.carry_out(supervisord.plan(last.components))
        now = supervisord.processes()
        for one in last.components:
            if _runs(before.get(one.name)) and not _runs(now.get(one.name)):
                supervisord.launch(one.name)
        for one in reread:
            with suppress(OSError):
                reload(one)

    with _all_or_nothing(undo, "what ran before goes on as it was"):
        if draft:
            draft.take_effect()
        plan = supervisord.plan(whole)
        runs_on = [
            one for one in whole if one.name not in plan.started and _runs(before.get(one.name))
        ]
        # Whoever refuses its files does so before anything is stopped.
        for one in runs_on:
            if not last.has_read(one):
                reread.append(one)
                if _rereads(one, watch, report):
                    continue
                supervisord.stop(one.name)
                fresh.append(one)
        fresh += [one for one in whole if one not in runs_on]
        supervisord.carry_out(plan)
        # An earlier `up` may have been killed while it waited for these.
        unready = [
            one for one in whole if one not in fresh and not _is_ready(one, before[one.name])
        ]
        watch.follow(fresh + unready, report)
    save(state, Started.now(whole, wanted.pace))
    names = [one.name for one in fresh]
    return Outcome(whole, names, [one.name for one in reread if one.name not in names])


def _rereads(component: Component, watch: Watch, report: Callable[[Event], None]) -> bool:
    """Have a component reread its files; whether it answers. Raises StackError when it refuses."""
    try:
        refusal = reload(component)
    except OSError:
        return False
    if refusal:
        raise StackError(watch.told_soon(component, f"refuses its new configuration ({refusal})"))
    report(Reloaded(component))
    return True


@contextmanager
def _all_or_nothing(undo: Callable[[], object], undone: str) -> Iterator[None]:
    """Undo what was begun when it cannot be finished, and say so."""
    try:
        yield
    except BaseException as error:
        with down.uninterrupted():
            undo()
        if isinstance(error, StackError):
            raise type(error)(f"{error}\n{undone}") from error
        raise


def _runs(process: Process | None) -> bool:
    return process is not None and process.state in ("STARTING", "RUNNING")


def _is_ready(component: Component, process: Process) -> bool:
    return process.state == "RUNNING" if not component.ready_url else is_ready(component)
