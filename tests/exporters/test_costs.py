"""The exporter of costs: what the ledger says about today, and what is absent when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from priced_calls import Told, priced
from vigie import catalogue
from vigie.catalogue import costs
from vigie.costs.ledger import LedgerPlace
from vigie.costs.money import Source
from vigie.costs.usage import Usage
from vigie.exporters.costs import CostCollector, collector, main
from vigie.settings import load
from vigie.settings.costs import cost_settings, daily_limits

NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)  # noon in Paris
MIDNIGHT = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> CollectorRegistry:
    settings = load(environ={}, start=tmp_path)
    made = CollectorRegistry()
    made.register(CostCollector(cost_settings(settings, tmp_path), daily_limits(settings), clock))
    return made


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., None]:
    """Append calls, which are flushed."""

    def append(*calls: object) -> None:
        told = Told()
        writer = told.writer(LedgerPlace.in_folder(tmp_path))
        for call in calls:
            writer.append(call)  # type: ignore[arg-type]
        writer.close()
        assert not told.failures

    return append


def samples(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in registry.collect():
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            values[tuple(sample.labels.values())] = sample.value
    return found


def test_every_metric_of_the_catalogue_is_told_with_its_labels(
    registry: CollectorRegistry, keep: Callable[..., None]
) -> None:
    keep(*(priced(n, usd="90", at=NOW - timedelta(hours=6 * n)) for n in range(40)))
    found = {family.name: family for family in registry.collect()}
    for metric in catalogue.metrics():
        if metric in vars(costs).values():
            family = found.pop(metric.name.removesuffix("_total"))
            assert (family.type, family.documentation) == (metric.kind.value, metric.help)
            assert {tuple(one.labels) for one in family.samples} == {metric.label_names}
    assert found == {}


def test_before_the_first_call_only_the_settings_are_told(registry: CollectorRegistry) -> None:
    assert samples(registry) == {
        "openai_budget": {("EUR", "warning"): 50, ("EUR", "critical"): 100},
        "openai_currency_rate": {("EUR",): 0.92},
        "openai_currency_rate_age_seconds": {("EUR",): 19.0 * 86400 + 11 * 3600},
        "vigie_ledger_read_errors_total": {(): 0},
    }


def test_todays_cost_is_told_by_source_and_yesterdays_is_not(
    registry: CollectorRegistry, keep: Callable[..., None]
) -> None:
    keep(
        priced(1, usd="100", at=MIDNIGHT - timedelta(microseconds=1)),
        priced(2, usd="10", at=MIDNIGHT),
        priced(3, usd="20", at=NOW, source=Source.ESTIMATED),
        priced(4, usd="10", at=NOW + timedelta(hours=1)),  # by a clock that is ahead
        priced(5, usd=None, at=NOW, usage=Usage(input=40)),
    )
    found = samples(registry)
    assert found["openai_cost_today"] == {
        ("EUR", "provider"): 0,
        ("EUR", "computed"): pytest.approx(18.4),
        ("EUR", "estimated"): pytest.approx(18.4),
    }
    assert found["openai_cost_today_estimated_ratio"] == {(): 0.5}
    assert found["openai_calls_today_unpriced"] == {(): 1}
    assert found["openai_tokens_today_unpriced_ratio"] == {(): 0.1}
    assert found["vigie_ledger_rows"] == {(): 5}
    assert found["vigie_ledger_oldest_timestamp_seconds"] == {
        (): pytest.approx(MIDNIGHT.timestamp())
    }
    assert found["vigie_ledger_read_errors_total"] == {(): 0}


def test_on_the_first_day_the_projection_goes_on_at_the_rate_so_far(
    registry: CollectorRegistry, keep: Callable[..., None]
) -> None:
    keep(priced(1, usd="50", at=MIDNIGHT + timedelta(hours=6)))  # 46 €
    found = samples(registry)
    assert found["openai_cost_projected_today"] == {
        ("EUR", "0.1"): pytest.approx(46 * 4 / 3),
        ("EUR", "0.5"): pytest.approx(92),
        ("EUR", "0.9"): pytest.approx(46 * 4),
    }
    # 46 € in 12 hours: the 50th is spent 12 hours / 46 * 4 later, the 100th not today.
    assert found["openai_budget_exhaustion_timestamp_seconds"] == {
        ("warning",): pytest.approx((NOW + timedelta(hours=12 / 46 * 4)).timestamp(), abs=1)
    }


def test_a_budget_that_was_spent_tells_when_and_the_new_day_begins_without_an_end(
    registry: CollectorRegistry, keep: Callable[..., None], clock: Clock
) -> None:
    spent_at = MIDNIGHT + timedelta(hours=6, minutes=7.5)
    keep(priced(1, usd="200", at=spent_at))
    (warning, critical) = (
        samples(registry)["openai_budget_exhaustion_timestamp_seconds"][level,]
        for level in ("warning", "critical")
    )
    assert spent_at.timestamp() - 450 < warning < critical < spent_at.timestamp() + 450
    clock.now = MIDNIGHT + timedelta(hours=24, minutes=10)
    found = samples(registry)
    assert set(found["openai_cost_today"].values()) == {0}
    assert "openai_budget_exhaustion_timestamp_seconds" not in found


@pytest.mark.parametrize(
    ("midnight", "hours"),
    [
        pytest.param("2026-03-28T23:00", 23, id="clocks go forward"),
        pytest.param("2026-10-24T22:00", 25, id="clocks go back"),
        pytest.param("2026-11-29T23:00", 24, id="a month ends"),
        pytest.param("2026-12-30T23:00", 24, id="a year ends"),
    ],
)
def test_today_is_from_midnight_to_midnight_whatever_the_clocks_do(
    registry: CollectorRegistry,
    keep: Callable[..., None],
    clock: Clock,
    midnight: str,
    hours: int,
) -> None:
    start = datetime.fromisoformat(midnight).replace(tzinfo=UTC)
    end, moment = start + timedelta(hours=hours), timedelta(microseconds=1)
    keep(
        priced(1, usd="1000", at=start - moment),
        priced(2, usd="20", at=start),
        priced(3, usd="30", at=end - moment),
        priced(4, usd="4000", at=end),
    )
    for now, usd in ((start, 50), (end - moment, 50), (end, 4000), (start - moment, 1000)):
        clock.now = now
        told = samples(registry)["openai_cost_today"]["EUR", "computed"]
        assert told == pytest.approx(0.92 * usd)


def test_a_restart_in_the_middle_of_the_day_and_a_clock_that_steps_back_change_nothing(
    tmp_path: Path, registry: CollectorRegistry, keep: Callable[..., None], clock: Clock
) -> None:
    keep(priced(1, usd="10", at=MIDNIGHT), priced(2, usd="7", at=MIDNIGHT - timedelta(hours=1)))
    clock.now = MIDNIGHT + timedelta(seconds=2)
    of_today = samples(registry)["openai_cost_today"]["EUR", "computed"]
    clock.now = MIDNIGHT - timedelta(seconds=1)
    of_yesterday = samples(registry)["openai_cost_today"]["EUR", "computed"]
    clock.now = NOW
    settings = load(environ={}, start=tmp_path)
    restarted = CollectorRegistry()
    restarted.register(
        CostCollector(cost_settings(settings, tmp_path), daily_limits(settings), clock)
    )
    assert of_today == pytest.approx(9.2)
    assert of_yesterday == pytest.approx(6.44)
    for each in (registry, restarted):
        assert samples(each)["openai_cost_today"]["EUR", "computed"] == pytest.approx(9.2)


def test_calls_that_come_between_two_scrapes_are_added_once(
    registry: CollectorRegistry, keep: Callable[..., None]
) -> None:
    told = []
    for number in range(3):
        keep(priced(number, usd="1", at=NOW), priced(0, usd="1", at=NOW))
        told.append(samples(registry)["openai_cost_today"]["EUR", "computed"])
    assert told == pytest.approx([0.92, 1.84, 2.76])


def test_another_ledger_in_its_place_begins_anew(
    tmp_path: Path, registry: CollectorRegistry, keep: Callable[..., None]
) -> None:
    keep(priced(1, usd="1", at=NOW), priced(2, usd="1", at=NOW))
    samples(registry)
    for path in tmp_path.glob("ledger.sqlite3*"):
        path.unlink()
    keep(priced(3, usd="5", at=NOW))
    found = samples(registry)
    assert found["openai_cost_today"]["EUR", "computed"] == pytest.approx(4.6)
    assert found["vigie_ledger_rows"] == {(): 1}


def test_a_ledger_that_cannot_be_read_is_counted_and_its_figures_are_absent(
    tmp_path: Path, registry: CollectorRegistry
) -> None:
    (tmp_path / "ledger.sqlite3").write_text("Dear diary, " * 1000)
    samples(registry)
    found = samples(registry)
    assert found["vigie_ledger_read_errors_total"] == {(): 2}
    assert "openai_cost_today" not in found
    assert "openai_budget" in found


def test_without_a_ledger_only_the_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text("ledger: {url: off}")
    registry = CollectorRegistry()
    registry.register(collector(load(tmp_path / "vigie.yml", {}), tmp_path))
    assert "openai_cost_today" not in samples(registry)


def test_a_ledger_that_a_newer_vigie_made_is_refused_with_what_to_do(
    tmp_path: Path, newer_ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vigie.yml").write_text("time_zone: UTC")
    arguments = ["--settings", str(tmp_path / "vigie.yml"), "--state", str(tmp_path)]
    assert main([*arguments, "--port", "0"]) == 1
    assert capsys.readouterr() == (
        "",
        f"the ledger {newer_ledger} is of version 1000, and this Vigie knows versions up to 1: "
        "install the Vigie that wrote it (pip install -U vigie), or name another ledger in "
        "ledger.url\n",
    )


@pytest.fixture
def newer_ledger(tmp_path: Path, keep: Callable[..., None]) -> Path:
    keep(priced(1, usd="1", at=NOW))
    path = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE vigie_ledger SET version = 1000")
        connection.commit()
    return path


def test_a_ledger_that_is_replaced_by_a_newer_vigies_is_counted_as_unreadable(
    registry: CollectorRegistry, newer_ledger: Path
) -> None:
    assert samples(registry)["vigie_ledger_read_errors_total"] == {(): 1}


@pytest.mark.servers
def test_it_serves_until_it_is_told_to_stop(
    tmp_path: Path, keep: Callable[..., None], free_port: Callable[[], int]
) -> None:
    keep(priced(1, usd="10", at=datetime.now(UTC)))
    (tmp_path / "vigie.yml").write_text("time_zone: UTC")
    port = free_port()
    command = [sys.executable, "-m", "vigie.exporters.costs", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--settings", str(tmp_path / "vigie.yml"), "--state", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "VIGIE_STATE": "/nowhere"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"serving costs on http://127.0.0.1:{port}/metrics\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=60) as answer:
        assert answer.read() == b"ready\n"
    started = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    assert time.monotonic() - started < 30
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    assert 'openai_cost_today{currency="EUR",source="computed"} 9.2\n' in text
    assert "# TYPE vigie_ledger_read_errors_total counter\n" in text


def test_wrong_settings_are_told_with_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vigie.yml"
    path.write_text("time_zone: Mars")
    assert main(["--settings", str(path)]) == 2
    assert capsys.readouterr().err == (
        'vigie.yml:1: time_zone is "Mars": write a zone of the IANA database, e.g. Europe/Paris\n'
    )


def test_a_port_that_is_taken_is_named_with_what_moves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vigie.yml").write_text("time_zone: UTC")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ["--settings", str(tmp_path / "vigie.yml"), "--state", str(tmp_path)]
        assert main([*arguments, "--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
        "name another port: --port, or ports.costs in vigie.yml\n"
    )
