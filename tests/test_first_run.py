"""The first-run script `./vigie`: what it says when it cannot go on, and that it installs once."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

import vigie

ROOT = Path(__file__).parents[1]
WITHOUT_UV = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}

pytestmark = pytest.mark.servers


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, the locked versions and nothing installed."""
    for name in ("vigie", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("requirements", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "src/vigie").mkdir(parents=True)
    (tmp_path / "src/vigie/__init__.py").touch()
    return tmp_path


def run(checkout: Path, *arguments: str, python: str = sys.executable, **environ: str):  # type: ignore[no-untyped-def]
    return subprocess.run(
        [python, checkout / "vigie", *arguments],
        env={**WITHOUT_UV, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def mark_as_installed(checkout: Path) -> None:
    """Put this Python in .venv's place, and note that everything is there."""
    loader = SourceFileLoader("first_run", str(checkout / "vigie"))
    script = module_from_spec(spec_from_loader("first_run", loader))  # type: ignore[arg-type]
    loader.exec_module(script)
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    lock = str(checkout / "requirements/run.txt")
    script.note_installed(lock, script.fingerprint(lock))


def test_a_python_without_ensurepip_is_told_which_package_to_install(
    checkout: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "as-on-debian"
    hidden.mkdir()
    (hidden / "ensurepip.py").write_text("raise ModuleNotFoundError('No module named ensurepip')")
    done = run(checkout, "status", PYTHONPATH=str(hidden))
    major, minor = sys.version_info[:2]
    assert done.stderr == (
        f"vigie: {sys.executable} (Python {major}.{minor}) cannot make a virtual environment:"
        " its ensurepip is missing.\n"
        f"  On Debian and Ubuntu:  apt-get install python{major}.{minor}-venv\n"
        "  or install uv, which is used where it is found on PATH.\n"
    )
    assert done.returncode == 2
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_too_old_is_told_so(checkout: Path, tmp_path: Path) -> None:
    old = next(
        (
            found
            for minor in (10, 9, 8, 7, 6)
            for found in [*Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3")]
            + [path for path in [shutil.which(f"python3.{minor}")] if path]
        ),
        None,
    )
    if old is None:
        pytest.skip("no Python older than 3.11 on this machine")
    nothing_newer = tmp_path / "empty-path"
    nothing_newer.mkdir()
    done = run(checkout, "status", python=str(old), PATH=str(nothing_newer))
    assert done.returncode == 2
    assert done.stderr.startswith(f"vigie: Python 3.11 or newer is needed; {old} is 3.")
    assert "apt-get install python3 python3-venv" in done.stderr


def test_an_installation_that_fails_says_why_and_is_not_taken_for_done(checkout: Path) -> None:
    nobody_listens = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    no_cache = {"PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull}
    done = run(checkout, "status", **nobody_listens, **no_cache)
    assert done.returncode == 1
    assert "vigie: installing 1" in done.stderr
    assert f"The whole output: {checkout}/.venv/vigie-install.log" in done.stderr
    assert "If it is the network, mend it and start again" in done.stderr
    assert "127.0.0.1" in (checkout / ".venv/vigie-install.log").read_text()
    assert not (checkout / ".venv/vigie-installed.json").exists()


def test_a_start_after_the_first_installs_nothing(checkout: Path) -> None:
    mark_as_installed(checkout)
    done = run(checkout, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("vigie ")


def test_a_changed_lock_is_installed_again(checkout: Path) -> None:
    mark_as_installed(checkout)
    with (checkout / "requirements/run.txt").open("a") as lock:
        lock.write("not-a-package==1 --hash=sha256:00\n")
    done = run(checkout, "--version", PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "installing" in done.stderr


def test_a_second_start_waits_for_the_one_that_is_installing(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    with (checkout / ".venv/vigie.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [sys.executable, checkout / "vigie", "--version"],
            env=WITHOUT_UV,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert second.stderr.readline() == (
            "vigie: another ./vigie is installing; waiting for it\n"
        )
        mark_as_installed(checkout)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert output.startswith("vigie ")


def test_a_note_that_was_cut_off_is_no_note(checkout: Path) -> None:
    mark_as_installed(checkout)
    note = checkout / ".venv/vigie-installed.json"
    note.write_text(note.read_text()[:10])
    with pytest.raises(json.JSONDecodeError):
        json.loads(note.read_text())
    done = run(checkout, "--version", PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")
    assert done.returncode == 1


def test_an_unknown_benchmark_is_answered_with_the_known_ones(checkout: Path) -> None:
    mark_as_installed(checkout)
    shutil.copy(checkout / "requirements/run.txt", checkout / "requirements/benchmarks.txt")
    note = checkout / ".venv/vigie-installed.json"
    values = json.loads(note.read_text())
    note.write_text(json.dumps({**values, "benchmarks.txt": values["run.txt"]}))
    (checkout / "benchmarks/instruments.py").touch()
    done = run(checkout, "benchmark", "instrument")
    assert done.returncode == 2
    assert done.stderr.startswith("vigie: write ./vigie benchmark and one of: ")
    assert "instruments" in done.stderr


def test_uv_is_used_where_it_is_found_and_installs_everything(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    network = {key: text for key, text in os.environ.items() if key.startswith(("SSL_", "UV_"))}
    path = f"{programs}:{WITHOUT_UV['PATH']}"
    first = run(clone, "--version", PATH=path, **network)
    assert (first.returncode, first.stdout) == (0, f"vigie {vigie.__version__}\n"), first.stderr
    assert "installing" in first.stderr
    log = (clone / ".venv/vigie-install.log").read_text()
    assert f"$ {programs}/uv venv" in log
    assert f"$ {programs}/uv pip install" in log
    second = run(clone, "--version", PATH=path)
    assert (second.returncode, second.stderr) == (0, "")
