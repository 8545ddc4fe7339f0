"""Where the engines run, and so by which address they reach each other and the watched services."""

from collections.abc import Mapping
from dataclasses import dataclass

from vigie.catalogue.scrape import (
    ALERTMANAGER,
    ALLOY,
    CADVISOR,
    CONSOLE,
    COSTS,
    GRAFANA,
    LOKI,
    NODE,
    PROMETHEUS,
    STORE,
    TEMPO,
)
from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """`engines` are scraped: the name of each, and its `host:port`."""

    engines: Mapping[str, str]

    @classmethod
    def embedded(cls, settings: Settings) -> "Place":
        """Engines that are processes of this machine."""
        return cls._of(settings, {STORE: settings.ports.logs})

    @classmethod
    def compose(cls, settings: Settings) -> "Place":
        """Engines that are containers: all of them at ports of this machine, for those who speak to
        others share its network (see `compose.py`)."""
        ports = settings.ports
        return cls._of(
            settings,
            {
                CADVISOR: ports.cadvisor,
                LOKI: ports.logs,
                TEMPO: ports.traces,
                ALLOY: ports.alloy,
                GRAFANA: ports.grafana,
            },
        )

    @classmethod
    def _of(cls, settings: Settings, further: Mapping[str, int]) -> "Place":
        ports = settings.ports
        seats = {
            PROMETHEUS: ports.prometheus,
            ALERTMANAGER: ports.alertmanager,
            NODE: ports.node_exporter,
            COSTS: ports.costs,
            CONSOLE: ports.console,
            **further,
        }
        return cls({name: address(settings.here, port) for name, port in seats.items()})


def address(host: str, port: int) -> str:
    """`host:port`, as a target or a listening option writes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
