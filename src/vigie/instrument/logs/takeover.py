"""The console's other writers, set aside: servers and frameworks have handlers of their own.

A line that they print would be there twice, or in another form than all others.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping

# Requests and answers in full are what these write at their lowest level, and each request's URL
# one above it.
TALKATIVE = {
    **dict.fromkeys(("openai", "httpx", "httpx2", "httpcore", "httpcore2"), logging.WARNING),
    "urllib3": logging.INFO,
}


def take_over(
    handler: logging.Handler, level: int, levels: Mapping[str, int], console: bool
) -> Callable[[], None]:
    """Give all records from `level` on to `handler`; returns what puts everything back.

    With `console`, whatever wrote to it before does so no more.
    """
    undo: list[Callable[[], None]] = []
    root = logging.getLogger()
    for logger in _loggers() if console else ():
        writing = [each for each in logger.handlers if _writes_to_console(each)]
        if not writing:
            continue
        undo.append(_back(logger))
        for each in writing:
            logger.removeHandler(each)
        logger.propagate = True
    undo.append(_level_back(root))
    root.setLevel(level)
    for name, wanted in {**TALKATIVE, **levels}.items():
        logger = logging.getLogger(name)
        if name in levels or logger.level == logging.NOTSET:
            undo.append(_level_back(logger))
            logger.setLevel(wanted)
    root.addHandler(handler)

    def put_back() -> None:
        root.removeHandler(handler)
        for each in reversed(undo):
            each()

    return put_back


def _back(logger: logging.Logger) -> Callable[[], None]:
    handlers, propagate = list(logger.handlers), logger.propagate

    def put_back() -> None:
        for each in handlers:
            logger.addHandler(each)  # those that are still there stay there once
        logger.propagate = propagate

    return put_back


def _level_back(logger: logging.Logger) -> Callable[[], None]:
    level = logger.level
    return lambda: logger.setLevel(level)


def _loggers() -> Iterator[logging.Logger]:
    yield logging.getLogger()
    known = list(logging.Logger.manager.loggerDict.values())
    yield from (each for each in known if isinstance(each, logging.Logger))


def _writes_to_console(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    console = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return stream is not None and any(stream is each for each in console)
