"""`| logfmt`: `key=value key="quoted value" bare`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vigie.store.logql.stages.entry import EXTRACTED, LOGFMT_ERROR, Entry, Step
from vigie.store.logql.stages.hints import Hints
from vigie.store.logql.stages.names import sanitized
from vigie.store.logql.tree import Extraction

_GAP = re.compile(r"[\x00-\x20]*")
_KEY = re.compile(r'[^\x00-\x20="]*')
_VALUE = re.compile(r'[^\x00-\x20="]*')
_WORD = re.compile(r"[^\x00-\x20]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([\"\\/'bfnrt])|u([0-9a-fA-F]{4}))")
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONTROL = re.compile(r"[\x00-\x1f]")


class LogfmtError(ValueError):
    """Where a line stops being logfmt."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(f"logfmt syntax error at pos {at + 1} : {why}")


def pairs(line: str, faults: list[LogfmtError], strict: bool) -> Iterator[tuple[str, str]]:
    """Keys and values of a line. A fault is added to `faults`; the pairs after it go on, unless
    `strict`."""
    at, end = 0, len(line)
    while at < end:
        at = _end(_GAP, line, at)
        if at >= end:
            return
        try:
            key, value, at = _pair(line, at)
        except _SkippedError as skipped:
            faults.append(skipped.fault)
            if strict:
                return
            at = skipped.at
            continue
        yield key, value


class _SkippedError(Exception):
    """A pair that is malformed; reading goes on at `at`."""

    def __init__(self, fault: LogfmtError, at: int) -> None:
        self.fault = fault
        self.at = at


def _pair(line: str, start: int) -> tuple[str, str, int]:
    at = _end(_KEY, line, start)
    key = line[start:at]
    if at >= len(line):
        return _checked_key(key, at), "", at
    if line[at] == '"' or (line[at] == "=" and not key):
        raise _SkippedError(LogfmtError(f"unexpected {line[at]!r}", at), _end(_WORD, line, at))
    if line[at] != "=":
        return _checked_key(key, at), "", at
    if "\ufffd" in key:
        raise _SkippedError(LogfmtError("invalid key", at), _end(_WORD, line, at))
    at += 1
    if at >= len(line) or line[at] <= " ":
        return key, "", at
    if line[at] == '"':
        return (key, *_quoted(line, at))
    start, at = at, _end(_VALUE, line, at)
    if at < len(line) and line[at] in '="':
        raise _SkippedError(LogfmtError(f"unexpected {line[at]!r}", at), _end(_WORD, line, at))
    return key, line[start:at], at


def _checked_key(key: str, at: int) -> str:
    if "\ufffd" in key:
        raise _SkippedError(LogfmtError("invalid key", at), at)
    return key


def _quoted(line: str, at: int) -> tuple[str, int]:
    found = _QUOTED.match(line, at)
    if found is None:
        raise _SkippedError(LogfmtError("unterminated quoted value", len(line)), len(line))
    inside = found[1]
    if "\\" not in inside:
        return inside, found.end()
    value = _unescaped(inside)
    if value is None:
        raise _SkippedError(LogfmtError("invalid quoted value", found.end()), found.end())
    return value, found.end()


def _unescaped(inside: str) -> str | None:
    if _CONTROL.search(inside):
        return None
    out, at = [], 0
    while (backslash := inside.find("\\", at)) >= 0:
        out.append(inside[at:backslash])
        found = _ESCAPE.match(inside, backslash)
        if found is None:
            return None
        at = found.end()
        if found[1]:
            out.append(_PLAIN.get(found[1], found[1]))
            continue
        code = int(found[2], 16)
        if 0xD800 <= code < 0xDC00:
            low = _ESCAPE.match(inside, at)
            if low and low[2] and 0xDC00 <= int(low[2], 16) < 0xE000:
                at = low.end()
                code = 0x10000 + ((code - 0xD800) << 10) + int(low[2], 16) - 0xDC00
        out.append("\ufffd" if 0xD800 <= code < 0xE000 else chr(code))
    out.append(inside[at:])
    return "".join(out)


def _end(expression: re.Pattern[str], line: str, at: int) -> int:
    found = expression.match(line, at)
    assert found is not None  # each of them matches the empty text
    return found.end()


def logfmt_step(strict: bool, keep_empty: bool, hints: Hints) -> Step:
    """`| logfmt`: a label for each pair; empty ones only where they are to be kept."""

    def step(entry: Entry) -> bool:
        if hints.idle(entry):
            return True
        faults: list[LogfmtError] = []
        for key, value in pairs(entry.line, faults, strict):
            name = sanitized(key)
            if not name:
                continue
            if entry.taken(name):
                name += EXTRACTED
            if not hints.wanted(name) or name in entry.extracted:
                continue
            text = value.replace("\ufffd", " ") if "\ufffd" in value else value
            if not text and not keep_empty:
                continue
            entry.set(name, text)
            if not hints.goes_on(name, entry):
                return False
            if hints.complete(entry):
                break
        if strict and faults:
            hints.mark(entry, LOGFMT_ERROR, str(faults[-1]))
            return hints.goes_on("__error__", entry)
        return True

    return step


_FIELD = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def parse_field(text: str) -> str:
    """The field that a logfmt expression names; raises ValueError."""
    if _FIELD.fullmatch(text) is None:
        odd = next((c for c in text if not (c.isascii() and (c.isalnum() or c == "_"))), None)
        what = "syntax error: unexpected $end" if odd is None else f"unexpected char {odd}"
        raise ValueError(f"cannot parse expression [{text}]: {what}")
    return text


def logfmt_fields_step(expressions: tuple[Extraction, ...], strict: bool, hints: Hints) -> Step:
    """`| logfmt a="b"`; what is not found is an empty label."""
    fields = {one.name: parse_field(one.expression) for one in expressions}
    names: dict[str, str] = {}
    for name, field in fields.items():
        names.setdefault(field, name)
    for name in fields:
        names.setdefault(name, name)

    def step(entry: Entry) -> bool:
        if hints.idle(entry):
            return True
        for name in fields:
            if not entry.taken(name):
                entry.set(name, "")
        faults: list[LogfmtError] = []
        for key, value in pairs(entry.line, faults, strict):
            field = sanitized(key)
            found = names.get(field)
            if not field or found is None:
                continue
            if entry.taken(found):
                found += EXTRACTED
                if found in entry.extracted or not hints.wanted(found):
                    break
            entry.set(found, "" if "\ufffd" in value else value)
            if hints.complete(entry):
                break
        if strict and faults:
            hints.mark(entry, LOGFMT_ERROR, str(faults[-1]))
        return True

    return step
