"""What runs, as values: the engines.

A component is one long-running process, with everything needed to start it, to see that it is
ready, and to tell a person about it. The demo's own are in `demo.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from vigie.catalogue.scrape import CONSOLE, COSTS
from vigie.render import alertmanager as alerting
from vigie.render import links, notifications, rules
from vigie.settings import FILE_NAME, FILE_VARIABLE, Settings
from vigie.stack.binaries import Executable
from vigie.stack.state import State

PYTHON = (sys.executable, "-u")
"""Unbuffered: what is printed is in the log at once."""

_NO_DISKS = (
    *("autofs", "binfmt_misc", "bpf", "cgroup2?", "configfs", "debugfs", "devpts", "devtmpfs"),
    *("fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "proc", "procfs", "pstore"),
    *("rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs"),
)


@dataclass(frozen=True, slots=True)
class Component:
    """One process that the supervisor keeps running.

    `port` is where it listens, and `setting` what moves it there. `url` is for people, `ready_url`
    answers 2xx once it is ready; without one, a component is ready when it has stayed up a moment.
    `prepare` is run to its end before each start. `after` names those that must be ready first.
    `reads` are files that it reads when it starts: when their text changes, it starts anew.
    """

    name: str
    title: str
    purpose: str
    command: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    bind: str = "127.0.0.1"
    port: int | None = None
    setting: str = ""
    url: str = ""
    ready_url: str = ""
    after: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable of `setting`: VIGIE_PORTS__PROMETHEUS."""
        return "VIGIE_" + self.setting.replace(".", "__").upper()


def engines(
    settings: Settings, state: State, binaries: Mapping[str, Executable], pace: float = 1
) -> list[Component]:
    """Prometheus, Alertmanager and the node exporter, valid for their versions of Debian 12 as for
    the newest: `binaries` holds them by the name of their setting. And our own exporter of costs,
    and the console, whose waits `pace` divides.
    """
    prometheus, alertmanager = binaries["prometheus"], binaries["alertmanager"]
    node_exporter = binaries["node_exporter"]
    here = settings.here
    ports = settings.ports
    return [
        Component(
            name="prometheus",
            title="Prometheus",
            purpose="metrics and rules",
            command=(
                str(prometheus.path),
                *prometheus.arguments,
                f"--config.file={state.config / 'prometheus' / 'prometheus.yml'}",
                f"--storage.tsdb.path={state.data('prometheus')}",
                f"--storage.tsdb.retention.time={settings.retention.metrics.total_seconds():.0f}s",
                f"--web.listen-address={address(settings.bind, ports.prometheus)}",
                "--enable-feature=exemplar-storage",
                # Reloading and quitting by HTTP has no password: for this machine only.
                *(["--web.enable-lifecycle"] if ip_address(settings.bind).is_loopback else []),
            ),
            cwd=str(prometheus.folder or state.folder),
            bind=settings.bind,
            port=ports.prometheus,
            setting="ports.prometheus",
            url=url(here, ports.prometheus),
            ready_url=f"http://{address(here, ports.prometheus)}/-/ready",
            reads=(
                str(state.config / "prometheus" / "prometheus.yml"),
                str(state.config / rules.PATH),
            ),
        ),
        Component(
            name="alertmanager",
            title="Alertmanager",
            purpose="alerts and who is told",
            command=(
                str(alertmanager.path),
                *alertmanager.arguments,
                f"--config.file={state.config / alerting.PATH}",
                f"--storage.path={state.data('alertmanager')}",
                f"--web.listen-address={address(settings.bind, ports.alertmanager)}",
                "--cluster.listen-address=",  # alone: no gossip port
            ),
            cwd=str(alertmanager.folder or state.folder),
            env={"TZ": settings.time_zone.key},  # in which its messages tell the time
            bind=settings.bind,
            port=ports.alertmanager,
            setting="ports.alertmanager",
            url=url(here, ports.alertmanager),
            ready_url=f"http://{address(here, ports.alertmanager)}/-/ready",
            reads=(str(state.config / alerting.PATH), str(state.config / notifications.PATH)),
        ),
        Component(
            name="node-exporter",
            title="Node exporter",
            purpose="this machine's metrics",
            command=(
                str(node_exporter.path),
                *node_exporter.arguments,
                f"--web.listen-address={address(settings.bind, ports.node_exporter)}",
                # Debian's build has these otherwise, and complains at each scrape of what is not
                # there: a folder that its package makes, and a system bus that is for root.
                f"--collector.textfile.directory={state.data('node-exporter')}",
                "--no-collector.systemd",
                # As by default, but for `overlay`: in a container that is the disk.
                f"--collector.filesystem.fs-types-exclude=^({'|'.join(_NO_DISKS)})$",
            ),
            cwd=str(node_exporter.folder or state.folder),
            bind=settings.bind,
            port=ports.node_exporter,
            setting="ports.node_exporter",
            url=url(here, ports.node_exporter),
            ready_url=f"http://{address(here, ports.node_exporter)}/",
        ),
        Component(
            name=COSTS,
            title="Costs",
            purpose="today's cost, from the ledger",
            command=(
                *(*PYTHON, "-m", "vigie.exporters.costs"),
                *("--settings", str(settings_file(settings, state))),
                *("--state", str(state.folder)),
            ),
            cwd=str(state.folder),
            env=settings_environment(settings, state),
            bind=settings.bind,
            port=ports.costs,
            setting="ports.costs",
            url=url(here, ports.costs),
            ready_url=f"http://{address(here, ports.costs)}/-/ready",
            reads=(str(settings_file(settings, state)),),
        ),
        Component(
            name=CONSOLE,
            title="Console",
            purpose="what fires, and what to do",
            command=(
                *(*PYTHON, "-m", "vigie", "console"),
                *("--settings", str(settings_file(settings, state))),
                *("--state", str(state.folder)),
                *(("--pace", f"{pace:g}") if pace != 1 else ()),
            ),
            cwd=str(state.folder),
            env=settings_environment(settings, state),
            bind=settings.bind,
            port=ports.console,
            setting="ports.console",
            url=url(here, ports.console),
            ready_url=f"http://{address(here, ports.console)}{links.HEALTH_PATH}",
            reads=(str(settings_file(settings, state)),),
        ),
    ]


def settings_environment(settings: Settings, state: State) -> dict[str, str]:
    """The variables by which a process finds `settings` again, and with them the ledger.

    They are given to each process that needs them, and not to supervisord: it would hand down those
    with which it was started, whatever is set by now.
    """
    return {FILE_VARIABLE: str(settings_file(settings, state)), **settings.variables}


def settings_file(settings: Settings, state: State) -> Path:
    """Where `settings` were read; without any, an empty file of the state folder, so that no
    process finds another one by looking around."""
    return settings.path.absolute() if settings.path else state.config / FILE_NAME


def save(state: State, components: Iterable[Component]) -> None:
    """Note in the state folder what was started."""
    state.write(state.components, json.dumps([asdict(one) for one in components], indent=1) + "\n")


def saved(state: State) -> list[Component]:
    """What was started last; nothing where nothing was."""
    noted: list[dict[str, Any]]
    try:
        noted = json.loads(state.components.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [Component(**_with_tuples(one)) for one in noted]


def _with_tuples(noted: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where a component has tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in noted.items()}


def address(host: str, port: int | None = None) -> str:
    """`host:port`, or the host alone, as a URL or a listening option writes it."""
    written = f"[{host}]" if ":" in host else host
    return written if port is None else f"{written}:{port}"


def url(host: str, port: int) -> str:
    """The address to show: what is on this machine is at `localhost`."""
    return f"http://{address('localhost' if host == '127.0.0.1' else host, port)}"
