"""`| json name="a.b[0]"`: the values at given places of a line."""

from __future__ import annotations

import re
from typing import Any

from vigie.store.logql.stages import json_text
from vigie.store.logql.stages.entry import EXTRACTED, JSON_ERROR, Entry, Step
from vigie.store.logql.stages.hints import Hints
from vigie.store.logql.stages.json_stage import decoded
from vigie.store.logql.tree import Extraction

Path = tuple[str | int, ...]

_FIRST = re.compile(
    r'\s*(?:([a-zA-Z_][a-zA-Z0-9_]*)|\[\s*"([^"\]]*)["\]]\s*\]?|\[\s*([0-9]+)\s*\])'
)
_MORE = re.compile(r'\s*(?:\.\s*([a-zA-Z_][a-zA-Z0-9_]*)|\[\s*"([^"\]]*)"\s*\]|\[\s*([0-9]+)\s*\])')


class PathError(ValueError):
    """An expression that is no path."""


def parse_path(text: str) -> Path:
    """The names and indexes of `a.b["c"][0]`; raises `PathError`."""
    found = _FIRST.match(text)
    path: list[str | int] = []
    at = 0
    while found is not None:
        name, quoted, index = found.groups()
        path.append(int(index) if index is not None else name if name is not None else quoted)
        at = found.end()
        found = _MORE.match(text, at)
    rest = text[at:].strip()
    if rest or not path:
        what = (
            f"unexpected char {rest[0]}"
            if rest and rest[0] not in "[]."
            else (f"syntax error: unexpected {'$end' if len(rest) < 2 else rest[1]}")
        )
        raise PathError(f"cannot parse expression [{text}]: {what}")
    return tuple(path)


def json_paths_step(expressions: tuple[Extraction, ...], hints: Hints) -> Step:
    """`| json a="b.c"`; what is not found is an empty label."""
    wanted = [(one.name, parse_path(one.expression)) for one in expressions]

    def step(entry: Entry) -> bool:
        line = entry.line
        if not line or hints.idle(entry):
            return True
        if line[0] not in '"{[':
            hints.mark(entry, JSON_ERROR, "")
            return True
        values = _values(line, [path for _, path in wanted])
        missing = False
        for (name, _), value in zip(wanted, values, strict=True):
            if value is None:
                missing = True
                continue
            entry.set(name + EXTRACTED if entry.taken(name) else name, value)
        if missing:
            for name, _ in wanted:
                if entry.get(name) is None:
                    entry.set(name, "")
        return True

    return step


def _values(line: str, paths: list[Path]) -> list[str | None]:
    pairs = decoded(line)
    return [_value(line, pairs, path) for path in paths]


def _value(line: str, pairs: Any, path: Path) -> str | None:
    """The text at a place; None where there is none."""
    if pairs is not None:
        value = _below(pairs, path)
        if value is _NOTHING:
            return None
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
    return _raw_value(line, path)


_NOTHING = object()


def _below(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return _NOTHING
            value = value[part]
        else:
            if not isinstance(value, tuple):
                return _NOTHING
            for key, below in value:
                if key == part:
                    value = below
                    break
            else:
                return _NOTHING
    return value


def _raw_value(line: str, path: Path) -> str | None:
    kind = json_text.OBJECT if line.lstrip(" \n\r\t")[:1] == "{" else json_text.ARRAY
    raw = line
    for part in path:
        found = _step_into(kind, raw, part)
        if found is None:
            return None
        kind, raw = found
    if kind == json_text.NULL:
        return ""
    return raw if kind == json_text.OBJECT else json_text.label_text(raw)


def _step_into(kind: str, raw: str, part: str | int) -> tuple[str, str] | None:
    try:
        if isinstance(part, int):
            if kind != json_text.ARRAY:
                return None
            for i, found in enumerate(json_text.items(raw)):
                if i == part:
                    return found
        elif kind == json_text.OBJECT:
            for name, kind_below, raw_below in json_text.fields(raw):
                if name == part:
                    return kind_below, raw_below
    except json_text.JsonError:
        pass
    return None
