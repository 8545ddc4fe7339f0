"""What is committed for containers, as the engines' own tools see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import promtool
from alertmanager_server import amtool

pytestmark = pytest.mark.servers

MONITORING = Path(__file__).parents[2] / "deployment" / "monitoring"


def test_prometheus_accepts_what_is_committed() -> None:
    content, said = promtool.run("check", "config", MONITORING / "prometheus" / "prometheus.yml")
    assert content, said
    assert "rules found" in said


def test_alertmanager_accepts_what_is_committed() -> None:
    done = subprocess.run(
        [amtool(), "check-config", MONITORING / "alertmanager" / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout
