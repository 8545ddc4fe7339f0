"""The scrape, and whatever fails inside the instrument."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.routing import Route

from asgi_client import IN_PROGRESS, TOTAL, Call, call
from vigie import catalogue
from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint
from vigie.instrument.cells import Cells, MemoryCells
from vigie.instrument.meters import Meters
from vigie.instrument.workers import Memory

Exposed = Callable[..., dict[str, float]]


# The scrape


def test_a_scrape_is_left_out_of_all_figures(app: FastAPI, exposed: Exposed) -> None:
    app.get("/metrics")(metrics_endpoint)
    app.add_api_route("/", lambda: None)
    call(app, "/")
    text = call(app, "/metrics").body.decode()
    assert f"\n{IN_PROGRESS} 0.0\n" in text
    call(app, "/metrics")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 200): 1.0}


def test_a_scrape_gets_the_format_that_it_asks_for(app: FastAPI) -> None:
    app.get("/metrics")(metrics_endpoint)
    plain = call(app, "/metrics")
    assert plain.sent_headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    open_metrics = call(app, "/metrics", headers=[("Accept", accept)])
    assert open_metrics.sent_headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.body.endswith(b"# EOF\n")


def test_the_endpoint_serves_plain_starlette_without_the_middleware_too() -> None:
    app = Starlette(routes=[Route("/metrics", metrics_endpoint)])
    assert call(app, "/metrics").status == 200


def test_requests_are_answered_while_a_scrape_is_rendered(
    app: FastAPI, registry: CollectorRegistry
) -> None:
    rendering, go_on = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> list[Any]:
            rendering.set()
            assert go_on.wait(timeout=60), "the scrape held up the request that would let it go on"
            return []

    registry.register(Slow())
    app.get("/metrics")(metrics_endpoint)

    @app.get("/")
    async def endpoint() -> None:
        go_on.set()

    async def main() -> None:
        scrape = asyncio.create_task(Call("/metrics").to(app))
        while not rendering.is_set():
            await asyncio.sleep(0)
        await Call("/").to(app)
        assert (await scrape).status == 200

    asyncio.run(main())


def test_a_scrape_that_cannot_be_rendered_is_a_503_that_says_why(
    app: FastAPI, registry: CollectorRegistry, exposed: Exposed
) -> None:
    class Broken:
        broken = True

        def collect(self) -> list[Any]:
            if self.broken:
                raise RuntimeError("the database of metrics is gone")
            return []

    broken = Broken()
    registry.register(broken)
    app.get("/metrics")(metrics_endpoint)
    answer = call(app, "/metrics")
    assert answer.status == 503
    assert answer.body == b"vigie cannot tell the metrics: the database of metrics is gone\n"
    broken.broken = False
    assert exposed("vigie_internal_errors") == {
        "vigie_internal_errors_total{where=exposition}": 1.0
    }


# Whatever fails inside


def test_a_registry_that_refuses_the_metrics_lets_every_request_through(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    Counter("fastapi_requests_total", "somebody else's", registry=registry)
    app = FastAPI()
    app.add_middleware(PrometheusMiddleware, registry=registry)
    app.add_api_route("/", lambda: "as ever")
    assert call(app, "/").body == b'"as ever"'
    assert exposed("vigie_internal_errors") == {"vigie_internal_errors_total{where=asgi}": 1.0}


class LostNumbers:
    """Cells that fail when they are read or written, which the real ones cannot be made to."""

    def __getitem__(self, position: int) -> float:
        raise RuntimeError("the numbers are gone")

    def __setitem__(self, position: int, number: float) -> None:
        raise RuntimeError("the numbers are gone")


@pytest.mark.parametrize("broken", ["requests", "duration"])
def test_a_meter_that_fails_lets_the_request_through_unchanged_and_is_counted(
    registry: CollectorRegistry, broken: str
) -> None:
    class Failing(Memory):
        def cells(self, kind: str) -> Cells:
            if kind == {"requests": "counter", "duration": "histogram"}[broken]:
                lost = MemoryCells()
                lost.values = LostNumbers()
                return lost
            return super().cells(kind)

    measured = Meters(registry, Failing())
    app = FastAPI()
    app.add_middleware(PrometheusMiddleware, registry=registry)
    app.add_api_route("/", lambda: "as ever")
    answer = call(app, "/")
    assert (answer.status, answer.body) == (200, b'"as ever"')
    (in_progress,) = measured[catalogue.fastapi.HTTP.in_progress].collect()
    assert [sample.value for sample in in_progress.samples] == [0.0]
    if broken == "duration":  # else what counts failures is broken too, and the log is what is left
        (errors,) = measured[catalogue.telemetry.INTERNAL_ERRORS].collect()
        assert {s.labels["where"]: s.value for s in errors.samples}["asgi"] == 1.0
