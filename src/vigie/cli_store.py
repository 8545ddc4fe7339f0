"""`vigie store`."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli_options import NoColor, SettingsFile, StateFolder, examples

store = typer.Typer()


@store.callback(
    invoke_without_command=True,
    epilog=examples(
        "vigie store                    at the ports that the settings name for logs, traces, OTLP",
        "vigie store --port 3101 --state /var/lib/vigie",
    ),
)
def serve(
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="The one port to listen at."),
    ] = None,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Keep logs and traces, and answer LogQL and TraceQL: the HTTP APIs of Loki and Tempo.

    What the components of the stack print is kept too.
    """
    from vigie.store.memory import keep_small

    keep_small()

    from vigie.settings import load
    from vigie.settings.state_folder import default_folder
    from vigie.stack.collecting import NOTES, Collector
    from vigie.stack.errors import StackError
    from vigie.stack.state import State
    from vigie.store.segments import HeldError, StoreLimits
    from vigie.store.serve import PortError
    from vigie.store.serve import serve as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    known = load(settings)
    seats = known.ports
    chosen = seats.logs if port is None else port
    also = (seats.traces, seats.otlp) if port is None else ()
    place = State.at(state or default_folder())
    folder = place.data("store")
    most = known.retention.max_bytes
    logs = StoreLimits(known.retention.logs.total_seconds(), most)
    traces = StoreLimits(known.retention.traces.total_seconds(), most)

    collecting = ExitStack()

    def listening(at: int) -> None:
        here = f"[{known.here}]" if ":" in known.here else known.here
        collector = Collector(place, f"http://{here}:{at}", folder / NOTES)
        collecting.callback(collector.stop)
        collector.start()
        more = "".join(f", :{one}" for one in also)
        typer.echo(f"The store: http://{known.here}:{at}{more} (logs and traces in {folder})")

    try:
        with collecting:
            run(Path(folder), known.bind, chosen, logs, listening, traces=traces, also=also)
    except HeldError as error:
        raise StackError(str(error)) from None
    except PortError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise StackError(
            f"port {error.port} cannot be had: {why}\nname another: --port PORT"
        ) from error
