"""supervisord, as we use it: its configuration, its start, and what we ask of it.

supervisord restarts what dies, rotates logs and stops whole process groups. It runs with the state
folder as its working directory, so that its configuration names no path: what starts a component is
a shell script of ours, where any path, space or quote is safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigie.settings.state_folder import VARIABLE
from vigie.stack import commands
from vigie.stack.components import Component
from vigie.stack.errors import StackError
from vigie.stack.state import COMPONENT_VARIABLE, SUPERVISOR, State

ANSWER_SECONDS = 10.0
START_SECONDS = 60.0
STEADY_SECONDS = 1
"""A process that dies sooner is restarted with growing delays; a later one at once."""
POLL_SECONDS = 0.02
LONGEST_STOP_SECONDS = 60
"""No component takes longer to end."""


@dataclass(frozen=True, slots=True)
class Process:
    """What supervisord says of one component.

    `state` is its own word (STARTING, RUNNING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL);
    `pid` is 0 when there is none; `started` is Unix time.
    """

    name: str
    state: str
    pid: int
    started: float
    deaths: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a running supervisor comes to other components: the names of those that are started, and
    of those that are stopped before. Whose script, files or settings changed is in both."""

    started: Sequence[str]
    stopped: Sequence[str]


class UnreachableError(StackError):
    """supervisord does not answer."""


class Supervisord:
    """The supervisord of one state folder."""

    def __init__(self, state: State) -> None:
        self.state = state

    def start(self, components: Iterable[Component], environ: Mapping[str, str]) -> None:
        """Start supervisord, and through it every component that needs not wait for another.

        Raises StackError, with what supervisord said, when it does not come up.
        """
        self.write(components)
        self.state.socket.unlink(missing_ok=True)
        try:
            # It turns itself into a daemon once it listens: then this returns.
            done = commands.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", self.state.configuration],
                START_SECONDS,
                cwd=self.state.folder,
                env={
                    **environ,
                    VARIABLE: str(self.state.folder),
                    COMPONENT_VARIABLE: SUPERVISOR,
                },
                umask=0o077,
                start_new_session=True,  # Ctrl-C in this terminal is not meant for it
            )
        except subprocess.TimeoutExpired:
            said, status = "", f"not within {START_SECONDS:.0f} s"
        else:
            said, status = done.stdout.strip(), f"exit status {done.returncode}"
        if not self.running():
            log = self.state.log(SUPERVISOR)
            raise StackError(f"supervisord did not start ({status})\n{said}\nits log: {log}")

    def write(self, components: Iterable[Component]) -> None:
        """Write supervisord's configuration and the components' scripts."""
        components = list(components)
        texts = {}
        for component in components:
            texts[component.name] = script(component, self.state)
            self.state.data(component.name).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.state.write(self.state.script(component.name), texts[component.name])
        self.state.write(self.state.configuration, configuration(components, texts))

    def plan(self, components: Iterable[Component]) -> Plan:
        """Tell a running supervisor of other components; what that changes is still to be done."""
        self.write(components)
        ((added, changed, removed),) = self._call("supervisor.reloadConfig")
        return Plan([*added, *changed], [*changed, *removed])

    def carry_out(self, plan: Plan) -> None:
        """Stop what is planned to be stopped, then start what is planned to be started."""
        for name in plan.stopped:
            self.stop(name)
            self._call("supervisor.removeProcessGroup", name)
        for name in plan.started:
            self._call("supervisor.addProcessGroup", name)

    def running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call("supervisor.getState")
        except StackError:
            return False
        return True

    def pid(self) -> int:
        """supervisord's own process id."""
        return int(self._call("supervisor.getPID"))

    def processes(self) -> dict[str, Process]:
        """What runs, by name."""
        return {one["name"]: Process(**one) for one in self._call("vigie.processes")}

    def launch(self, name: str) -> None:
        """Start a component that does not run; does not wait for it."""
        self._call("supervisor.startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a component, and wait until it is gone."""
        self._stop_all({name})

    def shut_down(self, last: Iterable[str] = ()) -> None:
        """Stop the components, all at once but for those that are to be the `last`, then
        supervisord; return when all are gone."""
        pid = self.pid()
        names = set(self.processes())
        # supervisord's own shutdown stops one component after the other.
        for going in (names.difference(last), names.intersection(last)):
            self._stop_all(going)
        self._call("supervisor.shutdown")
        deadline = time.monotonic() + ANSWER_SECONDS
        while alive(pid) and time.monotonic() < deadline:
            self.running()  # it looks up from its sleep to answer, and sees that it is to end
            time.sleep(POLL_SECONDS)

    def _stop_all(self, names: set[str]) -> None:
        """Stop components, all at once, and wait until they are gone."""
        deadline = time.monotonic() + LONGEST_STOP_SECONDS + ANSWER_SECONDS
        while time.monotonic() < deadline:
            going = [
                one
                for one in self.processes().values()
                if one.name in names and one.state not in ("STOPPED", "FATAL")
            ]
            if not going:
                return
            for one in going:
                # Nobody has told it yet; or it died of itself just then, and came back.
                if one.state in ("STARTING", "RUNNING", "BACKOFF"):
                    with contextlib.suppress(_NotRunningError):
                        self._call("supervisor.stopProcess", one.name, False)
            time.sleep(POLL_SECONDS)

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            with xmlrpc.client.ServerProxy(
                "http://localhost", transport=_SocketTransport(self.state.socket)
            ) as proxy:
                return getattr(proxy, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" in fault.faultString:
                raise _NotRunningError(fault.faultString) from fault
            raise StackError(f"supervisord refused {method}: {fault.faultString}") from fault
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise UnreachableError(f"supervisord of {self.state.folder} does not answer") from error


class _NotRunningError(StackError):
    pass


def script(component: Component, state: State) -> str:
    """The shell script that starts one component; it runs by hand as well."""
    lines = [f"# Starts {component.title}."]
    env = {**component.env, VARIABLE: str(state.folder), COMPONENT_VARIABLE: component.name}
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines += [f"cd {shlex.quote(component.cwd)} || exit"]
    if component.prepare:
        lines += [f"{shlex.join(component.prepare)} || exit"]
    lines += [f"exec {shlex.join(component.command)}"]
    return "\n".join(lines) + "\n"


def configuration(components: Iterable[Component], scripts: Mapping[str, str]) -> str:
    """supervisord.conf; all paths in it start at the state folder, in which supervisord runs."""
    sections = [
        "[supervisord]\n"
        "umask = 077\n"
        f"logfile = logs/{SUPERVISOR}.log\n"
        "logfile_maxbytes = 2MB\n"
        "logfile_backups = 1\n"
        "pidfile = supervisord.pid\n"
        "childlogdir = logs\n"
        "minfds = 256\n"
        "minprocs = 1\n",
        "[unix_http_server]\nfile = sock\nchmod = 0600\n",
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = "
        "supervisor.rpcinterface:make_main_rpcinterface\n",
        "[rpcinterface:vigie]\nsupervisor.rpcinterface_factory = vigie.stack.deaths:plug_in\n",
    ]
    sections += [_program(one, scripts[one.name]) for one in components]
    return "; Written by `vigie up`.\n" + "\n".join(sections)


def _program(component: Component, text: str) -> str:
    read = [Path(file).read_bytes() for file in component.reads]
    parts = [text.encode(), component.settled.encode(), *read]
    version = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return (
        f"[program:{component.name}]\n"
        f"command = /bin/sh run/{component.name}.sh\n"
        # supervisord compares configurations to see what changed.
        f'environment = VIGIE_VERSION="{version}"\n'
        f"autostart = {'false' if component.after else 'true'}\n"
        "autorestart = true\n"
        f"startsecs = {STEADY_SECONDS}\n"
        "startretries = 1000\n"
        "stopasgroup = true\n"
        "killasgroup = true\n"
        f"stopwaitsecs = {component.stop_seconds}\n"
        "redirect_stderr = true\n"
        f"stdout_logfile = logs/{component.name}.log\n"
        "stdout_logfile_maxbytes = 10MB\n"
        "stdout_logfile_backups = 2\n"
    )


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket, with a time limit."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _SocketConnection(self._path)
        self._connection = (host, connection)  # where `close` finds it
        return connection


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def alive(pid: int) -> bool:
    """Whether a process of this number runs; one that ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        # pid (name) state …: the name may hold anything, even parentheses.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or no /proc here
        return True
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
