"""The patterns of `| pattern` and of the line filters `|>` and `!>`: `<name> - <_> [<_>]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_CAPTURE = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)>")


class PatternError(ValueError):
    """A pattern that is none, in Loki's words."""


@dataclass(frozen=True, slots=True)
class Capture:
    """`<name>`; `_` keeps nothing."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}>"


Part = str | Capture


@lru_cache(maxsize=1000)
def parse_pattern(text: str) -> tuple[Part, ...]:
    """The parts of a parser's pattern; raises `PatternError`."""
    parts = _parts(text)
    names = [part.name for part in parts if isinstance(part, Capture) and part.name != "_"]
    if not names:
        raise PatternError("at least one capture is required")
    _refuse_neighbours(parts)
    for name in names:
        if names.count(name) > 1:
            raise PatternError(f"duplicate capture name ({name}): invalid expression")
    return parts


@lru_cache(maxsize=1000)
def parse_line_pattern(text: str) -> tuple[Part, ...]:
    """The parts of a line filter's pattern; raises `PatternError`."""
    parts = _parts(text)
    _refuse_neighbours(parts)
    for part in parts:
        if isinstance(part, Capture) and part.name != "_":
            raise PatternError(f"named captures are not allowed: found '{part}'")
    return parts


def captures(parts: tuple[Part, ...], line: str) -> list[tuple[str, str]]:
    """Names and values of what a pattern finds in a line, up to where it stops fitting."""
    if not line:
        return []
    at, rest = 0, parts
    if isinstance(parts[0], str):
        if not line.startswith(parts[0]):
            return []
        at, rest = len(parts[0]), parts[1:]
    found = []
    for i in range(0, len(rest), 2):
        capture = rest[i]
        assert isinstance(capture, Capture)  # captures and texts alternate
        follows = rest[i + 1] if i + 1 < len(rest) else None
        end = -1 if follows is None else line.find(str(follows), at)
        if capture.name != "_":
            found.append((capture.name, line[at:] if end < 0 else line[at:end]))
        if end < 0:
            break
        at = end + len(str(follows))
    return found


def fits(parts: tuple[Part, ...], line: str) -> bool:
    """Whether a line filter's pattern is true of a whole line."""
    if not line or not parts:
        return not line and not parts
    at = 0
    for i, part in enumerate(parts):
        if isinstance(part, Capture):
            continue
        found = line.find(part, at)
        if found < 0 or (i != 0 and found == at):
            return False
        if i == 0 and found != 0:
            return False
        at = found + len(part)
    return isinstance(parts[-1], Capture) == (at != len(line))


def _parts(text: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    at = 0
    for found in _CAPTURE.finditer(text):
        if found.start() > at:
            parts.append(text[at : found.start()])
        parts.append(Capture(found[1]))
        at = found.end()
    if at < len(text):
        parts.append(text[at:])
    return tuple(parts)


def _refuse_neighbours(parts: tuple[Part, ...]) -> None:
    for one, other in pairwise(parts):
        if isinstance(one, Capture) and isinstance(other, Capture):
            raise PatternError(f"found consecutive capture '{one}{other}': invalid expression")
