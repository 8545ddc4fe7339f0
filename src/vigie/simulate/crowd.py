"""All users of the traffic together: locust as a library, in this process, without its page.

Importing locust patches the standard library: sockets, `time.sleep` and `threading` are gevent's
from then on. So only the process of the traffic imports this.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
import urllib.request
from typing import Any

from locust.env import Environment

from vigie.simulate.athletes import Athlete, Explorer
from vigie.simulate.mistakes import Stumbler
from vigie.simulate.person import Person
from vigie.simulate.targets import World
from vigie.simulate.visitors import Visitor, visitor_count

log = logging.getLogger("vigie.traffic")

_USERS_A_SECOND = 1
_INVOICE_SECONDS = 5
_INVOICE_SECONDS_AT_LEAST = 0.5
_STOP_SECONDS = 1.5


def run(world: World, users: int, seconds: float | None) -> str:
    """Let the users go about, for so many seconds or until SIGTERM; return a line of summary."""
    environment = _environment(world, users)
    runner = environment.create_local_runner()
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    started = time.monotonic()
    runner.start(users, spawn_rate=_USERS_A_SECOND)
    threading.Thread(target=_watch_invoice, args=[world], daemon=True).start()
    stopping.wait(seconds)
    # A user may be in the midst of closing a connection that nobody answers on.
    ending = threading.Thread(target=runner.quit, daemon=True)
    ending.start()
    ending.join(_STOP_SECONDS)
    total = environment.stats.total
    return (
        f"{total.num_requests} requests in {time.monotonic() - started:.0f} s, "
        f"{total.num_failures} of them not answered or answered with a server error"
    )


def _environment(world: World, users: int) -> Environment:
    Visitor.fixed_count = visitor_count(users)
    Person.world = world
    environment = Environment(
        user_classes=[Explorer, Athlete, Stumbler, Visitor], stop_timeout=0, reset_stats=False
    )
    environment.events.user_error.add_listener(_log_once)  # type: ignore[no-untyped-call]  # locust's
    # It writes a traceback each time a task fails; `_log_once` writes the first.
    logging.getLogger("locust.user.task").setLevel(logging.CRITICAL)
    return environment


_logged: set[str] = set()


def _log_once(exception: BaseException, tb: Any, **_rest: Any) -> None:
    """Log the first failure of each kind: a task that fails is a defect of the traffic."""
    kind = type(exception).__name__
    if kind not in _logged:
        _logged.add(kind)
        error = (type(exception), exception, tb)
        log.error(
            "a user's task failed; later failures of this kind are not logged", exc_info=error
        )


def _watch_invoice(world: World) -> None:
    """Keep the budget in step with what the provider has really sold."""
    if world.targets.provider is None:
        return
    url = f"{world.targets.provider}/invoice"
    pause = max(_INVOICE_SECONDS / world.pace, _INVOICE_SECONDS_AT_LEAST)
    while True:
        time.sleep(pause)
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                total = json.load(response)["total"]
            world.budget.correct(total["input_tokens"] + total["output_tokens"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # what is reckoned for each call will do until it answers again
