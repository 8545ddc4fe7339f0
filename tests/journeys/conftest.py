"""A fresh clone in an empty folder, as a stranger has it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DEFAULT_PORTS = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "node_exporter": 9100,
    "costs": 9400,
    "console": 3300,
    "logs": 3100,
    "traces": 3200,
    "otlp": 4318,
    "simulator": 8090,
    "django": 8002,
    "fastapi": 8000,
    "streamlit": 8501,
}
SERVICES = ("django", "fastapi", "streamlit")


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone of this checkout, with a state folder, a cache and ports of its own."""

    folder: Path
    state: Path
    ports: dict[str, int]
    environ: dict[str, str]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def run(
        self, *command: str, cwd: Path | None = None, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The clone; whatever a failed test left running is stopped at the end."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "vigie"], check=True)
    ports = _ports()
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VIGIE_", "OPENAI_"))
    } | {
        "VIGIE_STATE": str(folder / "state"),
        "VIGIE_CACHE": str(folder / "cache"),
        "COLUMNS": "100",
    }
    for name, port in ports.items():
        if port != DEFAULT_PORTS[name]:
            setting = (
                f"SERVICES__{name.upper()}__URL" if name in SERVICES else f"PORTS__{name.upper()}"
            )
            value = f"http://localhost:{port}" if name in SERVICES else str(port)
            environ[f"VIGIE_{setting}"] = value
    made = Clone(folder / "vigie", folder / "state", ports, environ)
    yield made
    made.run("./vigie", "down", "--volumes")


def _ports() -> dict[str, int]:
    """The default ports, or free ones where somebody already listens on a default one."""
    if all(_is_free(port) for port in DEFAULT_PORTS.values()):
        return DEFAULT_PORTS
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in DEFAULT_PORTS]
    try:
        chosen = [probe.getsockname()[1] for probe in probes]
        return dict(zip(DEFAULT_PORTS, chosen, strict=True))
    finally:
        for probe in probes:
            probe.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
