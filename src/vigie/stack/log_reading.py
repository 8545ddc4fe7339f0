"""`vigie logs`: lines asked of whatever sits in Loki's seat, else read in the files.

A component that nobody there knows is read in its file too: Loki itself collects nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from vigie.catalogue.logs import LEVELS
from vigie.settings.quantities import duration
from vigie.stack import logs
from vigie.stack.collecting import Entry, Note, entries
from vigie.stack.components import address
from vigie.stack.errors import RequestError, StackError
from vigie.stack.kept_logs import Kept, KeptLogs, Sought, UnansweredError
from vigie.stack.restart import named
from vigie.stack.started import saved
from vigie.stack.state import SUPERVISOR, State
from vigie.stack.supervisord import Supervisord

Key: TypeAlias = tuple[int, str, str]

LOGS = "ports.logs"
"""The setting by whose name a component says that it sits in Loki's seat."""

_LATE_NS = 10 * 10**9
"""So much later than its time a line may come, and is still followed."""
_REMEMBERED = 20_000
_EVERYTHING = 10**9


def sought(since: str | None, level: str | None, text: str | None) -> Sought:
    """What a person asks for: from `since` (as `1h`) ago on, of `level` or worse, with a `text`.

    Raises RequestError for what cannot be meant.
    """
    return Sought(_start_ns(since), _level(level), text or "")


def begin(
    state: State, component: str | None, wanted: Sought, told: Callable[[str], None]
) -> Reading:
    """Read the lines of a component, or everybody's.

    Raises RequestError for a component that is none, and StackError where nothing ever ran.
    """
    files = logs.files(state)
    if not files:
        raise StackError(f"nothing ever ran in {state.folder}\nstart it: vigie up")
    kept = None
    if not Supervisord(state).running():  # who is at its port now may be another stack's
        told(f"nothing runs in {state.folder}: these are the log files")
    elif url := seat(state):
        kept = KeptLogs(url)
    if component is None:
        files.pop(SUPERVISOR, None)
        return Reading(files, kept, wanted, told, everybody=True)
    name = named(component, [*files, *_elsewhere(kept, files)])
    one = {name: files[name]} if name in files else {}
    return Reading(one, kept, wanted, told, names=[name])


def _elsewhere(kept: KeptLogs | None, files: Mapping[str, Path]) -> list[str]:
    """Whose lines are kept and in no file here: what runs in containers, and other machines'."""
    try:
        return [name for name in kept.services(0) if name not in files] if kept else []
    except UnansweredError:
        return []  # which is told when the lines are asked for


def seat(state: State) -> str:
    """The address of whatever was started here for logs, the store or Loki; empty for nothing."""
    for one in saved(state).components:
        if LOGS in one.seats:
            host = urlsplit(one.ready_url).hostname or "127.0.0.1"
            return f"http://{address(host, one.seats[LOGS])}"
    return ""


class Reading:
    """Reads the logs of these components, by name: of those with `files`, unless `names` are given.

    `everybody` tells that none was named: who comes later belongs to it too. `kept` is asked first;
    `told` hears why it is the files that are read.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        kept: KeptLogs | None,
        wanted: Sought,
        told: Callable[[str], None],
        *,
        names: Sequence[str] = (),
        everybody: bool = False,
    ) -> None:
        self.names = list(names or files)
        """The components' names that are known; `last` may learn of more."""
        self._files = files
        self._kept = kept
        self._wanted = wanted
        self._told = told
        self._everybody = everybody
        # What is there by now is not new, whenever it is read.
        self._ends = logs.sizes(files)
        self._seen: OrderedDict[Key, None] = OrderedDict()
        try:
            if kept is not None:
                late = replace(wanted, start_ns=time.time_ns() - _LATE_NS)
                self._remember(kept.last(self._services, late))
        except UnansweredError as error:
            self._give_up(error)

    def last(self, count: int | None) -> list[Kept]:
        """The last `count` lines of each component, or all, merged by their times."""
        names = list(self.names)
        found: list[Kept] = []
        try:
            if self._kept is not None:
                known = self._kept.services(self._wanted.start_ns)
                if self._everybody:
                    names += [name for name in known if name not in (*names, SUPERVISOR)]
                    self.names = list(names)
                for name in [name for name in names if name in known]:
                    found += self._kept.last([name], self._wanted, count)
                    names.remove(name)
                self._remember(found)
        except UnansweredError as error:
            self._give_up(error)
            found, names = [], list(self._files)
        for name in names:
            if name in self._files:
                found += from_file(name, self._files[name], self._ends[name], self._wanted, count)
        return sorted(found, key=lambda line: line.time_ns)

    def follow(self, go_on: Callable[[], bool]) -> Iterator[Kept]:
        """What comes, until `go_on` says no."""
        if self._kept is not None:
            yield from self._follow_kept(self._kept, go_on)
            return
        notes = {name: Note() for name in self._files}
        for line in logs.follow(self._files, self._ends, go_on):
            name = line.component
            made, latest_ns, level = entries([line.text.encode()], notes[name], time.time_ns())
            notes[name] = Note(latest_ns=latest_ns, level=level)
            yield from _matching(name, made, replace(self._wanted, start_ns=0))

    def _follow_kept(self, kept: KeptLogs, go_on: Callable[[], bool]) -> Iterator[Kept]:
        start_ns = time.time_ns() - _LATE_NS
        going, waiting = True, False

        def still() -> bool:
            nonlocal going
            going = going and go_on()
            return going

        while still():
            try:
                for line in kept.follow(
                    self._services, replace(self._wanted, start_ns=start_ns), still
                ):
                    waiting = False
                    start_ns = max(start_ns, line.time_ns - _LATE_NS)
                    if _key(line) not in self._seen:
                        self._remember([line])
                        yield line
            except UnansweredError as error:
                if not waiting:
                    self._told(f"{error}: waiting for it")
                waiting = True

    @property
    def _services(self) -> list[str]:
        return [] if self._everybody else self.names

    def _remember(self, lines: Iterable[Kept]) -> None:
        for line in lines:
            self._seen[_key(line)] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _give_up(self, error: UnansweredError) -> None:
        self._kept = None
        self._told(f"{error}: these are the log files")


def _start_ns(since: str | None) -> int:
    if since is None:
        return 0
    try:
        span = duration(since)
    except ValueError as error:
        raise RequestError(f'--since is "{since}": {error}') from None
    return time.time_ns() - int(span.total_seconds() * 1e9)


def _level(level: str | None) -> str:
    if level is None or level.lower() in LEVELS:
        return (level or "").lower()
    raise RequestError(f'--level is "{level}": write one of {", ".join(LEVELS)}')


def from_file(name: str, path: Path, end: int, wanted: Sought, count: int | None) -> list[Kept]:
    """The last lines in the first `end` bytes of a component's file, oldest first.

    Those before the first time in it have none: their `time_ns` counts from 1.
    """
    plain = wanted == Sought(0)
    texts = logs.tail(path, _EVERYTHING if count is None or not plain else count, end)
    made, _, _ = entries((text.encode() for text in texts), Note(), 0)
    found = _matching(name, made, wanted)
    return found if count is None else found[max(len(found) - count, 0) :]


def _matching(name: str, made: Iterable[Entry], wanted: Sought) -> list[Kept]:
    return [
        Kept(one.time_ns, {"service": name, "level": one.level}, one.text)
        for one in made
        if one.time_ns >= wanted.start_ns and wanted.holds(one.level, one.text)
    ]


def _key(line: Kept) -> Key:
    return line.time_ns, line.service, line.text
