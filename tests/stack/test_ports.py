"""A port in use: who holds it, and which setting moves the component that wants it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from vigie.stack.components import Component
from vigie.stack.errors import StackError
from vigie.stack.ports import check_free

NOBODYS_ADDRESS = "203.0.113.1"
"""Of the block that is reserved for documentation (RFC 5737)."""


def prometheus(port: int, bind: str = "127.0.0.1") -> Component:
    return Component(
        "prometheus",
        "Prometheus",
        "metrics",
        command=("true",),
        cwd="/",
        bind=bind,
        port=port,
        setting="ports.prometheus",
    )


def test_free_ports_are_no_problem(free_port: Callable[[], int]) -> None:
    check_free([prometheus(free_port()), prometheus(free_port())])


def test_a_component_without_a_port_needs_none() -> None:
    check_free([Component("traffic", "Traffic", "users", ("true",), "/")])


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
def test_the_holder_and_the_setting_are_named(listens_on: str) -> None:
    with socket.create_server((listens_on, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as raised:
            check_free([prometheus(port)])
    assert str(raised.value) == (
        f"port {port}, where Prometheus is to listen, is in use by "
        f"{psutil.Process().name()} (pid {os.getpid()})\n"
        "  end that process, or move Prometheus: ports.prometheus in vigie.yml, or "
        "VIGIE_PORTS__PROMETHEUS in the environment"
    )


def test_all_ports_in_use_are_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        ports = [server.getsockname()[1] for server in (a, b)]
        with pytest.raises(StackError) as raised:
            check_free([prometheus(port) for port in ports])
    told = str(raised.value).splitlines()
    assert [line.split(",")[0] for line in told[::2]] == [f"port {port}" for port in ports]


def test_each_port_of_a_component_is_asked_for_but_those_that_it_holds(
    free_port: Callable[[], int],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        held, other = (server.getsockname()[1] for server in (a, b))
        more = {"ports.traces": other, "ports.otlp": free_port()}
        store = replace(prometheus(held), name="store", title="Store", also=more)
        with pytest.raises(StackError) as raised:
            check_free([store], {"store": [held]})
    told = str(raised.value).splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"port {other}, where Store is to listen, is in use by ")
    assert told[1] == (
        "  end that process, or move Store: ports.traces in vigie.yml, or VIGIE_PORTS__TRACES in "
        "the environment"
    )


def test_a_port_whose_last_connection_was_closed_just_now_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()  # this side now waits, in the state TIME_WAIT
    check_free([prometheus(port)])


def test_an_address_of_another_machine_is_told(free_port: Callable[[], int]) -> None:
    with pytest.raises(StackError) as raised:
        check_free([prometheus(free_port(), bind=NOBODYS_ADDRESS)])
    assert str(raised.value) == (
        f"Prometheus is to listen on {NOBODYS_ADDRESS}, which is no address of this machine\n"
        "  write one that is: bind in vigie.yml, or VIGIE_BIND in the environment"
    )
