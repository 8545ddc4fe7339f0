"""docker-compose-monitoring.yml: the engines as containers, and what only containers have.

Written for Docker Compose 2; it also says what Compose 1.29 understands, and nothing else. Vigie's
own console and exporters stay on the machine, beside the ledger and the state folder that they
read: no image of Vigie is published.

Who speaks to what runs on this machine shares its network, and listens where it would without a
container: so nothing has to be opened to containers. Who only listens has a network of its own, in
which whatever further ports it has are nobody's, and publishes those that are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from vigie.render.alloy import LOG_FILES
from vigie.render.header import HEADER
from vigie.render.place import address
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings
from vigie.settings.model import Notify, Section
from vigie.settings.quantities import written_duration

Json: TypeAlias = "dict[str, Any]"

PATH = "docker-compose-monitoring.yml"
NETWORK = "monitoring"

SECRETS_FOLDER = "secrets"
GRAFANA_PASSWORD = "grafana_admin_password"
"""The file in `SECRETS_FOLDER` that holds it; whoever starts the containers makes it."""

IMAGES = {
    "prometheus": "prom/prometheus:v3.14.0",
    "alertmanager": "prom/alertmanager:v0.34.0",
    "node-exporter": "prom/node-exporter:v1.12.1",
    "cadvisor": "ghcr.io/google/cadvisor:v0.60.5",
    "loki": "grafana/loki:3.7.6",
    "tempo": "grafana/tempo:3.0.3",
    "alloy": "grafana/alloy:v1.19.2",
    "grafana": "grafana/grafana:13.2.0",
}

_ABOUT = f"""\
#
# For Docker Compose 2; 1.29 understands it too. In this folder:
#
#   mkdir -p {SECRETS_FOLDER}
#   (umask 077; openssl rand -base64 24 > {SECRETS_FOLDER}/{GRAFANA_PASSWORD})
#   docker compose -f {PATH} up --detach
#
# `vigie up --docker` does this for your own vigie.yml, and starts Vigie's console and exporter of
# costs beside it. There is no password that everybody knows: Grafana's is in that file, which its
# owner alone may read.
#
# Everything listens on one address of this machine only. Whoever asks your services, or Vigie's
# console and exporter, shares this machine's network: those may stay on 127.0.0.1. (Docker Desktop
# has that since 4.34: Settings, Resources, Network, Enable host networking.)
"""


def configuration(settings: Settings, secrets_folder: str) -> str:
    """The text of docker-compose-monitoring.yml; Grafana's password is in `secrets_folder`."""
    given = secret_files(settings.notify)
    services = {one.name: one.written() for one in _services(settings, tuple(given))}
    document: Json = {
        "services": services,
        "networks": {NETWORK: {}},
        "volumes": {f"{name}-data": {} for name in _KEEPERS},
        "secrets": {
            GRAFANA_PASSWORD: {"file": f"{_escaped(secrets_folder)}/{GRAFANA_PASSWORD}"},
            **{name: {"file": _escaped(str(path))} for name, path in given.items()},
        },
    }
    return HEADER + _ABOUT + yaml_text(document)


def secret_files(notify: Notify) -> dict[str, Path]:
    """The files that hold the channels' secrets, by the name that each has in a container."""
    return {
        f"{channel}_{name}".removesuffix("_file"): value
        for channel, section in notify
        if isinstance(section, Section)
        for name, value in section
        if isinstance(value, Path)
    }


def inside(settings: Settings) -> Settings:
    """The settings as a container reads them: secrets are where Compose puts them."""
    channels = {
        channel: section.model_copy(
            update={
                name: Path(f"/run/secrets/{channel}_{name}".removesuffix("_file"))
                for name, value in section
                if isinstance(value, Path)
            }
        )
        for channel, section in settings.notify
        if isinstance(section, Section)
    }
    return settings.model_copy(update={"notify": settings.notify.model_copy(update=channels)})


_KEEPERS = ("prometheus", "alertmanager", "loki", "tempo", "alloy", "grafana")
"""Those that keep data in a volume, `NAME-data`."""


@dataclass(frozen=True, slots=True)
class _Container:
    """One service of the file. `health` is a command that ends with 0 once it is ready; one that
    is `of_machine` has no network of its own."""

    name: str
    command: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    of_machine: bool = False
    more: Json = field(default_factory=dict)

    def written(self) -> Json:
        written: Json = {"image": IMAGES[self.name], "restart": "unless-stopped"}
        for key, value in (
            ("command", [_escaped(part) for part in self.command]),
            ("environment", {name: _escaped(value) for name, value in self.environment.items()}),
            ("ports", list(self.ports)),
            ("volumes", list(self.volumes)),
            ("secrets", list(self.secrets)),
        ):
            if value:
                written[key] = value
        if self.health:
            written["healthcheck"] = {
                "test": ["CMD", *(_escaped(part) for part in self.health)],
                "interval": "5s",
                "timeout": "5s",
                "retries": 24,
                "start_period": "10s",
            }
        if self.after:
            written["depends_on"] = {name: {"condition": "service_healthy"} for name in self.after}
        written |= {
            **({"network_mode": "host"} if self.of_machine else {"networks": [NETWORK]}),
            "security_opt": ["no-new-privileges:true"],
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        }
        if self.secrets:
            # A secret's file keeps its owner and its mode 0600 in the container: whoever reads it
            # is root there, with this one power and no other.
            written |= {"user": "0:0", "cap_drop": ["ALL"], "cap_add": ["DAC_OVERRIDE"]}
        return written | self.more


def _services(settings: Settings, secrets: tuple[str, ...]) -> Iterator[_Container]:
    ports = settings.ports

    def listening(port: int) -> str:
        return f"--web.listen-address={address(settings.bind, port)}"

    def reached(port: int) -> str:
        return f"http://{address(settings.here, port)}"

    def published(port: int, inside: int) -> tuple[str]:
        return (f"{address(settings.bind, port)}:{inside}",)

    yield _Container(
        "prometheus",
        command=(
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={written_duration(settings.retention.metrics)}",
            listening(ports.prometheus),
            f"--web.external-url=http://localhost:{ports.prometheus}",
            "--enable-feature=exemplar-storage",
        ),
        volumes=("./prometheus:/etc/prometheus:ro", "prometheus-data:/prometheus"),
        health=("promtool", "query", "instant", reached(ports.prometheus), "1"),  # as of 2.42
        of_machine=True,
    )
    yield _Container(
        "alertmanager",
        command=(
            "--config.file=/etc/alertmanager/alertmanager.yml",
            "--storage.path=/alertmanager",
            listening(ports.alertmanager),
            f"--web.external-url=http://localhost:{ports.alertmanager}",
            "--cluster.listen-address=",  # alone: no gossip port
        ),
        environment={"TZ": settings.time_zone.key},  # in which its messages tell the time
        volumes=("./alertmanager:/etc/alertmanager:ro", "alertmanager-data:/alertmanager"),
        health=("amtool", f"--alertmanager.url={reached(ports.alertmanager)}", "alert", "query"),
        secrets=secrets,
        of_machine=True,
    )
    yield _Container(
        "node-exporter",
        command=(
            "--path.rootfs=/host",
            listening(ports.node_exporter),
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/docker)($|/)",
        ),
        volumes=("/:/host:ro,rslave",),
        health=("wget", "-q", "--spider", reached(ports.node_exporter)),
        of_machine=True,  # its figures of the network are the machine's, too
        more={"pid": "host"},
    )
    yield _Container(
        "cadvisor",
        command=(
            "--docker_only",
            "--housekeeping_interval=10s",
            "--store_container_labels=false",
            "--whitelisted_container_labels=com.docker.compose.service,com.docker.compose.project",
        ),
        ports=published(ports.cadvisor, 8080),
        volumes=(
            *("/:/rootfs:ro", "/var/run:/var/run:ro", "/sys:/sys:ro"),
            *("/var/lib/docker:/var/lib/docker:ro", "/dev/disk:/dev/disk:ro"),
            "/run/containerd/containerd.sock:/run/containerd/containerd.sock:ro",
        ),
        health=("wget", "-q", "--spider", "http://localhost:8080/healthz"),
        more={"privileged": True, "devices": ["/dev/kmsg"]},
    )
    yield _Container(
        "loki",
        command=("-config.file=/etc/loki/loki-config.yml",),
        ports=published(ports.logs, 3100),
        volumes=("./loki:/etc/loki:ro", "loki-data:/loki"),
        health=("/usr/bin/loki", "-health"),  # there is no shell in the image
    )
    yield _Container(  # its image holds /tempo and nothing that could look whether it is well
        "tempo",
        command=("-config.file=/etc/tempo/tempo.yml",),
        ports=published(ports.traces, 3200),
        volumes=("./tempo:/etc/tempo:ro", "tempo-data:/var/tempo"),
    )
    yield _Container(
        "alloy",
        command=(
            "run",
            "--server.http.listen-addr=0.0.0.0:12345",
            "--storage.path=/var/lib/alloy/data",
            "--disable-reporting",
            "/etc/alloy/config.alloy",
        ),
        ports=(
            *published(ports.otlp_grpc, 4317),
            *published(ports.otlp, 4318),
            *published(ports.alloy, 12345),
        ),
        volumes=(
            "./alloy:/etc/alloy:ro",
            "alloy-data:/var/lib/alloy/data",
            "/var/run/docker.sock:/var/run/docker.sock:ro",
            f"${{VIGIE_LOGS:-./logs}}:{LOG_FILES}:ro",
        ),
        health=("bash", "-c", _READY_OF_ALLOY),
        after=("loki",),
    )
    yield _Container(
        "grafana",
        environment={
            "GF_SERVER_HTTP_ADDR": settings.bind,
            "GF_SERVER_HTTP_PORT": str(ports.grafana),
            "GF_SERVER_ROOT_URL": f"http://localhost:{ports.grafana}",
            "GF_SECURITY_ADMIN_USER": "admin",
            "GF_SECURITY_ADMIN_PASSWORD__FILE": f"/run/secrets/{GRAFANA_PASSWORD}",
            "GF_USERS_ALLOW_SIGN_UP": "false",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        },
        volumes=(
            "./grafana/provisioning:/etc/grafana/provisioning:ro",
            f"./grafana/dashboards:{DASHBOARDS_FOLDER}:ro",
            "grafana-data:/var/lib/grafana",
        ),
        health=("wget", "-q", "--spider", f"{reached(ports.grafana)}{GRAFANA_HEALTH}"),
        after=("prometheus", "loki"),
        secrets=(GRAFANA_PASSWORD,),
        of_machine=True,
    )


DASHBOARDS_FOLDER = "/etc/grafana/dashboards"
GRAFANA_HEALTH = "/api/health"
"""Where Grafana tells whether it is ready."""

# The image has a shell, but no program that asks over HTTP.
_READY_OF_ALLOY = (
    "exec 3<>/dev/tcp/localhost/12345 && "
    r"printf 'GET /-/ready HTTP/1.0\r\n\r\n' >&3 && grep -q ' 200 ' <&3"
)


def _escaped(text: str) -> str:
    """Compose replaces `$NAME`."""
    return text.replace("$", "$$")
