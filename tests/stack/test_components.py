"""The engines' commands, and how components are noted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vigie.settings import Settings, load
from vigie.stack.binaries import Executable
from vigie.stack.components import Component, engines
from vigie.stack.state import State

BINARIES = {
    "prometheus": Executable(Path("/x/prometheus"), ("--web.local-assets=/x/web",)),
    "alertmanager": Executable(Path("/x/alertmanager"), (), Path("/x/unpacked")),
    "node_exporter": Executable(Path("/x/node_exporter")),
}


def settings(tmp_path: Path, **variables: str) -> Settings:
    return load(environ=variables, start=tmp_path)


def engine(name: str, state: State, settings: Settings) -> Component:
    return {one.name: one for one in engines(settings, state, BINARIES)}[name]


def test_prometheus_listens_keeps_and_retains_as_it_is_set(state: State, tmp_path: Path) -> None:
    moved = settings(tmp_path, VIGIE_PORTS__PROMETHEUS="1234", VIGIE_RETENTION__METRICS="36h")
    prometheus = engine("prometheus", state, moved)
    assert prometheus.command == (
        "/x/prometheus",
        "--web.local-assets=/x/web",
        f"--config.file={state.folder}/config/prometheus/prometheus.yml",
        f"--storage.tsdb.path={state.folder}/data/prometheus",
        "--storage.tsdb.retention.time=129600s",
        "--web.listen-address=127.0.0.1:1234",
        "--enable-feature=exemplar-storage",
        "--web.enable-lifecycle",
    )
    assert prometheus.url == "http://localhost:1234"
    assert prometheus.ready_url == "http://127.0.0.1:1234/-/ready"
    assert prometheus.seats == {"ports.prometheus": 1234}


def test_nobody_reloads_or_quits_prometheus_from_elsewhere(state: State, tmp_path: Path) -> None:
    exposed = engine("prometheus", state, settings(tmp_path, VIGIE_BIND="0.0.0.0"))
    assert "--web.listen-address=0.0.0.0:9090" in exposed.command
    assert "--web.enable-lifecycle" not in exposed.command
    assert exposed.ready_url == "http://127.0.0.1:9090/-/ready"


def test_addresses_of_version_6_stand_in_brackets(state: State, tmp_path: Path) -> None:
    prometheus = engine("prometheus", state, settings(tmp_path, VIGIE_BIND="::1"))
    assert "--web.listen-address=[::1]:9090" in prometheus.command
    assert prometheus.url == "http://[::1]:9090"


def test_alertmanager_opens_no_gossip_port_and_runs_where_its_files_are(
    state: State, tmp_path: Path
) -> None:
    alertmanager = engine("alertmanager", state, settings(tmp_path))
    assert "--cluster.listen-address=" in alertmanager.command
    assert alertmanager.cwd == "/x/unpacked"


def test_alertmanager_tells_the_time_of_the_users_zone(state: State, tmp_path: Path) -> None:
    moved = settings(tmp_path, VIGIE_TIME_ZONE="America/Montreal")
    assert engine("alertmanager", state, moved).env == {"TZ": "America/Montreal"}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("prometheus", ["prometheus.yml", "rules/coaching_alerts.yml"]),
        ("alertmanager", ["alertmanager.yml", "templates/vigie.tmpl"]),
    ],
)
def test_an_engine_rereads_its_configuration(
    name: str, files: list[str], state: State, tmp_path: Path
) -> None:
    here = engine(name, state, settings(tmp_path))
    assert here.rereads == tuple(f"{state.folder}/config/{name}/{file}" for file in files)
    assert here.reload_url == f"{here.ready_url.removesuffix('/-/ready')}/-/reload"
    assert here.reads == ()


def test_a_prometheus_that_others_reach_starts_anew_instead(state: State, tmp_path: Path) -> None:
    exposed = engine("prometheus", state, settings(tmp_path, VIGIE_BIND="0.0.0.0"))
    assert (exposed.rereads, exposed.reload_url) == ((), "")
    assert len(exposed.reads) == 2


@pytest.mark.parametrize(
    ("variable", "anew"),
    [
        ({"VIGIE_CURRENCY__PER_USD": "0.5"}, {"costs", "console"}),
        ({"VIGIE_RETENTION__LOGS": "36h"}, {"store", "console"}),
        ({"VIGIE_RETENTION__TRACES": "36h"}, {"store", "console"}),
        ({"VIGIE_RETENTION__MAX_BYTES": "1GB"}, {"store", "console"}),
        ({"VIGIE_PORTS__LOGS": "3101"}, {"store", "console"}),
        ({"VIGIE_PORTS__TRACES": "3201"}, {"store", "console"}),
        ({"VIGIE_PORTS__OTLP": "4319"}, {"store", "console"}),
        ({"VIGIE_LEDGER__RETENTION": "7d"}, {"costs", "console"}),
        ({"VIGIE_TIME_ZONE": "America/Montreal"}, {"costs", "console"}),
        ({"VIGIE_THRESHOLDS__OPENAI_DAILY_COST__WARNING": ">3€"}, {"costs", "console"}),
        ({"VIGIE_THRESHOLDS__DISK_SPACE__WARNING": "<30%"}, {"console"}),
        ({"VIGIE_NOTIFY__EMAIL__TO": "a@b.c", "VIGIE_NOTIFY__EMAIL__SMTP": "b.c:25"}, {"console"}),
        ({}, set()),
    ],
)
def test_a_process_starts_anew_for_the_settings_that_it_knows(
    variable: dict[str, str], anew: set[str], state: State, tmp_path: Path
) -> None:
    before = engines(settings(tmp_path), state, BINARIES)
    after = engines(settings(tmp_path, **variable), state, BINARIES)
    changed = {
        old.name for old, new in zip(before, after, strict=True) if old.settled != new.settled
    }
    assert changed == anew


def test_at_a_faster_pace_prometheus_repeats_itself_sooner(state: State, tmp_path: Path) -> None:
    found = engines(settings(tmp_path), state, BINARIES, pace=15)
    assert "--rules.alert.resend-delay=4s" in found[0].command


def test_prometheus_may_wait_for_what_it_watches(state: State, tmp_path: Path) -> None:
    found = engines(settings(tmp_path), state, BINARIES, 15, ["django"])
    assert [one.after for one in found if one.after] == [("django",)]
    assert found[0].after == ("django",)


def test_the_disk_of_a_container_is_a_disk(state: State, tmp_path: Path) -> None:
    command = engine("node-exporter", state, settings(tmp_path)).command
    flag = "--collector.filesystem.fs-types-exclude="
    excluded = next(part for part in command if part.startswith(flag)).removeprefix(flag)
    assert [kind for kind in ("ext4", "overlay", "proc") if not re.match(excluded, kind)] == [
        "ext4",
        "overlay",
    ]


def test_the_costs_are_those_of_this_stacks_settings_and_ledger(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie.yml").write_text("ports: {costs: 1940}")
    monkeypatch.chdir(tmp_path)
    environ = {"VIGIE_CURRENCY__PER_USD": "0.9", "VIGIE_SERVICE": "x"}
    costs = engine("costs", state, load(Path("vigie.yml"), environ))
    assert costs.command[1:] == (
        *("-u", "-m", "vigie.exporters.costs"),
        *("--settings", f"{tmp_path}/vigie.yml", "--state", str(state.folder)),
    )
    assert costs.env == {
        "VIGIE_SETTINGS": f"{tmp_path}/vigie.yml",
        "VIGIE_CURRENCY__PER_USD": "0.9",
    }
    assert (costs.url, costs.setting) == ("http://localhost:1940", "ports.costs")
    assert costs.ready_url == "http://127.0.0.1:1940/-/ready"


def test_without_settings_no_process_finds_others_by_looking_around(
    state: State, tmp_path: Path
) -> None:
    costs = engine("costs", state, settings(tmp_path))
    assert costs.env == {"VIGIE_SETTINGS": f"{state.folder}/config/vigie.yml"}


def test_the_store_has_three_ports_of_these_settings(state: State, tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text("ports: {logs: 1100, traces: 1200, otlp: 1318}")
    store = engine("store", state, load(environ={}, start=tmp_path))
    assert store.command[1:] == (
        *("-u", "-m", "vigie", "store"),
        *("--settings", f"{tmp_path}/vigie.yml", "--state", str(state.folder)),
    )
    assert store.seats == {"ports.logs": 1100, "ports.traces": 1200, "ports.otlp": 1318}
    assert store.url == "http://localhost:1100"
    assert store.ready_url == "http://127.0.0.1:1100/ready"


def test_the_console_is_this_stacks_and_has_its_pace(state: State, tmp_path: Path) -> None:
    moved = settings(tmp_path, VIGIE_PORTS__CONSOLE="1330")
    *_, console = engines(moved, state, BINARIES)
    assert console.command[1:] == (
        *("-u", "-m", "vigie", "console"),
        *("--settings", f"{state.folder}/config/vigie.yml", "--state", str(state.folder)),
    )
    assert console.env["VIGIE_PORTS__CONSOLE"] == "1330"
    assert (console.url, console.setting) == ("http://localhost:1330", "ports.console")
    assert console.ready_url == "http://127.0.0.1:1330/healthz"
    *_, fast = engines(moved, state, BINARIES, pace=15)
    assert fast.command[-2:] == ("--pace", "15")
