"""Debian's and Ubuntu's packages, unpacked into a folder of ours.

apt downloads them and verifies their signatures; `dpkg-deb` unpacks them. No root is needed, the
system is not changed, and no service is started (installing `prometheus` would start one).

A package expects to be in /. What it links to is looked for in the folder, then in the system; a
path that is built into its executables can be made relative.

    python -m vigie.stack.debian postgresql-15      prints the folder that they were unpacked into
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vigie.stack import cache as caches
from vigie.stack.errors import StackError

TIMEOUT_SECONDS = 600.0
"""How long one call of apt may take."""

FRESH_SECONDS = 300.0
"""Package lists of ours are not fetched again for this long."""

OS_RELEASE = Path("/etc/os-release")


class DebianError(StackError):
    """The packages could not be had from Debian; `str()` says why."""


def fetch(packages: Sequence[str], cache: Path, relocate: str = "") -> Path:
    """Return a folder with `packages` unpacked in it: `<folder>/usr/bin/…`.

    What they need and this system lacks is unpacked beside them, so that they run with
    `<folder>/usr/lib/<triplet>` on the library path. `relocate` is a path, such as /usr/share/x,
    that their executables open: it is made relative, so that they find it when they run in the
    folder. What was fetched once is kept in `cache`. Safe to call from several processes at once.
    Raises DebianError.
    """
    return caches.keep(place(packages, cache), partial(_fetch_into, packages, cache, relocate))


def place(packages: Sequence[str], cache: Path) -> Path:
    """Where `fetch` keeps these packages: one folder for each release of the system."""
    return cache / "debian" / _system() / "+".join(sorted(packages))


def _fetch_into(packages: Sequence[str], cache: Path, relocate: str, folder: Path) -> None:
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]:
        raise DebianError(f"{' and '.join(missing)} not on this machine")
    downloads = folder / "downloads"
    downloads.mkdir()
    try:
        _download(packages, downloads, [])
    except DebianError:
        # The system has no package lists, or old ones that name files which are gone.
        _download(packages, downloads, _private_lists(cache))
    for package in sorted(downloads.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(folder)], folder)
    shutil.rmtree(downloads)
    _mend_links(folder)
    if relocate:
        _relocate(relocate, folder / "usr" / "bin")


def _download(packages: Sequence[str], folder: Path, options: Sequence[str]) -> None:
    plan = _apt([*options, "install", "--simulate", "--no-install-recommends", *packages], folder)
    # Inst libpq5 [15.18-0+deb12u1] (15.20-0+deb12u1 Debian-Security:12/… [amd64])
    lacking = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
    _apt([*options, "download", *sorted({*packages, *lacking})], folder)


def _mend_links(folder: Path) -> None:
    """Point the links that lead nowhere to where they would lead in /."""
    for link in (path for path in folder.rglob("*") if path.is_symlink()):
        meant = Path(os.path.normpath(link.parent / link.readlink()))
        from_root = meant.relative_to(folder if meant.is_relative_to(folder) else "/")
        inside, system = folder / from_root, "/" / from_root
        if meant != inside and inside.exists():
            target = Path(os.path.relpath(inside, link.parent))
        elif not meant.exists() and system.exists():
            target = system
        else:
            continue
        link.unlink()
        link.symlink_to(target)


def _relocate(path: str, executables: Path) -> None:
    """Make `path` relative in the executables, which keep their length: `/a/b` becomes `a/b/`."""
    absolute, relative = path.encode(), path.removeprefix("/").encode() + b"/"
    for executable in executables.iterdir():
        content = executable.read_bytes()
        if absolute in content:
            executable.write_bytes(content.replace(absolute, relative))


def _private_lists(cache: Path) -> list[str]:
    """Fresh package lists in `cache`, as options for apt."""
    folder = cache / "debian" / "apt"
    lists, archives, stamp = folder / "lists", folder / "archives", folder / "updated"
    options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={archives}"]
    with caches.alone(folder):
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > FRESH_SECONDS:
            for made in (lists / "partial", archives / "partial"):
                made.mkdir(parents=True, exist_ok=True)
            # A source of somebody else's that fails must not matter: the download tells what lacks.
            _apt([*options, "update"], cache, check=False)
            stamp.touch()
    return options


def _apt(arguments: Sequence[str], folder: Path, check: bool = True) -> str:
    return _run(
        [
            "apt-get",
            "--quiet",
            "--yes",
            *("-o", "Acquire::http::Timeout=20"),
            *("-o", "Acquire::https::Timeout=20"),
            *("-o", "Acquire::Retries=1"),
            # Whatever the system allows elsewhere, nothing unsigned is run from here.
            *("-o", "APT::Get::AllowUnauthenticated=false"),
            *("-o", "Acquire::AllowInsecureRepositories=false"),
            # Run by root, apt downloads as `_apt`, which cannot write into our folder.
            *("-o", "APT::Sandbox::User=root"),
            *arguments,
        ],
        folder,
        check,
    )


def _run(command: Sequence[str], folder: Path, check: bool = True) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise DebianError(f"{command[0]} took more than {TIMEOUT_SECONDS:.0f} s") from None
    if check and done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise DebianError("; ".join(told) or f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _system() -> str:
    """`debian-12`: binaries are not shared between releases, whose libraries differ."""
    try:
        text = OS_RELEASE.read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return f"{values.get('ID', 'unknown')}-{values.get('VERSION_ID', 'rolling')}"


if __name__ == "__main__":
    try:
        print(fetch(sys.argv[1:], caches.default_folder()))
    except StackError as error:
        sys.exit(f"{error}")
