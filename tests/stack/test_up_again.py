"""`up` on a stack that runs: what it changes, what it leaves alone, and what it puts back."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from vigie.settings import load
from vigie.stack import binaries, orphans
from vigie.stack.components import Component
from vigie.stack.configuration import Draft
from vigie.stack.down import down
from vigie.stack.errors import StackError
from vigie.stack.readiness import Launched, Ready, Reloaded
from vigie.stack.started import saved
from vigie.stack.state import State
from vigie.stack.status import status
from vigie.stack.supervisord import Supervisord
from vigie.stack.up import Event, Outcome, Wanted, start, up

pytestmark = pytest.mark.servers

Server = Callable[..., Component]

REFUSED = 'links: {runbooks: "http://wiki.example/{{ }}"}\n'
"""Settings like any other, of which Prometheus refuses what becomes: its templates have braces."""


@dataclass
class Stack:
    """The real engines, on ports of their own, with a vigie.yml to edit."""

    state: State
    environ: Mapping[str, str]
    told: list[Event] = field(default_factory=list)

    @property
    def vigie_yml(self) -> Path:
        return self.state.folder.parent / "vigie.yml"

    def up(self, vigie_yml: str, pace: float = 1) -> Outcome:
        self.vigie_yml.write_text(vigie_yml)
        self.told.clear()
        return up(
            self.state, load(self.vigie_yml, self.environ), self.environ, self.told.append,
            pace=pace,
        )  # fmt: skip

    def one(self, name: str) -> Component:
        return {one.name: one for one in saved(self.state).components}[name]

    def pids(self) -> dict[str, int]:
        return pids(self.state)

    def changed(self, before: Mapping[str, int]) -> set[str]:
        """Whose process is another one."""
        return {name for name, pid in self.pids().items() if before[name] != pid}

    def files(self) -> dict[Path, str]:
        return {path: path.read_text() for path in self.state.config.rglob("*") if path.is_file()}


@pytest.fixture
def stack(state: State, free_port: Callable[[], int], environ: dict[str, str]) -> Stack:
    seats = ("PROMETHEUS", "ALERTMANAGER", "NODE_EXPORTER", "COSTS", "CONSOLE")
    more = ("LOGS", "TRACES", "OTLP")
    ports = {f"VIGIE_PORTS__{seat}": str(free_port()) for seat in (*seats, *more)}
    return Stack(state, environ | ports)


def pids(state: State) -> dict[str, int]:
    return {name: one.pid for name, one in Supervisord(state).processes().items()}


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def leftovers(state: State) -> list[Path]:
    return list(state.folder.glob("config.*"))


def test_a_store_that_runs_keeps_the_ports_that_do_not_move(
    stack: Stack, free_port: Callable[[], int]
) -> None:
    stack.up("")
    before = stack.pids()
    moved = free_port()
    stack.environ = {**stack.environ, "VIGIE_PORTS__TRACES": str(moved)}
    assert "store" in stack.up("").started
    assert "store" in stack.changed(before)
    assert get(f"http://127.0.0.1:{moved}/ready") == "ready\n"
    assert get(stack.one("store").ready_url) == "ready\n"


def test_engines_reread_what_changed_and_the_rest_runs_on(stack: Stack) -> None:
    stack.up("thresholds: {django_response_time: {warning: '>500ms'}}\n")
    before = stack.pids()
    done = stack.up("# a word\nthresholds: {django_response_time: {warning: '>321ms'}}\n")
    assert (done.started, done.reloaded) == (["console"], ["prometheus"])
    assert stack.changed(before) == {"console"}
    assert Reloaded(stack.one("prometheus")) in stack.told
    assert "0.321" in get(f"{stack.one('prometheus').url}/api/v1/rules")

    before = stack.pids()
    done = stack.up("notify: {webhook: {url: 'http://127.0.0.1:9/mine'}}\n")
    assert (done.started, done.reloaded) == (["console"], ["prometheus", "alertmanager"])
    assert stack.changed(before) == {"console"}
    told = json.loads(get(f"{stack.one('alertmanager').url}/api/v2/status"))
    assert "http://127.0.0.1:9/mine" in told["config"]["original"]

    before = stack.pids()
    done = stack.up("# only a word\nnotify: {webhook: {url: 'http://127.0.0.1:9/mine'}}\n")
    assert (done.started, done.reloaded) == ([], [])
    assert stack.changed(before) == set()
    assert leftovers(stack.state) == []


def test_what_promtool_refuses_changes_nothing(stack: Stack) -> None:
    stack.up("")
    before, files = stack.pids(), stack.files()
    with pytest.raises(StackError) as raised:
        stack.up(REFUSED)
    said = str(raised.value)
    assert said.startswith(
        f"promtool refuses what is to become of {stack.state.config}/prometheus/prometheus.yml:\n"
    )
    assert 'prometheus/rules/coaching_alerts.yml: group "watchdog", rule 1, "Watchdog": ' in said
    assert said.endswith("\nnothing was changed: what runs goes on as it was")
    assert raised.value.exit_code == 1
    assert (stack.pids(), stack.files(), leftovers(stack.state)) == (before, files, [])


def test_what_prometheus_itself_refuses_is_put_back(stack: Stack, tmp_path: Path) -> None:
    alone = tmp_path / "no-promtool" / "prometheus"
    alone.parent.mkdir()
    alone.symlink_to(binaries.find_all()["prometheus"].path)
    stack.environ = {**stack.environ, "VIGIE_BINARIES__PROMETHEUS": str(alone)}
    stack.up("")
    before, files = stack.pids(), stack.files()
    with pytest.raises(StackError) as raised:
        stack.up(REFUSED)
    said = str(raised.value)
    assert said.startswith(
        "Prometheus refuses its new configuration (failed to reload config: one or more errors "
    )
    assert "; the last that it printed:\n" in said
    assert '"watchdog", rule 1' in said.replace("\\", "")
    assert said.endswith("\nwhat ran before goes on as it was")
    assert stack.changed(before) == set()
    assert (stack.files(), leftovers(stack.state)) == (files, [])
    metrics = get(f"{stack.one('prometheus').url}/metrics")
    assert "\nprometheus_config_last_reload_successful 1\n" in metrics
    assert status(stack.state).well
    assert stack.up("").started == []


def test_fast_and_back_restarts_only_what_goes_by_the_clock(stack: Stack) -> None:
    stack.up("")
    before = stack.pids()
    assert status(stack.state).pace == 1
    done = stack.up("", pace=15)
    assert (done.started, done.reloaded) == (["prometheus", "console"], ["alertmanager"])
    assert stack.changed(before) == {"prometheus", "console"}
    assert status(stack.state).pace == 15
    told = json.loads(get(f"{stack.one('prometheus').url}/api/v1/status/config"))
    assert "scrape_interval: 1s" in told["data"]["yaml"]
    flags = json.loads(get(f"{stack.one('prometheus').url}/api/v1/status/flags"))["data"]
    assert flags["rules.alert.resend-delay"] == "4s"
    assert stack.up("", pace=15).started == []

    before = stack.pids()
    done = stack.up("")
    assert (done.started, done.reloaded) == (["prometheus", "console"], ["alertmanager"])
    assert stack.changed(before) == {"prometheus", "console"}
    assert status(stack.state).pace == 1


def brought(
    state: State,
    components: list[Component],
    report: Callable[[Event], None] = lambda _: None,
    gone: frozenset[str] = frozenset(),
    config: Mapping[str, str] | None = None,
) -> Outcome:
    state.make()
    draft = None if config is None else Draft.of(state, config)
    with state.locked():
        return start(state, Wanted(components, draft, gone=gone), os.environ, report)


@pytest.fixture
def reader(state: State, server: Server) -> Component:
    """A component that rereads config/file."""
    return server("reader", rereads=[str(state.config / "file")])


def test_a_component_rereads_its_files_and_only_when_they_changed(
    state: State, server: Server, reader: Component, until: Callable[..., None]
) -> None:
    other = server("other")
    brought(state, [reader, other], config={"file": "1"})
    before, told = pids(state), list[Event]()
    assert brought(state, [reader, other], config={"file": "1"}).reloaded == []
    assert brought(state, [reader, other], told.append, config={"file": "2"}).reloaded == ["reader"]
    assert told == [Reloaded(reader)]
    assert brought(state, [reader, other], config={"file": "2"}).reloaded == []
    assert pids(state) == before
    until(lambda: state.log("reader").read_text().count("/reload") == 1)


def test_a_component_that_has_just_started_need_not_reread(
    state: State, server: Server, reader: Component
) -> None:
    brought(state, [reader], config={"file": "1"})
    changed = replace(reader, env={"ANSWER": "new"})
    done = brought(state, [changed], config={"file": "2"})
    assert (done.started, done.reloaded) == (["reader"], [])
    assert brought(state, [changed], config={"file": "2"}) == Outcome([changed], [])


def test_a_component_that_does_not_answer_is_started_anew(
    state: State, server: Server, reader: Component, free_port: Callable[[], int]
) -> None:
    deaf = replace(reader, reload_url=f"http://127.0.0.1:{free_port()}/reload")
    brought(state, [deaf], config={"file": "1"})
    before, told = pids(state), list[Event]()
    done = brought(state, [deaf], told.append, config={"file": "2"})
    assert (done.started, done.reloaded) == (["reader"], [])
    assert [type(event) for event in told] == [Launched, Ready]
    assert pids(state) != before


def test_what_a_component_refuses_is_put_back(
    state: State,
    server: Server,
    reader: Component,
    tmp_path: Path,
    until: Callable[..., None],
) -> None:
    web = server("web", answer="old")
    brought(state, [web, reader], config={"file": "1"})
    before = pids(state)
    (tmp_path / "reader-refuses").write_text("it says 2")
    with pytest.raises(StackError) as raised:
        brought(state, [replace(web, settled="x"), reader], config={"file": "2"})
    assert str(raised.value) == (
        "Reader refuses its new configuration (it says 2); the last that it printed:\n"
        "  asked for /reload\n"
        f"its log: {state.folder}/logs/reader.log\n"
        "what ran before goes on as it was"
    )
    assert (state.config / "file").read_text() == "1"
    assert pids(state) == before
    until(lambda: state.log("reader").read_text().count("/reload") == 2)  # the old file again
    assert status(state).well
    assert saved(state).components == [web, reader]


def test_an_up_that_was_killed_is_made_good_by_the_next(
    state: State, server: Server, reader: Component
) -> None:
    brought(state, [reader], config={"file": "1"})
    draft = Draft.of(state, {"file": "2"})
    draft.take_effect()  # and then it was killed
    assert brought(state, [reader], config={"file": "2"}).reloaded == ["reader"]
    assert leftovers(state) != []
    Draft.of(state, {}).discard()
    assert leftovers(state) == []


def test_what_had_to_start_anew_runs_on_when_another_one_fails(
    state: State, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "settings").write_text("1")
    web = server(reads=[str(tmp_path / "settings")])
    brought(state, [web])
    (tmp_path / "settings").write_text("2")  # which nobody can put back
    with pytest.raises(StackError) as raised:
        brought(state, [web, server("unlucky", mode="dies")])
    assert str(raised.value).endswith("\nwhat ran before goes on as it was")
    assert list(pids(state)) == ["web"]
    assert Supervisord(state).processes()["web"].state in ("STARTING", "RUNNING")
    assert brought(state, [web]).components == [web]
    assert status(state).well


def test_what_is_gone_is_stopped_and_what_is_not_named_runs_on(
    state: State, server: Server
) -> None:
    web, traffic, other = server("web"), server("traffic"), server("other")
    brought(state, [web, traffic, other])
    done = brought(state, [web], gone=frozenset({"traffic", "web"}))
    assert done == Outcome([web, other], [])
    assert set(pids(state)) == {"web", "other"}
    assert status(state).well


def fill(disk: Path) -> Path:
    """A file that takes all room that is left."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


def test_on_a_full_disk_nothing_is_begun_and_the_file_is_told(
    small_disk: Path, server: Server
) -> None:
    state = State.at(small_disk / "state")
    state.make()
    filler = fill(small_disk)
    with pytest.raises(StackError) as raised:
        brought(state, [server()], config={"file": "x" * 10_000})
    assert str(raised.value) == (
        f"cannot write {state.folder}/config.next/file: No space left on device\n"
        "make room or give access there, or name another folder: --state DIR, or VIGIE_STATE=DIR"
    )
    with pytest.raises(StackError, match="No space left on device"):
        brought(state, [server()])
    assert not status(state).running
    filler.unlink()
    assert brought(state, [server()]).started == ["web"]


def test_what_runs_goes_on_when_the_disk_is_full(small_disk: Path, server: Server) -> None:
    state = State.at(small_disk / "state")
    reader, web = server("reader", rereads=[str(state.config / "file")]), server("web")
    brought(state, [reader, web], config={"file": "1"})
    before = pids(state)
    filler = fill(small_disk)
    for new in ([reader, web], [reader, web, server("more")], [reader, replace(web, cwd="/tmp")]):
        with pytest.raises(StackError, match="No space left on device"):
            brought(state, new, config={"file": "2" * 10_000})
        with (
            pytest.raises(StackError, match="No space left on device")
            if (new != [reader, web])
            else nullcontext()
        ):
            brought(state, new)
        assert pids(state) == before
        assert (state.config / "file").read_text() == "1"
        assert status(state).well
    assert down(state).stopped == 2  # which needs no room
    filler.unlink()
    brought(state, [reader, web], config={"file": "1"})
    done = brought(state, [reader, web, server("more")], config={"file": "2" * 10_000})
    assert (done.started, done.reloaded) == (["more"], ["reader"])


def test_a_supervisor_that_is_killed_while_it_starts_leaves_nothing(
    state: State, server: Server
) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, Launched):
            psutil.Process(Supervisord(state).pid()).kill()

    with pytest.raises(StackError) as raised:
        brought(state, [server("slow", wait_seconds=60)], kill)
    assert str(raised.value) == (
        f"supervisord of {state.folder} does not answer\nwhat had been started was stopped"
    )
    assert orphans.find(state) == []
    assert brought(state, [server()]).started == ["web"]
