"""The user's own start command: it is `vigie up`, whose script something else stands for here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "deployment" / "monitoring" / "start_monitoring.py"


@pytest.mark.parametrize("options", [[], ["--docker", "--demo"]])
def test_it_becomes_vigie_up_with_all_its_options(options: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "deployment" / "monitoring"
    folder.mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    (tmp_path / "vigie").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(3)\n")
    started = subprocess.run(
        [sys.executable, folder / SCRIPT.name, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (started.returncode, started.stderr) == (3, "")
    assert started.stdout == f"{['up', *options]}\n"
