"""Docker and its Compose on this machine: found, asked whether they are well, and called.

Compose 2 is a plug-in of Docker's client, which is called by its own path: it is one process then,
and ends its containers in peace when it is told to. Else it is docker-compose, from 1.29 on.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigie.stack.errors import StackError

ANSWER_SECONDS = 60.0
OLDEST_COMPOSE = (1, 29)

WITHOUT = "or leave out --docker: `vigie up` runs the same engines without Docker"

_GOES_BY = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("DOCKER_API_VERSION", "HOME", "PATH", "XDG_RUNTIME_DIR"),
)
"""What says which engine it is, and no secrets: it is noted for whoever stops the containers."""


@dataclass(frozen=True, slots=True)
class Pulling:
    """An image is on its way."""

    image: str


@dataclass(frozen=True, slots=True)
class Docker:
    """The paths of Docker's client and of Compose, and the variables that both go by."""

    client: str
    compose: str
    environ: Mapping[str, str]

    @classmethod
    def found(cls, environ: Mapping[str, str]) -> Docker:
        """What is on `PATH`, with an engine that answers; $DOCKER_HOST says which.

        Raises StackError that says what is missing, and what to do.
        """
        handed_on = {name: environ[name] for name in _GOES_BY if name in environ}
        client = shutil.which("docker", path=environ.get("PATH"))
        if client is None:
            raise StackError(
                "there is no Docker on this machine: no `docker` on PATH\n"
                f"install it (https://docs.docker.com/engine/install/), {WITHOUT}"
            )
        info = _info(client, handed_on)
        compose = _plug_in(info) or shutil.which("docker-compose", path=environ.get("PATH"))
        if compose is None:
            raise StackError(
                "there is no Docker Compose on this machine: neither the plug-in `docker compose`, "
                "nor `docker-compose` on PATH\n"
                f"install it (https://docs.docker.com/compose/install/), {WITHOUT}"
            )
        _check_version(compose, handed_on)
        return cls(client, compose, handed_on)

    def fetch(self, images: Iterable[str], report: Callable[[Pulling], None]) -> None:
        """Pull those of the images that are not there. Raises StackError."""
        told = self._run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
        there = told.stdout.split()
        for image in images:
            if image not in there:
                report(Pulling(image))
                pulled = self._run("pull", "--quiet", image, seconds=None)
                if pulled.returncode:
                    raise StackError(
                        f"the image {image} cannot be had:\n{_said(pulled)}\ntry again, {WITHOUT}"
                    )

    def tool(self, image: str, tool: str, folder: Path) -> Sequence[str]:
        """How a tool of an image is called that is to read what is in `folder`."""
        mount = f"{folder}:{folder}:ro"
        return (
            *(self.client, "run", "--rm", "--network", "none", "--volume", mount),
            *("--entrypoint", tool, image),
        )

    def _run(
        self, *arguments: str, seconds: float | None = ANSWER_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return _run((self.client, *arguments), self.environ, seconds)


def _info(client: str, environ: Mapping[str, str]) -> Any:
    """What Docker tells of its engine and of its client's plug-ins."""
    asked = _run((client, "info", "--format", "{{json .}}"), environ)
    try:
        info = json.loads(asked.stdout)
        refusals = info.get("ServerErrors") or []
    except (ValueError, AttributeError):
        info, refusals = {}, []
    if asked.returncode or refusals or not info.get("ServerVersion"):
        why = "\n".join(f"  {line}" for line in refusals) or _said(asked)
        raise StackError(
            f"Docker's engine does not answer:\n{why}\n"
            f"start it, or name another in $DOCKER_HOST, {WITHOUT}"
        )
    if any("name=rootless" in option for option in info.get("SecurityOptions") or []):
        raise StackError(
            "this Docker engine is rootless: its containers cannot reach what listens on this "
            "machine alone, such as your services\n"
            f"use an engine of the system (docker context use default), {WITHOUT}"
        )
    return info


def _plug_in(info: Any) -> str | None:
    """The path of Compose 2."""
    plug_ins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return next((one["Path"] for one in plug_ins if one.get("Name") == "compose"), None)


def _check_version(compose: str, environ: Mapping[str, str]) -> None:
    asked = _run((compose, "version", "--short"), environ)
    version = re.match(r"v?(\d+)\.(\d+)", asked.stdout)
    if asked.returncode or version is None:
        raise StackError(
            f"{compose} does not tell its version:\n{_said(asked)}\n"
            f"install Docker Compose (https://docs.docker.com/compose/install/), {WITHOUT}"
        )
    if (int(version[1]), int(version[2])) < OLDEST_COMPOSE:
        raise StackError(
            f"{compose} is Docker Compose {asked.stdout.strip()}; the oldest that will do is 1.29\n"
            f"install a newer one (https://docs.docker.com/compose/install/), {WITHOUT}"
        )


def _run(
    command: Sequence[str], environ: Mapping[str, str], seconds: float | None = ANSWER_SECONDS
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=dict(environ),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {seconds:.0f} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip() or "it does not say why").splitlines()
    return "\n".join(f"  {line}" for line in lines[-5:])
