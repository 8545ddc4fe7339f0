"""The signals as values: what each promises to whoever renders, notifies and draws them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from vigie import catalogue
from vigie.catalogue.metric import Kind
from vigie.catalogue.signal import Comparator, Signal, Unit
from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN, SIGNALS, WATCHDOG
from vigie.catalogue.words import Words

LIMITS = {
    "django_response_time": (0.5, 1.0),
    "fastapi_openai_latency": (3.0, 10.0),
    "streamlit_page_load": (2.0, 5.0),
    "service_uptime": (0.99, 0.95),
    "database_connections": (0.80, 0.95),
    "openai_daily_cost": (50.0, 100.0),
    "openai_token_rate": (1000.0, 2000.0),
    "auth_failure_rate": (10.0, 50.0),
    "memory_available": (0.20, 0.10),
}
"""What the user asked for."""

each_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)


@pytest.mark.parametrize(("name", "limits"), LIMITS.items(), ids=LIMITS.keys())
def test_the_limits_are_those_that_were_asked_for(name: str, limits: tuple[float, float]) -> None:
    assert (BY_NAME[name].warning, BY_NAME[name].critical) == limits


def test_names_titles_and_alerts_are_unique() -> None:
    for what in ("name", "title", "alert", "record"):
        told = [getattr(signal, what) for signal in SIGNALS]
        assert len(set(told)) == len(told), what


def test_alerts_are_called_as_people_write_the_names() -> None:
    assert BY_NAME["fastapi_openai_latency"].alert == "FastAPIOpenAILatency"
    assert BY_NAME["http_error_rate"].alert == "HTTPErrorRate"
    assert BY_NAME["auth_failure_rate"].absent_alert == "AuthFailureRateAbsent"
    assert BY_NAME["security_events"].absent_alert is None
    assert WATCHDOG.alert == "Watchdog"


def test_what_is_recorded_is_called_by_level_signal_and_unit() -> None:
    assert BY_NAME["django_response_time"].record == "service:django_response_time:seconds"
    assert BY_NAME["disk_space"].record == "service_device:disk_space:ratio"
    assert BY_NAME["openai_daily_cost"].record == "service_currency:openai_daily_cost:money"
    timeouts = BY_NAME["interservice_timeouts"]
    assert timeouts.events_record == "service_target:interservice_timeouts:events"
    assert BY_NAME["openai_daily_cost"].events_record is None


def test_a_service_that_is_down_is_critical_at_once() -> None:
    assert (SERVICE_DOWN.warning, SERVICE_DOWN.critical) == (None, 1.0)
    assert SERVICE_DOWN.hold.total_seconds() == 60


@each_signal
def test_every_quantile_and_share_of_events_asks_for_enough_of_them(signal: Signal) -> None:
    of_events = signal.unit is Unit.RATIO and "[" in signal.expression
    if "histogram_quantile" in signal.expression or of_events:
        assert signal.floor is not None and signal.floor.at_least >= 10


@each_signal
def test_windows_hold_at_least_four_scrapes(signal: Signal) -> None:
    expressions = signal.expression + (signal.floor.events if signal.floor else "")
    for amount, unit in re.findall(r"\[(\d+)([smh])", expressions):
        assert int(amount) * {"s": 1, "m": 60, "h": 3600}[unit] >= 4 * 15


@each_signal
def test_a_limit_on_a_quantile_is_the_bound_of_a_bucket(signal: Signal) -> None:
    for metric in catalogue.metrics():
        if metric.kind is Kind.HISTOGRAM and f"{metric.name}_bucket" in signal.expression:
            assert {signal.warning, signal.critical} <= set(metric.buckets)


@pytest.mark.parametrize("one", [*SIGNALS, WATCHDOG], ids=lambda one: one.name)
def test_everything_is_said_in_both_languages(one: Signal) -> None:
    runbook = one.runbook
    said = [one.title, runbook.meaning, runbook.impact, runbook.diagnosis, runbook.mitigation]
    if isinstance(one, Signal):
        said += [one.measured_as] + ([one.floor.noun] if one.floor else [])
    for words in said:
        assert words.en.strip() and words.fr.strip()
        assert words.en != words.fr or " " not in words.en, words.en


@pytest.mark.parametrize("one", [*SIGNALS, WATCHDOG], ids=lambda one: one.name)
def test_a_runbook_gives_the_same_steps_in_both_languages(one: Signal) -> None:
    diagnosis = one.runbook.diagnosis
    numbers = [re.findall(r"^(\d+)\. ", text, re.MULTILINE) for text in _both(diagnosis)]
    code = [re.findall(r"```.*?```", text, re.DOTALL) for text in _both(diagnosis)]
    assert numbers[0] == numbers[1] == [str(n) for n in range(1, len(numbers[0]) + 1)]
    assert code[0] == code[1]
    bullets = [text.count("\n- ") for text in _both(one.runbook.mitigation)]
    assert bullets[0] == bullets[1]


def _both(words: Words) -> tuple[str, str]:
    return words.en, words.fr


def test_limits_that_contradict_each_other_are_refused() -> None:
    signal = BY_NAME["django_response_time"]
    with pytest.raises(ValueError, match="critical is not beyond warning"):
        replace(signal, critical=0.4)
    with pytest.raises(ValueError, match="critical is not beyond warning"):
        replace(signal, bad_when=Comparator.BELOW)
    with pytest.raises(ValueError, match="critical is not beyond warning"):
        replace(signal, warning=1.0)
    with pytest.raises(ValueError, match="has no limit"):
        replace(signal, warning=None, critical=None)


def test_only_a_ratio_is_a_share_of_its_events() -> None:
    signal = BY_NAME["http_error_rate"]
    with pytest.raises(ValueError, match="is no share of its events"):
        replace(signal, unit=Unit.COUNT)
    with pytest.raises(ValueError, match="is no share of its events"):
        replace(signal, where=("endpoint",))


def test_the_limit_that_is_reached_first_is_the_usual_one() -> None:
    assert BY_NAME["django_response_time"].usual_limit == 0.5
    assert SERVICE_DOWN.usual_limit == 1.0
