"""Brings what the components print to whatever sits in Loki's seat.

Their log files are the queue: nothing is held in memory, and while the receiver is away nothing is
lost that supervisord has not rotated away. Before a batch is sent it is noted which bytes it is of;
after a crash exactly the same is sent again, to the nanosecond, and a receiver that had it keeps it
once, as Loki does. (Notes are not forced to the disk: when the whole machine dies, more may be sent
again. What has no time of its own is then there twice.)

Each component is a stream for each level: `{service="prometheus", level="warning"}`. A line without
a time or a level of its own has those of the line before it, as in a traceback.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from vigie.catalogue.logs import FIELDS, LEVELS
from vigie.instrument.receiver import Address, NotNowError, Receiver, RefusedError, TooLargeError
from vigie.instrument.redaction import redacted
from vigie.stack import logs, printed
from vigie.stack.bookmarks import Place, read_on
from vigie.stack.state import COMPONENT_VARIABLE, State

log = logging.getLogger("vigie.collecting")

PUSH_PATH = "/loki/api/v1/push"
NOTES = "collected"
"""The folder of what is known of each log, within what the receiver keeps."""

BATCH_BYTES = 256 * 1024
LONGEST_LINE = 64 * 1024
LOOK_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
ANSWER_SECONDS = 10.0
END_SECONDS = 2.0

_SHIPS = "export VIGIE_LOGS_URL="
_OUR_TEXT = re.compile(
    rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z (?:{'|'.join(LEVELS).upper()}) \S+ "
)
_CUT = "…"
_SAME_MOMENT_NS = 1_000_000


class Entry(NamedTuple):
    """A line to be sent: Unix time in nanoseconds, level, text."""

    time_ns: int
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is being sent: so many bytes behind the place; `untimed_ns` is the time of a line that
    nothing says the time of."""

    size: int
    untimed_ns: int


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one log: up to where it was sent, and what the next line may need of those
    before it. `more` tells whether more stood behind the last batch when it was read."""

    place: Place | None = None
    latest_ns: int = 0
    level: str = "info"
    more: bool = False
    batch: Batch | None = None


class Collector:
    """Follows the logs of a stack, in a thread of its own, and pushes their lines to `url`.

    `notes` is the folder of what it knows of each. What it has to say goes to this process's own
    log: about that log itself, it says nothing.
    """

    def __init__(self, state: State, url: str, notes: Path) -> None:
        self._state = state
        self._notes = notes
        self._receiver = Receiver(Address.of(url), PUSH_PATH, {})
        self._followed: dict[str, _Log] = {}
        self._own = os.environ.get(COMPONENT_VARIABLE, "")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, soon; what is not sent yet is sent next time."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)
        self._receiver.close()

    def collect(self) -> bool:
        """Send one batch of each log that has something; returns whether there may be more."""
        more = False
        for name, path in logs.files(self._state).items():
            if self._stopped.is_set():
                return False
            one = self._followed.get(name)
            if one is None:
                one = _Log(name, path, self._notes / f"{name}.json", self._ships_itself)
                self._followed[name] = one
            if time.monotonic() >= one.not_before:
                more |= self._follow(one)
        return more

    def _follow(self, one: _Log) -> bool:
        """As `_send`; a log that cannot be read, or noted, keeps no other one back."""
        try:
            more = self._send(one)
        except OSError as error:
            if not one.lost:
                one.lost = True
                self._say(one.name, "%s's log cannot be followed: %s", one.name, error)
            one.wait(0.0)
            return False
        one.lost = False
        return more

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self.collect():
                    continue
            except Exception:  # whatever it was, a later round tries again
                log.exception("the components' lines could not be collected")
                self._stopped.wait(LONGEST_PAUSE_SECONDS)
            self._stopped.wait(LOOK_SECONDS)

    def _send(self, one: _Log) -> bool:
        entries = one.next()
        if entries is None:
            return False
        try:
            if entries:
                self._receiver.post(push_body(one.name, entries), ANSWER_SECONDS)
                self._say_well()
        except NotNowError as error:
            one.wait(error.wait_seconds or 0.0)
            self._say_failing(error)
            return False
        except (RefusedError, TooLargeError) as error:
            # Loki keeps the good ones of such a batch.
            self._say(one.name, "some of %s's lines were refused: %s", one.name, error)
        return one.sent()

    def _say_failing(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.warning("the components' lines wait in their files: %s", error)

    def _say_well(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("the components' lines are taken again")

    def _say(self, of: str, words: str, *arguments: object) -> None:
        if of != self._own:  # else that would be the next line to be refused
            log.warning(words, *arguments)

    def _ships_itself(self, name: str) -> bool:
        """Whether a component was started so that it sends its own lines."""
        try:
            script = self._state.script(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return any(line.startswith(_SHIPS) for line in script.splitlines())


class _Log:
    """One component's log."""

    def __init__(
        self, name: str, path: Path, noted: Path, ships_itself: Callable[[str], bool]
    ) -> None:
        self.name = name
        self.not_before = 0.0
        self.lost = False
        """Whether it could not be followed when that was last tried."""
        self._path = path
        self._noted = noted
        self._ships_itself = ships_itself
        self._note = _read(noted)
        self._then: Note | None = None
        self._entries: list[Entry] = []
        self._pause = FIRST_PAUSE_SECONDS

    def next(self) -> list[Entry] | None:
        """What is to be sent now, the same until it was `sent`; None where there is nothing."""
        if self._then is not None:
            return self._entries
        note = self._note
        begun = note.batch
        piece = read_on(self._path, note.place, begun.size if begun else BATCH_BYTES)
        if piece is None:
            return None
        if begun is None:
            untimed_ns = min(time.time_ns(), piece.untouched_since)
            begun = Batch(len(piece.content), untimed_ns)
            self._put(replace(note, batch=begun))
        made, latest_ns, level = entries(piece.content.split(b"\n"), note, begun.untimed_ns)
        if any(is_ours(one.text) for one in made) and self._ships_itself(self.name):
            made = [one for one in made if not is_ours(one.text)]
        self._entries = made
        self._then = Note(piece.end, latest_ns, level, piece.more)
        return self._entries

    def sent(self) -> bool:
        """Go on behind what was sent; returns whether there is more."""
        assert self._then is not None
        self._put(self._then)
        more = self._then.more
        self._then, self._entries = None, []
        self._pause, self.not_before = FIRST_PAUSE_SECONDS, 0.0
        return more

    def wait(self, asked_seconds: float) -> None:
        """Leave the receiver alone for a while, longer each time."""
        self.not_before = time.monotonic() + max(asked_seconds, self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def _put(self, note: Note) -> None:
        self._noted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._noted.with_suffix(".new")
        draft.write_text(json.dumps(asdict(note)), encoding="utf-8")
        draft.replace(self._noted)
        self._note = note


def entries(lines: Iterable[bytes], note: Note, untimed_ns: int) -> tuple[list[Entry], int, str]:
    """The lines with their times and levels; and the latest time and the last level among them.

    Depends on what is given alone: the same bytes are the same entries, whenever they are read.
    """
    made = []
    latest_ns, level = note.latest_ns, note.level
    first = not note.more or not latest_ns
    for line in lines:
        text = redacted(logs.shown(line))
        if not text:
            continue
        moment = printed.moment(text)
        goes_on = moment is None and (not first or text[0].isspace())
        level = printed.level(text) or (level if goes_on else "info")
        if moment is not None:
            time_ns = round(moment * 1e6) * 1000
        else:
            time_ns = latest_ns + 1 if goes_on else max(untimed_ns, latest_ns + 1)
        first = False
        # Loki keeps one of two lines that are the same to the nanosecond.
        if 0 <= latest_ns - time_ns < _SAME_MOMENT_NS:
            time_ns = latest_ns + 1
        latest_ns = time_ns
        made.append(Entry(time_ns, level, _shortened(text)))
    return made, latest_ns, level


def push_body(service: str, made: Iterable[Entry]) -> bytes:
    """A batch as Loki's push API takes it: a stream for each level."""
    streams: dict[str, list[list[str]]] = {}
    for one in made:
        streams.setdefault(one.level, []).append([str(one.time_ns), one.text])
    told = [
        {"stream": {"service": service, "level": level}, "values": values}
        for level, values in streams.items()
    ]
    return json.dumps({"streams": told}, ensure_ascii=False, separators=(",", ":")).encode()


def is_ours(text: str) -> bool:
    """Whether a line is one of `vigie.instrument.logs`, as JSON or as text."""
    if _OUR_TEXT.match(text):
        return True
    if not text.startswith('{"ts":"'):
        return False
    try:
        told = json.loads(text)
    except ValueError:
        return False
    return isinstance(told, dict) and told.keys() >= set(FIELDS[:6])


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + _CUT


def _read(noted: Path) -> Note:
    """What was noted; of a note that cannot be read, nothing."""
    try:
        told: dict[str, Any] = json.loads(noted.read_text(encoding="utf-8"))
        place, batch = told.pop("place"), told.pop("batch")
        return Note(
            place=Place(**place) if place else None,
            batch=Batch(**batch) if batch else None,
            **told,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Note()
