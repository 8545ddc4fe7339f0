"""The closing test: the demo runs, and what it emits is what rules and panels ask for.

Everything here is held against the targets' own pages, and not against the catalogue: that the
catalogue says so is no proof.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from named_series import (
    PANELS,
    asked_by_panels,
    asked_by_rules,
    check_query,
    recorded,
    selected,
    series_of,
)
from panel_answers import answer_of_seat
from promql_reader import LabelError
from vigie import catalogue
from vigie.catalogue import container, costs, database, engines, inbox, probe, telemetry
from vigie.catalogue.metric import Emitter, Metric
from vigie.catalogue.panel import Store, filled
from vigie.catalogue.scrape import TARGET_LABELS, UP
from vigie.catalogue.signals import SIGNALS
from vigie.settings.model import Ports

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

NOT_IN_THE_DEMO: dict[str, tuple[Metric, ...]] = {
    "cAdvisor, which needs containers": (container.CPU, container.MEMORY, container.CADVISOR),
    "an exporter of containers": (container.RESTARTS, container.STATE),
    "an exporter of database servers": (
        database.CONNECTIONS_ACTIVE,
        database.CONNECTIONS_MAX,
        database.QUERY_DURATION,
        database.DEADLOCKS,
    ),
    "the blackbox exporter": (probe.SUCCESS, probe.DURATION),
    "Alloy": (telemetry.UNSENT_LOGS,),
}
"""Who emits what the demo does not; when one of them comes, this list gets shorter."""

ONLY_SOMETIMES: dict[str, Metric] = {
    "while the budget does not last": costs.BUDGET_EXHAUSTION,
    "where people are told by a channel": inbox.WATCHDOG_MESSAGES,
    "once there has been an alert": inbox.OLDEST,
}
"""What is emitted here, but not while all is well and nothing is set."""

OF_PROMETHEUS = (UP, engines.ALERTS, engines.ALERTS_SINCE)
"""Made by Prometheus itself, and on nobody's page."""

ELSEWHERE = {metric.name for metrics in NOT_IN_THE_DEMO.values() for metric in metrics}

DOCUMENTED = [metric for metrics in NOT_IN_THE_DEMO.values() for metric in metrics] + [
    *ONLY_SOMETIMES.values()
]
"""What a rule or a panel may name though the demo may not show it."""

EXPECTED = [
    metric
    for metric in catalogue.metrics()
    if metric.emitter is not Emitter.RULES and metric not in (*DOCUMENTED, UP)
]
"""What the targets of the demo have to show."""

NOTHING_HAPPENS = {
    "Answers of 5xx, in the metrics": "the demo has no fault",
    "Firing over time": "nothing is wrong",
    "What is firing, and for how long": "nothing is wrong",
    "Notifications": "nobody has to be told",
    "Attacks by source address": "nobody attacks",
    "Attacks, line by line": "nobody attacks",
    "Errors by service, in the logs": "the demo has no fault",
    "Errors in the logs": "the demo has no fault",
}
"""Panels that are rightly empty in a demo that is well."""


@dataclass
class Demo:
    """A demo that runs: what each target exposes, and Prometheus to ask."""

    prometheus: str
    logs: str
    traces: str

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        return list(self.ask("query", query=expression)["result"])

    def exposed(self) -> dict[str, set[str]]:
        """The labels of each series on the targets' pages, with those that a scrape adds."""
        found: dict[str, set[str]] = {}
        for target in self.ask("targets")["activeTargets"]:
            with urllib.request.urlopen(target["scrapeUrl"], timeout=20) as answer:
                text = str(answer.read(), "utf-8")
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, set(TARGET_LABELS)).update(sample.labels)
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo of this checkout, on ports of its own, scraped every 2 seconds."""
    folder = tmp_path_factory.mktemp("closing")
    with ExitStack() as stack:
        names = [*Ports.model_fields, "django", "fastapi", "streamlit"]
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = dict(zip(names, (one.getsockname()[1] for one in sockets), strict=True))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VIGIE_")}
    environ.pop("OPENAI_API_KEY", None)
    environ |= {"VIGIE_STATE": str(folder / "state"), "VIGIE_SCRAPE_INTERVAL": "2s"}
    for name, port in ports.items():
        if name in Ports.model_fields:
            environ[f"VIGIE_PORTS__{name.upper()}"] = str(port)
        else:
            environ[f"VIGIE_SERVICES__{name.upper()}__URL"] = f"http://localhost:{port}"

    def vigie(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    try:
        started = vigie("up", "--demo")
        assert started.returncode == 0, started.stdout + started.stderr
        yield Demo(*(f"http://127.0.0.1:{ports[n]}" for n in ("prometheus", "logs", "traces")))
    finally:
        vigie("down", "--volumes")


def eventually(missing: Callable[[], Any], seconds: float) -> Any:
    """What is still missing after so long; asked again every second."""
    tick = threading.Event()
    for _ in range(int(seconds)):
        if not missing():
            break
        tick.wait(1)
    return missing()


@pytest.fixture(scope="module")
def exposed(demo: Demo) -> dict[str, set[str]]:
    """What is exposed once everything has happened that happens in the demo."""
    expected = {name for metric in EXPECTED for name in series_of(metric)}
    eventually(lambda: expected - demo.exposed().keys(), 240)
    return demo.exposed()


def known(exposed: dict[str, set[str]]) -> dict[str, set[str]]:
    """What the demo exposes, what Prometheus adds, and what others are documented to emit."""
    documented = {
        name: labels
        for metric in (*DOCUMENTED, *OF_PROMETHEUS)
        for name, labels in series_of(metric).items()
    }
    return {**documented, **exposed}


def failures(exposed: dict[str, set[str]]) -> list[str]:
    """What rules and panels name that nobody emits."""
    try:
        whole = recorded(known(exposed))
    except LabelError as error:
        return [f"a rule: {error}"]
    found = []
    for board, panel in PANELS:
        for query in panel.queries:
            try:
                check_query(query, whole)
            except LabelError as error:
                found.append(f"{board.uid}, {panel.title.en}: {error}")
    return found


def test_every_catalogued_metric_is_emitted(exposed: dict[str, set[str]]) -> None:
    missing = [metric.name for metric in EXPECTED if not series_of(metric).keys() <= exposed.keys()]
    assert missing == []


def test_every_label_that_is_emitted_is_the_catalogues(exposed: dict[str, set[str]]) -> None:
    different = {
        name: exposed[name] ^ labels
        for metric in catalogue.metrics()
        if metric.emitter is Emitter.APPLICATION
        for name, labels in series_of(metric).items()
        if exposed[name] != labels
    }
    assert different == {}


def test_what_others_emit_is_not_emitted_here_too(exposed: dict[str, set[str]]) -> None:
    assert ELSEWHERE & exposed.keys() == set()


def test_every_name_in_a_rule_or_a_panel_is_one_that_is_emitted(
    exposed: dict[str, set[str]],
) -> None:
    assert failures(exposed) == []


def test_a_name_that_goes_under_another_is_missed(exposed: dict[str, set[str]]) -> None:
    """The mutation, of each name in turn: emitted under another, the test before would fail."""
    names = (asked_by_rules() | asked_by_panels()) & exposed.keys()
    assert len(names) > 40
    survived = []
    for name in names:
        renamed = {(f"{one}_x" if one == name else one): own for one, own in exposed.items()}
        if not failures(renamed):
            survived.append(name)
    assert survived == []


def test_a_label_that_is_gone_is_missed(exposed: dict[str, set[str]]) -> None:
    labels = {name for metric in catalogue.metrics() for name in metric.label_names}
    asked = {"status", "reason", "model", "type", "currency", "kind", "source", "target", "where"}
    for label in asked & labels:
        without = {name: own - {label} for name, own in exposed.items()}
        assert failures(without) != [], label


def answers(demo: Demo) -> tuple[list[str], list[str]]:
    """The panels whose queries are refused by whom they ask, and those that show nothing."""
    refused, empty = [], []
    for _, panel in PANELS:
        found: list[Any] = []
        try:
            if panel.store is Store.METRICS:
                for query in panel.queries:
                    found += demo.query(filled(query.expression, {}))
            else:
                seat = demo.logs if panel.store is Store.LOGS else demo.traces
                found = answer_of_seat(seat, panel)
        except urllib.error.HTTPError as error:
            refused.append(f"{panel.title.en}: {error.read().decode()}")
        if not found:
            empty.append(panel.title.en)
    return refused, empty


def rightly_empty() -> set[str]:
    """The panels that show nothing in the demo: what they ask for is emitted elsewhere."""
    series = {name for metric in DOCUMENTED for name in series_of(metric)}
    series |= {one.record for one in SIGNALS if selected(one.expression) - {UP.name} <= series}
    return {
        panel.title.en
        for _, panel in PANELS
        if panel.store is Store.METRICS
        if all(selected(query.expression) <= series for query in panel.queries)
    }


def test_every_panel_is_answered_and_shows_something(
    demo: Demo, exposed: dict[str, set[str]]
) -> None:
    expected = rightly_empty() | NOTHING_HAPPENS.keys()

    def unexpected() -> list[str]:
        refused, empty = answers(demo)
        return refused + [title for title in empty if title not in expected]

    assert eventually(unexpected, 240) == []
