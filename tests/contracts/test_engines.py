"""The real Prometheus, Alertmanager and exporters, run with what is rendered for them.

Their own metrics are typed into the catalogue: whether they have them, these engines say.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from vigie import catalogue
from vigie.catalogue.metric import Kind, Metric
from vigie.catalogue.signals import WATCHDOG
from vigie.render import embedded, links
from vigie.settings import Settings, load
from vigie.stack import binaries
from vigie.stack.components import Component, engines
from vigie.stack.state import State

pytestmark = pytest.mark.servers

PREFIXES = {"prometheus": "prometheus_", "alertmanager": "alertmanager_", "node-exporter": "node_"}
OWN = [m for m in catalogue.metrics() if m.name.startswith(tuple(PREFIXES.values()))]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Component]]:
    """All of them at fifteen times the pace, until the module's tests have ended."""
    folder = tmp_path_factory.mktemp("engines")
    settings = _settings(folder)
    state = State.at(folder / "state")
    state.make()
    for name, text in embedded(settings, pace=15).items():
        state.write(state.config / name, text)
    found = engines(settings, state, binaries.find_all(), pace=15)
    components = {one.name: one for one in found}
    with ExitStack() as stack:
        # Whoever is told first: a message that finds nobody is a failure, and an alert.
        for one in [*found[2:], *reversed(found[:2])]:
            log = stack.enter_context((folder / f"{one.name}.log").open("wb"))
            process = subprocess.Popen(one.command, cwd=one.cwd, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            _until(partial(_got, one.ready_url))
        yield components


def _settings(folder: Path) -> Settings:
    """Nobody else listens on the ports, and no application is watched."""
    singles = ("prometheus", "alertmanager", "node_exporter", "costs", "console")
    seats = (*singles, "logs", "traces", "otlp")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in seats]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        numbers = [one.getsockname()[1] for one in sockets]
    ports = ", ".join(f"{seat}: {port}" for seat, port in zip(seats, numbers, strict=True))
    (folder / "vigie.yml").write_text(f"services: {{}}\nports: {{{ports}}}\n", encoding="utf-8")
    return load(environ={}, start=folder)


def _until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true, or possible at all."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.1)):
        with suppress(OSError, KeyError):
            if true():
                return
        tick.wait(0.1)
    pytest.fail("it did not come true in time")


def _got(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def _asked(prometheus: Component, path: str, **parameters: str) -> Any:
    return json.loads(_got(f"{prometheus.url}/api/v1/{path}?{urlencode(parameters)}"))["data"]


@pytest.mark.parametrize("metric", OWN, ids=lambda metric: metric.name)
def test_the_engines_have_the_metrics_that_are_theirs(
    metric: Metric, running: dict[str, Component]
) -> None:
    (engine,) = [name for name, prefix in PREFIXES.items() if metric.name.startswith(prefix)]

    def family() -> Family:
        text = _got(f"{running[engine].url}/metrics")
        families = {one.name: one for one in text_string_to_metric_families(text)}
        return families[metric.name.removesuffix("_total")]

    _until(family)
    assert family().type == ("counter" if metric.kind is Kind.COUNTER else "gauge")
    for sample in family().samples:
        assert set(metric.label_names) <= sample.labels.keys()


def test_every_rule_is_evaluated_without_an_error(running: dict[str, Component]) -> None:
    def evaluated() -> bool:
        groups = _asked(running["prometheus"], "rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
        return all(rule["health"] == "ok" for rule in rules)

    _until(evaluated)


def test_only_the_watchdog_is_heard_and_alertmanager_is_there_to_hear_it(
    running: dict[str, Component],
) -> None:
    prometheus = running["prometheus"]

    def alerts() -> list[str]:
        return [one["labels"]["alertname"] for one in _asked(prometheus, "alerts")["alerts"]]

    _until(alerts)
    assert alerts() == [WATCHDOG.alert]
    _until(lambda: _asked(prometheus, "alertmanagers")["activeAlertmanagers"])


def test_the_inbox_hears_the_watchdog_again_and_again(
    running: dict[str, Component],
) -> None:
    def heard() -> str | None:
        told = json.loads(_got(running["console"].url + links.WATCHDOG_PATH))
        assert told["hearing"] != "lost"
        at: str | None = told["heard"]
        return at

    seen = {heard(), None}
    for _ in range(3):
        _until(lambda: heard() not in seen)
        seen.add(heard())


def test_what_the_machine_has_left_is_recorded(running: dict[str, Component]) -> None:
    prometheus = running["prometheus"]
    for record in ("service:memory_available:ratio", "service_device:disk_space:ratio"):
        recorded = partial(_asked, prometheus, "query", query=record)
        _until(lambda asked=recorded: asked()["result"])  # type: ignore[misc]
        for series in recorded()["result"]:
            assert series["metric"]["service"] == "node"
            assert 0 <= float(series["value"][1]) <= 1


def test_services_are_up_that_are(running: dict[str, Component]) -> None:
    record = "service:service_down:count"

    def up() -> dict[str, str]:
        series = _asked(running["prometheus"], "query", query=record)["result"]
        return {one["metric"]["service"]: one["value"][1] for one in series}

    ours = ("prometheus", "alertmanager", "node", "costs", "store", "console")
    _until(lambda: up() == dict.fromkeys(ours, "1"))
