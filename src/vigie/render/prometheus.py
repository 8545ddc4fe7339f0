"""prometheus.yml: whom Prometheus scrapes, how often, and where its alerts go."""

from datetime import timedelta
from typing import Any

from vigie.catalogue.scrape import ALERTMANAGER, APPLICATION, ENGINE
from vigie.render.header import HEADER
from vigie.render.pace import Pace
from vigie.render.place import Place, address
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings
from vigie.settings.model import Service
from vigie.settings.quantities import written_duration

PATH = "prometheus/prometheus.yml"

_LONGEST_SCRAPE = timedelta(seconds=10)


def configuration(settings: Settings, pace: Pace, place: Place) -> str:
    """The text of prometheus.yml; valid and of one meaning for Prometheus 2.42 and 3.x."""
    interval = written_duration(pace.scrape_interval)
    document: dict[str, Any] = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": written_duration(min(pace.scrape_interval, _LONGEST_SCRAPE)),
            "evaluation_interval": interval,
        },
        "rule_files": ["rules/*.yml"],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [place.engines[ALERTMANAGER]]}]}],
        },
        "scrape_configs": [
            *(_engine(name, target) for name, target in place.engines.items()),
            *(_application(name, service) for name, service in settings.services.items()),
        ],
    }
    return HEADER + yaml_text(document)


def _application(name: str, service: Service) -> dict[str, Any]:
    """A watched service."""
    target = address(service.host, service.port)
    labels = {"role": APPLICATION, "framework": service.kind}
    job = _job(name, target, service.metrics_path, labels)
    return job | ({"scheme": "https"} if service.url.startswith("https:") else {})


def _engine(name: str, target: str) -> dict[str, Any]:
    """One of those that watch."""
    return _job(name, target, "/metrics", {"role": ENGINE})


def _job(name: str, target: str, metrics_path: str, labels: dict[str, str]) -> dict[str, Any]:
    """One scraped job; `service` is the label by which all rules and panels speak of it."""
    return {
        "job_name": name,
        "metrics_path": metrics_path,
        "honor_labels": True,  # a metric's own `service` is ours as well, and says it better
        "static_configs": [{"targets": [target], "labels": {"service": name, **labels}}],
    }
