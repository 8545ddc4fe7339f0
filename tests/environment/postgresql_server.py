"""A real PostgreSQL server for tests: Debian's, run from a folder of its own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian_packages import prefix_with

PACKAGES = ["postgresql"]


@contextmanager
def running_postgresql(folder: Path) -> Iterator[str]:
    """Start a server in `folder` on a free port; yields its URL, and ends it afterwards."""
    bin_folder, environ = programs()
    data, user = folder / "data", None
    if os.geteuid() == 0:  # PostgreSQL refuses root
        user = "nobody"
        folder = Path("/tmp") / f"vigie-postgresql-{os.getpid()}"
        folder.mkdir(mode=0o700)
        shutil.chown(folder, user)
        data = folder / "data"
    try:
        _run(
            [bin_folder / "initdb", "-D", data, "-U", "vigie", "--auth=trust", "-N"], environ, user
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = [bin_folder / "pg_ctl", "-D", data, "-w"]
        log = folder / "log"
        _run([*control, "-l", log, "-o", options, "start"], environ, user)
        try:
            yield f"postgresql://vigie@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"], environ, user)
    finally:
        if user:
            shutil.rmtree(folder)


def programs() -> tuple[Path, dict[str, str]]:
    """The folder of initdb and pg_ctl, and the environment that they need."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if installed:
        return installed[-1].parent, dict(os.environ)
    prefix = prefix_with(PACKAGES)
    found = sorted(prefix.glob("usr/lib/postgresql/*/bin/initdb"))[-1]
    libraries = ":".join(map(str, prefix.glob("usr/lib/*-linux-gnu")))
    return found.parent, {**os.environ, "LD_LIBRARY_PATH": libraries}


def _run(command: list[object], environ: dict[str, str], user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        env={**environ, "LC_ALL": "C.UTF-8"},
        user=user,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")
