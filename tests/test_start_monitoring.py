"""The user's own start command, where there is a Docker Compose; a script stands in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "deployment" / "monitoring" / "start_monitoring.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the script in a folder of its own, and an empty folder of programs."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "monitoring").mkdir()
    shutil.copy(SCRIPT, tmp_path / "monitoring")
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "monitoring" / SCRIPT.name, *arguments],
        env={"PATH": str(folder / "bin")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_docker_is_told_to_start_the_containers(folder: Path) -> None:
    program(folder, "docker", 'echo "$PWD: docker $*"')
    started = start(folder, "--docker", "--wait")
    assert started.returncode == 0, started.stderr
    here = folder / "monitoring"
    assert started.stdout.splitlines() == [
        "Grafana: http://localhost:3000, user admin, "
        f"password in {here}/secrets/grafana_admin_password",
        f"{here}: docker compose -f docker-compose-monitoring.yml up --detach --wait",
    ]


def test_compose_1_is_taken_where_there_is_no_2(folder: Path) -> None:
    program(folder, "docker", "exit 1")
    program(folder, "docker-compose", 'echo "docker-compose $*"')
    started = start(folder, "--docker")
    assert started.stdout.endswith(
        "\ndocker-compose -f docker-compose-monitoring.yml up --detach\n"
    )


def test_grafanas_password_is_made_once_and_for_its_owner_alone(folder: Path) -> None:
    program(folder, "docker", "exit 0")
    before = os.umask(0)
    try:
        start(folder, "--docker")
    finally:
        os.umask(before)
    secret = folder / "monitoring" / "secrets" / "grafana_admin_password"
    first = secret.read_text(encoding="utf-8")
    assert len(first) == 32
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    again = start(folder, "--docker")
    assert secret.read_text(encoding="utf-8") == first
    assert first not in again.stdout


def test_without_docker_it_says_what_to_do(folder: Path) -> None:
    started = start(folder, "--docker")
    assert started.returncode == 1
    assert started.stderr == (
        "start_monitoring.py: there is no Docker Compose on this machine\n"
        "install it (https://docs.docker.com/compose/install/), or leave --docker out: "
        "the same engines then run without Docker\n"
    )
    assert not (folder / "monitoring" / "secrets").exists()
