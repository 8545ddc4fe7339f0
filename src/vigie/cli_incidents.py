"""`vigie incidents` and `vigie console`."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli_options import Json, NoColor, SettingsFile, StateFolder, examples

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from vigie.incidents.alert import Alert
    from vigie.incidents.listing import Listing
    from vigie.settings import Settings

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "vigie incidents                 what fires, and what ended in the last 24 hours",
        "vigie incidents --since 7d --json",
    )
)
def incidents(
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back, e.g. 12h or 30d.")
    ] = "24h",
    as_json: Json = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Show which alerts fire, and which did.

    The exit code is 0 while nothing fires and alerts arrive, else 1.
    """
    import json

    from vigie.incidents.holding import holder
    from vigie.incidents.inbox import FILE_NAME, Journal, NoInboxError, UnavailableError
    from vigie.incidents.listing import as_document, listing
    from vigie.incidents.schema import NewerInboxError
    from vigie.incidents.watchdog import Hearing
    from vigie.settings import load
    from vigie.settings.quantities import duration
    from vigie.stack import screen
    from vigie.stack.errors import RequestError, StackError

    try:
        period = duration(since)
    except (ValueError, OverflowError) as error:
        raise RequestError(f'--since is "{since}": {error}') from None
    known = load(settings)
    folder = _folder(state)
    try:
        with closing(Journal.open(folder / FILE_NAME)) as journal:
            found = listing(journal, datetime.now(UTC), period)
    except NoInboxError as error:
        if as_json:
            raise StackError(str(error)) from None
        typer.echo(
            f"No alert was ever kept: {error}.\n"
            "Alerts arrive while the console runs: start it with `vigie up`."
        )
        return
    except (NewerInboxError, UnavailableError) as error:
        raise StackError(f"the alerts cannot be read: {error}") from None
    running = holder(folder)
    if as_json:
        document = {**as_document(found, known), "console": running}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        console = screen.console(no_color)
        _tell_of_the_watchdog(found, known, running)
        if found.firing:
            console.print(_firing(found, known))
        else:
            typer.echo("Nothing is firing.")
        if found.ended:
            typer.echo(f"\nEnded in the last {since}:")
            console.print(_ended(found, known))
        else:
            typer.echo(f"Nothing ended in the last {since}.")
        typer.echo(f"\nTimes are in {known.time_zone.key}. More: {_console_address(known)}")
    if found.firing or running is None or found.hearing is Hearing.LOST:
        raise typer.Exit(1)


@commands.command(
    epilog=examples(
        "vigie console                   at the port that the settings name; `vigie up` runs it",
        "vigie console --port 3301",
    )
)
def console(
    *,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Where it listens.")
    ] = None,
    pace: Annotated[
        float, typer.Option(metavar="FACTOR", min=1, help="Divides its waits, for drills.")
    ] = 1,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Serve the console's pages and the inbox of alerts, until Ctrl-C."""
    from vigie.console.server import serve
    from vigie.incidents.holding import HeldError
    from vigie.incidents.inbox import FILE_NAME, UnavailableError
    from vigie.incidents.schema import NewerInboxError
    from vigie.settings import load
    from vigie.stack.errors import RequestError, StackError

    known = load(settings)
    port = port or known.ports.console
    folder = _folder(state)
    typer.echo(f"The console: http://{known.here}:{port}")
    try:
        serve(known, folder, port, pace)
    except HeldError as error:
        raise RequestError(
            f"a console holds {folder} already: {error.holder}\n"
            "end that one (`vigie down`), or name another folder: --state DIR"
        ) from None
    except NewerInboxError as error:
        raise StackError(str(error)) from None
    except UnavailableError as error:
        raise StackError(f"{folder / FILE_NAME} cannot be used: {error}") from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        if error.filename:
            raise StackError(
                f"cannot write {error.filename}: {why}\nname another folder: --state DIR"
            ) from error
        raise StackError(f"port {port} cannot be had: {why}\nname another: --port PORT") from error


def _folder(state: Path | None) -> Path:
    from vigie.catalogue.scrape import CONSOLE
    from vigie.settings.state_folder import default_folder
    from vigie.stack.state import State

    return State.at(state or default_folder()).data(CONSOLE)


def _tell_of_the_watchdog(found: Listing, known: Settings, holder: str | None) -> None:
    """What one must know before one believes the list."""
    from vigie.incidents import wording
    from vigie.incidents.watchdog import Hearing

    if holder is None:
        typer.echo("The console does not run, so nothing new arrives. Start it: vigie up\n")
    elif found.hearing is Hearing.LOST and found.heartbeat is not None:
        when = wording.moment(found.heartbeat.last_sign, found.now, known.time_zone)
        typer.echo(
            f"The watchdog has not been heard since {when}: no alert would arrive, and this list "
            "may be wrong.\nLook at `vigie status`, then start what is missing: vigie up\n"
        )


def _firing(found: Listing, known: Settings) -> Table:
    from rich.text import Text

    from vigie.incidents import wording

    table = _table("severity", "what", "since", ">for", ">value")
    for one in found.firing:
        table.add_row(
            _severity(one),
            _what(one, known, with_links=True),
            wording.moment(one.started, found.now, known.time_zone),
            wording.duration(one.lasted(found.now)),
            Text(wording.value(one, "en", known.currency.code), style="bold"),
        )
    return table


def _ended(found: Listing, known: Settings) -> Table:
    from vigie.incidents import wording

    table = _table("severity", "what", "from", "to", ">lasted")
    for one in found.ended:
        assert one.ended is not None
        table.add_row(
            _severity(one),
            _what(one, known, with_links=False),
            wording.moment(one.started, found.now, known.time_zone),
            wording.moment(one.ended, found.now, known.time_zone),
            wording.duration(one.lasted(found.now)),
        )
    return table


def _what(one: Alert, known: Settings, *, with_links: bool) -> Table:
    """The summary, which is a link where the terminal can, and what more there is to say."""
    from rich.table import Table
    from rich.text import Text

    from vigie.incidents import links

    found = links.of(one, known)
    rows = Table.grid()
    title = Text(one.summary(), style="bold" if with_links else "")
    if "runbook" in found:
        title.stylize(f"link {found['runbook']}")
    rows.add_row(title)
    if with_links:
        if said := one.description():
            rows.add_row(Text(said))
        for name in ("runbook", "dashboard"):
            if name in found:
                rows.add_row(Text(found[name], style="dim", overflow="fold"))
        rows.add_row("")
    return rows


def _severity(one: Alert) -> Text:
    from rich.text import Text

    styles = {"critical": "bold red", "warning": "yellow"}
    return Text(one.severity or "-", style=styles.get(one.severity, ""))


def _table(*headings: str) -> Table:
    """A heading that begins with > is of a column of numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(
            heading.removeprefix(">"),
            justify="right" if heading.startswith(">") else "left",
            header_style="dim",
            overflow="fold",
            no_wrap=heading in ("severity",) or heading.startswith(">"),
        )
    return table


def _console_address(known: Settings) -> str:
    from vigie.render import links

    return links.console(known)
