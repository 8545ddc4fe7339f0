"""Debian's packages: fetched by the real apt, unpacked into the cache, able to run from there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vigie.stack import debian
from vigie.stack.debian import DebianError

with_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get here")


@with_apt
@pytest.mark.servers
def test_a_package_is_fetched_once_and_its_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = debian.fetch(["prometheus-node-exporter"], tmp_path)
    program = folder / "usr" / "bin" / "prometheus-node-exporter"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert "node_exporter, version" in told.stdout + told.stderr
    assert not (folder / "downloads").exists()

    monkeypatch.setenv("PATH", "")  # no apt-get any more, and none needed
    assert debian.fetch(["prometheus-node-exporter"], tmp_path) == folder


@with_apt
@pytest.mark.servers
def test_without_package_lists_of_the_system_private_ones_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty" / "partial").mkdir(parents=True)
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'Dir::State::Lists "{tmp_path}/empty";')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    folder = debian.fetch(["prometheus-node-exporter"], tmp_path / "cache")
    assert (folder / "usr" / "bin" / "prometheus-node-exporter").is_file()
    assert list((tmp_path / "empty").iterdir()) == [tmp_path / "empty" / "partial"]


@with_apt
@pytest.mark.servers
def test_what_a_package_needs_and_the_system_lacks_comes_with_it(tmp_path: Path) -> None:
    """Prometheus' pages stand on a dozen packages, to which it links."""
    web = debian.fetch(["prometheus"], tmp_path) / "usr" / "share" / "prometheus" / "web"
    links = [path for path in (web / "static").iterdir() if path.is_symlink()]
    assert len(links) > 5
    assert [link for link in links if not link.exists()] == []


@with_apt
@pytest.mark.servers
def test_an_unknown_package_fails_with_apts_own_words_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DebianError) as raised:
        debian.fetch(["no-such-package-anywhere"], tmp_path)
    assert str(raised.value) == "E: Unable to locate package no-such-package-anywhere"
    assert not debian.place(["no-such-package-anywhere"], tmp_path).exists()


def test_without_apt_the_error_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DebianError) as raised:
        debian.fetch(["prometheus"], tmp_path)
    assert str(raised.value) == "apt-get and dpkg-deb not on this machine"


def tools(folder: Path, *, apt_get: str, dpkg_deb: str) -> str:
    """A PATH on which these shell scripts are apt-get and dpkg-deb."""
    folder.mkdir()
    for name, script in {"apt-get": apt_get, "dpkg-deb": dpkg_deb}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


DOWNLOADS = 'case "$*" in *download*) touch package.deb;; esac'


@pytest.mark.servers
def test_a_package_that_does_not_unpack_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = "echo 'dpkg-deb: error: not a Debian archive' >&2; exit 2"
    path = tools(tmp_path / "tools", apt_get=DOWNLOADS, dpkg_deb=fails)
    monkeypatch.setenv("PATH", path)
    with pytest.raises(DebianError) as raised:
        debian.fetch(["prometheus"], tmp_path / "cache")
    assert str(raised.value) == "dpkg-deb: error: not a Debian archive"
    assert list((tmp_path / "cache").rglob("*.deb")) == []


@pytest.mark.servers
def test_links_and_built_in_paths_lead_into_the_folder_or_else_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacks = """
        cd "$3" && mkdir -p usr/bin usr/share/x
        echo inside > usr/share/x/file
        ln -s /usr/share/x/file absolute
        ln -s ../../../usr/share/x/file usr/share/x/relative
        ln -s ../etc/passwd usr/system
        ln -s /nowhere/at/all usr/nowhere
        printf 'open(/usr/share/x/file)' > usr/bin/program
    """
    path = tools(tmp_path / "tools", apt_get=DOWNLOADS, dpkg_deb=unpacks)
    monkeypatch.setenv("PATH", path)
    folder = debian.fetch(["x"], tmp_path / "cache", relocate="/usr/share/x")
    assert (folder / "absolute").read_text() == "inside\n"
    assert (folder / "usr" / "share" / "x" / "relative").read_text() == "inside\n"
    assert (folder / "usr" / "system").samefile("/etc/passwd")
    assert (folder / "usr" / "nowhere").readlink() == Path("/nowhere/at/all")
    assert (folder / "usr" / "bin" / "program").read_text() == "open(usr/share/x//file)"
