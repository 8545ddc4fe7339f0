"""What a person sees of the stack: progress, the table of addresses, the status, the logs.

On a terminal, progress is one live line a component; elsewhere, one plain line an event.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from vigie.stack.binaries import Downloading
from vigie.stack.components import Component
from vigie.stack.docker import Pulling
from vigie.stack.logs import Line
from vigie.stack.readiness import Launched, Ready, Reloaded
from vigie.stack.up import CleanedUp, Event, RealProvider, Waiting

if TYPE_CHECKING:  # it needs psutil, which is slow to import
    from vigie.stack.status import StackStatus, WatchdogStatus

PLAIN_WIDTH = 160
"""Columns where there is no terminal to tell: nothing is cut or wrapped."""

_PALETTE = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta")


def console(no_color: bool = False) -> Console:
    """Where everything is written; honours $NO_COLOR too."""
    made = Console(no_color=no_color or None, highlight=False, markup=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


class Progress:
    """Shows what `up` and `restart` report, as it happens."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._rows: dict[str, _Row] = {}
        self._live = Live(self, console=to, refresh_per_second=12) if to.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for row in self._rows.values():
            row.stop()
        if self._live:
            self._live.stop()

    def report(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Waiting(holder):
                self._say(f"another vigie command ({holder}) is at work here: waiting for it")
            case CleanedUp(processes):
                self._say(f"ended {processes} processes of a stack whose supervisor was killed")
            case RealProvider(url):
                self._say(
                    f"OPENAI_API_KEY is set: the demo talks to {url} at your cost, without "
                    "simulated traffic. Unset it for the simulator."
                )
            case Downloading(binary, source, got_bytes, whole_bytes):
                row = self._row(binary.setting, binary.title)
                if not self._live and row.text != "":
                    return  # one line for each binary, not for each block
                row.text = f"from {source}{_amount(got_bytes, whole_bytes)}"
                self._plain(f"{binary.title}: fetching it from {source}")
            case Pulling(image):
                self._say(f"{image}: fetching it")
            case Launched(component):
                row = self._row(component.name.replace("-", "_"), component.title)
                row.start("starting")
            case Ready(component, seconds):
                row = self._row(component.name.replace("-", "_"), component.title)
                row.finish(f"ready in {seconds:.1f} s")
                self._plain(f"{component.title}: ready in {seconds:.1f} s")

            case Reloaded(component):
                row = self._row(component.name.replace("-", "_"), component.title)
                row.finish("has read its new configuration, and runs on")
                self._plain(f"{component.title}: {row.text}")

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for row in self._rows.values():
            table.add_row(*row.cells(self._console.options.ascii_only))
        return table

    def _row(self, key: str, title: str) -> _Row:
        return self._rows.setdefault(key, _Row(title))

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _plain(self, text: str) -> None:
        if not self._live:
            self._console.print(text)


class _Row:
    """One component's line: what is being done, and for how long."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.text = ""
        self._began = time.monotonic()
        self._mark: Text | None = None
        self._spinners = {False: Spinner("dots", style="cyan"), True: Spinner("line")}

    def start(self, text: str) -> None:
        self.text = text
        self._began = time.monotonic()

    def finish(self, text: str) -> None:
        self.text = text
        self._mark = Text("✔", style="green")

    def stop(self) -> None:
        """The line's last look, when it did not come to a good end."""
        self._mark = self._mark or Text("✘", style="red")

    def cells(self, ascii_only: bool) -> tuple[Text | Spinner, Text, Text]:
        if self._mark is None:
            seconds = time.monotonic() - self._began
            text = Text(f"{self.text}  {seconds:.1f} s", style="dim")
            return self._spinners[ascii_only], Text(self.title), text
        mark = Text("+" if self._mark.plain == "✔" else "x") if ascii_only else self._mark
        return mark, Text(self.title), Text(self.text)


def addresses(components: Sequence[Component]) -> Table:
    """Where everything is, and what it is for."""
    table = _table("", "", "", gap=2)
    for one in components:
        table.add_row(Text(one.title, style="bold"), Text(one.url or "-"), Text(one.purpose))
        for title, url in one.parts.items():
            table.add_row(Text(title, style="bold"), Text(url), Text("a container"))
    return table


def status(stack: StackStatus) -> Table:
    """One line a component."""
    # Narrow gaps: it is to fit 80 columns.
    table = _table("component", "state", ">pid", "up", ">restarts", ">memory", "address", gap=1)
    for one in stack.components:
        table.add_row(
            one.title,
            Text(one.state, style="green" if one.ready else "red"),
            str(one.pid or "-"),
            "-" if one.uptime_seconds is None else duration(one.uptime_seconds),
            Text(str(one.restarts), style="yellow" if one.restarts else ""),
            "-" if one.memory_bytes is None else size(one.memory_bytes),
            one.url or "-",
        )
    return table


def pace(factor: float) -> str:
    """How fast the rules go, where that is not by the clock: `fast: 15×`."""
    return f"fast: {factor:g}×"


def watchdog(told: WatchdogStatus) -> Text:
    """Whether alerts arrive, as the console hears it."""
    ago = duration(told.silent_seconds)
    if told.lost:
        text = Text(f"Watchdog: not heard for {ago}: no alert would reach you", style="bold red")
        text.append(f"\nwhat to do: {told.runbook_url}", style="not bold default")
    elif told.hearing == "heard":
        text = Text(f"Watchdog: heard {ago} ago, so alerts arrive")
    else:
        text = Text(f"Watchdog: not heard yet, {ago} after the console's start")
    if told.trouble:
        text.append(f"\nThe console cannot keep alerts: {told.trouble}", style="red")
    return text


def lines(to: Console, shown: Iterable[Line], names: Sequence[str]) -> None:
    """Write log lines; with several names, each line says whose it is."""
    width = max((len(name) for name in names), default=0)
    styles = {name: _PALETTE[number % len(_PALETTE)] for number, name in enumerate(names)}
    for line in shown:
        text = Text()
        if len(names) > 1:
            text.append(f"{line.component:<{width}} | ", style=styles[line.component])
        text.append(line.text)
        to.print(text, soft_wrap=True)


def duration(seconds: float) -> str:
    """In the two largest units that say something: `12 s`, `3 min`, `2 h 5 min`, `4 d 1 h`."""
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 1:
        return f"{whole} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def size(size_bytes: int) -> str:
    """In kB, MB or GB, whichever gives a number to read."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def _amount(got_bytes: int, whole_bytes: int | None) -> str:
    if not got_bytes:
        return ""
    return f": {size(got_bytes)}" + (f" of {size(whole_bytes)}" if whole_bytes else "")


def _table(*headings: str, gap: int) -> Table:
    """A table without lines; a heading that begins with > is of a column of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), show_header=any(headings))
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(
            heading.removeprefix(">"),
            justify="right" if right else "left",
            header_style="dim",
            overflow="fold",
        )
    return table
