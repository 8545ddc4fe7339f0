"""The store as a process: opened, served, and closed."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from vigie.store.segments import LogStore, StoreLimits
from vigie.store.spans import SpanStore
from vigie.store.wire.app import store_app


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the logs, and of the traces; `max_bytes` is for both together."""

    logs: StoreLimits
    traces: StoreLimits


def serve(
    folder: Path,
    host: str,
    ports: Sequence[int],
    kept: Kept,
    listening: Callable[[list[int]], None] = lambda _ports: None,
) -> None:
    """Serve the stores in `folder` until SIGINT or SIGTERM; `listening` is told the ports.

    Everything is answered at every port: there are several because Loki, Tempo and OTLP have each
    their own. Raises `HeldError`, and `PortError` where a port cannot be had.
    """
    with ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)
        listeners = [stack.enter_context(_listener(host, port)) for port in ports]
        logs = LogStore(folder, kept.logs)
        stack.callback(logs.close)
        spans = SpanStore(folder / "traces", kept.traces)
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
        listening([one.getsockname()[1] for one in listeners])
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
