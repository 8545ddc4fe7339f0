"""Services that are nothing but a page of metrics, and fall ill at a moment that is known.

What is measured with them is the way of an alert, from the first bad event to the notification; a
real service would add its own time until something is bad. Each is asked for a hundred requests a
second, and as much of everything else as a signal needs; all events go bad at once.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

A_SECOND = 100.0
"""Events of each kind."""


@dataclass(frozen=True, slots=True)
class Illness:
    """How one signal becomes bad.

    `page` makes the lines of the exposition of the seconds in health and in illness so far.
    `bad_share` of the window has to be bad until the value is: 0 where the first event does it.
    """

    signal: str
    page: Callable[[float, float], str]
    bad_share: float = 0.0


def _connections(_well: float, ill: float) -> str:
    return (
        'django_db_connections_max{alias="default"} 100\n'
        f'django_db_connections_active{{alias="default"}} {99 if ill else 10}\n'
    )


def _auth_failures(_well: float, ill: float) -> str:
    failures = 100 * A_SECOND * ill
    return f'django_auth_failures_total{{reason="bad_credentials"}} {failures}\n'


def _patterns(_well: float, ill: float) -> str:
    return f'security_events_total{{pattern="brute_force"}} {10 if ill else 0}\n'


def _dropped(_well: float, ill: float) -> str:
    return f'vigie_dropped_records_total{{where="logs"}} {10_000 if ill else 0}\n'


def _tokens(_well: float, ill: float) -> str:
    tokens = 100_000 * A_SECOND * ill
    return f'openai_tokens_total{{model="a",type="input"}} {tokens}\n'


def _durations(well: float, ill: float) -> str:
    fast, whole = A_SECOND * well, A_SECOND * (well + ill)
    counts = {"0.1": fast, "0.5": fast, "1.0": fast, "2.5": whole, "+Inf": whole}
    labels = 'method="GET",endpoint="/"'
    name = "django_request_duration_seconds"
    buckets = "".join(
        f'{name}_bucket{{{labels},le="{bound}"}} {count}\n' for bound, count in counts.items()
    )
    return f"{buckets}{name}_count{{{labels}}} {whole}\ndjango_requests_in_progress 1\n"


def _calls(well: float, ill: float) -> str:
    counts = {"ok": A_SECOND * well, "server_error": A_SECOND * ill}
    return "".join(
        f'openai_requests_total{{model="a",operation="chat",status="{status}"}} {count}\n'
        for status, count in counts.items()
    )


SILENCE = Illness("service_down", lambda _well, _ill: "")
"""It answers no scrape: a service of its own has this, because it mutes the others."""

ILLNESSES = (
    Illness("security_events", _patterns),
    Illness("dropped_telemetry", _dropped),
    Illness("database_connections", _connections),
    Illness("auth_failure_rate", _auth_failures),
    Illness("openai_token_rate", _tokens),
    Illness("django_response_time", _durations, bad_share=0.05),
    Illness("openai_error_rate", _calls, bad_share=0.20),
)
"""Of which a service may have all at once."""


@dataclass
class FeignedService:
    """One service; `ill_since` are the moments, in seconds of Unix, by signal."""

    name: str
    port: int
    born: float = field(default_factory=time.time)
    ill_since: dict[str, float] = field(default_factory=dict)

    def page(self) -> str | None:
        """What it says to a scrape; None where it says nothing."""
        now = time.time()
        if SILENCE.signal in self.ill_since:
            return None
        pages = []
        for one in ILLNESSES:
            began = min(self.ill_since.get(one.signal, now), now)
            pages.append(one.page(began - self.born, now - began))
        return "".join(pages)


@contextmanager
def feigned_service(name: str) -> Iterator[FeignedService]:
    """The service, on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = service.page()
            body = (page or "").encode()
            self.send_response(503 if page is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # its name
            pass

    with _Server(("127.0.0.1", 0), Handler) as http:
        service = FeignedService(name, http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            http.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prometheus hangs up when it ends, or has waited too long: no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
