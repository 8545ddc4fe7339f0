"""The store as a process: opened, served, and closed."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from vigie.store.segments import LogStore, StoreLimits
from vigie.store.spans import SpanStore
from vigie.store.wire.app import store_app

TRACES_SECONDS = 3 * 86_400
"""How long traces are kept, unless it is told."""


def serve(
    folder: Path,
    host: str,
    port: int,
    limits: StoreLimits,
    listening: Callable[[int], None] = lambda _port: None,
    *,
    traces: StoreLimits | None = None,
    also: Sequence[int] = (),
) -> None:
    """Serve the stores in `folder` until SIGINT or SIGTERM; `listening` is told the port.

    `limits` are those of the logs; their `max_bytes` is for both together. Everything is answered
    at every port: there may be several because Loki, Tempo and OTLP have each their own. Raises
    `HeldError`, and `PortError` where a port cannot be had.
    """
    with ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)
        listeners = [stack.enter_context(_listener(host, one)) for one in (port, *also)]
        logs = LogStore(folder, limits)
        stack.callback(logs.close)
        spans = SpanStore(folder / "traces", traces or StoreLimits(TRACES_SECONDS))
        stack.callback(spans.close)
        logs.beside, spans.beside = (spans,), (logs,)
        gc.freeze()  # what is loaded by now stays: no need to look at it again and again
        configuration = uvicorn.Config(
            store_app(logs, spans),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            ws_ping_interval=30,
        )
        server = uvicorn.Server(configuration)
        for one in listeners:
            one.listen(2048)
        listening(listeners[0].getsockname()[1])
        server.run(sockets=listeners)


class PortError(OSError):
    """A port that cannot be had."""

    def __init__(self, port: int, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.port = port


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortError(port, error) from error
    return listener
