"""The folder in which a stack, and the ledger where no other place is set, keep everything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "VIGIE_STATE"
"""Names the folder, for the commands as for the components that run in it."""

MARKER = "vigie.state"
"""The file that says that Vigie made the folder, and may delete it."""

MARKER_TEXT = (
    "Vigie made this folder and keeps everything of one stack in it.\n"
    "`vigie down --volumes` stops the stack and deletes it.\n"
)


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`$VIGIE_STATE`, else `$XDG_STATE_HOME/vigie`, else `~/.local/state/vigie`."""
    if named := environ.get(VARIABLE):
        return Path(named)
    home = environ.get("XDG_STATE_HOME", "")
    # The XDG specification says to ignore relative paths.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "vigie"


def make_if_missing(folder: Path) -> None:
    """Make the folder as Vigie's own; one that is there is left as it is."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        return
    (folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
