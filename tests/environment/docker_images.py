"""The images of the Compose file, made of what this machine has: no registry is asked.

Prometheus, Alertmanager and the node exporter are the real ones, of Debian's versions. Loki, Tempo,
Alloy, cAdvisor and Grafana are not in Debian: in their place stands a web server that answers the
paths by which one sees that they are well, and nothing else.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from docker_machine import DockerMachine, programs
from vigie.render.compose import IMAGES
from vigie.stack.binaries import find_all

_NOBODY = 65534
_BASE = "vigie-test/base:1"

_APPLETS = ("sh", "httpd", "wget", "grep", "kill", "cat")
_PAGES = ("api/health", "ready", "-/ready", "healthz", "metrics", "index.html")

_ENTRIES = {
    "prometheus": "/bin/prometheus",
    "alertmanager": "/bin/alertmanager",
    "node-exporter": "/bin/node_exporter",
    "loki": "/usr/bin/loki",
    "tempo": "/stand-ins/tempo",
    "alloy": "/stand-ins/alloy",
    "cadvisor": "/stand-ins/cadvisor",
    "grafana": "/stand-ins/grafana",
}
_REAL = ("prometheus", "alertmanager", "node-exporter")

_SERVES = """#!/bin/sh
trap 'kill $!; exit 0' TERM
httpd -f -h /www -p {where} &
wait
"""
_STAND_INS = {
    "/usr/bin/loki": '#!/bin/sh\n[ "$1" = -health ] && exec wget -q --spider localhost:3100/ready\n'
    + _SERVES.format(where="3100"),
    "/stand-ins/tempo": _SERVES.format(where="3200"),
    "/stand-ins/alloy": _SERVES.format(where="12345"),
    "/stand-ins/cadvisor": _SERVES.format(where="8080"),
    # As Grafana, it does not start without its password.
    "/stand-ins/grafana": '#!/bin/sh\n: < "$GF_SECURITY_ADMIN_PASSWORD__FILE" || exit 1\n'
    + _SERVES.format(where='"$GF_SERVER_HTTP_ADDR:$GF_SERVER_HTTP_PORT"'),
}


def make_images(machine: DockerMachine, folder: Path) -> None:
    """Make every image that the Compose file names, on `machine`."""
    archive = folder / "base.tar"
    with tarfile.open(archive, "w") as tar:
        _fill(tar)
    machine.docker("import", archive, _BASE)
    archive.unlink()
    container = machine.docker("create", _BASE, "/bin/sh").strip()
    for name, image in IMAGES.items():
        changes = [f"ENTRYPOINT {json.dumps([_ENTRIES[name]])}", "WORKDIR /"]
        changes += ["USER nobody"] if name in _REAL else []
        options = [part for change in changes for part in ("--change", change)]
        machine.docker("commit", *options, container, image)
    machine.docker("rm", container)


def _fill(tar: tarfile.TarFile) -> None:
    """One root for all images, which share what is in it."""
    found = find_all(os.environ, lambda _: None)
    real = {
        "prometheus": found["prometheus"].path,
        "promtool": found["prometheus"].tool("promtool"),
        "alertmanager": found["alertmanager"].path,
        "amtool": found["alertmanager"].tool("amtool"),
        "node_exporter": found["node_exporter"].path,
        "bash": Path("/bin/bash"),
    }
    programs_there = {name: path for name, path in real.items() if path}
    for name, path in programs_there.items():
        tar.add(path.resolve(), f"bin/{name}")
    for library in _libraries(programs_there.values()):
        tar.add(library.resolve(), str(library).lstrip("/"))
    if folder := found["alertmanager"].folder:  # Debian's looks for its templates there
        shared = Path("usr/share/prometheus/alertmanager")
        if (folder / shared).exists():
            tar.add(folder / shared, str(shared))
    (busybox,) = programs().glob("**/bin/busybox")
    tar.add(busybox, "bin/busybox")
    for applet in _APPLETS:
        link = tarfile.TarInfo(f"bin/{applet}")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    for kept in ("prometheus", "alertmanager", "tmp"):
        made = tarfile.TarInfo(kept)
        made.type, made.mode, made.uid, made.gid = tarfile.DIRTYPE, 0o1777, _NOBODY, _NOBODY
        tar.addfile(made)
    _add(tar, "etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    _add(tar, "etc/group", "root:x:0:\nnobody:x:65534:\n")
    for page in _PAGES:
        _add(tar, f"www/{page}", "")
    for path, text in _STAND_INS.items():
        _add(tar, path.lstrip("/"), text, mode=0o755)


def _add(tar: tarfile.TarFile, name: str, text: str, mode: int = 0o644) -> None:
    content = text.encode()
    made = tarfile.TarInfo(name)
    made.size, made.mode = len(content), mode
    tar.addfile(made, io.BytesIO(content))


def _libraries(executables: Iterable[Path]) -> set[Path]:
    """What the executables are linked to; static ones need nothing."""
    needed: set[Path] = set()
    for executable in executables:
        told = subprocess.run(["ldd", executable], capture_output=True, text=True, check=False)
        needed |= {Path(path) for path in re.findall(r"(/\S+) \(0x", told.stdout)}
    return needed
