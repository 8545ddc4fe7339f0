"""`vigie costs` and `vigie costs reconcile`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vigie.cli_options import Json, NoColor, SettingsFile, StateFolder, examples

if TYPE_CHECKING:
    from vigie.costs.ledger import Ledger
    from vigie.settings import Settings
    from vigie.settings.costs import CostSettings

PLAIN_WIDTH = 100
WIDEST = 120

costs = typer.Typer()


class By(StrEnum):
    """What costs are told by."""

    MODEL = "model"
    FEATURE = "feature"
    USER = "user"
    SERVICE = "service"
    DAY = "day"


@costs.callback(
    invoke_without_command=True,
    epilog=examples(
        "vigie costs --by day --since 30d    the last thirty days, one bar each",
        "vigie costs --by feature --csv      for a spreadsheet",
    ),
)
def report(
    context: typer.Context,
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back, e.g. 12h or 30d; today is one day.")
    ] = "7d",
    by: Annotated[By, typer.Option(help="One line for each of these.")] = By.MODEL,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV, for spreadsheets.")] = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Show what the calls to OpenAI cost, and what today will come to."""
    if context.invoked_subcommand is not None:
        return
    from vigie.costs import report as reports
    from vigie.costs.ledger import NoLedgerError
    from vigie.settings.costs import daily_limits
    from vigie.settings.quantities import duration
    from vigie.settings.state_folder import VARIABLE
    from vigie.stack.errors import RequestError, StackError

    if as_json and as_csv:
        raise RequestError("--json and --csv are two formats: choose one")
    try:
        period = duration(since)
    except ValueError as error:
        raise RequestError(f'--since is "{since}": {error}') from None
    read, told = _settings(settings, state)
    try:
        with _ledger(told) as ledger:
            found = reports.report(
                ledger,
                by.value,
                period,
                now=datetime.now(UTC),
                zone=told.zone,
                currency=told.currency,
                limits=daily_limits(read),
            )
    except NoLedgerError as none:
        if as_json or as_csv:
            raise StackError(str(none)) from None
        typer.echo(
            f"Nothing is recorded yet: {none}.\n"
            "It is made with the first call to OpenAI of a service that has this at its start:\n"
            "  from vigie.instrument import openai\n"
            "  openai.instrument()\n"
            f"and the same ledger: ${VARIABLE} names its folder, or ledger.url in vigie.yml."
        )
        return
    if as_json:
        text = reports.as_json(found)
    elif as_csv:
        text = reports.as_csv(found)
    else:
        columns = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
        text = reports.as_text(found, min(columns, WIDEST))
    typer.echo(text, nl=False)


@costs.command(
    epilog=examples(
        "vigie costs reconcile --invoice costs.csv                            OpenAI's export",
        "curl -s localhost:8090/invoice | vigie costs reconcile --invoice -   the simulator's",
    )
)
def reconcile(
    invoice: Annotated[
        Path,
        typer.Option(metavar="FILE", help="OpenAI's cost export, or the simulator's."),
    ],
    *,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Compare the ledger with the provider's invoice; the exit code is 1 where they differ."""
    from vigie.costs import reconcile as comparison
    from vigie.costs.invoice import InvoiceError, read_invoice
    from vigie.stack.errors import RequestError

    _, told = _settings(settings, state)
    try:
        content = (
            typer.get_binary_stream("stdin").read() if str(invoice) == "-" else invoice.read_bytes()
        )
    except OSError as error:
        raise RequestError(f"{invoice} cannot be read: {error.strerror}") from None
    try:
        billed = read_invoice("the invoice" if str(invoice) == "-" else invoice.name, content)
    except InvoiceError as error:
        raise RequestError(str(error)) from None
    with _ledger(told) as ledger:
        found = comparison.reconcile(billed, ledger.calls(billed.since, billed.until))
    typer.echo(comparison.as_text(found), nl=False)
    if not found.agrees:
        raise typer.Exit(1)


def _settings(path: Path | None, state: Path | None) -> tuple[Settings, CostSettings]:
    from vigie.settings import load
    from vigie.settings.costs import cost_settings
    from vigie.settings.state_folder import default_folder

    read = load(path)
    return read, cost_settings(read, (state or default_folder()).expanduser().absolute())


@contextmanager
def _ledger(told: CostSettings) -> Iterator[Ledger]:
    """The ledger; one that there is not yet passes as NoLedgerError."""
    from vigie.costs.ledger import LedgerError, NoLedgerError, reading
    from vigie.stack.errors import RequestError, StackError

    if told.ledger is None:
        raise RequestError("no ledger is kept: ledger.url is off")
    try:
        with reading(told.ledger) as ledger:
            yield ledger
    except NoLedgerError:
        raise
    except LedgerError as error:
        raise StackError(str(error)) from None
