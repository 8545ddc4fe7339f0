"""What the components print: the last lines, several logs in one, and what comes next."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vigie.stack import printed
from vigie.stack.state import SUPERVISOR, State

BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a component's log, without its end."""

    component: str
    text: str


def files(state: State) -> dict[str, Path]:
    """The log of each component that ever ran here, by name; supervisord's own is `supervisor`."""
    return {path.stem: path for path in sorted((state.folder / "logs").glob("*.log"))}


def sizes(logs: Mapping[str, Path]) -> dict[str, int]:
    """The bytes in each log now: where `last` ends and `follow` begins."""
    return {name: size(path) for name, path in logs.items()}


def last(logs: Mapping[str, Path], count: int, ends: Mapping[str, int]) -> list[Line]:
    """The last `count` lines of each log up to `ends`, merged by the times that are in them.

    A line without a time stays behind the line before it.
    """
    timed = [_timed(name, tail(path, count, ends[name])) for name, path in logs.items()]
    return [line for _, line in heapq.merge(*timed, key=lambda one: one[0])]


def tail(path: Path, count: int, end: int) -> list[str]:
    """The last `count` lines in the first `end` bytes of a log; with those of the file before its
    last rotation, when there are fewer."""
    lines = _last_lines(path, count, end)
    if len(lines) < count:
        before = path.with_name(f"{path.name}.1")
        lines = _last_lines(before, count - len(lines), size(before)) + lines
    return lines


def follow(
    logs: Mapping[str, Path], ends: Mapping[str, int], go_on: Callable[[], bool]
) -> Generator[Line, None, None]:
    """What is added to the logs behind `ends`, as it comes, until `go_on` (which may wait) says no.

    Goes on across rotation, and takes up a log that does not exist yet.
    """
    followers = [_Follower(name, path, ends[name]) for name, path in logs.items()]
    try:
        while True:
            going = go_on()
            for follower in followers:
                yield from follower.added()
            if not going:
                return
    finally:
        for follower in followers:
            follower.close()


def since(path: Path, start_bytes: int, count: int) -> list[str]:
    """The last `count` lines of what was added to a log after its first `start_bytes`."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size >= start_bytes:
                file.seek(start_bytes)
            return _decoded(file.read())[-count:]
    except FileNotFoundError:
        return []


def size(path: Path) -> int:
    """The bytes in a log; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_exit(state: State, component: str) -> str:
    """How a component ended last, in supervisord's words: `exit status 1`; empty when unknown."""
    log = state.log(SUPERVISOR)
    told = re.compile(rf"(?:exited|stopped): {re.escape(component)} \(([^;)]*)")
    for line in reversed(_last_lines(log, 200, size(log))):
        if match := told.search(line):
            return match[1]
    return ""


class _Follower:
    """Reads what is added to one log."""

    def __init__(self, name: str, path: Path, start: int) -> None:
        self._name = name
        self._path = path
        self._file = path.open("rb") if path.exists() else None
        if self._file:
            self._file.seek(start)
        self._begun = b""

    def added(self) -> Iterator[Line]:
        if self._file is None and self._path.exists():
            self._file = self._path.open("rb")
        if self._file is None:
            return
        yield from self._read()
        if self._rotated():
            # supervisord may have written more to the old file between the two looks.
            yield from self._read()
            self.close()

    def _read(self) -> Iterator[Line]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)  # somebody emptied it
        *whole, self._begun = (self._begun + self._file.read()).split(b"\n")
        for line in whole:
            yield Line(self._name, shown(line))

    def _rotated(self) -> bool:
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False  # between the rename and the new file

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _timed(name: str, texts: list[str]) -> Iterator[tuple[float, Line]]:
    moment = 0.0
    for text in texts:
        moment = max(moment, printed.moment(text) or moment)
        yield moment, Line(name, text)


def _last_lines(path: Path, count: int, end: int) -> list[str]:
    """Of the first `end` bytes; read backwards, for a log may be large."""
    content = b""
    try:
        with path.open("rb") as file:
            while end > 0 and content.count(b"\n") <= count:
                start = max(0, end - BLOCK_BYTES)
                file.seek(start)
                content = file.read(end - start) + content
                end = start
    except FileNotFoundError:
        return []
    return _decoded(content)[-count:] if count else []


def _decoded(content: bytes) -> list[str]:
    return [shown(line) for line in content.split(b"\n") if line] if content else []


def shown(line: bytes) -> str:
    """The line as text, without the control characters that would steer a terminal."""
    return harmless(line.decode("utf-8", errors="replace"))


def harmless(text: str) -> str:
    """A text without the control characters that would steer a terminal."""
    text = _COLOURS.sub("", text)
    return text if text.isprintable() else _CONTROLS.sub("", text)


_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
