"""The official releases of the Prometheus project, for systems without Debian's packages.

What is downloaded must have the SHA-256 that is written here; each sum was found equal in at least
two independent public places on the day it was checked. A platform without such a sum is not
offered.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vigie.stack import cache as caches
from vigie.stack.errors import StackError

VARIABLE = "VIGIE_RELEASES_URL"
"""Names a mirror with the same paths as the default."""

RELEASES_URL = "https://github.com/prometheus"

BLOCK_BYTES = 1 << 16

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come and the bytes that are to come (None: not told)."""


class ReleaseError(StackError):
    """The release could not be had; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one project: the executables in its archive, and each archive's SHA-256."""

    project: str
    version: str
    executables: tuple[str, ...]
    sha256: Mapping[str, str]

    def archive(self, machine: str) -> str:
        """The archive's name without its ending: `prometheus-3.14.0.linux-amd64`."""
        return f"{self.project}-{self.version}.{machine}"


# Checked 2026-11-24.
RELEASES = {
    "prometheus": Release(
        "prometheus",
        "3.14.0",
        ("prometheus", "promtool"),
        {
            "linux-amd64": "f665c6da19eb7ba399c915d30c7d9793c9b417bf8a749b504bc470678631478d",
            "linux-arm64": "077f3781ab7245dc04c9a3c9b78ba120fc8e41aa0dc97489b0af67247e50ba83",
            "darwin-amd64": "a14307b9726e66cadb81be9a544732623af26dabeb7702c987aa9c3c062ada34",
            "darwin-arm64": "a9623f7f4fe65b1b171b423c1a72bbf23dfdf41a171dcb33e7dd302af80dc01c",
        },
    ),
    "alertmanager": Release(
        "alertmanager",
        "0.34.0",
        ("alertmanager", "amtool"),
        {
            "linux-amd64": "19c75a11d8c03dc4ade7abdbddfb3a8f28c9e7b000d0849cda0cd71dffd74a03",
            "darwin-arm64": "0cb31efe439c58ab77594b62a28f9de95f2d08beccf0f11eba4b822b2f549b82",
        },
    ),
    "node_exporter": Release(
        "node_exporter",
        "1.12.1",
        ("node_exporter",),
        {
            "linux-amd64": "b51d8a76aa2a9156a55d501aca6276fae09e262259a5e4e831d2c2222f084e63",
            "linux-arm64": "ad35b605f9954b9f1ffddf5ba054bdc5a98d790b9eae5291e1eeb83f1ecbd0e7",
        },
    ),
}


def machine(system: str = platform.system(), processor: str = platform.machine()) -> str:
    """This machine in the releases' words: `linux-amd64`, `darwin-arm64`."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return f"{system.lower()}-{names.get(processor.lower(), processor.lower())}"


@dataclass(frozen=True, slots=True)
class Downloader:
    """Where releases come from, and how much patience there is with it.

    `stall_seconds` is how long the network may be silent; below `slowest_bytes_per_second`, on
    average since `patience_seconds`, a download is given up.
    """

    base_url: str = RELEASES_URL
    stall_seconds: float = 20
    patience_seconds: float = 30
    slowest_bytes_per_second: float = 20_000

    def fetch(
        self, release: Release, machine: str, cache: Path, progress: Progress = lambda *_: None
    ) -> Path:
        """Return a folder with the release's executables in it, kept in `cache`.

        Raises ReleaseError when the platform is not offered, the network fails, or what came is not
        what was pinned; nothing is left of it then.
        """
        sha256 = release.sha256.get(machine)
        if sha256 is None:
            raise ReleaseError(
                f"no checksum of {release.project} {release.version} for {machine} is known "
                f"(for {', '.join(release.sha256)}, one is)"
            )
        return caches.keep(
            place(release, machine, cache),
            partial(self._fetch_into, release, machine, sha256, progress),
        )

    def _fetch_into(
        self, release: Release, machine: str, sha256: str, progress: Progress, folder: Path
    ) -> None:
        name = release.archive(machine)
        url = (
            f"{self.base_url.rstrip('/')}/{release.project}/releases/download/"
            f"v{release.version}/{name}.tar.gz"
        )
        archive = folder / "archive.tar.gz"
        got = self._download(url, archive, progress)
        if got != sha256:
            archive.unlink()
            raise ReleaseError(
                f"{url} has the SHA-256 {got}, but {sha256} was expected: it was deleted, unopened"
            )
        _unpack(archive, name, release.executables, folder)
        archive.unlink()

    def _download(self, url: str, archive: Path, progress: Progress) -> str:
        """Write what `url` answers into `archive`; return its SHA-256."""
        digest = hashlib.sha256()
        started = time.monotonic()
        size_bytes = 0
        try:
            with (
                urllib.request.urlopen(url, timeout=self.stall_seconds) as answer,
                archive.open("wb") as file,
            ):
                told = answer.headers.get("Content-Length")
                whole_bytes = int(told) if told else None
                while block := answer.read1(BLOCK_BYTES):
                    file.write(block)
                    digest.update(block)
                    size_bytes += len(block)
                    progress(size_bytes, whole_bytes)
                    seconds = time.monotonic() - started
                    if seconds > self.patience_seconds:
                        rate = size_bytes / seconds
                        if rate < self.slowest_bytes_per_second:
                            raise ReleaseError(
                                f"{url} comes too slowly: {size_bytes:,} bytes in {seconds:.0f} s"
                            )
        except urllib.error.HTTPError as error:
            error.close()
            raise ReleaseError(f"{url} answered {error.code} {error.reason}") from error
        except TimeoutError as error:
            raise ReleaseError(
                f"{url} was silent for {self.stall_seconds:g} s, after {size_bytes:,} bytes"
            ) from error
        except urllib.error.URLError as error:
            raise ReleaseError(f"{url} cannot be reached: {error.reason}") from error
        except OSError as error:
            raise ReleaseError(f"{url} broke off after {size_bytes:,} bytes: {error}") from error
        if whole_bytes is not None and size_bytes != whole_bytes:
            raise ReleaseError(f"{url} broke off after {size_bytes:,} of {whole_bytes:,} bytes")
        return digest.hexdigest()


def place(release: Release, machine: str, cache: Path) -> Path:
    """Where `Downloader.fetch` keeps a release."""
    return cache / "releases" / release.archive(machine)


def _unpack(archive: Path, name: str, executables: tuple[str, ...], folder: Path) -> None:
    """Copy the executables, and nothing else, out of the archive: no path in it is followed."""
    try:
        with tarfile.open(archive, "r:gz") as members:
            for executable in executables:
                member = members.getmember(f"{name}/{executable}")
                content = members.extractfile(member) if member.isfile() else None
                if content is None:
                    raise ReleaseError(f"{name}/{executable} in the archive is not a file")
                with content, (folder / executable).open("wb") as file:
                    shutil.copyfileobj(content, file)
                (folder / executable).chmod(0o755)
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise ReleaseError(f"{name}.tar.gz cannot be unpacked: {error}") from error
