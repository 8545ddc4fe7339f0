"""`logging`'s records and structlog's events, as what `line.Writer` writes."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TypeAlias

from vigie.catalogue.logs import LEVELS
from vigie.instrument.logs.line import (
    LONGEST_EVENT,
    Entry,
    LongText,
    Writer,
    event_of,
    in_words,
    level_name,
    nanoseconds,
    plain,
    template,
    timestamp,
)
from vigie.instrument.redaction import redacted

_OF_A_RECORD = frozenset(
    [*vars(logging.LogRecord("", 0, "", 0, "", None, None)), "message", "asctime", "taskName"]
)
# What structlog's levels and methods are called, and mean.
_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical", "notset": "debug"}
_LEVELS |= {name: name for name in LEVELS}
_OF_STRUCTLOG = frozenset(
    [
        *("event", "level", "log_level", "logger", "timestamp"),
        *("exc_info", "exception", "stack_info", "stack"),
        *("_record", "_from_structlog", "positional_args"),
    ]
)

_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
    | BaseException
    | bool
    | None
)


def line_of_record(writer: Writer, record: logging.LogRecord) -> Entry:
    """The line of a record of `logging`.

    Its own fields are those that `extra` gave it, and the arguments that its message names, as in
    `log.info("Auth failure reason=%s", reason)`.
    """
    own: dict[str, Any] = {}
    event = ""
    if isinstance(record.msg, str):
        event, named = template(record.msg) if record.args else (event_of(record.msg), ())
        if named and isinstance(record.args, tuple):
            own = {name: record.args[at] for name, at in named if at < len(record.args)}
    own.update({name: value for name, value in vars(record).items() if name not in _OF_A_RECORD})
    message = message_of(record)
    if named_so := own.pop("event", ""):
        event = event_of(in_words(named_so))
    _add_exception(own, record.exc_info, record.exc_text, record.stack_info)
    return writer.entry(
        created_ns=nanoseconds(record.created),
        level=level_name(record.levelno),
        logger=record.name,
        event=event or event_of(message),
        message=message,
        own=own,
    )


def line_of_event(
    writer: Writer, logger: object, method: str, event_dict: Mapping[str, Any]
) -> Entry:
    """The line of an event of structlog."""
    level = str(event_dict.get("level") or event_dict.get("log_level") or method).lower()
    name = event_dict.get("logger") or getattr(logger, "name", None) or "structlog"
    own = {name: value for name, value in event_dict.items() if name not in _OF_STRUCTLOG}
    message = in_words(event_dict.get("event", ""))
    _add_exception(
        own,
        event_dict.get("exc_info"),
        event_dict.get("exception"),
        event_dict.get("stack_info") or event_dict.get("stack"),
    )
    return writer.entry(
        created_ns=time.time_ns(),
        level=_LEVELS.get(level, "info"),
        logger=in_words(name),
        event=event_of(message),
        message=message,
        own=own,
    )


def text_of_record(record: logging.LogRecord, *, redact_mail: bool = False) -> str:
    """A record for people, on one line: time, level, logger, message; then its traceback."""
    own: dict[str, Any] = {}
    _add_exception(own, record.exc_info, record.exc_text, record.stack_info)
    behind = "".join(f" | {own[name]}" for name in ("exception", "stack") if own.get(name))
    when = timestamp(nanoseconds(record.created))
    level = level_name(record.levelno).upper()
    text = f"{when} {level} {record.name} {message_of(record)}{behind}"
    return plain(redacted(text, mail=redact_mail))


def message_of(record: logging.LogRecord) -> str:
    """The message with its arguments; where they do not fit, both, one after the other."""
    try:
        return record.getMessage()
    except Exception:
        return f"{in_words(record.msg)} {in_words(record.args)}"


def _add_exception(
    own: MutableMapping[str, Any], exc_info: _ExcInfo, exc_text: str | None, stack: str | None
) -> None:
    error = _exception(exc_info)
    if error is not None:
        own["exception_type"] = type(error).__name__[:LONGEST_EVENT]
        own["exception"] = LongText(_traceback(error))
    elif exc_text:
        own["exception"] = LongText(exc_text)
    if stack:
        own["stack"] = LongText(stack)


def _exception(exc_info: _ExcInfo) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1]
    if exc_info:
        return sys.exc_info()[1]
    return None


def _traceback(error: BaseException) -> str:
    try:
        # At most so many frames of each: a recursion that has no end has a thousand.
        told = traceback.TracebackException.from_exception(error, limit=-30, compact=True)
        return "".join(told.format()).rstrip("\n")
    except Exception:  # what its __str__ raises, for instance
        return f"{type(error).__name__} that cannot be written"
