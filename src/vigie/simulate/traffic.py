"""`python -m vigie.simulate.traffic`: realistic users of the coaching application, until told.

They register, log in, look at their plans, talk with the coach through the API and through the
screen, and are refused now and then. Their load is small, and so is their appetite for tokens:
with the defaults it stays below the rates at which Vigie warns.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from vigie.simulate.pacing import CALL_TOKENS, TokenBudget
from vigie.simulate.targets import Targets, World

log = logging.getLogger("vigie.traffic")

DEFAULT_USERS = 7
DEFAULT_TOKENS_PER_MINUTE = 450
BURST_MINUTES = 3
LEAST_BURST = 2 * CALL_TOKENS
_POLL_SECONDS = 0.25


def main(arguments: list[str] | None = None) -> int:
    """Run the traffic; exit code 0 when told to end or done, 2 for a request that is wrong."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    targets = Targets(given.django, given.fastapi, given.streamlit, given.provider)
    burst = max(BURST_MINUTES * given.tokens_per_minute / given.pace, LEAST_BURST)
    budget = TokenBudget(given.tokens_per_minute * given.pace, burst, time.monotonic)
    try:
        _wait_for(targets)
        # Only now, so that these heavy imports do not slow down the start of what they call.
        from vigie.simulate import crowd

        log.info(
            "%d users of %s, %s and %s",
            given.users, targets.django, targets.fastapi, targets.streamlit,
        )  # fmt: skip
        world = World(targets, budget, given.seed, log.info, given.pace)
        log.info(crowd.run(world, given.users, given.seconds))
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vigie.simulate.traffic",
        description="Realistic users of the coaching application.",
    )
    for name, default in (
        ("django", "http://127.0.0.1:8002"),
        ("fastapi", "http://127.0.0.1:8000"),
        ("streamlit", "http://127.0.0.1:8501"),
    ):
        parser.add_argument(f"--{name}", type=_url, default=default, metavar="URL")
    parser.add_argument(
        "--provider",
        type=_url,
        metavar="URL",
        help="the simulated provider, whose invoice tells how many tokens were used",
    )
    parser.add_argument("--users", type=_users, default=DEFAULT_USERS, metavar="N")
    parser.add_argument("--seconds", type=float, metavar="N", help="until told, if left out")
    parser.add_argument(
        "--pace",
        type=_pace,
        default=1.0,
        metavar="FACTOR",
        help="how many times faster than people; a minute of tokens is as much shorter",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tokens-per-minute",
        type=float,
        default=DEFAULT_TOKENS_PER_MINUTE,
        metavar="N",
        help="what the calls of the AI may use on average (default: %(default)s)",
    )
    return parser


def _url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{given!r}: write a URL, e.g. http://127.0.0.1:8002")
    return given.rstrip("/")


def _users(given: str) -> int:
    fewest = 3  # one of each kind
    if not given.isdecimal() or int(given) < fewest:
        raise argparse.ArgumentTypeError(f"{given!r}: write a number of users from {fewest} on")
    return int(given)


def _pace(given: str) -> float:
    try:
        pace = float(given)
    except ValueError:
        pace = 0.0
    if not 1 <= pace < float("inf"):
        raise argparse.ArgumentTypeError(f"{given!r}: write a number from 1 on")
    return pace


def _wait_for(targets: Targets) -> None:
    """Return when every service answers, whatever it answers."""
    for name, url in (
        ("Django", f"{targets.django}/health/"),
        ("FastAPI", f"{targets.fastapi}/health"),
        ("Streamlit", f"{targets.streamlit}/_stcore/health"),
    ):
        waited = False
        while not _answers(url):
            if not waited:
                log.info("waiting for %s at %s", name, url)
                waited = True
            time.sleep(_POLL_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
