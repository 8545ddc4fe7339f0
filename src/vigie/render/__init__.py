"""What the engines read: pure functions of catalogue and settings, one file per engine."""

from vigie.catalogue.panel import Store
from vigie.catalogue.scrape import ALERTMANAGER, LOKI, PROMETHEUS, TEMPO
from vigie.render import (
    alertmanager,
    alloy,
    compose,
    grafana,
    grafana_provisioning,
    loki,
    notifications,
    prometheus,
    rules,
    runbooks,
    tempo,
)
from vigie.render.header import HEADER
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
        prometheus.PATH: prometheus.configuration(settings, at, Place.embedded(settings)),
        rules.PATH: rules.configuration(settings, at),
        alertmanager.PATH: alertmanager.configuration(settings, at),
        notifications.PATH: notifications.templates(settings),
    }


def deployment(
    settings: Settings, secrets_folder: str = f"./{compose.SECRETS_FOLDER}"
) -> dict[str, str]:
    """What the engines of Docker Compose read, and Compose itself: relative path → text.

    `secrets_folder` is where Grafana's password is, as seen from these files.
    """
    at, place = Pace.of(settings), Place.compose(settings)
    urls = {
        store: f"http://{place.engines[engine]}"
        for store, engine in (
            (Store.METRICS, PROMETHEUS),
            (Store.LOGS, LOKI),
            (Store.TRACES, TEMPO),
        )
    }
    of_grafana = {
        **grafana_provisioning.provisioning(
            settings, urls, f"http://{place.engines[ALERTMANAGER]}", compose.DASHBOARDS_FOLDER
        ),
        **grafana.dashboards(settings),
    }
    return {
        compose.PATH: compose.configuration(settings, secrets_folder),
        ".gitignore": f"{HEADER}/{compose.SECRETS_FOLDER}/\n/logs/\n",
        prometheus.PATH: prometheus.configuration(settings, at, place),
        rules.PATH: rules.configuration(settings, at),
        alertmanager.PATH: alertmanager.configuration(compose.inside(settings), at),
        notifications.PATH: notifications.templates(settings),
        "loki/loki-config.yml": loki.configuration(settings),
        "tempo/tempo.yml": tempo.configuration(settings),
        "alloy/config.alloy": alloy.configuration(),
        **{f"grafana/{name}": text for name, text in of_grafana.items()},
    }


def documentation() -> dict[str, str]:
    """The pages of documentation that are computed: path below `docs/` → Markdown."""
    return runbooks.pages()
