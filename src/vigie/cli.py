"""The command line: arguments in, one call, text out.

Exit codes: 0 done, 1 it ran and found a problem, 2 the request was wrong; 130 when Ctrl-C ended a
start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vigie import __version__, cli_render
from vigie.catalogue.logs import LEVELS
from vigie.cli_costs import costs
from vigie.cli_incidents import commands as incidents_commands
from vigie.cli_options import Json, NoColor, SettingsFile, StateFolder, examples
from vigie.cli_store import store
from vigie.settings import SettingsError, load
from vigie.settings.state_folder import default_folder
from vigie.stack.errors import StackError
from vigie.stack.state import State

if TYPE_CHECKING:
    from vigie.stack.kept_logs import Kept

PROBLEM = 1
WRONG = 2
INTERRUPTED = 130
"""What shells use for a command that Ctrl-C ended."""

LOOK_SECONDS = 0.1
CHECK_SECONDS = 1.0

app = typer.Typer(
    name="vigie",
    help="Monitoring for Python AI applications.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(costs, name="costs")
app.add_typer(store, name="store")
app.command(epilog=cli_render.EXAMPLES)(cli_render.render)
app.add_typer(incidents_commands)


def main(began: float) -> NoReturn:
    """The command `vigie`, which began at `began` (monotonic, in seconds)."""
    try:
        app(prog_name="vigie", obj=began)
    except (StackError, SettingsError) as error:
        typer.echo(f"vigie: {error}", err=True)
        sys.exit(error.exit_code if isinstance(error, StackError) else WRONG)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not try to flush it either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PROBLEM)
    except OSError as error:
        typer.echo(f"vigie: {error}", err=True)
        sys.exit(PROBLEM)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def vigie(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Write the version.")] = False,
) -> None:
    """Monitoring for Python AI applications."""
    if version:
        typer.echo(f"vigie {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    epilog=examples(
        "vigie up --demo            the engines, and the coaching application to watch",
        "vigie up --docker          the engines as containers, with Grafana, Loki and Tempo",
    )
)
def up(
    context: typer.Context,
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Start the coaching application and its traffic too.")
    ] = False,
    docker: Annotated[
        bool,
        typer.Option("--docker", help="Run the engines as containers, with Grafana."),
    ] = False,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Scrape every second, and divide every duration likewise."),
    ] = False,
    foreground: Annotated[
        bool,
        typer.Option("--foreground", help="Stay, and show the logs; Ctrl-C stops everything."),
    ] = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Start Prometheus, Alertmanager and the exporters, and wait until they are ready.

    What already runs is brought to the settings, and left alone where nothing changed.
    """
    from vigie.render.pace import Pace
    from vigie.stack import containers, screen
    from vigie.stack.up import up as start

    place = _state(state)
    console = screen.console(no_color)
    with _ended_by_signals():
        try:
            with screen.Progress(console) as progress:
                known = load(settings)
                pace = Pace.fast(known).factor if fast else 1
                outcome = start(
                    *(place, known, os.environ, progress.report),
                    demo=demo, docker=docker, pace=pace,
                )  # fmt: skip
        except KeyboardInterrupt:
            typer.echo("vigie: interrupted; what had been started was stopped", err=True)
            raise typer.Exit(INTERRUPTED) from None
        told = (
            f"Everything is ready, in {time.monotonic() - context.obj:.1f} s."
            if outcome.started or outcome.reloaded
            else "It already runs."
        )
        console.print(f"\n{told}\n")
        console.print(screen.addresses(outcome.components))
        if password := containers.grafana_password(place, outcome.components):
            console.print(f"\nGrafana: user admin, password in {password}", soft_wrap=True)
        if pace != 1:
            console.print(f"\n{screen.pace(pace)}. At the usual pace again: vigie up")
        if not foreground:
            console.print("\nNext: vigie status, vigie logs -f, vigie down")
            return
        console.print("\nCtrl-C stops everything.\n")
        _stay(place, no_color)


@app.command(
    epilog=examples(
        "vigie status               what runs, and whether it is well",
        "vigie status --json        the same for programs",
    )
)
def status(
    state: StateFolder = None,
    settings: SettingsFile = None,
    as_json: Json = False,
    no_color: NoColor = False,
) -> None:
    """Show what runs. The exit code is 0 when everything is ready, else 1."""
    from vigie.stack import screen
    from vigie.stack.status import status as look

    place = _state(state)
    stack = look(place)
    console = screen.console(no_color)
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps({**asdict(stack), "folder": str(stack.folder)}, indent=2))
    elif stack.running:
        console.print(screen.status(stack))
        if stack.pace != 1:
            console.print(f"\n{screen.pace(stack.pace)}")
        if stack.watchdog:
            console.print()
            console.print(screen.watchdog(stack.watchdog))
    elif stack.unwatched:
        console.print(
            "The supervisor of this stack was killed. These still run, and nothing watches them:"
        )
        for one in stack.unwatched:
            console.print(f"  {one}")
        console.print("`vigie up` ends them and starts anew; `vigie down` ends them.")
    else:
        console.print(f"Nothing runs in {place.folder}.")
        console.print("Start the engines with `vigie up`, or with something to watch: `--demo`.")
    if not stack.well:
        raise typer.Exit(PROBLEM)


@app.command(
    epilog=examples(
        "vigie logs -f django                        Django's log, as it grows",
        "vigie logs --since 1h --level warning       what was not well in the last hour",
    )
)
def logs(
    component: Annotated[
        str | None, typer.Argument(help="Whose log. [default: everybody's]", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            *("--lines", "-n"),
            metavar="LINES",
            min=0,
            help="So many of each log. [default: 20; with --since, all]",
        ),
    ] = None,
    *,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN", help="From so long ago on: 10m, 1h, 7d.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help=f"This or worse: {', '.join(LEVELS)}.")
    ] = None,
    grep: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With this text in them, in any case.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Write each line as a JSON object, for programs.")
    ] = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Show what the components said, oldest first, in the settings' time zone.

    The store is asked, or Loki in its place; where nobody answers, the log files are read.
    """
    from vigie.stack import log_reading, log_screen, screen
    from vigie.stack.supervisord import Supervisord

    place = _state(state)
    sought = log_reading.sought(since, level, grep)
    reading = log_reading.begin(
        place, component, sought, lambda said: typer.echo(f"vigie: {said}", err=True)
    )
    if count is None and since is None:
        count = 20
    zone = _zone(settings)
    console = screen.console(no_color)

    def show(lines: Iterable[Kept]) -> None:
        if json_:
            for line in lines:
                typer.echo(log_screen.as_json(line, zone))
        else:
            log_screen.lines(console, lines, reading.names, zone)

    with _quiet_interrupt():
        show(reading.last(count))
        if follow:
            show(reading.follow(_while(Supervisord(place).running)))


@app.command(
    epilog=examples(
        "vigie restart prometheus",
        "vigie restart django       and wait until it is ready again",
    )
)
def restart(
    component: Annotated[str, typer.Argument(help="Which one; `vigie status` names them.")],
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Stop one component and start it again."""
    from vigie.stack import screen
    from vigie.stack.restart import restart as again

    with screen.Progress(screen.console(no_color)) as progress:
        again(_state(state), component, progress.report)


@app.command(
    epilog=examples(
        "vigie down                 stop, and keep the data",
        "vigie down --volumes       stop, and delete data, logs and secrets",
    )
)
def down(
    volumes: Annotated[
        bool, typer.Option("--volumes", "-v", help="Delete everything that the stack kept.")
    ] = False,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Stop everything that `vigie up` started."""
    from vigie.stack import screen
    from vigie.stack.down import down as stop

    place = _state(state)
    outcome = stop(place, volumes)
    if outcome.stopped:
        typer.echo(f"Stopped {outcome.stopped} processes in {outcome.seconds:.1f} s.")
    else:
        typer.echo("Nothing ran.")
    if outcome.deleted_bytes:
        typer.echo(f"Deleted {place.folder} ({screen.size(outcome.deleted_bytes)}).")


@app.command(
    epilog=examples(
        "vigie simulate                    at the port that the settings name",
        "vigie simulate --port 8091",
    )
)
def simulate(
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Where it listens.")
    ] = None,
    state: StateFolder = None,
    settings: SettingsFile = None,
    no_color: NoColor = False,
) -> None:
    """Be an OpenAI-compatible provider, with faults and an invoice, until Ctrl-C."""
    from vigie.simulate import serve

    known = load(settings)
    port = port or known.ports.simulator
    typer.echo(f"The simulated provider: OPENAI_BASE_URL=http://{known.here}:{port}/v1")
    try:
        serve(port, known.bind)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise StackError(f"port {port} cannot be had: {why}\nname another: --port PORT") from error


def _zone(settings: Path | None) -> tzinfo | None:
    """The settings' time zone. Logs are read when something is wrong, which may be the settings:
    then it is this machine's."""
    try:
        return load(settings).time_zone
    except SettingsError:
        if settings is not None:
            raise
        return None


def _state(folder: Path | None) -> State:
    return State.at(folder or default_folder())


def _stay(place: State, no_color: bool) -> None:
    """Show the logs until a signal comes or the supervisor goes, then stop everything."""
    from vigie.stack import logs as log
    from vigie.stack import screen
    from vigie.stack.down import down as stop
    from vigie.stack.down import uninterrupted
    from vigie.stack.state import SUPERVISOR
    from vigie.stack.supervisord import Supervisord

    files = log.files(place)
    files.pop(SUPERVISOR, None)
    with _quiet_interrupt():
        added = log.follow(files, log.sizes(files), _while(Supervisord(place).running))
        screen.lines(screen.console(no_color), added, list(files))
        raise StackError("the stack was stopped by somebody else")
    with uninterrupted():
        outcome = stop(place)
    typer.echo(f"Stopped {outcome.stopped} processes in {outcome.seconds:.1f} s.")


def _while(running: Callable[[], bool]) -> Callable[[], bool]:
    """Waits a moment at each call; looks only now and then whether it `running`."""
    next_check = time.monotonic()

    def go_on() -> bool:
        nonlocal next_check
        time.sleep(LOOK_SECONDS)
        if time.monotonic() < next_check:
            return True
        next_check = time.monotonic() + CHECK_SECONDS
        return running()

    return go_on


@contextlib.contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """Take Ctrl-C as the usual end, and leave its ^C on a line of its own."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (a closed terminal) end the command as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, interrupt) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
