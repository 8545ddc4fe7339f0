"""Faults on purpose, for drills. Installed with COACHING_FAULTS=1 only; never in production.

POST /faults {"latency_seconds": 1.5, "error_ratio": 0.2, "held_connections": 12}
sets all three; what is left out is 0, so `{}` ends every fault.
"""

import json
import random
import time
from collections.abc import Callable

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

_faults = {"latency_seconds": 0.0, "error_ratio": 0.0, "held_connections": 0}
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
    _faults.update(numbers)
    _hold(numbers["held_connections"])
    return JsonResponse(_faults)


_KINDS = {"latency_seconds": float, "error_ratio": float, "held_connections": int}


def _hold(count: int) -> None:
    while len(_held) > count:
        _held.pop().close()
    while len(_held) < count:
        connection = connections.create_connection("default")
        connection.inc_thread_sharing()  # whichever thread ends the fault closes it
        connection.ensure_connection()
        _held.append(connection)
