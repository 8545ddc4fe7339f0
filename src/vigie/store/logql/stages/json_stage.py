"""`| json` and `| unpack`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from vigie.store.logql.stages import json_text
from vigie.store.logql.stages.entry import EXTRACTED, JSON_ERROR, Entry, Step
from vigie.store.logql.stages.hints import Hints
from vigie.store.logql.stages.names import joined, sanitized

PACKED_ENTRY = "_entry"


def json_step(hints: Hints) -> Step:
    """`| json`: a label for each text, number and boolean, however deep; arrays are left out."""

    def step(entry: Entry) -> bool:
        if hints.idle(entry):
            return True
        pairs = decoded(entry.line)
        try:
            if pairs is not None:
                _labels_of_pairs(pairs, entry, hints)
            else:
                _labels_of_text(entry.line, "", entry, hints)
        except _FoundAllError:
            return True
        except _DroppedError:
            return False
        except json_text.JsonError as error:
            hints.mark(entry, JSON_ERROR, str(error))
        return True

    return step


Pairs = tuple[tuple[str, Any], ...]
"""An object: names and values in their order; a value that is an object is a tuple, too."""


def decoded(line: str) -> Pairs | None:
    """The object at the beginning of a line, numbers as their text; None where it takes the
    slower reader: it is malformed, or has what Loki writes otherwise."""
    start = 0
    if not line.startswith("{"):
        start = len(line) - len(line.lstrip(" \n\r\t"))
        if not line.startswith("{", start):
            return None
    if "\\ud" in line or "\\uD" in line or "\ufffd" in line or "\\ufffd" in line.lower():
        return None
    try:
        pairs, _ = _SCAN(line, start)
    except (ValueError, StopIteration, RecursionError):
        return None
    return pairs


def _no_number(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_SCAN: Callable[[str, int], tuple[Pairs, int]] = json.JSONDecoder(  # type: ignore[attr-defined]  # typeshed leaves it out
    object_pairs_hook=tuple,
    parse_float=str,
    parse_int=str,
    parse_constant=_no_number,
    strict=False,
).scan_once


class _FoundAllError(Exception):
    """All that is required has been found."""


class _DroppedError(Exception):
    """A filter of the pipeline is false of what was found."""


def _labels_of_pairs(pairs: Pairs, entry: Entry, hints: Hints) -> None:
    simple = not (hints.required or hints.filters or entry.extracted or entry.metadata)
    parsed, extracted, base = entry.parsed, entry.extracted, entry.base
    for key, value in pairs:
        if value.__class__ is str:
            text = value
        elif value is True:
            text = "true"
        elif value is False:
            text = "false"
        elif value.__class__ is tuple:
            prefix = joined("", key)
            if hints.wanted_below(prefix):
                _labels_below(value, prefix, entry, hints)
            simple = False
            continue
        else:
            if hints.complete(entry):
                raise _FoundAllError
            continue
        name = sanitized(key)
        if simple:
            if name in base:
                name += EXTRACTED
            if name and name not in parsed:
                parsed[name] = text
        elif name:
            _set(name, text, entry, hints)
        if hints.required and hints.complete(entry):
            raise _FoundAllError
    if len(extracted) < len(parsed):
        extracted.update(parsed)


def _labels_below(pairs: Pairs, prefix: str, entry: Entry, hints: Hints) -> None:
    entry.extracted.update(entry.parsed)
    for key, value in pairs:
        if value.__class__ is tuple:
            below = joined(prefix, key)
            if hints.wanted_below(below):
                _labels_below(value, below, entry, hints)
            continue
        if value.__class__ is str:
            _set_below(prefix, key, value, entry, hints)
        elif value is True or value is False:
            _set_below(prefix, key, "true" if value else "false", entry, hints)
        if hints.complete(entry):
            raise _FoundAllError


def _labels_of_text(text: str, prefix: str, entry: Entry, hints: Hints) -> None:
    for key, kind, raw in json_text.fields(text):
        if kind == json_text.OBJECT:
            below = joined(prefix, key)
            if hints.wanted_below(below):
                _labels_of_text(raw, below, entry, hints)
            continue
        if kind not in (json_text.NULL, json_text.ARRAY):
            value = json_text.label_text(raw) if kind == json_text.STRING else raw
            if prefix:
                _set_below(prefix, key, value, entry, hints)
            elif name := sanitized(key):
                _set(name, value, entry, hints)
        if hints.complete(entry):
            raise _FoundAllError


def _set_below(prefix: str, key: str, value: str, entry: Entry, hints: Hints) -> None:
    name = joined(prefix, key)
    if entry.taken(name):
        name = joined(prefix, key + EXTRACTED)
    _set_new(name, value, entry, hints)


def _set(name: str, value: str, entry: Entry, hints: Hints) -> None:
    if entry.taken(name):
        name += EXTRACTED
    _set_new(name, value, entry, hints)


def _set_new(name: str, value: str, entry: Entry, hints: Hints) -> None:
    if not hints.wanted(name) or name in entry.extracted:
        return
    entry.set(name, value)
    if not hints.goes_on(name, entry):
        raise _DroppedError


def unpack_step(hints: Hints) -> Step:
    """`| unpack`: the labels that Promtail packed into a line, and the line that was."""

    def step(entry: Entry) -> bool:
        line = entry.line
        if not line or hints.idle(entry):
            return True
        if line[0] != "{":
            hints.mark(entry, JSON_ERROR, "expecting json object(6), but it is not")
            return True
        found: list[tuple[str, str]] = []
        packed: str | None = None
        try:
            for key, kind, raw in json_text.fields(line):
                if kind != json_text.STRING:
                    continue
                if key == PACKED_ENTRY:
                    packed = json_text.unescaped(raw)
                    if packed is None:
                        raise json_text.JsonError(json_text.BAD_ESCAPE)
                    continue
                name = key + EXTRACTED if entry.taken(key) else key
                if hints.wanted(name) and name not in entry.extracted:
                    found.append((sanitized(name), json_text.label_text(raw)))
        except json_text.JsonError as error:
            hints.mark(entry, JSON_ERROR, str(error))
            return True
        if packed is None:
            return True
        entry.line = packed
        for name, value in found:
            entry.set(name, value)
            if not hints.goes_on(name, entry):
                return False
        return True

    return step
