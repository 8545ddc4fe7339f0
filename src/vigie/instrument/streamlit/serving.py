"""Where `/metrics` of a Streamlit application is served: on its own port, or on one beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.instrument.exposition import exposition
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.meters import meters
from vigie.instrument.streamlit.pages import count_error_outside_pages
from vigie.instrument.streamlit.process import watch_process

PATH = "/metrics"

_SERVER = "_vigie_metrics_server"
_starting = threading.Lock()


def streamlit_app(
    script: str | Path,
    *,
    routes: Sequence[Any] = (),
    on_script_error: Callable[[Exception], bool | None] | None = None,
    **kwargs: Any,
) -> Any:
    """Streamlit's ASGI application of a script, with `/metrics` beside its pages.

    Takes what `streamlit.starlette.App` takes, and counts the exceptions that it shows, those of
    callbacks too. Run it with `uvicorn module:app --port 8501`. Raises ImportError where Streamlit
    is absent or has no ASGI application yet.
    """
    try:
        from starlette.routing import Route
        from streamlit.starlette import App
    except ImportError as error:
        raise ImportError(
            "streamlit_app needs Streamlit 1.67 or newer: pip install 'vigie[streamlit]'; "
            "with an older one, call serve_metrics(port) in the script"
        ) from error
    from vigie.instrument.asgi import metrics_endpoint

    def count_and_show(error: Exception) -> bool | None:
        count_error_outside_pages(error)
        return on_script_error(error) if on_script_error is not None else None

    with guarded("streamlit"):
        watch_process(meters())
    return App(
        script,
        routes=[*routes, Route(PATH, metrics_endpoint)],
        on_script_error=count_and_show,
        **kwargs,
    )


def serve_metrics(
    port: int, *, host: str = "127.0.0.1", registry: CollectorRegistry = REGISTRY
) -> int | None:
    """Serve `/metrics` on a port of its own, from a thread; started once per process.

    For `streamlit run`, whose port cannot be shared: call it in the script, at each run. Returns
    the port (port 0 chooses a free one), None where it could not be had: that is counted and
    logged, and the page goes on.
    """
    with guarded("streamlit:serve_metrics"), _starting:
        server: ThreadingHTTPServer | None = getattr(registry, _SERVER, None)
        if server is None:
            watch_process(meters(registry))
            server = _Server((host, port), _handler(registry))
            threading.Thread(target=server.serve_forever, name="vigie-metrics", daemon=True).start()
            # Kept on the registry: the script's modules are loaded anew when they change.
            setattr(registry, _SERVER, server)
        return server.server_port
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(404)
                return
            try:
                text, content_type = exposition(self.headers.get("Accept", ""), registry)
            except Exception as error:
                count_failure("exposition", error, meters(registry))
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Say nothing: a scrape every 15 s is no news."""

    return Metrics
