"""Faults on purpose, for drills. Installed with COACHING_FAULTS=1 only; never in production.

POST /faults {"latency_seconds": 1.5, "error_ratio": 0.2, "held_connections": 12, "deadlocks": 3}
sets all of them; what is left out is 0, so `{}` ends every fault. Deadlocks, which take a database
with locks of its own (PostgreSQL), have happened when the answer comes.
"""

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

_faults = {"latency_seconds": 0.0, "error_ratio": 0.0, "held_connections": 0, "deadlocks": 0}
_held: list[BaseDatabaseWrapper] = []


class FaultMiddleware:
    """Inside of the monitoring's own middlewares, so that they see what a client sees."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/"):
            time.sleep(_faults["latency_seconds"])
            if random.random() < _faults["error_ratio"]:
                return JsonResponse({"detail": "A fault on purpose."}, status=500)
        return self._get_response(request)


@require_POST
def faults_view(request: HttpRequest) -> JsonResponse:
    try:
        wanted = json.loads(request.body)
        numbers = {name: kind(wanted.get(name, 0)) for name, kind in _KINDS.items()}
        if min(numbers.values()) < 0:
            raise ValueError("below 0")
    except (ValueError, TypeError, AttributeError):
        names = ", ".join(_KINDS)
        return JsonResponse({"detail": f"Write an object of numbers: {names}."}, status=400)
    if numbers["deadlocks"] and connections["default"].vendor != "postgresql":
        return JsonResponse({"detail": "Deadlocks take PostgreSQL."}, status=400)
    _faults.update(numbers)
    _hold(numbers["held_connections"])
    for _ in range(numbers["deadlocks"]):
        _deadlock()
    return JsonResponse(_faults)


_KINDS = {
    "latency_seconds": float,
    "error_ratio": float,
    "held_connections": int,
    "deadlocks": int,
}


def _hold(count: int) -> None:
    while len(_held) > count:
        _held.pop().close()
    while len(_held) < count:
        connection = connections.create_connection("default")
        connection.inc_thread_sharing()  # whichever thread ends the fault closes it
        connection.ensure_connection()
        _held.append(connection)


def _deadlock() -> None:
    """Two transactions that each hold the lock which the other one waits for."""
    both_hold_one = Barrier(2)

    def take(first: int, second: int) -> None:
        try:
            with transaction.atomic(), connections["default"].cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [first])
                both_hold_one.wait()
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [second])
        except OperationalError:
            pass  # the one that the database gave up
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(2) as pool:
        for taken in (pool.submit(take, 1, 2), pool.submit(take, 2, 1)):
            taken.result()
