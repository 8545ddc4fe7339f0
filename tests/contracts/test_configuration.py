"""Prometheus' own check of what is rendered for it, and a day on which nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

import promtool
from alert_rules import default_settings, groups, judged
from alert_story import Story, labels
from alert_worlds import World
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.render import embedded
from vigie.settings import load
from watched_worlds import worlds

pytestmark = pytest.mark.servers

_OWN = """
services:
  "web-1": {kind: django, url: "https://api.example.org"}
  "l'IA": {kind: fastapi, url: "http://10.0.0.7:8000"}
thresholds:
  django_response_time: {warning: ">300ms", critical: ">2.5s"}
  openai_daily_cost: {warning: ">12.50CHF", critical: ">99CHF"}
  disk_space: {critical: "<1%"}
currency: {code: CHF, per_usd: 0.88, checked: 2026-11-01}
scrape_interval: 90s
retention: {logs: 30d, metrics: 13mo, traces: 36h}
links: {runbooks: "https://wiki.example.org/runbooks", dashboards: "https://grafana.example.org"}
"""


@pytest.mark.parametrize("pace", [1, 7, 15])
@pytest.mark.parametrize("given", ["", _OWN], ids=["default", "own settings"])
def test_prometheus_accepts_what_is_rendered(given: str, pace: int, tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text(given, encoding="utf-8")
    for name, text in embedded(load(environ={}, start=tmp_path), pace).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    content, said = promtool.run("check", "config", tmp_path / "prometheus" / "prometheus.yml")
    assert content, said
    assert f"{sum(len(group['rules']) for group in groups().values())} rules found" in said
    content, said = promtool.run(
        "check", "rules", "--lint=all", "--lint-fatal", *tmp_path.glob("prometheus/rules/*.yml")
    )
    assert content, said


def test_where_nothing_is_wrong_only_the_watchdog_is_heard(tmp_path: Path) -> None:
    everything: dict[str, list[float | None]] = {}
    for world in worlds():
        everything |= _calm(world).tape.series
    whole = _calm(worlds()[0])
    whole.tape.series = everything
    state = {"alertname": WATCHDOG.alert, "alertstate": "firing", "severity": "none"}
    about = {"service": WATCHDOG.about, "signal": WATCHDOG.name}
    told = ", ".join(f'{name}="{value}"' for name, value in {**state, **about}.items())
    test = whole.test() | {
        "promql_expr_test": [
            {
                "expr": "ALERTS",
                "eval_time": "50m",
                "exp_samples": [{"labels": f"ALERTS{{{told}}}", "value": 1}],
            },
            # And each signal is measured.
            *(
                {
                    "expr": f"count(count({signal.record}))",
                    "eval_time": "50m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
                for signal in SIGNALS
            ),
        ]
    }
    content, said = judged(tmp_path, list(groups().values())[1:], [test], 15)
    assert content, said


def _calm(world: World) -> Story:
    scrapes = 60 * 60 // 15
    return Story.of("calm", world, [world.calm] * scrapes)


PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("first_day", "hours", "per_hour", "fires"),
    [
        # 50 € are reached 24½ hours after midnight: only a day of 25 hours has such an hour.
        ("2026-10-25", 25, 50 / 24.5, True),
        ("2026-10-24", 24, 50 / 24.5, False),
        # 50 € are reached 23½ hours after midnight: a day of 23 hours is over before.
        ("2027-03-28", 23, 50 / 23.5, False),
        ("2027-03-29", 24, 50 / 23.5, True),
    ],
)
def test_the_daily_cost_follows_the_calendar_day_and_not_the_last_24_hours(
    first_day: str, hours: int, per_hour: float, fires: bool, tmp_path: Path
) -> None:
    midnight = datetime.fromisoformat(first_day).replace(tzinfo=PARIS)
    spent = _spent_today(midnight, hours + 2, lambda _: per_hour / 60)
    (world,) = [world for world in worlds() if world.name == "openai_daily_cost"]
    story = Story.of("a day", world, spent)
    story.tape.step = 60
    before_midnight, after = hours * 60 - 2, hours * 60 + 3
    alerts = ("warning",) if fires else ()
    story.value(before_midnight, round(spent[before_midnight], 4))
    story.firing(before_midnight, alerts)
    story.value(after, round(spent[after], 4))
    story.firing(after, ())
    content, said = judged(tmp_path, [groups()[world.name]], [story.test()], 60)
    assert content, said
    assert labels(world, "warning")["currency"] == default_settings().currency.code


def _spent_today(
    midnight: datetime, hours: int, in_a_minute: Callable[[datetime], float]
) -> list[float]:
    """What has been spent since midnight, minute by minute, as a clock on the wall counts days."""
    begun = midnight.timestamp()
    times = [
        datetime.fromtimestamp(begun + 60 * minute, midnight.tzinfo) for minute in range(hours * 60)
    ]

    def more(so_far: float, at: datetime) -> float:
        new_day = (at - timedelta(minutes=1)).date() != at.date()
        return in_a_minute(at) + (0.0 if new_day else so_far)

    return list(accumulate(times, more, initial=0.0))[1:]


def test_rules_are_the_same_whenever_they_are_rendered() -> None:
    settings = default_settings()
    assert embedded(settings) == embedded(settings)


def test_the_committed_names_of_groups_are_the_signals() -> None:
    document = yaml.safe_load(embedded(default_settings())["prometheus/rules/coaching_alerts.yml"])
    names = [group["name"] for group in document["groups"]]
    assert names[1:-1] == [signal.name for signal in SIGNALS]
