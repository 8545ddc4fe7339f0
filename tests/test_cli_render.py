"""`vigie render` as a person types it, and what is committed of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vigie.render import deployment, documentation
from vigie.settings import load
from vigie.stack import rendered

ROOT = Path(__file__).parents[1]

Vigie = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_committed_stack_is_what_is_rendered() -> None:
    settings = load(environ={}, start=Path("/"))
    changed = rendered.changes(ROOT / "deployment" / "monitoring", deployment(settings))
    changed += rendered.changes(ROOT / "docs", documentation())
    assert [str(one.path.relative_to(ROOT)) for one in changed] == [], "write them: vigie render"


@pytest.fixture
def vigie(tmp_path: Path) -> Vigie:
    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vigie", "render", *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.servers
def test_the_stack_and_the_runbooks_are_written_and_compared(vigie: Vigie, tmp_path: Path) -> None:
    first = vigie()
    assert (first.returncode, first.stderr) == (0, "")
    names = [f"deployment/monitoring/{name}" for name in deployment(load(environ={}, start=ROOT))]
    names += [f"docs/{name}" for name in documentation()]
    assert first.stdout.splitlines() == [f"written {name}" for name in names]

    fresh = vigie("--check")
    assert (fresh.returncode, fresh.stdout, fresh.stderr) == (0, "", "")
    assert vigie().stdout == f"{len(names)} files were as they should be\n"

    stale = vigie("--check", VIGIE_THRESHOLDS__SERVICE_UPTIME__WARNING="<98%")
    assert stale.returncode == 1
    assert stale.stdout.startswith("--- deployment/monitoring/prometheus/rules/")
    assert "\n-          service:service_uptime:ratio < 0.99\n" in stale.stdout
    assert "\n+          service:service_uptime:ratio < 0.98\n" in stale.stdout
    assert stale.stderr == (
        "vigie: 2 files are not as they should be: write them with `vigie render`\n"
    )
    assert vigie("--check").returncode == 0, "nothing was written"


@pytest.mark.servers
def test_a_stack_of_ones_own_goes_into_its_own_folder(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text("ports: {grafana: 3001}\n", encoding="utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "start_monitoring.py").write_text("pass\n", encoding="utf-8")
    assert vigie("--out", "own").returncode == 0
    compose = (tmp_path / "own" / "docker-compose-monitoring.yml").read_text(encoding="utf-8")
    assert "GF_SERVER_HTTP_PORT: '3001'" in compose
    assert (tmp_path / "own" / "start_monitoring.py").read_text(encoding="utf-8") == "pass\n"
    assert not (tmp_path / "docs").exists()
    assert not (tmp_path / "deployment").exists()


@pytest.mark.servers
def test_wrong_settings_write_nothing(vigie: Vigie, tmp_path: Path) -> None:
    (tmp_path / "vigie.yml").write_text("thresholds: {django_respons_time: {}}\n", encoding="utf-8")
    wrong = vigie("--out", "own")
    assert wrong.returncode == 2
    assert "vigie.yml:1" in wrong.stderr
    assert "django_response_time" in wrong.stderr
    assert not (tmp_path / "own").exists()
