"""The demo in compressed time, on ports of its own: what fires in it, and what the inbox was told.

A settings file is written for it, and may be written again while it runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from alertmanager_server import free_ports
from vigie.settings.model import Ports

SERVICES = ("django", "fastapi", "streamlit")


class Firing(NamedTuple):
    """An alert as rules name it."""

    name: str
    severity: str
    service: str


@dataclass
class FastDemo:
    """A demo in `folder`, which holds its vigie.yml and its state."""

    folder: Path
    ports: Mapping[str, int]
    environ: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)
    """What vigie.yml says besides ports and the demo's own services."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def up(self, *, fast: bool = True) -> None:
        """Start it, or bring what runs to what `notes` say."""
        services = {
            name: {"kind": name, "url": f"http://localhost:{self.ports[name]}"} for name in SERVICES
        }
        document = {
            **self.notes,
            "ports": {name: port for name, port in self.ports.items() if name not in SERVICES},
            "services": services | self.notes.get("services", {}),
        }
        (self.folder / "vigie.yml").write_text(
            yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
        )
        done = self.vigie("up", "--demo", *(["--fast"] if fast else []))
        assert done.returncode == 0, done.stdout + done.stderr

    def vigie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def query(self, promql: str) -> list[Any]:
        """The series that an instant query finds."""
        return list(self._prometheus("query", query=promql)["result"])

    def rules(self) -> set[tuple[str, str]]:
        """Every alert that Prometheus may fire: its name and severity."""
        groups = self._prometheus("rules", type="alert")["groups"]
        return {
            (rule["name"], rule["labels"]["severity"])
            for group in groups
            for rule in group["rules"]
        }

    def firing(self) -> set[Firing]:
        """What fires in Prometheus."""
        found = self._prometheus("alerts")["alerts"]
        return {_firing(one["labels"]) for one in found if one["state"] == "firing"}

    def told(self) -> set[Firing]:
        """What fires as far as the inbox was told."""
        return {
            _firing(one["labels"]) for one in _answer(f"{self.url('console')}/api/alerts")["firing"]
        }

    def hearing(self) -> str:
        """Whether the inbox hears the watchdog."""
        return str(_answer(f"{self.url('console')}/api/watchdog")["hearing"])

    @contextmanager
    def frozen(self, component: str) -> Iterator[None]:
        """Its processes stand still until the block ends: who connects to them hears nothing."""
        processes = self._processes(component)
        assert processes, f"{component} does not run"
        for one in processes:
            one.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for one in processes:
                one.send_signal(signal.SIGCONT)

    def _processes(self, component: str) -> list[psutil.Process]:
        components = json.loads(self.vigie("status", "--json").stdout)["components"]
        first = next(psutil.Process(one["pid"]) for one in components if one["name"] == component)
        return [first, *first.children(recursive=True)]

    def _prometheus(self, path: str, **parameters: str) -> Any:
        asked = urllib.parse.urlencode(parameters)
        return _answer(f"{self.url('prometheus')}/api/v1/{path}?{asked}")["data"]


@contextmanager
def fast_demo(folder: Path, notes: Mapping[str, Any], **environ: str) -> Iterator[FastDemo]:
    """A demo that is not started yet; it is taken down when the block ends."""
    names = [*Ports.model_fields, *SERVICES]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VIGIE_", "OPENAI_", "COACHING_"))
    }
    demo = FastDemo(
        folder,
        dict(zip(names, free_ports(len(names)), strict=True)),
        kept | {"VIGIE_STATE": str(folder / "state")} | environ,
        dict(notes),
    )
    try:
        yield demo
    finally:
        demo.vigie("down", "--volumes")


def _firing(labels: Mapping[str, str]) -> Firing:
    return Firing(labels["alertname"], labels["severity"], labels.get("service", ""))


def _answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
