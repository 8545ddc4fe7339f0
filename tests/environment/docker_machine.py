"""A machine of its own with a real Docker engine: Debian's, in a network and a file system apart.

The engine's bridges and its firewall are in a network namespace that ends with it, and nothing
listens there: the default ports are free, whatever runs outside.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from debian_packages import prefix_with
from vigie.stack.errors import StackError

PACKAGES = ["busybox-static", "docker-compose", "docker.io", "iptables"]
HOST = "unix:///run/engine.sock"

_START_SECONDS = 30
_STOP_SECONDS = 60
_MADE_BY_MOUNTS = (Path("/dev/disk"), Path("/var/lib/docker"))
"""What Docker makes of itself where cAdvisor's container is to see it."""

_WITHHELD = {"CAP_SYS_MODULE": 16, "CAP_SYS_RESOURCE": 24, "CAP_SYS_TIME": 25, "CAP_AUDIT_READ": 37}
"""Powers that a sandbox's root may lack, by their numbers in linux/capability.h."""

_UP = """
import fcntl, socket, struct
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
"""

# A mount that is not shared cannot be seen in a container by its slave, as the node exporter's is.
_BEGIN = """
mount --make-rshared / && mount -t tmpfs tmpfs /run && "$PYTHON" -c "$UP" || exit
for kind in legacy nft; do
    "$FIREWALLS/$kind/iptables" -t nat -S >/dev/null 2>&1 && break
done
PATH="$FIREWALLS/$kind:$PATH" exec dockerd --host "$DOCKER_HOST" --data-root "$DATA" \
    --exec-root /run/engine --pidfile /run/engine.pid
"""


class NoEngineError(Exception):
    """No Docker engine can be started here; `str()` says why."""


@dataclass(frozen=True, slots=True)
class DockerMachine:
    """The engine's process, in whose place commands run, and the variables that they need."""

    engine: int
    environ: Mapping[str, str]

    def run(
        self, *command: str | Path, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this machine."""
        enter = ["nsenter", f"--target={self.engine}", "--net", "--mount"]
        return subprocess.run(
            [*enter, f"--wd={cwd or Path.cwd()}", *command],
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def docker(self, *arguments: str | Path) -> str:
        """What Docker's client answers."""
        done = self.run("docker", *arguments)
        if done.returncode:
            raise RuntimeError(f"docker {arguments[0]} failed:\n{done.stderr}")
        return done.stdout


@contextmanager
def docker_machine(folder: Path, environ: Mapping[str, str]) -> Iterator[DockerMachine]:
    """Start an engine that keeps everything in `folder`; it ends with the block.

    Commands run with `environ`, and find Docker and Compose. Raises NoEngineError.
    """
    if os.geteuid() != 0:
        raise NoEngineError("only root can start a Docker engine")
    try:
        prefix = programs()
    except StackError as error:
        raise NoEngineError(f"Docker cannot be had here: {error}") from error
    path = f"{clients(folder)}:{environ['PATH']}"
    log = folder / "engine.log"
    missing = [one for one in _MADE_BY_MOUNTS if not one.exists()]
    with log.open("w") as output:
        engine = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _BEGIN],
            env={
                "PATH": ":".join(
                    map(str, (_runc(folder, prefix), prefix / "usr/bin", prefix / "usr/sbin"))
                )
                + f":{environ['PATH']}",
                "LD_LIBRARY_PATH": ":".join(map(str, prefix.glob("usr/lib/*-linux-gnu"))),
                "XTABLES_LIBDIR": ":".join(map(str, prefix.glob("usr/lib/*-linux-gnu/xtables"))),
                "FIREWALLS": str(_firewalls(folder, prefix)),
                "DOCKER_HOST": HOST,
                "DATA": str(folder / "engine"),
                "PYTHON": sys.executable,
                "UP": _UP,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    machine = DockerMachine(engine.pid, {**environ, "PATH": path, "DOCKER_HOST": HOST})
    try:
        _wait_until_it_answers(machine, engine, log)
        yield machine
    finally:
        engine.terminate()
        try:
            engine.wait(_STOP_SECONDS)
        finally:
            engine.kill()
            engine.wait()
            for one in missing:
                with suppress(OSError):
                    one.rmdir()


def programs() -> Path:
    """The folder of Debian's Docker, Compose, firewall and busybox."""
    return prefix_with(PACKAGES)


def clients(folder: Path) -> Path:
    """A folder in `folder`, of Docker's client and of Compose, which Debian has in Python."""
    prefix, made = programs(), folder / "clients"
    made.mkdir()
    (made / "docker").symlink_to(prefix / "usr/bin/docker")
    compose = made / "docker-compose"
    modules = prefix / "usr/lib/python3/dist-packages"
    compose.write_text(
        f'#!/bin/sh\nPYTHONPATH={modules} exec {prefix}/usr/bin/docker-compose "$@"\n'
    )
    compose.chmod(0o755)
    return made


def _wait_until_it_answers(
    machine: DockerMachine, engine: subprocess.Popen[bytes], log: Path
) -> None:
    tick = threading.Event()
    for _ in range(_START_SECONDS * 5):
        if engine.poll() is not None:
            break
        if machine.run("docker", "version").returncode == 0:
            return
        tick.wait(0.2)
    lines = log.read_text(errors="replace").splitlines() or ["it printed nothing"]
    raise NoEngineError(f"no Docker engine can be started here: {lines[-1]}")


def _runc(folder: Path, prefix: Path) -> Path:
    """A folder of runc that asks for no power which root itself does not have here.

    A privileged container has all that there are; some sandboxes withhold one or the other.
    """
    made = folder / "runtime"
    made.mkdir()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (has,) = re.findall(r"^CapBnd:\s*(\w+)$", status, re.MULTILINE)
    withheld = [name for name, bit in _WITHHELD.items() if not int(has, 16) >> bit & 1]
    mend = rf"s/\"({'|'.join(withheld)})\",?//g; s/,\]/]/g" if withheld else ""
    runc = made / "runc"
    real = shutil.which("runc", path=f"{prefix}/usr/sbin:{prefix}/usr/bin:{os.environ['PATH']}")
    runc.write_text(
        "#!/bin/sh\nbefore=\n"
        'for part in "$@"; do\n'
        f'  [ "$before" = --bundle ] && sed -i -E "{mend}" "$part/config.json"\n'
        '  before="$part"\n'
        f'done\nexec {real} "$@"\n'
    )
    runc.chmod(0o755)
    return made


def _firewalls(folder: Path, prefix: Path) -> Path:
    """Both kinds of iptables under their usual names, which Debian gives them at installation."""
    made = folder / "firewalls"
    for kind in ("legacy", "nft"):
        (made / kind).mkdir(parents=True)
        program = shutil.which(f"xtables-{kind}-multi", path=f"{prefix}/usr/sbin:/usr/sbin")
        for name in ("iptables", "ip6tables"):
            for action in ("", "-save", "-restore"):
                (made / kind / f"{name}{action}").symlink_to(program or "/nonexistent")
    return made
