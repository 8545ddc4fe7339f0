"""A kept line as a person reads it, and as a program does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from rich.console import Console
from rich.text import Text

from vigie.catalogue.logs import FIELDS
from vigie.stack import printed
from vigie.stack.kept_logs import Kept
from vigie.stack.logs import harmless

_PALETTE = ("cyan", "magenta", "green", "blue", "bright_cyan", "bright_magenta")
_OF_LEVELS = {"debug": "dim", "warning": "yellow", "error": "red", "critical": "bold red"}
_LONG = ("exception", "stack")
# uvicorn's is its message again, in colours.
_LEFT_OUT = {*FIELDS, "exception_type", "color_message", *_LONG} - {"request_id", "trace_id"}
_WHOLE_DAY_NS = 86_400 * 10**9


def lines(to: Console, shown: Iterable[Kept], names: Sequence[str], zone: tzinfo | None) -> None:
    """Write lines with their times in `zone`, or this machine's; with several names, each says
    whose it is."""
    width = max((len(name) for name in names), default=0)
    styles = {name: _PALETTE[number % len(_PALETTE)] for number, name in enumerate(names)}
    for line in shown:
        text = Text()
        if len(names) != 1:
            style = styles.get(line.service, "")
            text.append(f"{line.service:<{width}} | ", style=style)
        text.append(f"{when(line, zone)} ", style="dim")
        text.append(words(line), style=_OF_LEVELS.get(line.level, ""))
        to.print(text, soft_wrap=True)


def as_json(line: Kept, zone: tzinfo | None) -> str:
    """One JSON object: `ts` (null where the line has no time), `service`, `level`, what else is a
    label, and `line`."""
    ts = _moment(line, zone).isoformat() if _has_time(line) else None
    labels = {"service": line.service, "level": line.level} | line.labels
    return json.dumps({"ts": ts, **labels, "line": line.text}, ensure_ascii=False)


def when(line: Kept, zone: tzinfo | None) -> str:
    """To the millisecond; as many spaces where the line has no time."""
    if not _has_time(line):
        return " " * len("2026-11-24 13:07:03.123")
    return _moment(line, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def words(line: Kept) -> str:
    """What a line says, without its time: of JSON, the message, and the fields that are not in it
    already; tracebacks on lines of their own."""
    told = _told(line.text)
    if told is None:
        return harmless(printed.without_moment(line.text))
    message = str(told["message"])
    parts = [str(told.get("level", line.level)).upper(), message]
    for name, value in told.items():
        if name not in _LEFT_OUT and f"{name.removesuffix('_')}=" not in message:
            parts.append(f"{name}={value}")
    long = [str(told[name]) for name in _LONG if told.get(name)]
    rows = [" ".join(parts), *(row for text in long for row in text.split("\n"))]
    return "\n    ".join(map(harmless, rows))


def _told(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "message" in told else None


def _has_time(line: Kept) -> bool:
    return line.time_ns >= _WHOLE_DAY_NS


def _moment(line: Kept, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(line.time_ns / 1e9, zone).astimezone(zone)
