"""The official releases: what comes is what was pinned, or nothing is kept of it.

A real HTTP server stands in for the network, with all that a network does.
"""

from __future__ import annotations

import errno
import hashlib
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vigie.stack.releases import RELEASES, Downloader, Release, ReleaseError, machine

PATH = "/watcher/releases/download/v1.2.3/watcher-1.2.3.linux-amd64.tar.gz"
TEN_MB = 10_000_000

Serve = Callable[[http.server.BaseHTTPRequestHandler], None]


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(f"watcher-1.2.3.linux-amd64/{name}")


GOOD = archive(
    (member("watcher"), b"#!/bin/sh\necho watching\n"),
    (member("watchtool"), b"#!/bin/sh\n"),
    (member("LICENSE"), b"free"),
    (tarfile.TarInfo("../../escaped"), b"evil"),
)


def release_of(content: bytes) -> Release:
    return Release(
        "watcher",
        "1.2.3",
        ("watcher", "watchtool"),
        {"linux-amd64": hashlib.sha256(content).hexdigest()},
    )


@pytest.fixture
def mirror() -> Iterator[Callable[[Serve], str]]:
    """Starts an HTTP server that answers as the given function does; returns its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(serve: Serve) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                serve(self)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def giving(content: bytes, told_bytes: int | None = None) -> Serve:
    def serve(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.path != PATH:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(told_bytes or len(content)))
        request.end_headers()
        request.wfile.write(content)

    return serve


def failure(fetch: Callable[[], object], cache: Path) -> str:
    """The message of a fetch that must fail, after a look that nothing is left of it."""
    with pytest.raises(ReleaseError) as raised:
        fetch()
    assert [path for path in cache.rglob("*") if not path.name.endswith(".lock")] in (
        [],
        [cache / "releases"],
    )
    return str(raised.value)


def test_the_executables_and_nothing_else_are_unpacked(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    progress: list[tuple[int, int | None]] = []
    folder = Downloader(mirror(giving(GOOD))).fetch(
        release_of(GOOD), "linux-amd64", tmp_path, lambda *bytes_: progress.append(bytes_)
    )
    assert sorted(path.name for path in folder.iterdir()) == ["watcher", "watchtool"]
    assert (folder / "watcher").read_bytes() == b"#!/bin/sh\necho watching\n"
    assert (folder / "watcher").stat().st_mode & 0o111
    assert progress[-1] == (len(GOOD), len(GOOD))
    assert not (tmp_path.parent / "escaped").exists()


def test_a_release_is_fetched_once(mirror: Callable[[Serve], str], tmp_path: Path) -> None:
    first = Downloader(mirror(giving(GOOD))).fetch(release_of(GOOD), "linux-amd64", tmp_path)
    nowhere = Downloader("http://127.0.0.1:1")
    assert nowhere.fetch(release_of(GOOD), "linux-amd64", tmp_path) == first


def test_a_wrong_checksum_deletes_the_file_and_fails(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    url, tampered = mirror(giving(GOOD)), release_of(GOOD + b"!")
    told = failure(lambda: Downloader(url).fetch(tampered, "linux-amd64", tmp_path), tmp_path)
    assert told == (
        f"{url}{PATH} has the SHA-256 {hashlib.sha256(GOOD).hexdigest()}, but "
        f"{tampered.sha256['linux-amd64']} was expected: it was deleted, unopened"
    )


def test_a_connection_that_is_cut_is_told_with_what_had_come(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    url = mirror(giving(b"x" * 1000, told_bytes=5000))
    told = failure(
        lambda: Downloader(url).fetch(release_of(GOOD), "linux-amd64", tmp_path), tmp_path
    )
    assert told == f"{url}{PATH} broke off after 1,000 of 5,000 bytes"


def test_a_network_that_goes_silent_is_given_up(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    over = threading.Event()

    def stall(request: http.server.BaseHTTPRequestHandler) -> None:
        giving(b"x" * 1000, told_bytes=5000)(request)
        over.wait(30)

    downloader = Downloader(mirror(stall), stall_seconds=0.2)
    told = failure(lambda: downloader.fetch(release_of(GOOD), "linux-amd64", tmp_path), tmp_path)
    over.set()
    assert told == f"{downloader.base_url}{PATH} was silent for 0.2 s, after 1,000 bytes"


def test_a_network_that_trickles_is_given_up(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    over = threading.Event()

    def trickle(request: http.server.BaseHTTPRequestHandler) -> None:
        giving(b"x", told_bytes=TEN_MB)(request)
        while not over.wait(0.05):
            request.wfile.write(b"x")

    downloader = Downloader(mirror(trickle), patience_seconds=0.3)
    told = failure(lambda: downloader.fetch(release_of(GOOD), "linux-amd64", tmp_path), tmp_path)
    over.set()
    url = re.escape(f"{downloader.base_url}{PATH}")
    assert re.fullmatch(rf"{url} comes too slowly: \d+ bytes in 0 s", told)


def test_a_refusal_is_told_with_its_status(mirror: Callable[[Serve], str], tmp_path: Path) -> None:
    url = mirror(lambda request: request.send_error(404, "Not Found"))
    told = failure(
        lambda: Downloader(url).fetch(release_of(GOOD), "linux-amd64", tmp_path), tmp_path
    )
    assert told == f"{url}{PATH} answered 404 Not Found"


def test_an_unreachable_mirror_is_told(tmp_path: Path) -> None:
    told = failure(
        lambda: Downloader("http://127.0.0.1:1/").fetch(release_of(GOOD), "linux-amd64", tmp_path),
        tmp_path,
    )
    refused = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    assert told == f"http://127.0.0.1:1{PATH} cannot be reached: {refused}"


def test_a_link_in_the_place_of_an_executable_is_refused(
    mirror: Callable[[Serve], str], tmp_path: Path
) -> None:
    link = member("watcher")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    evil = archive((link, b""), (member("watchtool"), b""))
    url = mirror(giving(evil))
    told = failure(
        lambda: Downloader(url).fetch(release_of(evil), "linux-amd64", tmp_path), tmp_path
    )
    assert told == "watcher-1.2.3.linux-amd64/watcher in the archive is not a file"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no archive at all", "not a gzip file"),
        (archive((member("watcher"), b"")), "filename .* not found"),
        (GOOD[:-40], "Compressed file ended"),
    ],
)
def test_a_strange_archive_is_refused(
    mirror: Callable[[Serve], str], tmp_path: Path, content: bytes, why: str
) -> None:
    url = mirror(giving(content))
    told = failure(
        lambda: Downloader(url).fetch(release_of(content), "linux-amd64", tmp_path), tmp_path
    )
    assert re.match(rf"watcher-1\.2\.3\.linux-amd64\.tar\.gz cannot be unpacked: .*{why}", told)


def test_a_platform_without_a_checksum_is_not_offered(tmp_path: Path) -> None:
    told = failure(
        lambda: Downloader("http://127.0.0.1:1").fetch(
            replace(release_of(GOOD), sha256={"linux-amd64": "a", "darwin-arm64": "b"}),
            "plan9-mips",
            tmp_path,
        ),
        tmp_path,
    )
    assert told == (
        "no checksum of watcher 1.2.3 for plan9-mips is known "
        "(for linux-amd64, darwin-arm64, one is)"
    )


def test_the_pinned_checksums_are_checksums() -> None:
    sums = [one for release in RELEASES.values() for one in release.sha256.values()]
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in sums)
    assert len(set(sums)) == len(sums)
    assert all("linux-amd64" in release.sha256 for release in RELEASES.values())


@pytest.mark.parametrize(
    ("system", "processor", "name"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64"),
    ],
)
def test_machines_are_named_as_the_releases_name_them(
    system: str, processor: str, name: str
) -> None:
    assert machine(system, processor) == name
