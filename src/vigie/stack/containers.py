"""The engines as containers: what `vigie up --docker` runs in their place.

Containers are no children of ours: one process stands for all of them, `docker compose up`, which
starts them, shows what they print, and stops them when it ends. What it leaves (they themselves,
their network, their volumes) is removed by `clean_up`, even where that process was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vigie.render import compose, deployment
from vigie.settings import Settings
from vigie.stack import commands
from vigie.stack.components import Component, address, url
from vigie.stack.configuration import Tools
from vigie.stack.docker import Docker
from vigie.stack.errors import StackError
from vigie.stack.state import State, writing

CONTAINERS = "containers"
"""The component's name."""

FOLDER = "docker"
"""The folder of what containers read, in that of what engines read."""

CLEAN_UP_SECONDS = 120.0


def files(settings: Settings, state: State) -> dict[str, str]:
    """What Compose and the containers read: path in `state.config` → text.

    The same as `vigie render --out` writes, but that Grafana's password is among the state's
    secrets, where it is made if it is not there.
    """
    secret = state.secret(compose.GRAFANA_PASSWORD)
    written = deployment(settings, str(secret.parent))
    return {f"{FOLDER}/{name}": text for name, text in written.items()}


def containers(settings: Settings, state: State, docker: Docker) -> Component:
    """The component; its files are those of `files`."""
    here, ports = settings.here, settings.ports
    folder = state.config / FOLDER
    composing = (
        *(docker.compose, "--project-name", _project(state)),
        *("--file", str(folder / compose.PATH)),
    )
    return Component(
        name=CONTAINERS,
        title="Containers",
        purpose="Grafana, and the engines on Docker",
        command=(*composing, "up", "--no-color", "--remove-orphans"),
        cwd=str(state.folder),
        env={**docker.environ, "VIGIE_LOGS": str(_logs(state))},
        bind=settings.bind,
        port=ports.grafana,
        setting="ports.grafana",
        also={
            f"ports.{name}": getattr(ports, name)
            for name in (
                *("prometheus", "alertmanager", "node_exporter", "logs", "traces"),
                *("otlp", "otlp_grpc", "cadvisor", "alloy"),
            )
        },
        url=url(here, ports.grafana),
        ready_url=f"http://{address(here, ports.grafana)}{compose.GRAFANA_HEALTH}",
        also_ready=tuple(
            f"http://{address(here, port)}{path}"
            for port, path in (
                (ports.prometheus, "/-/ready"),
                (ports.alertmanager, "/-/ready"),
                (ports.logs, "/ready"),
                (ports.traces, "/ready"),
                (ports.alloy, "/-/ready"),
            )
        ),
        reads=tuple(str(state.config / name) for name in files(settings, state)),
        parts={
            "Prometheus": url(here, ports.prometheus),
            "Alertmanager": url(here, ports.alertmanager),
            "Node exporter": url(here, ports.node_exporter),
            "cAdvisor": url(here, ports.cadvisor),
            "Loki": url(here, ports.logs),
            "Tempo": url(here, ports.traces),
            "Alloy": url(here, ports.alloy),
        },
        patience_seconds=240,
        stop_seconds=50,  # ten for a container, and some wait for others
        clean_up=(*composing, "down"),
    )


def grafana_password(state: State, components: Iterable[Component]) -> Path | None:
    """The file that holds it, where containers are among the components."""
    if not any(one.name == CONTAINERS for one in components):
        return None
    return state.secret_file(compose.GRAFANA_PASSWORD)


def tools(docker: Docker) -> Tools:
    """The tools that are in the engines' images."""
    return lambda engine, tool, folder: docker.tool(compose.IMAGES[engine], tool, folder)


def note(state: State, component: Component) -> None:
    """Note how what a component leaves is removed: its volumes may be, long after it ended.

    And make the folder in which Alloy looks for logs, for Docker would make it root's.
    """
    with writing(_logs(state)):
        _logs(state).mkdir(mode=0o700, parents=True, exist_ok=True)
    noted = {"command": component.clean_up, "environ": dict(component.env)}
    state.write(_notes(state), json.dumps(noted, indent=1) + "\n")


def clean_up(state: State, ended: bool, volumes: bool) -> None:
    """Remove the containers of a stack that has `ended` now, and with `volumes` what they kept.

    Raises StackError with what to do where Docker cannot.
    """
    try:
        noted = json.loads(_notes(state).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if not (ended or volumes):
        return
    command = [*noted["command"], *(["--volumes"] if volumes else [])]
    if said := _refusal(command, noted["environ"]):
        raise StackError(
            f"everything else was stopped, but the containers may still be there:\n{said}\n"
            "once Docker answers again: vigie down" + (" --volumes" if volumes else "")
        )
    if volumes:
        _notes(state).unlink()


def _refusal(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = commands.run(
            command,
            CLEAN_UP_SECONDS,
            env={**os.environ, **environ},
            start_new_session=True,  # Ctrl-C in this terminal is not meant for it
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"  {error}"
    return commands.refusal(done)


def _project(state: State) -> str:
    """What Compose calls this stack: another name for each folder."""
    return "vigie-" + hashlib.sha256(os.fsencode(state.folder)).hexdigest()[:8]


def _logs(state: State) -> Path:
    """Where Alloy looks for the logs of services: nobody writes any there, they send theirs."""
    return state.data(CONTAINERS) / "logs"


def _notes(state: State) -> Path:
    return state.data(CONTAINERS) / "clean_up.json"
