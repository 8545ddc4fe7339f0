"""What `counting_app` is, as a WSGI service."""

import os
import signal
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from vigie.catalogue import django
from vigie.instrument.exposition import exposition
from vigie.instrument.http import HttpMeters
from vigie.instrument.meters import meters

_http = HttpMeters(django.HTTP, meters())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/metrics":
        text, content_type = exposition(environ.get("HTTP_ACCEPT", ""))
        start_response("200 OK", [("Content-Type", content_type)])
        return [text]
    began = perf_counter()
    _http.in_progress.inc()
    if path == "/hang":
        signal.pause()
    start_response("200 OK", [("Content-Type", "text/plain")])
    _http.tally("GET", path, 200).add(perf_counter() - began)
    return [str(os.getpid()).encode() if path == "/pid" else b"done"]
