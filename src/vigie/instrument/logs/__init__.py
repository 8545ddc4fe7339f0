"""Logs: one JSON object a line, with the ids of request and trace, and without secrets.

    from vigie.instrument import logs
    logs.setup("fastapi")

All that goes through `logging` is then written to standard output, and shipped where
$VIGIE_LOGS_URL leads. For structlog, `structlog_processor` is the last of its processors.
A line's own fields are those of `extra=`, and what its message names: of
`log.info("Auth failure reason=%s", reason)` the event is "Auth failure", and `reason` a field.

Prompts and answers are no part of what Vigie logs; what the OpenAI SDK and its HTTP client write at
their lower levels, where they are, is left out unless `levels` asks for it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue.logs import LEVELS
from vigie.instrument.guard import count_failure
from vigie.instrument.logs.handler import NAME, Form, Handler, JsonFormatter, TextFormatter
from vigie.instrument.logs.line import Writer
from vigie.instrument.logs.records import line_of_event
from vigie.instrument.logs.takeover import take_over
from vigie.instrument.meters import meters
from vigie.instrument.service import service_name

__all__ = ["JsonFormatter", "TextFormatter", "setup", "shutdown", "structlog_processor"]

URL_VARIABLE = "VIGIE_LOGS_URL"

_MARK = "_vigie_logs"
_installing = threading.Lock()


def setup(
    service: str | None = None,
    *,
    level: int | str = "info",
    levels: Mapping[str, int | str] | None = None,
    to: str | None = None,
    stdout: bool | Form = True,
    headers: Mapping[str, str] | None = None,
    redact_mail: bool = False,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Take all records of `logging` from `level` on; `levels` has those of single loggers.

    `service` is by default $VIGIE_SERVICE, `to` is $VIGIE_LOGS_URL: Loki's address
    (http://127.0.0.1:3100), or a collector's (http://127.0.0.1:4318, https://…/v1/logs). Without
    either, nothing is shipped. `headers` go along, such as {"X-Scope-OrgID": "team"}.
    `stdout` is False, "json" (True) or "text"; unless it is False, handlers that wrote to the
    console before are set aside. With `redact_mail`, addresses of mail are hidden too.

    To be called in the main thread, so that SIGTERM is heard of, and after the server or framework
    has set up its own logging. May be called again: the same does nothing, something else counts
    from then on. Raises ValueError for what is no address, level or form.
    """
    to = to or os.environ.get(URL_VARIABLE) or None
    wanted = _Setup(
        service or service_name(),
        _number(level),
        tuple(sorted((name, _number(each)) for name, each in (levels or {}).items())),
        to,
        _form(stdout),
        tuple(sorted((headers or {}).items())),
        redact_mail,
        registry,
    )
    with _installing:
        found = _installed()
        if found is not None:
            if found.setup == wanted:
                return
            _remove(found)
        handler = Handler(
            wanted.service,
            to=to,
            form=wanted.form,
            headers=dict(wanted.headers),
            redact_mail=redact_mail,
            meters=meters(registry),
        )
        put_back = take_over(
            handler, wanted.level, dict(wanted.levels), console=wanted.form is not None
        )
        # On the root logger: this module may be loaded twice (Streamlit reloads the sources that it
        # watches), `logging` is not.
        setattr(logging.getLogger(), _MARK, _Installed(wanted, handler, put_back))


def shutdown() -> None:
    """Send what waits, and put `logging` back as it was."""
    with _installing:
        found = _installed()
        if found is not None:
            _remove(found)


def structlog_processor(logger: object, method: str, event_dict: MutableMapping[str, Any]) -> str:
    """The last of structlog's processors: an event as its line, which `setup` has shipped.

    structlog's own logger prints the line: give it `structlog.PrintLoggerFactory()`.
    """
    try:
        found = _installed()
        writer = found.handler.writer if found is not None else _writer(service_name())
        entry = line_of_event(writer, logger, method, event_dict)
        if found is not None:
            found.handler.ship(entry)
        return entry.line
    except Exception as error:  # no event is worth the application
        count_failure(NAME, error)
        return "{}"


@dataclass(frozen=True, slots=True)
class _Setup:
    service: str
    level: int
    levels: tuple[tuple[str, int], ...]
    to: str | None
    form: Form | None
    headers: tuple[tuple[str, str], ...]
    redact_mail: bool
    registry: CollectorRegistry


@dataclass(frozen=True, slots=True)
class _Installed:
    setup: _Setup
    handler: Handler
    put_back: Callable[[], None]


_writer = lru_cache(maxsize=8)(Writer)


def _installed() -> _Installed | None:
    return getattr(logging.getLogger(), _MARK, None)


def _remove(found: _Installed) -> None:
    delattr(logging.getLogger(), _MARK)
    found.put_back()
    found.handler.close()


def _number(level: int | str) -> int:
    if isinstance(level, int):
        return level
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f'level is "{level}": write one of {", ".join(LEVELS)}')
    return number


def _form(stdout: bool | Literal["json", "text"]) -> Form | None:
    if stdout in (True, "json"):
        return "json"
    if stdout == "text":
        return "text"
    if stdout is False:
        return None
    raise ValueError(f'stdout is {stdout!r}: write "json", "text" or False')
