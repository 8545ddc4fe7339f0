"""Docker and Compose: who is found, and what is said of those that are missing, dead or too old.

Scripts stand in their places; `tests/journeys/test_docker.py` has the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vigie.settings import load
from vigie.stack.docker import Docker, Pulling
from vigie.stack.errors import StackError
from vigie.stack.state import State
from vigie.stack.supervisord import Supervisord
from vigie.stack.up import up

WITHOUT = "or leave out --docker: `vigie up` runs the same engines without Docker"

WELL = {"ServerVersion": "20.10.24", "SecurityOptions": ["name=seccomp,profile=default"]}


class Programs:
    """A folder of scripts, which is all that there is on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.environ = {"PATH": str(folder), "DOCKER_HOST": "unix:///x"}
        self.environ |= {"OPENAI_API_KEY": "k", "DOCKER_AUTH_CONFIG": "{}"}

    def add(self, name: str, script: str) -> Path:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def docker(self, info: Any, status: int = 0, plug_in: Path | None = None) -> None:
        """A client that tells this of its engine, and writes down what else it is asked."""
        plug_ins = [{"Name": "compose", "Path": str(plug_in)}] if plug_in else []
        told = json.dumps({**info, "ClientInfo": {"Plugins": plug_ins}})
        self.add(
            "docker",
            f"case $1 in\ninfo) echo '{told}'; exit {status};;\n"
            f'*) echo "$@" >> {self.folder}/asked; echo prom/prometheus:v3.14.0;;\nesac',
        )

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "bin")


def refusal(programs: Programs) -> str:
    with pytest.raises(StackError) as raised:
        Docker.found(programs.environ)
    assert raised.value.exit_code == 1
    return str(raised.value)


def test_compose_2_is_called_by_the_path_of_the_plug_in(programs: Programs) -> None:
    plug_in = programs.add("plug-in", "echo 2.29.1")
    programs.add("docker-compose", "echo 1.29.2")
    programs.docker(WELL, plug_in=plug_in)
    found = Docker.found(programs.environ)
    assert (found.client, found.compose) == (str(programs.folder / "docker"), str(plug_in))


def test_else_it_is_docker_compose_and_both_know_which_engine_and_nothing_secret(
    programs: Programs,
) -> None:
    programs.docker(WELL)
    programs.add("docker-compose", '[ "$DOCKER_HOST" = unix:///x ] && echo 1.29.2')
    found = Docker.found(programs.environ)
    assert found.compose == str(programs.folder / "docker-compose")
    assert found.environ == {"PATH": str(programs.folder), "DOCKER_HOST": "unix:///x"}


def test_without_docker_it_is_said_what_is_missing(programs: Programs) -> None:
    assert refusal(programs) == (
        "there is no Docker on this machine: no `docker` on PATH\n"
        f"install it (https://docs.docker.com/engine/install/), {WITHOUT}"
    )


def test_without_compose_too(programs: Programs) -> None:
    programs.docker(WELL)
    assert refusal(programs) == (
        "there is no Docker Compose on this machine: neither the plug-in `docker compose`, nor "
        "`docker-compose` on PATH\n"
        f"install it (https://docs.docker.com/compose/install/), {WITHOUT}"
    )


@pytest.mark.parametrize("status", [0, 1])
def test_a_dead_engine_is_told_in_dockers_words(programs: Programs, status: int) -> None:
    """Older clients end well even so."""
    dead = {"ServerErrors": ["Cannot connect to the Docker daemon at unix:///x."]}
    programs.docker(dead, status)
    assert refusal(programs) == (
        "Docker's engine does not answer:\n"
        "  Cannot connect to the Docker daemon at unix:///x.\n"
        f"start it, or name another in $DOCKER_HOST, {WITHOUT}"
    )


def test_newer_clients_tell_it_elsewhere(programs: Programs) -> None:
    programs.add(
        "docker", 'echo "{\\"ServerVersion\\": \\"\\"}"; echo permission denied >&2; exit 1'
    )
    assert refusal(programs).splitlines()[:2] == [
        "Docker's engine does not answer:",
        "  permission denied",
    ]


def test_an_engine_that_cannot_reach_this_machine_is_not_taken(programs: Programs) -> None:
    programs.docker({**WELL, "SecurityOptions": ["name=seccomp", "name=rootless"]})
    assert refusal(programs) == (
        "this Docker engine is rootless: its containers cannot reach what listens on this machine "
        "alone, such as your services\n"
        f"use an engine of the system (docker context use default), {WITHOUT}"
    )


@pytest.mark.parametrize("version", ["1.25.0", "0.99.9"])
def test_a_compose_that_does_not_understand_the_file_is_told_by_its_version(
    programs: Programs, version: str
) -> None:
    programs.docker(WELL)
    compose = programs.add("docker-compose", f"echo {version}")
    assert refusal(programs) == (
        f"{compose} is Docker Compose {version}; the oldest that will do is 1.29\n"
        f"install a newer one (https://docs.docker.com/compose/install/), {WITHOUT}"
    )


def test_what_is_no_compose_is_told_with_what_it_says(programs: Programs) -> None:
    programs.docker(WELL)
    compose = programs.add("docker-compose", "echo no module named compose >&2; exit 1")
    assert refusal(programs) == (
        f"{compose} does not tell its version:\n  no module named compose\n"
        f"install Docker Compose (https://docs.docker.com/compose/install/), {WITHOUT}"
    )


def test_only_images_that_are_not_there_are_pulled(programs: Programs) -> None:
    programs.docker(WELL)
    programs.add("docker-compose", "echo 1.29.2")
    told: list[Pulling] = []
    Docker.found(programs.environ).fetch(["prom/prometheus:v3.14.0", "grafana/x:1"], told.append)
    assert told == [Pulling("grafana/x:1")]
    assert programs.asked()[1:] == ["pull --quiet grafana/x:1"]


def test_an_image_that_cannot_be_had_is_told(programs: Programs) -> None:
    programs.docker(WELL)
    programs.add("docker-compose", "echo 1.29.2")
    docker = Docker.found(programs.environ)
    programs.add("docker", '[ "$1" = pull ] && echo no such host >&2 && exit 1')
    with pytest.raises(StackError) as raised:
        docker.fetch(["grafana/x:1"], lambda _: None)
    assert str(raised.value) == (
        f"the image grafana/x:1 cannot be had:\n  no such host\ntry again, {WITHOUT}"
    )


def test_a_tool_of_an_image_reads_one_folder_and_reaches_nobody(programs: Programs) -> None:
    programs.docker(WELL)
    programs.add("docker-compose", "echo 1.29.2")
    call = Docker.found(programs.environ).tool("prom/prometheus:v3.14.0", "promtool", Path("/a b"))
    assert call == (
        *(str(programs.folder / "docker"), "run", "--rm", "--network", "none"),
        *("--volume", "/a b:/a b:ro", "--entrypoint", "promtool", "prom/prometheus:v3.14.0"),
    )


@pytest.mark.servers
def test_a_person_is_told_so_on_the_command_line(programs: Programs, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vigie", "up", "--docker", "--state", str(tmp_path / "state")],
        cwd=tmp_path,
        env={**programs.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "vigie: there is no Docker on this machine: no `docker` on PATH\n"
        f"install it (https://docs.docker.com/engine/install/), {WITHOUT}\n"
    )


def test_nothing_is_started_where_docker_is_not_well(
    programs: Programs, tmp_path: Path, state: State
) -> None:
    environ = {**os.environ, **programs.environ}
    with pytest.raises(StackError, match="there is no Docker on this machine"):
        up(state, load(environ={}, start=tmp_path), environ, lambda _: None, docker=True)
    assert not Supervisord(state).running()
    assert list((state.folder / "config").iterdir()) == []
    assert list((state.folder / "secrets").iterdir()) == []
