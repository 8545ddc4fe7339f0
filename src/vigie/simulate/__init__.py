"""What stands in for the world in development: an OpenAI-compatible provider, traffic, faults."""

from __future__ import annotations

from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8090


def serve(
    port: int = DEFAULT_PORT,
    host: str = DEFAULT_HOST,
    seed: int = 1,
    speed: float = 1.0,
    invoice_path: Path | None = None,
) -> None:
    """Serve the simulated provider until SIGTERM or SIGINT; see `provider.create_app`.

    Raises OSError where the port cannot be had, ValueError for a speed that is not above 0.
    """
    from vigie.simulate.server import run

    run(port, host, seed, speed, invoice_path)
