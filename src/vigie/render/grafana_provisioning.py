"""What Grafana is provisioned with at start: its data sources, and where the dashboards are.

Alert rules are not among it: they live in Prometheus, and Grafana shows them through data sources.
"""

from vigie.catalogue.panel import SERVICE, Store
from vigie.catalogue.signal import Signal
from vigie.catalogue.signals import BY_NAME
from vigie.render.grafana import SOURCES, Json
from vigie.render.header import HEADER
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings
from vigie.settings.quantities import written_duration

FOLDER = "Vigie"
"""Where Grafana lists the dashboards."""


def provisioning(
    settings: Settings, urls: dict[Store, str], alertmanager: str, dashboards_folder: str
) -> dict[str, str]:
    """Path below grafana/ → YAML of the data sources and of where the dashboards are.

    `urls` are where Grafana reaches each store, `alertmanager` that engine.
    """
    return {
        "provisioning/datasources/datasources.yml": HEADER
        + yaml_text(_data_sources(settings, urls, alertmanager)),
        "provisioning/dashboards/dashboards.yml": HEADER + yaml_text(_providers(dashboards_folder)),
    }


def _data_sources(settings: Settings, urls: dict[Store, str], alertmanager: str) -> Json:
    """Grafana replaces `$NAME` in these files by the environment's: `$$` stands for `$`."""
    names = {Store.METRICS: "Prometheus", Store.LOGS: "Loki", Store.TRACES: "Tempo"}
    around = {"spanStartTimeShift": "-5m", "spanEndTimeShift": "5m"}
    service = {"key": "service.name", "value": SERVICE.label}
    more: dict[Store, Json] = {
        Store.METRICS: {
            "httpMethod": "POST",
            "prometheusType": "Prometheus",
            "timeInterval": written_duration(settings.scrape_interval),
            "manageAlerts": True,
            "exemplarTraceIdDestinations": [{"name": "trace_id", "datasourceUid": "tempo"}],
        },
        Store.LOGS: {
            "maxLines": 1000,
            "manageAlerts": False,
            "derivedFields": [
                {
                    "name": "trace_id",
                    "matcherType": "regex",
                    "matcherRegex": r'"trace_id":\s*"(\w+)"',
                    "datasourceUid": "tempo",
                    "url": "$${__value.raw}",
                    "urlDisplayLabel": "Trace",
                }
            ],
        },
        Store.TRACES: {
            "tracesToLogsV2": {
                "datasourceUid": "loki",
                "tags": [service],
                "filterByTraceID": True,
                **around,
            },
            "tracesToMetrics": {
                "datasourceUid": "prometheus",
                "tags": [service],
                "queries": [
                    {"name": signal.title.en, "query": signal.record + "{$$__tags}"}
                    for signal in _of_services()
                ],
                **around,
            },
            "nodeGraph": {"enabled": True},
        },
    }
    stores = [
        {
            "name": names[store],
            **SOURCES[store],
            "access": "proxy",
            "url": urls[store],
            "isDefault": store is Store.METRICS,
            "editable": False,
            "jsonData": more[store],
        }
        for store in Store
    ]
    alerts = {
        "name": "Alertmanager",
        "type": "alertmanager",
        "uid": "alertmanager",
        "access": "proxy",
        "url": alertmanager,
        "editable": False,
        # Alerts of Grafana's own are not sent there: there are none.
        "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
    }
    return {"apiVersion": 1, "prune": True, "datasources": [*stores, alerts]}


def _of_services() -> list[Signal]:
    """What is looked at beside a trace."""
    names = ("django_response_time", "fastapi_openai_latency", "http_error_rate")
    return [BY_NAME[name] for name in names]


def _providers(folder: str) -> Json:
    provider = {
        "name": FOLDER,
        "folder": FOLDER,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": folder},
    }
    return {"apiVersion": 1, "providers": [provider]}
