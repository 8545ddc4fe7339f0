"""Where the engines' executables come from.

In this order: the setting; PATH; Vigie's own cache; Debian's package, unpacked into that cache;
the official release of the pinned version, likewise. What was tried, and why it failed, is told
when nothing helps.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from vigie.stack import cache as caches
from vigie.stack import commands, debian, releases
from vigie.stack.errors import RequestError, StackError

VERSION_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Binary:
    """An executable that Vigie runs but does not hold.

    `names` are its possible file names, the project's own first. `package` is Debian's, which
    expects files of its own under /usr/share: `shared` is the path that is built into the
    executable, `shared_flags` are options that take one (`{folder}`: where the package is).
    `oldest` is the first version that reads what is rendered.
    """

    setting: str
    title: str
    names: tuple[str, ...]
    package: str
    shared: str = ""
    shared_flags: tuple[str, ...] = ()
    oldest: tuple[int, int] = (0, 0)

    @property
    def variable(self) -> str:
        """The environment variable that names it: VIGIE_BINARIES__PROMETHEUS."""
        return f"VIGIE_BINARIES__{self.setting.upper()}"


PROMETHEUS = Binary(
    "prometheus",
    "Prometheus",
    ("prometheus",),
    "prometheus",
    shared_flags=("--web.local-assets={folder}/usr/share/prometheus/web/",),
    oldest=(2, 42),
)
ALERTMANAGER = Binary(
    "alertmanager",
    "Alertmanager",
    ("alertmanager", "prometheus-alertmanager"),
    "prometheus-alertmanager",
    shared="/usr/share/prometheus/alertmanager",  # its notification templates
    oldest=(0, 25),
)
NODE_EXPORTER = Binary(
    "node_exporter",
    "Node exporter",
    ("node_exporter", "prometheus-node-exporter"),
    "prometheus-node-exporter",
)
ENGINES = (PROMETHEUS, ALERTMANAGER, NODE_EXPORTER)


@dataclass(frozen=True, slots=True)
class Executable:
    """A binary that was found: it needs these `arguments`, and to run in `folder`, if any."""

    path: Path
    arguments: tuple[str, ...] = ()
    folder: Path | None = None

    def tool(self, name: str) -> Path | None:
        """An executable that comes with it, such as promtool or amtool."""
        beside = self.path.with_name(name)
        return beside if _executable(beside) else None


@dataclass(frozen=True, slots=True)
class Downloading:
    """A binary is on its way; `whole_bytes` is None while its size is not known."""

    binary: Binary
    source: str
    got_bytes: int = 0
    whole_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """The places where binaries are looked for.

    `path` is searched as the shell does; `cache` is where downloads are kept.
    """

    path: str
    cache: Path
    downloader: releases.Downloader = field(default_factory=releases.Downloader)
    machine: str = field(default_factory=releases.machine)

    @classmethod
    def usual(cls, environ: Mapping[str, str] = os.environ) -> Search:
        """PATH, the cache folder and the releases' address, as the environment has them."""
        base_url = environ.get(releases.VARIABLE, releases.RELEASES_URL)
        return cls(
            environ.get("PATH", os.defpath),
            caches.default_folder(environ),
            releases.Downloader(base_url),
        )

    def find(
        self, wanted: Iterable[tuple[Binary, Path | None]], report: Callable[[Downloading], None]
    ) -> dict[str, Executable]:
        """Find each binary, given what its setting says; return them by the setting's name.

        Several are looked for at once. Raises StackError that tells, for each that was not found,
        what was tried, why that failed, and what to do.
        """
        found: dict[str, Executable] = {}
        lacking: dict[str, Exception] = {}

        def look(binary: Binary, named: Path | None) -> None:
            try:
                found[binary.setting] = self._find(binary, named, report)
            except Exception as error:
                lacking[binary.setting] = error

        # Daemons: Ctrl-C must not have to wait for the end of a download.
        threads = [Thread(target=look, args=one, daemon=True) for one in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error in lacking.values():
            if not isinstance(error, StackError):
                raise error
        if lacking:
            told = "\n\n".join(str(error) for _, error in sorted(lacking.items()))
            wrong = any(isinstance(error, RequestError) for error in lacking.values())
            raise RequestError(told) if wrong else StackError(told)
        return found

    def _find(
        self, binary: Binary, named: Path | None, report: Callable[[Downloading], None]
    ) -> Executable:
        if named is not None:
            if not _executable(named):
                raise _unusable(binary, named)
            if old := _too_old(binary, named):
                raise RequestError(
                    f"binaries.{binary.setting} is {named}, {old}\n"
                    "name a newer one, or leave the setting out so that one is found"
                )
            return Executable(named)
        tried: list[str] = []
        for source, look in self._sources(binary, report):
            try:
                return look()
            except StackError as error:
                tried.append(f"  {source}: {error}")
        raise StackError(
            f"{binary.title} was not found; what was tried:\n"
            f"  binaries.{binary.setting}: not set\n"
            + "\n".join(tried)
            + f"\nput {binary.names[0]} on PATH, or name it: binaries.{binary.setting} in "
            f"vigie.yml, or {binary.variable}=FILE"
        )

    def _sources(
        self, binary: Binary, report: Callable[[Downloading], None]
    ) -> Iterator[tuple[str, Callable[[], Executable]]]:
        yield "PATH", lambda: self._on_path(binary)
        yield "Vigie's cache", lambda: self._in_cache(binary)
        yield "Debian's package", lambda: self._from_debian(binary, report)
        yield "the official release", lambda: self._from_release(binary, report)

    def _on_path(self, binary: Binary) -> Executable:
        old = ""
        for name in binary.names:
            if found := shutil.which(name, path=self.path):
                if not (old := _too_old(binary, Path(found))):
                    return Executable(Path(found).absolute())
                old = f"{found}, {old}"
        why = f"no {' or '.join(binary.names)} in {self.path or 'it: it is empty'}"
        raise StackError(old or why)

    def _in_cache(self, binary: Binary) -> Executable:
        package = debian.place([binary.package], self.cache)
        for name in reversed(binary.names):
            if _executable(found := package / "usr" / "bin" / name):
                flags = tuple(flag.format(folder=package) for flag in binary.shared_flags)
                return Executable(found, flags, package if binary.shared else None)
        release = releases.place(releases.RELEASES[binary.setting], self.machine, self.cache)
        if _executable(found := release / binary.names[0]):
            return Executable(found)
        raise StackError(f"nothing in {self.cache}")

    def _from_debian(self, binary: Binary, report: Callable[[Downloading], None]) -> Executable:
        report(Downloading(binary, "Debian"))
        debian.fetch([binary.package], self.cache, relocate=binary.shared)
        return self._in_cache(binary)

    def _from_release(self, binary: Binary, report: Callable[[Downloading], None]) -> Executable:
        release = releases.RELEASES[binary.setting]

        def progress(got_bytes: int, whole_bytes: int | None) -> None:
            report(Downloading(binary, self.downloader.base_url, got_bytes, whole_bytes))

        self.downloader.fetch(release, self.machine, self.cache, progress)
        return self._in_cache(binary)


def find_all(
    environ: Mapping[str, str] = os.environ,
    report: Callable[[Downloading], None] = lambda event: None,
    named: Mapping[str, Path | None] | None = None,
) -> dict[str, Executable]:
    """Find every engine in the usual places, by the name of its setting; `named` are the settings.

    Raises StackError, see `Search.find`.
    """
    wanted = [(binary, (named or {}).get(binary.setting)) for binary in ENGINES]
    return Search.usual(environ).find(wanted, report)


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _too_old(binary: Binary, path: Path) -> str:
    """What is wrong with its version; nothing where it is new enough, or does not tell."""
    if binary.oldest == (0, 0):
        return ""
    try:
        told = commands.run([path, "--version"], VERSION_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    version = re.search(r"\bversion v?(\d+)\.(\d+)[\w.+~-]*", told)
    if version is None or (int(version[1]), int(version[2])) >= binary.oldest:
        return ""
    wanted = ".".join(map(str, binary.oldest))
    return f"which is of {version[0]}: what Vigie writes needs {wanted} or newer"


def _unusable(binary: Binary, named: Path) -> RequestError:
    why = "is not executable" if named.is_file() else "is not a file"
    return RequestError(
        f"binaries.{binary.setting} is {named}, which {why}\n"
        f"name the executable of {binary.title}, or leave the setting out so that it is found"
    )
