"""The structure that docs/architecture.md promises, read from the code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vigie import catalogue

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "vigie"

MAY_IMPORT = {
    "catalogue": set[str](),
    "costs": {"catalogue"},
    "settings": {"catalogue", "costs"},
    "instrument": {"catalogue", "costs", "settings"},  # settings: in the background only
    "simulate": set[str](),
    "exporters": {"catalogue", "costs", "settings"},
    "store": {"catalogue"},
    "render": {"catalogue", "settings"},
    "stack": {"catalogue", "settings", "render", "instrument"},  # instrument: how lines are sent
    "incidents": {"catalogue", "settings", "render"},
    "console": {"catalogue", "settings", "render", "exporters", "incidents"},
    "cli": {
        "catalogue",
        "settings",
        "render",
        "stack",
        "simulate",
        "costs",
        "cli_costs",
        "cli_incidents",
        "cli_options",
        "cli_render",
        "cli_store",
    },
    "cli_store": {"cli_options", "settings", "stack", "store"},
    "cli_render": {"cli_options", "settings", "render", "stack"},
    "cli_costs": {"cli_options", "catalogue", "settings", "costs", "stack"},
    "cli_incidents": {
        "cli_options",
        "catalogue",
        "settings",
        "render",
        "stack",
        "incidents",
        "console",
    },
    "cli_options": {"settings"},
    "__main__": {"cli"},
    "__init__": set[str](),
}


def modules() -> list[tuple[str, Path]]:
    """Each module with the room that it is in."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        first = path.relative_to(SOURCE).parts[0]
        found.append((first.removesuffix(".py"), path))
    return found


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "vigie" and len(parts) > 1 and parts[1] in MAY_IMPORT:
                rooms.add(parts[1])
    return rooms


def test_rooms_import_only_what_lies_below_them() -> None:
    upward = {
        f"{path.relative_to(SOURCE)} imports {room}"
        for name, path in modules()
        for room in imported_rooms(path)
        if room != name and room not in MAY_IMPORT[name]
    }
    assert upward == set()


def test_a_metric_is_named_in_the_catalogue_and_nowhere_else() -> None:
    # `up` is a metric, and a word of its own.
    names = "|".join(metric.name for metric in catalogue.metrics() if "_" in metric.name)
    typed = re.compile(rf"""["'](?:{names})["']""")
    folders = [SOURCE, ROOT / "examples"]
    twice = {
        f"{path.relative_to(ROOT)}: {found[0]}"
        for folder in folders
        for path in folder.rglob("*.py")
        if "catalogue" not in path.parts
        if (found := typed.search(path.read_text(encoding="utf-8")))
    }
    assert twice == set()


def test_a_web_worker_loads_no_engine_room() -> None:
    script = (
        "import sys, vigie.instrument.asgi, vigie.instrument.django\n"
        "import vigie.instrument.feature, vigie.instrument.ledger\n"
        "print(sorted(name for name in sys.modules if name in "
        "('pydantic', 'yaml', 'rich', 'typer', 'supervisor', 'openai', 'streamlit', 'psutil',"
        " 'psycopg')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.servers
@pytest.mark.parametrize(
    "command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join
)
def test_the_code_is_as_its_tools_want_it(command: list[str]) -> None:
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
