"""The applications that are compared, each in a process of its own.

    python benchmarks/stacks.py FRAMEWORK INSTRUMENT CLOCK

reads numbers of requests from standard input, one a line, answers that many in process, without a
socket, and writes the seconds that one took by the CLOCK, "wall" or "cpu". Each batch is begun with
a few that do not count, because the processes that had their turn before have emptied the
processor's caches.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import Any

WARM_UP = 10
PATH = "/items/42"
App = Callable[[Any, Any, Any], Awaitable[None]]
Clock = Callable[[], float]
BARE = "nothing"
CLOCKS = {"wall": perf_counter, "cpu": process_time}


# FastAPI


def fastapi_bare(**more: Any) -> Any:
    from fastapi import FastAPI
    from starlette.responses import PlainTextResponse

    app = FastAPI(openapi_url=None, **more)

    @app.get("/items/{item}")
    async def item(item: str) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return app


def fastapi_empty() -> Any:
    class Empty:
        def __init__(self, app: App) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    app = fastapi_bare()
    app.add_middleware(Empty)
    return app


def fastapi_vigie() -> Any:
    from vigie.instrument.asgi import PrometheusMiddleware

    app = fastapi_bare()
    app.add_middleware(PrometheusMiddleware)
    return app


def fastapi_instrumentator() -> Any:
    from prometheus_fastapi_instrumentator import Instrumentator

    app = fastapi_bare()
    Instrumentator().instrument(app)
    return app


def fastapi_exporter() -> Any:
    from starlette_exporter import PrometheusMiddleware

    app = fastapi_bare()
    app.add_middleware(PrometheusMiddleware)
    return app


def fastapi_opentelemetry() -> Any:
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    app = fastapi_bare()
    FastAPIInstrumentor.instrument_app(app, meter_provider=meter_provider())
    return app


def fastapi_telemetry() -> Any:
    return fastapi_bare(
        telemetry={"meter_provider": meter_provider(), "tracing": False, "logs": False}
    )


def meter_provider() -> Any:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    return MeterProvider([InMemoryMetricReader()])


# Django


def django_stack(*middleware: str, apps: tuple[str, ...] = ()) -> None:
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def item(request: HttpRequest, item: int) -> HttpResponse:
        return HttpResponse("ok")

    async def item_async(request: HttpRequest, item: int) -> HttpResponse:
        return HttpResponse("ok")

    view = item_async if sys.argv[1] == "django-asgi" else item
    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=list(apps),
        MIDDLEWARE=list(middleware),
        ROOT_URLCONF=(path("items/<int:item>", view),),
        SECRET_KEY="for a benchmark",
        LOGGING_CONFIG=None,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup(set_prefix=False)


def empty_django_middleware(get_response: Any) -> Any:
    from asgiref.sync import iscoroutinefunction
    from django.utils.decorators import sync_and_async_middleware

    def of(get_response: Any) -> Any:
        if iscoroutinefunction(get_response):

            async def answer(request: Any) -> Any:
                return await get_response(request)

            return answer

        def answer_sync(request: Any) -> Any:
            return get_response(request)

        return answer_sync

    return sync_and_async_middleware(of)(get_response)


empty_django_middleware.sync_capable = True  # type: ignore[attr-defined] # Django's convention
empty_django_middleware.async_capable = True  # type: ignore[attr-defined] # Django's convention


def django_opentelemetry() -> None:
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    django_stack()
    DjangoInstrumentor().instrument(meter_provider=meter_provider())


VIGIE_IN_DJANGO = "vigie.instrument.django.PrometheusMiddleware"
FASTAPI: dict[str, Callable[[], Any]] = {
    BARE: fastapi_bare,
    "an empty middleware": fastapi_empty,
    "Vigie": fastapi_vigie,
    "Vigie, one of several workers": fastapi_vigie,
    "prometheus-fastapi-instrumentator": fastapi_instrumentator,
    "starlette-exporter": fastapi_exporter,
    "FastAPI's own telemetry, metrics": fastapi_telemetry,
    "OpenTelemetry, metrics": fastapi_opentelemetry,
}
DJANGO: dict[str, Callable[[], Any]] = {
    BARE: django_stack,
    "an empty middleware": lambda: django_stack("__main__.empty_django_middleware"),
    "Vigie": lambda: django_stack(VIGIE_IN_DJANGO),
    "Vigie, one of several workers": lambda: django_stack(VIGIE_IN_DJANGO),
    "Vigie with AuthFailureMiddleware": lambda: django_stack(
        VIGIE_IN_DJANGO, "vigie.instrument.django.AuthFailureMiddleware"
    ),
    "django-prometheus": lambda: django_stack(
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
        apps=("django_prometheus",),
    ),
    "OpenTelemetry, metrics": django_opentelemetry,
}
FRAMEWORKS = {"fastapi": FASTAPI, "django-wsgi": DJANGO, "django-asgi": DJANGO}


# One request after the other


class Server:
    """What a server gives an application for one request."""

    def __init__(self) -> None:
        self.begun = False
        self.status = 0

    async def receive(self) -> dict[str, Any]:
        if self.begun:
            await asyncio.get_running_loop().create_future()  # the client stays
        self.begun = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"user-agent", b"benchmark"),
            (b"accept", b"*/*"),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }


def asgi_batches(app: App, clock: Clock) -> Callable[[int], float]:
    loop = asyncio.new_event_loop()

    async def answer(times: int) -> float:
        began = clock()
        for _ in range(times):
            server = Server()
            await app(scope(), server.receive, server.send)
        took = clock() - began
        assert server.status == 200, server.status
        return took

    return lambda times: loop.run_until_complete(answer(times))


def wsgi_batches(app: Callable[..., Any], clock: Clock) -> Callable[[int], float]:
    from io import BytesIO

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": PATH,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": "benchmark",
        "HTTP_ACCEPT": "*/*",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        statuses[:] = [status]

    def answer(times: int) -> float:
        began = clock()
        for _ in range(times):
            response = app({**environ, "wsgi.input": BytesIO()}, start_response)
            b"".join(response)
            response.close()
        took = clock() - began
        assert statuses == ["200 OK"], statuses
        return took

    return answer


def main(framework: str, instrument: str, clock: str) -> None:
    if "workers" in instrument:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="vigie-benchmark-")
    app = FRAMEWORKS[framework][instrument]()
    if framework == "django-asgi":
        from django.core.asgi import get_asgi_application

        batches = asgi_batches(get_asgi_application(), CLOCKS[clock])
    elif framework == "django-wsgi":
        from django.core.wsgi import get_wsgi_application

        batches = wsgi_batches(get_wsgi_application(), CLOCKS[clock])
    else:
        batches = asgi_batches(app, CLOCKS[clock])
    take_orders(batches)


def take_orders(batches: Callable[[int], float], warm_up: int = WARM_UP) -> None:
    """Run a batch of as many as each line of standard input says, and tell what one took."""
    batches(20 * warm_up)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        times = int(line)
        gc.collect()
        batches(warm_up)
        print(batches(times) / times, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
