"""The store as a process: opened, served, and closed."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from vigie.store.segments import LogStore, StoreLimits
from vigie.store.wire.app import logs_app


def serve(
    folder: Path,
    host: str,
    port: int,
    limits: StoreLimits,
    listening: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve the store in `folder` until SIGINT or SIGTERM; `listening` is told the port.

    Raises `HeldError`, and OSError where the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        store = LogStore(folder, limits)
        try:
            gc.freeze()  # what is loaded by now stays: no need to look at it again and again
            configuration = uvicorn.Config(
                logs_app(store),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
                ws_ping_interval=30,
            )
            server = uvicorn.Server(configuration)
            listener.listen(2048)
            listening(listener.getsockname()[1])
            server.run(sockets=[listener])
        finally:
            store.close()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
