"""What a person sees where there is no page, or none just now; programs get JSON."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vigie.console.pages.sheet import sheet


def missing(request: Request, instead: str) -> Response:
    """404, with the page that may have been meant."""
    return sheet(request, "missing.html", {"instead": instead}, status=404)


def refused(request: Request, error: Exception) -> Response:
    """What cannot be answered as it was asked."""
    assert isinstance(error, HTTPException)
    if _asks_a_program(request):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    if error.status_code == 404:
        return missing(request, "/")
    return sheet(request, "refused.html", {"reason": error.detail}, status=error.status_code)


def unavailable(request: Request, error: Exception) -> Response:
    """The database cannot be read just now."""
    if _asks_a_program(request):
        return JSONResponse({"error": f"the alerts cannot be read: {error}"}, 503)
    return sheet(request, "unavailable.html", {"reason": str(error)}, status=503)


def _asks_a_program(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.url.path in ("/healthz", "/metrics")
