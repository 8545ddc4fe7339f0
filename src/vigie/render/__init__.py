"""What the engines read: pure functions of catalogue and settings, one file per engine."""

from vigie.render import alertmanager, prometheus
from vigie.settings import Settings


def embedded(settings: Settings) -> dict[str, str]:
    """What the engines of `vigie up` read: relative path → text."""
    return {
        "prometheus/prometheus.yml": prometheus.configuration(settings),
        "alertmanager/alertmanager.yml": alertmanager.configuration(settings),
    }
