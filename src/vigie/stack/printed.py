"""What a line that some program printed says of itself: when it was, and how bad it is."""

from __future__ import annotations

import re
from datetime import datetime

from vigie.catalogue.logs import LEVELS

# `ts=2026-…`, `time="2026-…`, `[2026-…`, `{"ts": "2026-…`, or the time alone. At the very
# beginning: further on it may be the time of anything.
_MOMENT = re.compile(
    r'[\[({"\']{0,3}(?:(?:ts|t|time|timestamp)["\']?\s?[=:]\s?["\']?)?'
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?\s?(Z|[+-]\d\d:?\d\d)?"
    r'["\']?[\])]?,?\s*'
)
_NAMED = re.compile(r'(?:\blevel=|\blvl=|"level":\s?)"?([A-Za-z]+)')
_SPELLED = re.compile(r"\b(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERRO|CRIT|CRITICAL|FATAL)\b(?!=)")
_WORD_WITHIN = 100
_NAME_WITHIN = 1000

_ALSO = {
    **{"trace": "debug", "dbug": "debug", "notice": "info", "warn": "warning"},
    **{"err": "error", "erro": "error", "crit": "critical", "fatal": "critical"},
    **{"panic": "critical", "dpanic": "critical", "alert": "critical", "emerg": "critical"},
}
_LEVELS = {name: name for name in LEVELS} | _ALSO
_LAST_WORDS = {
    "Traceback (most recent call last)": "error",
    "panic: ": "critical",
    "fatal error: ": "critical",
}
"""How Python and Go begin to say that a program cannot go on."""


def moment(text: str) -> float | None:
    """The Unix time in seconds at the beginning of a line; without a zone, local time."""
    match = _MOMENT.match(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0'):0<6}{zone or ''}")
    except ValueError:
        return None
    return whole.timestamp()


def without_moment(text: str) -> str:
    """A line without the time at its beginning."""
    match = _MOMENT.match(text)
    return text[match.end() :] if match and not text.startswith("{") else text


def level(text: str) -> str | None:
    """One of `catalogue.logs.LEVELS`, whatever the program calls it; None where it says none."""
    if named := _NAMED.search(text, 0, _NAME_WITHIN):
        return _LEVELS.get(named[1].lower())
    if spelled := _SPELLED.search(text, 0, _WORD_WITHIN):
        return _LEVELS[spelled[1].lower()]
    return next((bad for words, bad in _LAST_WORDS.items() if text.startswith(words)), None)
