"""`vigie store` sits on three seats: logs, traces and OTLP."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from running_store import Client

pytestmark = pytest.mark.servers


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def test_logs_traces_and_otlp_have_each_their_port(tmp_path: Path) -> None:
    ports = free_ports(3)
    settings = tmp_path / "vigie.yml"
    settings.write_text(f"ports: {{logs: {ports[0]}, traces: {ports[1]}, otlp: {ports[2]}}}\n")
    command = [sys.executable, "-m", "vigie", "store", "--state", str(tmp_path / "state")]
    with subprocess.Popen(
        [*command, "--settings", str(settings)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        told = running.stdout.readline()
        assert told.startswith(
            f"The store: http://127.0.0.1:{ports[0]}, :{ports[1]}, :{ports[2]} (logs and traces in"
        )
        logs, traces, otlp = (Client(port) for port in ports)
        assert logs.get("/loki/api/v1/labels").status == 200
        assert traces.get("/api/search").json["traces"] == []
        json = {"Content-Type": "application/json"}
        for path in ("/v1/traces", "/v1/logs"):
            assert otlp.ask("POST", path, b"{}", json).status == 200
        running.terminate()
        running.wait(timeout=30)
