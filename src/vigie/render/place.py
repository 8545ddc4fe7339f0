"""Where the engines run, and so by which address they reach each other and the watched services."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

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
from vigie.settings import Service, Settings

HOST = "host.docker.internal"
"""What containers call the machine that they run on."""


@dataclass(frozen=True, slots=True)
class Place:
    """`engines` are scraped: the name of each, and its `host:port`. `machine` is how an engine
    reaches what listens on this machine; empty: as it is written."""

    engines: Mapping[str, str]
    machine: str = ""

    @classmethod
    def embedded(cls, settings: Settings) -> "Place":
        """Engines that are processes of this machine."""
        ports = settings.ports
        seats = {
            PROMETHEUS: ports.prometheus,
            ALERTMANAGER: ports.alertmanager,
            NODE: ports.node_exporter,
            COSTS: ports.costs,
            CONSOLE: ports.console,
            STORE: ports.logs,
        }
        return cls({name: f"{_bracketed(settings.here)}:{port}" for name, port in seats.items()})

    @classmethod
    def compose(cls, settings: Settings) -> "Place":
        """Engines that are containers of one network, by their names and usual ports.

        What reads the state folder stays on the machine.
        """
        return cls(
            {
                PROMETHEUS: "prometheus:9090",
                ALERTMANAGER: "alertmanager:9093",
                NODE: "node-exporter:9100",
                CADVISOR: "cadvisor:8080",
                LOKI: "loki:3100",
                TEMPO: "tempo:3200",
                ALLOY: "alloy:12345",
                GRAFANA: "grafana:3000",
                COSTS: f"{HOST}:{settings.ports.costs}",
                CONSOLE: f"{HOST}:{settings.ports.console}",
            },
            machine=HOST,
        )

    def target(self, service: Service) -> str:
        """Where a watched service is reached: `host:port`."""
        host = self.machine if self.machine and _is_here(service.host) else service.host
        return f"{_bracketed(host)}:{service.port}"


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
