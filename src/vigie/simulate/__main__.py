"""`python -m vigie.simulate`: the simulated provider, as a supervisor starts it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vigie.simulate import DEFAULT_HOST, DEFAULT_PORT, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve; exit code 0 when told to end, 2 for a request that cannot be met."""
    parser = argparse.ArgumentParser(
        prog="python -m vigie.simulate",
        description="An OpenAI-compatible provider with faults and an invoice of its own.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--seed", type=int, default=1, help="the same seed answers the same")
    parser.add_argument("--speed", type=float, default=1.0, help="divides the latencies")
    parser.add_argument(
        "--invoice", type=Path, metavar="FILE", help="keep the invoice in this SQLite file"
    )
    given = parser.parse_args(arguments)
    try:
        serve(given.port, given.host, given.seed, given.speed, given.invoice)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        address = f"{given.host}:{given.port}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        print(f"{parser.prog}: {address}: {reason}: choose another --port", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
