"""A real supervisord with real processes: how a stack comes up, and what happens when it cannot."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from vigie.settings import SettingsError, load
from vigie.stack import binaries, components, orphans
from vigie.stack.components import Component
from vigie.stack.down import down
from vigie.stack.errors import StackError
from vigie.stack.readiness import Launched, Ready
from vigie.stack.started import Started, save
from vigie.stack.state import State
from vigie.stack.status import status
from vigie.stack.supervisord import Supervisord, alive
from vigie.stack.up import CleanedUp, Event, Outcome, Wanted, start, up

pytestmark = pytest.mark.servers

Server = Callable[..., Component]


def brought_up(
    state: State, components: list[Component], report: Callable[[Event], None] = lambda _: None
) -> Outcome:
    state.make()
    with state.locked():
        return start(state, Wanted(components), os.environ, report)


def answer(component: Component) -> str:
    with urllib.request.urlopen(component.ready_url, timeout=10) as response:
        return str(response.read().decode())


def pids(state: State) -> dict[str, int]:
    return {name: one.pid for name, one in Supervisord(state).processes().items()}


def test_every_component_is_told_launched_and_ready(state: State, server: Server) -> None:
    told: list[Event] = []
    web, slow = server("web"), server("slow", wait_seconds=0.5)
    outcome = brought_up(state, [web, slow], told.append)
    assert outcome.started == ["web", "slow"]
    assert [event.component.name for event in told if isinstance(event, Launched)] == [
        "web",
        "slow",
    ]
    ready = {event.component.name: event.seconds for event in told if isinstance(event, Ready)}
    assert list(ready) == ["web", "slow"]
    assert ready["slow"] > 0.3
    assert status(state).well


def test_a_component_waits_for_those_that_it_comes_after(state: State, server: Server) -> None:
    told: list[tuple[str, str]] = []

    def report(event: Event) -> None:
        if isinstance(event, Launched | Ready):
            told.append((type(event).__name__, event.component.name))

    base = server("base", wait_seconds=0.3)
    brought_up(state, [server("late", after=["base"]), base], report)
    assert told == [
        ("Launched", "base"),
        ("Ready", "base"),
        ("Launched", "late"),
        ("Ready", "late"),
    ]


def test_a_component_without_a_port_is_ready_when_it_stays(state: State) -> None:
    sleeper = Component("sleeper", "Sleeper", "rests", ("sleep", "1000"), "/")
    brought_up(state, [sleeper])
    (only,) = status(state).components
    assert (only.state, only.url) == ("ready", "")


def test_preparation_comes_before_each_start(state: State, server: Server, tmp_path: Path) -> None:
    note = f"echo prepared >> {shlex.quote(str(tmp_path / 'notes'))}"
    brought_up(state, [server(prepare=["sh", "-c", note])])
    assert (tmp_path / "notes").read_text() == "prepared\n"


def test_paths_and_values_may_hold_anything(state: State, server: Server, tmp_path: Path) -> None:
    odd = """sp ace 'q' "d" %(here)s ; #x $HOME `id` é"""
    folder = tmp_path / odd.replace("/", "")
    folder.mkdir()
    web = replace(server(answer=f"{odd}\nsecond line"), cwd=str(folder))
    state = State.at(tmp_path / "s;#% x")
    try:
        brought_up(state, [web])
        assert answer(web) == f"{odd}\nsecond line"
        assert psutil.Process(pids(state)["web"]).cwd() == str(folder)
    finally:
        down(state)


def test_children_know_their_stack_and_their_name(state: State, server: Server) -> None:
    brought_up(state, [server()])
    environ = psutil.Process(pids(state)["web"]).environ()
    assert environ["VIGIE_STATE"] == str(state.folder)
    assert environ["VIGIE_COMPONENT"] == "web"


def test_the_control_socket_and_all_files_are_for_their_owner_only(
    state: State, server: Server
) -> None:
    brought_up(state, [server()])
    assert state.socket.stat().st_mode & 0o777 == 0o600
    open_to_others = [path for path in state.folder.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_component_that_dies_first_is_named_with_its_last_lines(
    state: State, server: Server
) -> None:
    unlucky = server("unlucky", mode="dies")
    with pytest.raises(StackError) as raised:
        brought_up(state, [server("web"), unlucky])
    assert str(raised.value) == (
        "Unlucky stopped before it was ready (exit status 1); the last that it printed:\n"
        f"  a server on port {unlucky.port}\n"
        "  no such luck\n"
        f"its log: {state.folder}/logs/unlucky.log\n"
        "what had been started was stopped"
    )
    assert orphans.find(state) == []
    assert not state.socket.exists()
    assert not status(state).running


def test_only_the_lines_of_this_start_are_told(state: State, server: Server) -> None:
    unlucky = server(mode="dies")
    for _ in range(2):
        with pytest.raises(StackError) as raised:
            brought_up(state, [unlucky])
        assert str(raised.value).count("no such luck") == 1


def test_a_component_that_prints_nothing_is_told_so(state: State) -> None:
    with pytest.raises(StackError) as raised:
        brought_up(state, [Component("quiet", "Quiet", "x", ("sh", "-c", "kill -9 $$"), "/")])
    assert str(raised.value) == (
        "Quiet stopped before it was ready (terminated by SIGKILL); the last that it printed:\n"
        "  (it printed nothing)\n"
        f"its log: {state.folder}/logs/quiet.log\n"
        "what had been started was stopped"
    )


def test_a_line_that_is_too_long_to_read_is_shown_without_its_middle(
    state: State, server: Server
) -> None:
    long = "begin" + "x" * 10_000 + "end"
    with pytest.raises(StackError) as raised:
        brought_up(state, [server(prepare=["sh", "-c", f"echo {long}; exit 1"])])
    (shown,) = [line for line in str(raised.value).splitlines() if "begin" in line]
    assert shown.startswith("  beginx")
    assert shown.endswith("xend")
    assert len(shown) < 400


def test_a_preparation_that_fails_is_told_like_a_death(state: State, server: Server) -> None:
    web = server(prepare=["sh", "-c", "echo no database; exit 7"])
    with pytest.raises(StackError, match=r"(?s)\(exit status 7\).*\n  no database\n"):
        brought_up(state, [web])


def test_a_port_in_use_stops_everything_before_anything_starts(
    state: State, server: Server, free_port: Callable[[], int]
) -> None:
    taken = server("taken")
    with subprocess.Popen(taken.command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            until_it_listens(taken)
            name = psutil.Process(holder.pid).name()
            with pytest.raises(StackError) as raised:
                brought_up(state, [server("web"), taken])
        finally:
            holder.kill()
    assert str(raised.value) == (
        f"port {taken.port}, where Taken is to listen, is in use by {name} "
        f"(pid {holder.pid})\n"
        "  end that process, or move Taken: ports.taken in vigie.yml, or VIGIE_PORTS__TAKEN in "
        "the environment"
    )
    assert orphans.find(state) == []


def until_it_listens(component: Component) -> None:
    from vigie.stack.readiness import answers

    while not answers(component.ready_url):
        pass


def test_a_holder_of_another_stack_is_told_as_such(
    state: State, server: Server, tmp_path: Path
) -> None:
    web = server()
    other = State.at(tmp_path / "other")
    try:
        brought_up(other, [web])
        with pytest.raises(StackError, match=f", a part of the stack in {other.folder}\n"):
            brought_up(state, [web])
    finally:
        down(other)


def test_a_second_up_changes_nothing(state: State, server: Server) -> None:
    web = server()
    brought_up(state, [web])
    before = pids(state)
    assert brought_up(state, [web]) == Outcome([web], [])
    assert pids(state) == before


def test_a_second_up_starts_what_is_missing_and_keeps_the_rest(
    state: State, server: Server
) -> None:
    engines, demo = [server("engine")], [server("app"), server("traffic", after=["app"])]
    brought_up(state, engines)
    before = pids(state)
    assert brought_up(state, engines + demo).started == ["app", "traffic"]
    assert pids(state)["engine"] == before["engine"]
    assert brought_up(state, engines) == Outcome(engines + demo, [])
    assert status(state).well

    Supervisord(state).stop("app")
    assert brought_up(state, engines).started == ["app"]


def test_a_second_up_waits_for_what_the_first_could_not_wait_for(
    state: State, server: Server
) -> None:
    slow, late = server("slow", wait_seconds=1), server("late", after=["slow"])
    state.make()
    save(state, Started.now([slow, late], 1))
    Supervisord(state).start([slow, late], os.environ)  # as if `up` had been killed right here
    told: list[Event] = []
    assert brought_up(state, [slow, late], told.append).started == ["late"]
    ready = [event.component.name for event in told if isinstance(event, Ready)]
    assert ready == ["slow", "late"]


def test_a_changed_component_starts_anew(
    state: State, server: Server, free_port: Callable[[], int], tmp_path: Path
) -> None:
    (tmp_path / "settings").write_text("1")
    web = server(answer="old", reads=[str(tmp_path / "settings")])
    still = server("still")
    brought_up(state, [web, still])
    before = pids(state)

    changed = replace(web, env={"ANSWER": "new"})
    assert brought_up(state, [changed, still]).started == ["web"]
    assert answer(changed) == "new"
    (tmp_path / "settings").write_text("2")
    assert brought_up(state, [changed, still]).started == ["web"]
    assert pids(state)["still"] == before["still"]


def test_an_up_that_fails_leaves_what_ran_before(state: State, server: Server) -> None:
    web = server()
    brought_up(state, [web])
    before = pids(state)
    with pytest.raises(StackError, match="Unlucky stopped before it was ready"):
        brought_up(state, [web, server("unlucky", mode="dies")])
    assert pids(state) == before
    assert brought_up(state, [web]) == Outcome([web], [])  # the unlucky one is forgotten


def test_two_at_once_make_one_stack(state: State, server: Server) -> None:
    components = [server("web", wait_seconds=0.5)]
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(brought_up(state, components)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(outcome.started) for outcome in outcomes) == [0, 1]
    assert len(orphans.find(state)) == 2  # supervisord and the server


def test_a_component_that_dies_later_comes_back_and_the_count_is_shown(
    state: State, server: Server, until: Callable[..., None]
) -> None:
    brought_up(state, [server()])
    for deaths in (1, 2):
        os.kill(pids(state)["web"], signal.SIGKILL)
        until(lambda deaths=deaths: status(state).components[0].restarts == deaths)
        until(lambda: status(state).well)
    assert status(state).components[0].restarts == 2


def test_a_component_that_keeps_dying_is_restarted_with_growing_delays(
    state: State, server: Server, tmp_path: Path, until: Callable[..., None]
) -> None:
    web = server(prepare=["sh", "-c", f"test ! -e {tmp_path}/broken"])
    brought_up(state, [web])
    (tmp_path / "broken").write_text("")
    os.kill(pids(state)["web"], signal.SIGKILL)
    until(lambda: status(state).components[0].state == "restarting")
    until(lambda: status(state).components[0].restarts >= 2)
    (tmp_path / "broken").unlink()
    until(lambda: status(state).well)


def test_orphans_of_a_killed_supervisord_are_ended_by_the_next_up(
    state: State, server: Server, until: Callable[..., None]
) -> None:
    web, told = server(), list[Event]()
    brought_up(state, [web])
    orphan = psutil.Process(pids(state)["web"])
    psutil.Process(Supervisord(state).pid()).kill()
    until(lambda: status(state).unwatched == (f"web (pid {orphan.pid})",))

    assert brought_up(state, [web], told.append).started == ["web"]
    assert CleanedUp(1) in told
    assert not alive(orphan.pid)
    assert status(state).well


def test_what_a_reboot_leaves_is_no_hindrance(state: State, server: Server) -> None:
    state.make()
    state.socket.write_text("")
    state.pid_file.write_text(str(os.getpid()))  # by now somebody else's number
    assert brought_up(state, [server()]).started == ["web"]


def test_an_interruption_stops_everything(state: State, server: Server) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Ready):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        brought_up(state, [server("web"), server("slow", wait_seconds=60)], interrupt)
    assert orphans.find(state) == []


def test_a_supervisord_that_does_not_start_is_told_with_its_words(
    state: State, server: Server
) -> None:
    state.make()
    state.log("supervisor").mkdir()  # where its log is to be
    with pytest.raises(StackError) as raised:
        brought_up(state, [server()])
    told = str(raised.value)
    assert re.match(r"supervisord did not start \(exit status \d\)\n.*", told), told
    assert "supervisor.log" in told


def test_the_real_engines_are_up_with_what_vigie_renders(
    state: State, free_port: Callable[[], int], environ: Mapping[str, str]
) -> None:
    environ = {
        **environ,
        "VIGIE_CACHE": os.environ.get("VIGIE_CACHE", ""),
        "VIGIE_PORTS__PROMETHEUS": str(free_port()),
        "VIGIE_PORTS__ALERTMANAGER": str(free_port()),
        "VIGIE_PORTS__NODE_EXPORTER": str(free_port()),
        "VIGIE_PORTS__COSTS": str(free_port()),
        "VIGIE_PORTS__LOGS": str(free_port()),
        "VIGIE_PORTS__TRACES": str(free_port()),
        "VIGIE_PORTS__OTLP": str(free_port()),
        "VIGIE_PORTS__CONSOLE": str(free_port()),  # which Alertmanager tells of everything
    }
    settings = load(environ=environ, start=state.folder.parent)
    told: list[Event] = []
    outcome = up(state, settings, environ, told.append)
    engines = ["prometheus", "alertmanager", "node-exporter", "costs", "store", "console"]
    assert outcome.started == engines
    prometheus, alertmanager, node_exporter, costs, store, console = outcome.components
    assert json.loads(get(f"{console.url}/api/watchdog"))["trouble"] == ""
    host = get(f"{node_exporter.url}/metrics")
    assert 'node_scrape_collector_success{collector="textfile"} 1' in host
    assert 'collector="systemd"' not in host
    assert get(f"{prometheus.url}/graph").startswith("<!DOCTYPE html>")
    assert json.loads(get(f"{alertmanager.url}/api/v2/status"))["cluster"]["status"] == "disabled"
    assert 'openai_budget{currency="EUR",level="critical"} 100.0' in get(costs.url)
    for port in store.seats.values():
        assert "vigie_store_lines_total" in get(f"http://127.0.0.1:{port}/metrics")
    flags = json.loads(get(f"{prometheus.url}/api/v1/status/flags"))["data"]
    assert flags["storage.tsdb.retention.time"] == "15d"
    assert flags["web.enable-lifecycle"] == "true"
    assert flags["enable-feature"] == "exemplar-storage"
    assert up(state, settings, environ, told.append).started == []

    dollars = {**environ, "VIGIE_CURRENCY__CODE": "USD", "VIGIE_SCRAPE_INTERVAL": "5s"}
    again = up(state, load(environ=dollars, start=state.folder.parent), dollars, told.append)
    assert again.started == ["costs", "store", "console"]
    assert again.reloaded == ["prometheus"]
    assert 'openai_budget{currency="USD",level="critical"} 100.0' in get(costs.url)

    # What was set once is not inherited for ever.
    assert "costs" in up(state, settings, environ, told.append).started

    french = {**environ, "VIGIE_LANGUAGE": "fr"}
    again = up(state, load(environ=french, start=state.folder.parent), french, told.append)
    assert "alertmanager" in again.reloaded
    original = get(f"{alertmanager.url}/api/v2/status")
    assert "templates/vigie.tmpl" in json.loads(original)["config"]["original"]
    assert 'openai_budget{currency="EUR",level="critical"} 100.0' in get(costs.url)


def test_nothing_is_begun_with_a_secret_that_cannot_be_used(
    state: State, environ: Mapping[str, str]
) -> None:
    folder = state.folder.parent
    (folder / "vigie.yml").write_text("notify: {slack: {webhook_url_file: gone}}")
    with pytest.raises(SettingsError) as raised:
        up(state, load(environ=environ, start=folder), environ, lambda _: None)
    assert str(raised.value) == (
        f"vigie.yml:1: notify.slack.webhook_url_file is {folder}/gone, which cannot be read: "
        "No such file or directory: write the secret into it, or name another"
    )
    assert not state.folder.exists()


def test_a_ledger_that_a_newer_vigie_made_is_told_with_what_to_do(
    state: State, free_port: Callable[[], int], tmp_path: Path, environ: Mapping[str, str]
) -> None:
    state.make()
    with closing(sqlite3.connect(state.folder / "ledger.sqlite3")) as ledger:
        ledger.execute("CREATE TABLE vigie_ledger (version INTEGER)")
        ledger.execute("INSERT INTO vigie_ledger VALUES (1000)")
        ledger.commit()
    settings = load(environ={"VIGIE_PORTS__COSTS": str(free_port())}, start=tmp_path)
    state.write(components.settings_file(settings, state), "")
    (costs,) = [
        one
        for one in components.engines(settings, state, binaries.find_all(environ))
        if one.name == "costs"
    ]
    with pytest.raises(StackError) as raised:
        brought_up(state, [costs])
    assert str(raised.value).splitlines()[:2] == [
        "Costs stopped before it was ready (exit status 1); the last that it printed:",
        f"  the ledger {state.folder}/ledger.sqlite3 is of version 1000, and this Vigie knows "
        "versions up to 1: install the Vigie that wrote it (pip install -U vigie), or name another "
        "ledger in ledger.url",
    ]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def test_every_engine_brings_the_tools_that_check_its_files() -> None:
    found = binaries.find_all()
    assert found["prometheus"].tool("promtool")
    assert found["alertmanager"].tool("amtool")
