"""prometheus.yml: whom Prometheus scrapes, how often, and where its alerts go."""

from typing import Any

import yaml

from vigie.render.header import HEADER
from vigie.settings import Settings
from vigie.settings.quantities import written_duration


def configuration(settings: Settings) -> str:
    """The text of prometheus.yml; valid and of one meaning for Prometheus 2.42 and 3.x."""
    here = settings.here
    interval = written_duration(settings.scrape_interval)
    document: dict[str, Any] = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval if settings.scrape_interval.seconds < 10 else "10s",
            "evaluation_interval": interval,
        },
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [f"{here}:{settings.ports.alertmanager}"]}]}
            ],
        },
        "scrape_configs": [
            _job("prometheus", f"{here}:{settings.ports.prometheus}"),
            _job("alertmanager", f"{here}:{settings.ports.alertmanager}"),
            _job("node", f"{here}:{settings.ports.node_exporter}"),
            *(
                _job(name, f"{service.host}:{service.port}", service.metrics_path)
                | ({"scheme": "https"} if service.url.startswith("https:") else {})
                for name, service in settings.services.items()
            ),
        ],
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _job(name: str, target: str, metrics_path: str = "/metrics") -> dict[str, Any]:
    """One scraped job; `service` is the label by which all rules and panels speak of it."""
    return {
        "job_name": name,
        "metrics_path": metrics_path,
        "honor_labels": True,  # a metric's own `service` is ours as well, and says it better
        "static_configs": [{"targets": [target], "labels": {"service": name}}],
    }
