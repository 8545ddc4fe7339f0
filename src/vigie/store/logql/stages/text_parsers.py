"""`| regexp`, `| pattern` and `| decolorize`."""

from __future__ import annotations

import re

from vigie.store.logql.pattern import captures, parse_pattern
from vigie.store.logql.regexes import compiled
from vigie.store.logql.stages.entry import EXTRACTED, Entry, Step
from vigie.store.logql.stages.hints import Hints
from vigie.store.logql.stages.names import sanitized

_ANSI = re.compile(
    "[\u001b\u009b][\\[\\]()#;?]*(?:(?:(?:[a-zA-Z0-9]*(?:;[a-zA-Z0-9]*)*)?\u0007)"
    "|(?:(?:[0-9]{1,4}(?:;[0-9]{0,4})*)?[0-9A-PRZcf-ntqry=><~]))"
)


def regexp_step(expression: str, hints: Hints) -> Step:
    """`| regexp`: a label for each named group; empty where the group took no part."""
    regex = compiled(expression)
    groups = sorted(
        ((number, sanitized(name)) for name, number in regex.groupindex.items()),
    )

    def step(entry: Entry) -> bool:
        found = regex.search(entry.line)
        if found is None:
            return True
        for number, name in groups:
            if name and not _found(name, found.group(number) or "", entry, hints):
                return False
        return True

    return step


def pattern_step(expression: str, hints: Hints) -> Step:
    """`| pattern`: a label for each named capture, up to where the line stops fitting."""
    parts = parse_pattern(expression)

    def step(entry: Entry) -> bool:
        if hints.idle(entry):
            return True
        found = captures(parts, entry.line)
        return all(_found(name, value, entry, hints) for name, value in found)

    return step


def _found(name: str, value: str, entry: Entry, hints: Hints) -> bool:
    if entry.taken(name):
        name += EXTRACTED
    if not hints.wanted(name) or name in entry.extracted:
        return True
    entry.set(name, value)
    return hints.goes_on(name, entry)


def decolorize(entry: Entry) -> bool:
    """`| decolorize`: the line without the codes that terminals show as colours."""
    entry.line = _ANSI.sub("", entry.line)
    return True
