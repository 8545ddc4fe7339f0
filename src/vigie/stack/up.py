"""Starts a stack, or what is missing of one, and waits until it is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vigie import render
from vigie.settings import FILE_VARIABLE, Settings
from vigie.settings.notify import check_secrets
from vigie.stack import components as known
from vigie.stack import down, ports
from vigie.stack.binaries import Downloading, find_all
from vigie.stack.components import Component
from vigie.stack.errors import StackError
from vigie.stack.readiness import Launched, Ready, Watch, answers
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


Event = Downloading | Waiting | CleanedUp | RealProvider | Launched | Ready
"""What happens on the way, in the order in which it happens."""


NO_SETTINGS = "# `vigie up` found no vigie.yml: everything is as by default.\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What runs in the end, and the names of what was started now."""

    components: Sequence[Component]
    started: Sequence[str]


def up(
    state: State,
    settings: Settings,
    environ: Mapping[str, str],
    report: Callable[[Event], None],
    demo: bool = False,
) -> Outcome:
    """Start the engines, with `demo` the coaching application too, and wait until all are ready.

    What already runs is left alone, unless its settings changed. Raises StackError, and
    SettingsError where a secret cannot be used; nothing that was started here runs on then.
    """
    check_secrets(settings)
    state.make()
    with state.locked(on_wait=lambda holder: report(Waiting(holder))):
        binaries = find_all(environ, report, dict(settings.binaries))
        for name, text in render.embedded(settings).items():
            state.write(state.config / name, text)
        if settings.path is None:
            state.write(known.settings_file(settings, state), NO_SETTINGS)
        components = known.engines(settings, state, binaries)
        if demo:
            from vigie.stack.demo import coaching

            added = coaching(settings, state, environ)
            components += added.components
            environ = added.environ
            if added.real_provider:
                report(RealProvider(added.real_provider))
        settled = {FILE_VARIABLE, *settings.variables}
        rest = {name: value for name, value in environ.items() if name not in settled}
        return start(state, components, rest, report)


def start(
    state: State,
    components: Sequence[Component],
    environ: Mapping[str, str],
    report: Callable[[Event], None],
) -> Outcome:
    """Start `components` under the supervisor of `state`, whose lock the caller holds."""
    supervisord = Supervisord(state)
    if supervisord.running():
        return _join(supervisord, components, report)
    return _begin(supervisord, components, environ, report)


def _begin(
    supervisord: Supervisord,
    components: Sequence[Component],
    environ: Mapping[str, str],
    report: Callable[[Event], None],
) -> Outcome:
    state = supervisord.state
    # Its own end removes this file: it is still there when supervisord was killed, or the machine.
    if state.pid_file.exists() and (ended := down.stop(state)):
        report(CleanedUp(ended))
    ports.check_free(components)
    watch = Watch.over(supervisord, components, {})
    with _all_or_nothing(lambda: down.stop(state)):
        known.save(state, components)
        supervisord.start(components, environ)
        watch.follow(components, report)
    return Outcome(components, [one.name for one in components])


def _join(
    supervisord: Supervisord, components: Sequence[Component], report: Callable[[Event], None]
) -> Outcome:
    """Bring a running stack to `components`; what else runs in it stays."""
    before = supervisord.processes()
    saved = {one.name: one for one in known.saved(supervisord.state)}
    wanted = {one.name for one in components}
    whole = [*components, *(one for one in saved.values() if one.name not in wanted)]

    ports.check_free(
        one
        for one in components
        if not (_runs(before.get(one.name)) and _port(saved.get(one.name)) == one.port)
    )
    watch = Watch.over(supervisord, whole, before)
    changed = supervisord.update(whole)
    fresh = [one for one in whole if one.name in changed or not _runs(before.get(one.name))]
    # An earlier `up` may have been killed while it waited for these.
    unready = [one for one in whole if one not in fresh and not _is_ready(one, before[one.name])]

    def undo() -> None:
        for one in fresh:
            supervisord.stop(one.name)
        supervisord.update([one for one in whole if one.name in saved])

    with _all_or_nothing(undo if fresh else None):
        watch.follow(fresh + unready, report)
    known.save(supervisord.state, whole)
    return Outcome(whole, [one.name for one in fresh])


@contextmanager
def _all_or_nothing(undo: Callable[[], object] | None) -> Iterator[None]:
    """Undo what was begun when it cannot be finished, and say so."""
    try:
        yield
    except BaseException as error:
        if undo is None:
            raise
        with down.uninterrupted():
            undo()
        if isinstance(error, StackError):
            raise type(error)(f"{error}\nwhat had been started was stopped") from error
        raise


def _runs(process: Process | None) -> bool:
    return process is not None and process.state in ("STARTING", "RUNNING")


def _port(component: Component | None) -> int | None:
    return component.port if component else None


def _is_ready(component: Component, process: Process) -> bool:
    return process.state == "RUNNING" if not component.ready_url else answers(component.ready_url)
