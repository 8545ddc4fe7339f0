"""Options that all commands share, and how their help shows examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.settings.state_folder import VARIABLE

StateFolder = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar=VARIABLE,
        show_envvar=False,
        help="The folder of the stack. [default: $VIGIE_STATE, else ~/.local/state/vigie]",
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings", metavar="FILE", help="The settings. [default: the nearest vigie.yml]"
    ),
]
NoColor = Annotated[bool, typer.Option("--no-color", help="Write no colours ($NO_COLOR too).")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]


def examples(*lines: str) -> str:
    """Two ways to call a command, at the end of its help; \\b keeps the lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
