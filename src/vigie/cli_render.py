"""`vigie render`: the files that the engines read, written for people to read and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vigie.cli_options import NoColor, SettingsFile, StateFolder, examples
from vigie.settings import load

FOLDER = Path("deployment") / "monitoring"
DOCUMENTATION = Path("docs")
PROBLEM = 1

EXAMPLES = examples(
    "vigie render --check           in deployment/monitoring and docs: 1 if anything is stale",
    "vigie render --out DIR         your own vigie.yml's stack, in another folder",
)

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the stack into this folder, and no docs."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; show what would change.")
    ] = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Write what Docker Compose and its engines read, from the catalogue and vigie.yml.

    Prometheus with its rules, Alertmanager, Grafana's dashboards, Loki, Tempo and Alloy, and the
    runbooks. All is written or nothing. A file that is no longer rendered is removed, if its first
    lines say that it was.
    """
    from vigie.render import deployment, documentation
    from vigie.stack import rendered, screen

    wanted = {out or FOLDER: deployment(load(settings))}
    if out is None:
        wanted[DOCUMENTATION] = documentation()
    changed = [
        change for folder, files in wanted.items() for change in rendered.changes(folder, files)
    ]
    if not check:
        rendered.write(changed)
        for change in changed:
            typer.echo(f"{'removed' if change.after is None else 'written'} {change.path}")
        same = sum(len(files) for files in wanted.values()) - sum(
            change.after is not None for change in changed
        )
        if same:
            typer.echo(f"{same} files were as they should be")
        return
    console = screen.console(no_color)
    for change in changed:
        for line in change.difference():
            console.print(line, end="", style=_STYLES.get(line[0]), soft_wrap=True)
    if changed:
        typer.echo(
            f"vigie: {len(changed)} files are not as they should be: write them with `vigie render`"
            + (f" --out {out}" if out else ""),
            err=True,
        )
        raise typer.Exit(PROBLEM)
