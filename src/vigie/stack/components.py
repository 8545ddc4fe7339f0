"""What runs, as values: the engines.

A component is one long-running process, with everything needed to start it, to see that it is
ready, and to tell a person about it. The demo's own are in `demo.py`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from vigie.catalogue.scrape import CONSOLE, COSTS, STORE
from vigie.render import alertmanager as alerting
from vigie.render import links, notifications, prometheus, rules
from vigie.render.pace import Pace
from vigie.settings import FILE_NAME, FILE_VARIABLE, Settings
from vigie.settings.costs import DAILY_COST
from vigie.stack.binaries import Executable
from vigie.stack.state import State

STOP_SECONDS = 8
"""A process that is still there this long after SIGTERM is killed."""

PYTHON = (sys.executable, "-u")
"""Unbuffered: what is printed is in the log at once."""

DEMO = frozenset({"simulator", "django", "fastapi", "streamlit", "traffic"})
"""The names of the demo's components, see `demo.py`."""

_NO_DISKS = (
    *("autofs", "binfmt_misc", "bpf", "cgroup2?", "configfs", "debugfs", "devpts", "devtmpfs"),
    *("fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "proc", "procfs", "pstore"),
    *("rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs"),
)


@dataclass(frozen=True, slots=True)
class Component:
    """One process that the supervisor keeps running.

    `port` is where it listens, and `setting` what moves it there; `also` are more such ports, by
    their settings. `url` is for people, `ready_url`
    answers 2xx once it is ready, and so do `also_ready`; without one, a component is ready when it
    has stayed up a moment.
    `prepare` is run to its end before each start. `after` names those that must be ready first.
    `rereads` are files that it reads again when it is told, by a POST to `reload_url`; `reads` are
    those that it reads when it starts, and `settled` stands for what it knows of the settings: when
    one of these two changes, it starts anew. `parts` are what else it brings, with addresses.
    One that `outlasts` the others is stopped after them: it takes their last words. `clean_up`
    removes what its end leaves, and with `--volumes` what that kept.
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
    also: Mapping[str, int] = field(default_factory=dict)
    url: str = ""
    ready_url: str = ""
    also_ready: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    rereads: tuple[str, ...] = ()
    reload_url: str = ""
    settled: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    patience_seconds: float = 90
    stop_seconds: int = STOP_SECONDS
    outlasts: bool = False
    clean_up: tuple[str, ...] = ()

    @property
    def seats(self) -> dict[str, int]:
        """Every port where it listens, by the setting that moves it."""
        return {**({} if self.port is None else {self.setting: self.port}), **self.also}

    @property
    def ready_urls(self) -> tuple[str, ...]:
        """Every address that answers once it is ready."""
        return ((self.ready_url,) if self.ready_url else ()) + self.also_ready


def engines(
    settings: Settings,
    state: State,
    binaries: Mapping[str, Executable],
    pace: float = 1,
    awaited: Sequence[str] = (),
) -> list[Component]:
    """Prometheus, Alertmanager and the node exporter, valid for their versions of Debian 12 as for
    the newest: `binaries` holds them by the name of their setting. And our own: the exporter of
    costs, the store, and the console. `pace` divides what they wait for, as `render.embedded` does
    their rules. Prometheus starts after those that are `awaited`.
    """
    return [
        *_downloaded(settings, state, binaries, pace, awaited),
        _costs(settings, state),
        _store(settings, state),
        _console(settings, state, pace),
    ]


def beside_containers(settings: Settings, state: State) -> list[Component]:
    """What runs on this machine where the engines are containers: who reads the state folder."""
    return [_costs(settings, state), _console(settings, state)]


def _downloaded(
    settings: Settings,
    state: State,
    binaries: Mapping[str, Executable],
    pace: float,
    awaited: Sequence[str],
) -> list[Component]:
    alertmanager, node_exporter = binaries["alertmanager"], binaries["node_exporter"]
    here = settings.here
    ports = settings.ports
    return [
        replace(_prometheus(settings, state, binaries["prometheus"], pace), after=tuple(awaited)),
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
            rereads=(str(state.config / alerting.PATH), str(state.config / notifications.PATH)),
            reload_url=f"http://{address(here, ports.alertmanager)}/-/reload",
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
    ]


def _ours(settings: Settings, state: State, *module: str) -> tuple[str, ...]:
    """The command of a module of ours that knows the settings and the stack's folder."""
    return (
        *(*PYTHON, "-m", *module),
        *("--settings", str(settings_file(settings, state))),
        *("--state", str(state.folder)),
    )


def _costs(settings: Settings, state: State) -> Component:
    here, ports = settings.here, settings.ports
    return Component(
        name=COSTS,
        title="Costs",
        purpose="today's cost, from the ledger",
        command=_ours(settings, state, "vigie.exporters.costs"),
        cwd=str(state.folder),
        env=settings_environment(settings, state),
        bind=settings.bind,
        port=ports.costs,
        setting="ports.costs",
        url=url(here, ports.costs),
        ready_url=f"http://{address(here, ports.costs)}/-/ready",
        settled=settled(settings.bind, settings.thresholds[DAILY_COST], *of_costs(settings)),
    )


def _store(settings: Settings, state: State) -> Component:
    here, ports = settings.here, settings.ports
    return Component(
        name=STORE,
        title="Store",
        purpose="logs and traces",
        command=_ours(settings, state, "vigie", "store"),
        cwd=str(state.folder),
        env=settings_environment(settings, state),
        bind=settings.bind,
        port=ports.logs,
        setting="ports.logs",
        also={"ports.traces": ports.traces, "ports.otlp": ports.otlp},
        url=url(here, ports.logs),
        ready_url=f"http://{address(here, ports.logs)}/ready",
        outlasts=True,
        settled=settled(
            *(settings.bind, ports.logs, ports.traces, ports.otlp),
            *(settings.retention.logs, settings.retention.traces, settings.retention.max_bytes),
        ),
    )


def _console(settings: Settings, state: State, pace: float = 1) -> Component:
    here, ports = settings.here, settings.ports
    return Component(
        name=CONSOLE,
        title="Console",
        purpose="what fires, and what to do",
        command=(
            *_ours(settings, state, "vigie", "console"),
            *(("--pace", f"{pace:g}") if pace != 1 else ()),
        ),
        cwd=str(state.folder),
        env=settings_environment(settings, state),
        bind=settings.bind,
        port=ports.console,
        setting="ports.console",
        url=url(here, ports.console),
        ready_url=f"http://{address(here, ports.console)}{links.HEALTH_PATH}",
        settled=settled(settings),
    )


def _prometheus(settings: Settings, state: State, binary: Executable, pace: float) -> Component:
    port, here = settings.ports.prometheus, settings.here
    # Reloading and quitting by HTTP has no password: for this machine only.
    reloads = ip_address(settings.bind).is_loopback
    files = tuple(str(state.config / path) for path in (prometheus.PATH, rules.PATH))
    resend = Pace.of(settings, pace).written(timedelta(minutes=1))  # what it is by itself
    return Component(
        name="prometheus",
        title="Prometheus",
        purpose="metrics and rules",
        command=(
            str(binary.path),
            *binary.arguments,
            f"--config.file={state.config / prometheus.PATH}",
            f"--storage.tsdb.path={state.data('prometheus')}",
            f"--storage.tsdb.retention.time={settings.retention.metrics.total_seconds():.0f}s",
            f"--web.listen-address={address(settings.bind, port)}",
            "--enable-feature=exemplar-storage",
            *(["--web.enable-lifecycle"] if reloads else []),
            *([f"--rules.alert.resend-delay={resend}"] if pace != 1 else []),
        ),
        cwd=str(binary.folder or state.folder),
        bind=settings.bind,
        port=port,
        setting="ports.prometheus",
        url=url(here, port),
        ready_url=f"http://{address(here, port)}/-/ready",
        reads=() if reloads else files,
        rereads=files if reloads else (),
        reload_url=f"http://{address(here, port)}/-/reload" if reloads else "",
    )


def of_costs(settings: Settings) -> tuple[object, ...]:
    """What whoever counts costs knows of the settings (`vigie.settings.costs.cost_settings`)."""
    return (
        settings.currency,
        settings.prices,
        settings.aliases,
        settings.ledger,
        settings.time_zone,
    )


def settled(*known: object) -> str:
    """What a process knows of the settings, shortened: another text when it has changed."""
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


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


def address(host: str, port: int | None = None) -> str:
    """`host:port`, or the host alone, as a URL or a listening option writes it."""
    written = f"[{host}]" if ":" in host else host
    return written if port is None else f"{written}:{port}"


def url(host: str, port: int) -> str:
    """The address to show: what is on this machine is at `localhost`."""
    return f"http://{address('localhost' if host == '127.0.0.1' else host, port)}"
