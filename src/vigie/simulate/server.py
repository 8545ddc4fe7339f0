"""The provider as a process: one socket, one event loop, an orderly end."""

from __future__ import annotations

import logging
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from vigie.simulate.provider import create_app

_BACKLOG = 512
_GRACE_SECONDS = 1
"""How long streams may go on after SIGTERM; then they are broken off, and billed as such."""


def run(port: int, host: str, seed: int, speed: float, invoice_path: Path | None) -> None:
    """Serve until SIGTERM or SIGINT; see `vigie.simulate.serve`."""
    app = create_app(seed=seed, speed=speed, invoice_path=invoice_path)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_no_dropped_stream)
        # uvicorn ends orderly on these, and then raises them once more for whoever called it.
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _ended)
        uvicorn.Server(config).run(sockets=[listener])


def _is_no_dropped_stream(record: logging.LogRecord) -> bool:
    """A fault drops streams on purpose: nobody needs to read of it."""
    return "returned without completing response" not in record.getMessage()


def _ended(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
