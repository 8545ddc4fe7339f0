"""The OpenAI instrument with the oldest SDK that it promises to serve, and with one in between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

UV = (sys.executable, "-m", "uv")


@pytest.mark.parametrize("version", ["1.40.0", "2.0.0"])
def test_all_that_is_tested_holds_with_this_version_of_the_sdk(
    version: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    root = pytestconfig.rootpath
    python = tmp_path / "bin" / "python"
    run(*UV, "venv", "--quiet", "--python", sys.executable, str(tmp_path))
    locked = {
        line.split()[0]
        for line in (root / "requirements" / "test.txt").read_text().splitlines()
        if "==" in line
    }
    needed = ("genai-prices", "prometheus-client", "psycopg", "psycopg-binary", "pydantic")
    tested_with = (
        "hypothesis",
        "pytest",
        "pytest-timeout",
        "pyyaml",
        "opentelemetry-sdk",
        "tiktoken",
        "trio",
    )
    conventions = "opentelemetry-semantic-conventions"
    wanted = [
        each for each in locked if each.split("==")[0] in {*needed, *tested_with, conventions}
    ]
    # The SDK up to 1.55 gives its HTTP client an argument that httpx has had until 0.27.
    versions = [f"openai=={version}", "httpx<0.28"]
    run(*UV, "pip", "install", "--quiet", "--python", str(python), *versions, *wanted)
    tests = ("-m", "not servers", str(root / "tests" / "instrument" / "openai"))
    report = run(
        *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests),
        cwd=root,
        PYTHONPATH=str(root / "src"),
    )
    assert " passed" in report.splitlines()[-1]
    print(report)


def run(*command: str, cwd: Path | None = None, **environ: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
