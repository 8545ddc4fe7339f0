"""Whether the ports that a stack needs are free, and who holds them when they are not."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Collection, Iterable, Mapping

from vigie.stack.components import Component
from vigie.stack.errors import StackError


def check_free(
    components: Iterable[Component], held: Mapping[str, Collection[int]] | None = None
) -> None:
    """Check that each component can listen on its ports; `held` are those where it does already.

    Raises StackError that names, for each that cannot, who holds the port and what moves it.
    """
    own = held or {}
    found = [
        _problem(one, setting, port)
        for one in components
        for setting, port in one.seats.items()
        if port not in own.get(one.name, ())
    ]
    if problems := [problem for problem in found if problem]:
        raise StackError("\n".join(problems))


def _problem(component: Component, setting: str, port: int) -> str:
    refusal = _refusal(component.bind, port)
    if refusal == 0:
        return ""
    if refusal == errno.EADDRINUSE:
        why = f"is in use by {_holder(port)}\n  end that process, or move"
    elif refusal == errno.EADDRNOTAVAIL:
        return (
            f"{component.title} is to listen on {component.bind}, which is no address of this "
            f"machine\n  write one that is: bind in vigie.yml, or VIGIE_BIND in the environment"
        )
    else:
        why = f"cannot be had: {os.strerror(refusal)}\n  move"
    return (
        f"port {port}, where {component.title} is to listen, {why} {component.title}: "
        f"{setting} in vigie.yml, or {_variable(setting)} in the environment"
    )


def _variable(setting: str) -> str:
    """The environment variable of a setting: VIGIE_PORTS__PROMETHEUS."""
    return "VIGIE_" + setting.replace(".", "__").upper()


def _refusal(address: str, port: int) -> int:
    """The error number with which the system refuses the port; 0 when it is free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform == "linux":
            # As servers do: connections that were closed a moment ago are no hindrance. (Elsewhere
            # the option would also pass over a live listener on another address.)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    return 0


def _holder(port: int) -> str:
    # Heavy, and of use only when something is wrong.
    import psutil

    from vigie.stack import orphans

    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows other processes' sockets to root only
        connections = []
    for connection in connections:
        _, holds = connection.laddr or ("", 0)
        if connection.status != psutil.CONN_LISTEN or holds != port or connection.pid is None:
            continue
        try:
            process = psutil.Process(connection.pid)
            told = f"{process.name()} (pid {process.pid})"
        except psutil.Error:
            continue
        if belongs := orphans.membership(process):
            told += f", a part of the stack in {belongs.folder}"
        return told
    return "a process that this user cannot see"
