"""The rules as a person reads them in the file; whether they are right is for promtool to say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from vigie.catalogue.signals import SIGNALS
from vigie.render import embedded
from vigie.settings import Settings, load

PATH = "prometheus/rules/coaching_alerts.yml"


def settings(folder: Path, text: str = "") -> Settings:
    (folder / "vigie.yml").write_text(text, encoding="utf-8")
    return load(environ={}, start=folder)


def alerts(text: str, name: str) -> list[dict[str, Any]]:
    return [rule for group in _groups(text) for rule in group["rules"] if rule.get("alert") == name]


@cache
def _groups(text: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(text)["groups"]
    return groups


def rules(folder: Path, given: str = "", pace: float = 1) -> str:
    return embedded(settings(folder, given), pace)[PATH]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rules of somebody who set nothing."""
    return rules(tmp_path_factory.mktemp("usual"))


def test_a_group_is_written_to_be_read(usual: str) -> None:
    start = usual.index("  # OpenAI errors")
    assert usual[start:].split("annotations", maxsplit=1)[0] == (
        "  # OpenAI errors: share of calls that failed over 5 minutes; warning above 5%, "
        "critical above\n"
        "  # 20%, for 2m; from 20 calls on.\n"
        "  - name: openai_error_rate\n"
        "    rules:\n"
        "      - record: service:openai_error_rate:events\n"
        "        expr: |-\n"
        "          sum by (service) (\n"
        "            (\n"
        '              openai_requests_total{status!="cancelled"}\n'
        "              unless openai_requests_total offset 5m\n"
        "              and on (service) (up offset 5m == 1)\n"
        "            )\n"
        "            or\n"
        '            increase(openai_requests_total{status!="cancelled"}[5m])\n'
        "          )\n"
        "      - record: service:openai_error_rate:ratio\n"
        "        expr: |-\n"
        "          (\n"
        "            sum by (service) (\n"
        "              (\n"
        '                openai_requests_total{status!~"ok|cancelled"}\n'
        "                unless openai_requests_total offset 5m\n"
        "                and on (service) (up offset 5m == 1)\n"
        "              )\n"
        "              or\n"
        '              increase(openai_requests_total{status!~"ok|cancelled"}[5m])\n'
        "            )\n"
        "            or\n"
        "            0 * service:openai_error_rate:events\n"
        "          )\n"
        "          / (service:openai_error_rate:events > 0)\n"
        "      - alert: OpenAIErrorRate\n"
        "        expr: |-\n"
        "          service:openai_error_rate:ratio > 0.05\n"
        "          and service:openai_error_rate:events >= 20\n"
        "        for: 2m\n"
        "        labels:\n"
        "          severity: warning\n"
        "          signal: openai_error_rate\n"
        "        "
    )


def test_limits_are_the_users(tmp_path: Path) -> None:
    text = rules(
        tmp_path, 'thresholds: {django_response_time: {warning: ">300ms", critical: ">2.5s"}}'
    )
    warning, critical = alerts(text, "DjangoResponseTime")
    assert warning["expr"].startswith("service:django_response_time:seconds > 0.3\n")
    assert "(critical above 2.5s)" in critical["annotations"]["description"]
    assert "(critique au-dessus de 2,5 s)" in critical["annotations"]["description_fr"]


def test_a_signal_gets_the_second_limit_that_its_user_gives_it(tmp_path: Path) -> None:
    assert [one["labels"]["severity"] for one in alerts(rules(tmp_path), "ServiceDown")] == [
        "critical"
    ]
    text = rules(tmp_path, 'thresholds: {openai_projected_cost: {critical: ">150%"}}')
    severities = [one["labels"]["severity"] for one in alerts(text, "OpenAIProjectedCost")]
    assert severities == ["warning", "critical"]


def test_money_is_in_the_users_currency(tmp_path: Path) -> None:
    text = rules(tmp_path, "currency: {code: CHF, per_usd: 0.88, checked: 2026-11-01}")
    warning, _ = alerts(text, "OpenAIDailyCost")
    assert warning["expr"] == 'service_currency:openai_daily_cost:money{currency="CHF"} > 50'
    assert warning["annotations"]["description"] == (
        'Spent since midnight: {{ $value | printf "%.2f" }} CHF (warning above 50 CHF).'
    )
    assert warning["annotations"]["description_fr"] == (
        'Dépensé depuis minuit : {{ $value | printf "%.2f" | reReplaceAll "[.]" "," }} CHF '
        "(avertissement au-dessus de 50 CHF)."
    )


def test_retention_is_the_users(tmp_path: Path) -> None:
    text = rules(tmp_path, "retention: {logs: 30d, metrics: 13mo, traces: 36h}")
    recorded = yaml.safe_load(text)["groups"][0]["rules"]
    assert {rule["labels"]["kind"]: rule["expr"] for rule in recorded} == {
        "logs": "vector(2592000)",
        "metrics": "vector(34819200)",
        "traces": "vector(129600)",
    }


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_every_alert_leads_to_the_console(signal: Any, usual: str) -> None:
    for alert in alerts(usual, signal.alert):
        annotations = alert["annotations"]
        assert annotations["runbook_url"] == f"http://localhost:3300/runbooks/{signal.name}"
        dashboard = f"http://localhost:3300/d/{signal.dashboard}"
        assert annotations["dashboard_url"] == (
            dashboard
            if signal.about
            else dashboard + "?var-service={{ $labels.service | urlquery }}"
        )


def test_links_lead_where_the_user_says(tmp_path: Path) -> None:
    text = rules(
        tmp_path,
        'links: {runbooks: "https://wiki.example.org/on-call/", '
        'dashboards: "http://localhost:3000"}',
    )
    annotations = alerts(text, "ServiceDown")[0]["annotations"]
    assert annotations["runbook_url"] == "https://wiki.example.org/on-call/service_down"
    assert annotations["dashboard_url"].startswith("http://localhost:3000/d/vigie-overview?")


def test_the_console_is_where_its_port_and_address_say(tmp_path: Path) -> None:
    text = rules(tmp_path, 'ports: {console: 8300}\nbind: "::1"')
    annotations = alerts(text, "Watchdog")[0]["annotations"]
    assert annotations["runbook_url"] == "http://[::1]:8300/runbooks/watchdog"


def test_at_another_pace_durations_are_divided_and_floors_are_not(tmp_path: Path) -> None:
    text = rules(tmp_path, pace=15)
    assert (
        "# Every duration here is divided by 15; what may happen in a minute, multiplied.\n" in text
    )
    warning, _ = alerts(text, "DjangoResponseTime")
    assert (warning["for"], warning["expr"].split()[-1]) == ("8s", "20")
    assert "_bucket[20s]" in text
    assert "[5m]" not in text
    assert alerts(text, "DjangoResponseTimeAbsent")[0]["for"] == "40s"


def test_at_another_pace_as_many_times_more_may_happen_in_a_minute(tmp_path: Path) -> None:
    for pace, limit in ((1, "1000"), (15, "15000")):
        warning, _ = alerts(rules(tmp_path, pace=pace), "OpenAITokenRate")
        assert warning["expr"].endswith(f"> {limit}")
        assert f"above {limit}" in warning["annotations"]["description"]
