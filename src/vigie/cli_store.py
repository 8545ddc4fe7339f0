"""`vigie store`."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli_options import NoColor, SettingsFile, StateFolder, examples

store = typer.Typer()


@store.callback(
    invoke_without_command=True,
    epilog=examples(
        "vigie store                    at the port that the settings name for logs",
        "vigie store --port 3101 --state /var/lib/vigie",
    ),
)
def serve(
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Where it listens.")
    ] = None,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Keep logs, and answer LogQL: Loki's HTTP API, until Ctrl-C."""
    from vigie.store.memory import keep_small

    keep_small()

    from vigie.settings import load
    from vigie.settings.state_folder import default_folder
    from vigie.stack.errors import StackError
    from vigie.stack.state import State
    from vigie.store.segments import HeldError, StoreLimits
    from vigie.store.serve import serve as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    known = load(settings)
    chosen = known.ports.logs if port is None else port
    folder = State.at(state or default_folder()).data("store")
    limits = StoreLimits(
        retention_seconds=known.retention.logs.total_seconds(),
        max_bytes=known.retention.max_bytes,
    )

    def listening(at: int) -> None:
        typer.echo(f"The store: http://{known.here}:{at} (logs in {folder})")

    try:
        run(Path(folder), known.bind, chosen, limits, listening)
    except HeldError as error:
        raise StackError(str(error)) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise StackError(
            f"port {chosen} cannot be had: {why}\nname another: --port PORT"
        ) from error
