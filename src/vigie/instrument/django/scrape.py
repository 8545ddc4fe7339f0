"""What Prometheus reads from a Django service."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseNotAllowed

from vigie.instrument.django.requests import leave_out_this_request
from vigie.instrument.exposition import exposition
from vigie.instrument.guard import count_failure
from vigie.instrument.meters import meters


def metrics_view(request: Any) -> HttpResponse:
    """What Prometheus scrapes: the registry of the middleware around it, else the default one.

    A plain view: under ASGI, Django runs it in a thread, and a long exposition holds up nobody. It
    asks for no login and no CSRF token. Scrapes are not counted: they would be a quiet service's
    most regular request. Answers 503 where the workers' figures cannot be read.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    registry = leave_out_this_request()
    try:
        text, content_type = exposition(request.headers.get("Accept", ""), registry)
    except Exception as error:
        count_failure("exposition", error, meters(registry))
        return HttpResponse(
            f"vigie cannot tell the metrics: {error}\n", "text/plain; charset=utf-8", status=503
        )
    return HttpResponse(text, content_type)


# What Django's decorators set.
metrics_view.csrf_exempt = True  # type: ignore[attr-defined]
metrics_view.login_required = False  # type: ignore[attr-defined]
