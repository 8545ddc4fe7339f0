"""Grafana's dashboards and provisioning: of the right shape, and of the right meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import grafana_model
from vigie.catalogue.dashboards import BOARDS
from vigie.catalogue.signal import Dashboard
from vigie.render import deployment
from vigie.settings import load

SOURCES = {"prometheus", "loki", "tempo"}


def rendered(folder: Path, given: str = "") -> dict[str, str]:
    (folder / "vigie.yml").write_text(given, encoding="utf-8")
    return deployment(load(environ={}, start=folder))


def board(files: dict[str, str], uid: str) -> Any:
    return json.loads(files[f"grafana/dashboards/{uid}.json"])


def panel(document: Any, title: str) -> Any:
    (found,) = [one for one in document["panels"] if one["title"] == title]
    return found


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    return rendered(tmp_path)


@pytest.mark.parametrize("uid", list(Dashboard))
def test_a_dashboard_is_of_the_classic_model(uid: str, files: dict[str, str]) -> None:
    document = board(files, uid)
    grafana_model.Dashboard.model_validate(document)
    assert document["uid"] == uid
    (drawn,) = [one for one in BOARDS if one.uid == uid]
    titles = [one["title"] for one in document["panels"] if one["type"] != "row"]
    assert titles == [one.title.en for one in drawn.panels]


@pytest.mark.parametrize(
    "broken",
    [
        lambda doc: doc["panels"][1].update(tilte="x"),
        lambda doc: doc["panels"][1].update(id=doc["panels"][2]["id"]),
        lambda doc: doc["panels"][1]["gridPos"].update(x=20),
        lambda doc: doc["panels"][2].update(gridPos=doc["panels"][1]["gridPos"]),
        lambda doc: doc["panels"][1]["options"].update(colourMode="value"),
        lambda doc: doc["panels"][1]["targets"][0].update(query="up"),
        lambda doc: doc["panels"][1]["targets"][0].update(datasource={"type": "loki", "uid": "x"}),
        lambda doc: doc["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"].reverse(),
        lambda doc: doc.update(schemaVersion=36),
    ],
    ids=["a name", "an id", "a width", "a place", "an option", "a field", "a source", "steps", "v"],
)
def test_what_is_not_of_the_model_is_noticed(broken: Any, files: dict[str, str]) -> None:
    document = board(files, "vigie-overview")
    broken(document)
    with pytest.raises(ValidationError):
        grafana_model.Dashboard.model_validate(document)


def steps(document: Any, title: str) -> list[tuple[str, float | None]]:
    found = panel(document, title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(step["color"], step["value"]) for step in found]


def test_the_limits_that_are_drawn_are_those_that_alert(tmp_path: Path) -> None:
    given = (
        'thresholds: {streamlit_page_load: {warning: ">1s", critical: ">4s"}, '
        'service_uptime: {warning: "<98%", critical: "<90%"}, '
        'openai_projected_cost: {critical: ">150%"}}'
    )
    files = rendered(tmp_path, given)
    overview = board(files, "vigie-overview")
    page_load = [("green", None), ("orange", 1.0), ("red", 4.0)]
    assert steps(overview, "Streamlit page load") == page_load
    uptime = [("red", None), ("orange", 0.9), ("green", 0.98)]
    assert steps(overview, "Service uptime") == uptime
    # Of counts, the first that is bad: more than none is one, and below one is none.
    assert steps(overview, "Deadlocks") == [("green", None), ("orange", 1), ("red", 11)]
    assert steps(overview, "Up") == [("red", None), ("green", 1.0)]
    costs = board(files, "vigie-costs")
    projected = [("green", None), ("orange", 1.0), ("red", 1.5)]
    assert steps(costs, "OpenAI projected cost") == projected


def test_units_are_grafanas_own(tmp_path: Path) -> None:
    costs = board(rendered(tmp_path), "vigie-costs")

    def unit(document: Any, title: str) -> str:
        return str(panel(document, title)["fieldConfig"]["defaults"]["unit"])

    assert unit(costs, "OpenAI daily cost") == "currencyEUR"
    assert unit(costs, "Cost by model") == "suffix:€/h"
    assert unit(costs, "OpenAI token rate") == "suffix:/min"
    assert unit(costs, "Latency by model") == "s"
    assert unit(costs, "Estimated share") == "percentunit"
    own = "currency: {code: XOF, per_usd: 600, checked: 2026-11-01}"
    costs = board(rendered(tmp_path, own), "vigie-costs")
    assert unit(costs, "OpenAI daily cost") == "currency:XOF"
    assert unit(costs, "Cost by model") == "suffix: XOF/h"


def test_a_moment_is_in_milliseconds_as_grafana_wants_it(files: dict[str, str]) -> None:
    oldest = panel(board(files, "vigie-costs"), "Oldest call")
    assert oldest["fieldConfig"]["defaults"]["unit"] == "dateTimeAsLocal"
    (target,) = oldest["targets"]
    assert target["expr"] == "1000 * (min(vigie_ledger_oldest_timestamp_seconds))"


def test_what_is_chosen_reaches_the_queries(files: dict[str, str]) -> None:
    logs = board(files, "vigie-logs")
    service, level, search = logs["templating"]["list"]
    assert (service["query"]["query"], service["allValue"]) == ("label_values(up, service)", ".+")
    assert (level["type"], level["query"]) == ("custom", "debug,info,warning,error,critical")
    assert search["type"] == "textbox"
    (target,) = panel(logs, "Logs")["targets"]
    assert target["expr"] == '{service=~"$service", level=~"$level"} |= "$search"'


def test_a_day_is_that_of_the_time_zone_and_alerts_are_on_every_panel(tmp_path: Path) -> None:
    document = board(rendered(tmp_path, "time_zone: Asia/Tokyo"), "vigie-costs")
    assert document["timezone"] == "Asia/Tokyo"
    (alerts,) = document["annotations"]["list"]
    assert alerts["expr"] == 'ALERTS{alertstate="firing", severity=~"warning|critical"}'


def test_a_signals_panel_leads_to_its_runbook(files: dict[str, str]) -> None:
    (link,) = panel(board(files, "vigie-security"), "Attack patterns")["links"]
    assert link["url"] == "http://localhost:3300/runbooks/security_events"


def test_tables_show_their_labels_in_order(files: dict[str, str]) -> None:
    table = panel(board(files, "vigie-incidents"), "What is firing, and for how long")
    shown, order = table["transformations"]
    names = ["severity", "service", "signal", "alertname", "Value"]
    assert shown["options"]["include"]["names"] == names
    assert order["options"]["indexByName"] == {name: at for at, name in enumerate(names)}
    assert order["options"]["renameByName"] == {"Value": "for"}
    states = panel(board(files, "vigie-overview"), "State of the containers")
    assert "Value" not in states["transformations"][0]["options"]["include"]["names"]


def test_data_sources_lead_to_each_other(files: dict[str, str]) -> None:
    text = files["grafana/provisioning/datasources/datasources.yml"]
    sources = {one["uid"]: one for one in yaml.safe_load(text)["datasources"]}
    assert set(sources) == SOURCES | {"alertmanager"}
    assert [uid for uid, one in sources.items() if one.get("isDefault")] == ["prometheus"]
    assert {uid: one["url"] for uid, one in sources.items()} == {
        "prometheus": "http://127.0.0.1:9090",
        "loki": "http://127.0.0.1:3100",
        "tempo": "http://127.0.0.1:3200",
        "alertmanager": "http://127.0.0.1:9093",
    }
    (exemplar,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplar == {"name": "trace_id", "datasourceUid": "tempo"}
    (field,) = sources["loki"]["jsonData"]["derivedFields"]
    assert (field["datasourceUid"], field["url"]) == ("tempo", "$${__value.raw}")
    to_logs = sources["tempo"]["jsonData"]["tracesToLogsV2"]
    assert to_logs["datasourceUid"] == "loki"
    assert to_logs["tags"] == [{"key": "service.name", "value": "service"}]
    assert sources["tempo"]["jsonData"]["tracesToMetrics"]["datasourceUid"] == "prometheus"
    used = {
        one["datasource"]["uid"]
        for uid in Dashboard
        for one in board(files, uid)["panels"]
        if "datasource" in one
    }
    assert used == SOURCES


def test_dashboards_are_looked_for_where_compose_puts_them(files: dict[str, str]) -> None:
    providers = yaml.safe_load(files["grafana/provisioning/dashboards/dashboards.yml"])
    (provider,) = providers["providers"]
    compose = yaml.safe_load(files["docker-compose-monitoring.yml"])
    volumes = compose["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in volumes


def test_grafana_has_no_alert_rules_of_its_own(files: dict[str, str]) -> None:
    assert [name for name in files if name.startswith("grafana/provisioning/alerting")] == []
