"""What the engines read: pure functions of catalogue and settings, one file per engine."""

from vigie.render import alertmanager, notifications, prometheus, rules, runbooks
from vigie.render.pace import Pace
from vigie.render.place import Place
from vigie.settings import Settings


def embedded(settings: Settings, pace: float = 1) -> dict[str, str]:
    """What the engines of `vigie up` read: relative path → text.

    `pace` divides every duration of scrapes and rules, for drills and tests: at 15, what is scraped
    every 15 seconds is scraped every second. Raises ValueError below 1.
    """
    at = Pace.of(settings, pace)
    return {
        "prometheus/prometheus.yml": prometheus.configuration(
            settings, at, Place.embedded(settings)
        ),
        rules.PATH: rules.configuration(settings, at),
        alertmanager.PATH: alertmanager.configuration(settings, at),
        notifications.PATH: notifications.templates(settings),
    }


def documentation() -> dict[str, str]:
    """The pages of documentation that are computed: path below `docs/` → Markdown."""
    return runbooks.pages()
