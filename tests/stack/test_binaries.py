"""The order in which binaries are looked for, and what is told when none is found."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from vigie.stack import debian, releases
from vigie.stack.binaries import (
    ALERTMANAGER,
    NODE_EXPORTER,
    PROMETHEUS,
    Binary,
    Downloading,
    Executable,
    Search,
)
from vigie.stack.errors import RequestError, StackError

MACHINE = "linux-amd64"


def executable(path: Path, version: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    """A search that no network helps: no apt, and releases that nobody serves."""
    monkeypatch.setenv("PATH", str(tmp_path / "no-tools"))
    return Search(
        path=f"{tmp_path}/a:{tmp_path}/b",
        cache=tmp_path / "cache",
        downloader=releases.Downloader("http://127.0.0.1:1"),
        machine=MACHINE,
    )


def found(search: Search, binary: Binary, named: Path | None = None) -> Executable:
    return search.find([(binary, named)], lambda event: None)[binary.setting]


def test_the_setting_comes_before_path_before_debian_before_the_release(
    search: Search, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    release = releases.place(releases.RELEASES["alertmanager"], MACHINE, cache)
    package = debian.place(["prometheus-alertmanager"], cache)
    places = [
        executable(release / "alertmanager"),
        executable(package / "usr" / "bin" / "prometheus-alertmanager"),
        executable(tmp_path / "b" / "prometheus-alertmanager"),
        executable(tmp_path / "b" / "alertmanager"),
        executable(tmp_path / "a" / "alertmanager"),
    ]
    named = executable(tmp_path / "mine")
    assert found(search, ALERTMANAGER, named).path == named
    while places:
        assert found(search, ALERTMANAGER).path == places[-1]
        places.pop().unlink()


@pytest.mark.parametrize("binary", [PROMETHEUS, ALERTMANAGER, NODE_EXPORTER])
def test_debians_names_are_found_on_path(search: Search, tmp_path: Path, binary: Binary) -> None:
    path = executable(tmp_path / "b" / binary.names[-1])
    assert found(search, binary) == Executable(path)


def test_an_unpacked_package_is_told_where_its_own_files_are(
    search: Search, tmp_path: Path
) -> None:
    package = debian.place(["prometheus"], tmp_path / "cache")
    path = executable(package / "usr" / "bin" / "prometheus")
    promtool = executable(package / "usr" / "bin" / "promtool")
    prometheus = found(search, PROMETHEUS)
    flag = f"--web.local-assets={package}/usr/share/prometheus/web/"
    assert prometheus == Executable(path, (flag,))
    assert prometheus.tool("promtool") == promtool
    assert prometheus.tool("amtool") is None


def test_an_unpacked_alertmanager_runs_where_its_templates_are(
    search: Search, tmp_path: Path
) -> None:
    package = debian.place(["prometheus-alertmanager"], tmp_path / "cache")
    path = executable(package / "usr" / "bin" / "prometheus-alertmanager")
    assert found(search, ALERTMANAGER) == Executable(path, (), package)


def test_the_release_is_fetched_when_nothing_else_helps(search: Search, tmp_path: Path) -> None:
    told: list[Downloading] = []
    with pytest.raises(StackError):
        search.find([(NODE_EXPORTER, None)], told.append)
    assert told == [Downloading(NODE_EXPORTER, "Debian")]


def test_what_was_tried_is_told_with_what_to_do(search: Search, tmp_path: Path) -> None:
    with pytest.raises(StackError) as raised:
        search.find([(ALERTMANAGER, None), (NODE_EXPORTER, None)], lambda event: None)
    assert raised.value.exit_code == 1
    url = "http://127.0.0.1:1"
    refused = f"cannot be reached: [Errno {errno.ECONNREFUSED}] Connection refused"
    assert str(raised.value) == (
        f"""\
Alertmanager was not found; what was tried:
  binaries.alertmanager: not set
  PATH: no alertmanager or prometheus-alertmanager in {tmp_path}/a:{tmp_path}/b
  Vigie's cache: nothing in {tmp_path}/cache
  Debian's package: apt-get and dpkg-deb not on this machine
  the official release: {url}/alertmanager/releases/download/v0.34.0/\
alertmanager-0.34.0.linux-amd64.tar.gz {refused}
put alertmanager on PATH, or name it: binaries.alertmanager in vigie.yml, or \
VIGIE_BINARIES__ALERTMANAGER=FILE

Node exporter was not found; what was tried:
  binaries.node_exporter: not set
  PATH: no node_exporter or prometheus-node-exporter in {tmp_path}/a:{tmp_path}/b
  Vigie's cache: nothing in {tmp_path}/cache
  Debian's package: apt-get and dpkg-deb not on this machine
  the official release: {url}/node_exporter/releases/download/v1.12.1/\
node_exporter-1.12.1.linux-amd64.tar.gz {refused}
put node_exporter on PATH, or name it: binaries.node_exporter in vigie.yml, or \
VIGIE_BINARIES__NODE_EXPORTER=FILE"""
    )


def test_a_setting_that_names_no_executable_is_wrong(search: Search, tmp_path: Path) -> None:
    executable(tmp_path / "a" / "prometheus")  # which is not what was asked for
    with pytest.raises(RequestError) as raised:
        found(search, PROMETHEUS, tmp_path / "nowhere")
    assert str(raised.value) == (
        f"binaries.prometheus is {tmp_path}/nowhere, which is not a file\n"
        "name the executable of Prometheus, or leave the setting out so that it is found"
    )
    (tmp_path / "text").write_text("")
    with pytest.raises(RequestError, match="which is not executable"):
        found(search, PROMETHEUS, tmp_path / "text")


def test_an_executable_that_is_too_old_is_passed_over(search: Search, tmp_path: Path) -> None:
    old = "prometheus, version 2.41.3+ds (branch: debian/sid, revision: 2.41.3+ds-1)"
    first = executable(tmp_path / "a" / "prometheus", old)
    with pytest.raises(StackError) as raised:
        found(search, PROMETHEUS)
    assert (
        f"\n  PATH: {first}, which is of version 2.41.3+ds: what Vigie writes needs 2.42 or newer\n"
    ) in str(raised.value)
    package = debian.place(["prometheus"], tmp_path / "cache")
    cached = executable(package / "usr" / "bin" / "prometheus")
    assert found(search, PROMETHEUS).path == cached


def test_a_setting_that_names_one_that_is_too_old_is_wrong(search: Search, tmp_path: Path) -> None:
    old = executable(tmp_path / "am", "alertmanager, version 0.24.0 (branch: HEAD)")
    with pytest.raises(RequestError) as raised:
        found(search, ALERTMANAGER, old)
    assert str(raised.value) == (
        f"binaries.alertmanager is {old}, which is of version 0.24.0: what Vigie writes needs "
        "0.25 or newer\n"
        "name a newer one, or leave the setting out so that one is found"
    )


@pytest.mark.parametrize("version", ["2.42.0", "2.100.1", "3.0.0-rc.1", "v3.14.0", "unknown", ""])
def test_what_is_new_enough_or_does_not_tell_is_used(
    search: Search, tmp_path: Path, version: str
) -> None:
    path = executable(tmp_path / "a" / "prometheus", f"prometheus, version {version} (branch: x)")
    assert found(search, PROMETHEUS).path == path


def test_the_environment_names_path_cache_and_mirror() -> None:
    search = Search.usual(
        {"PATH": "/x:/y", "VIGIE_CACHE": "/z", "VIGIE_RELEASES_URL": "http://mirror.example"}
    )
    assert (search.path, search.cache) == ("/x:/y", Path("/z"))
    assert search.downloader.base_url == "http://mirror.example"
