"""What ordinary requests leave, and what is none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_client import COUNT, IN_PROGRESS, TOTAL, Call, call
from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint
from vigie.instrument.context import current, current_or_new

Exposed = Callable[..., dict[str, float]]


# What an ordinary request leaves


def test_a_request_is_counted_once_with_its_method_template_and_status(
    app: FastAPI, exposed: Exposed
) -> None:
    app.add_api_route("/plans/{plan}", lambda plan: plan, status_code=201)
    assert call(app, "/plans/10k").body == b'"10k"'
    assert exposed("fastapi_requests_total") == {TOTAL.format("/plans/{plan}", "GET", 201): 1.0}
    assert exposed()[COUNT.format("/plans/{plan}", "GET")] == 1.0


def test_it_works_without_arguments_and_serves_the_default_registry() -> None:
    app = FastAPI()
    app.add_middleware(PrometheusMiddleware)
    app.get("/metrics")(metrics_endpoint)
    app.add_api_route("/without/arguments", lambda: None)
    call(app, "/without/arguments")
    wanted = b'fastapi_requests_total{endpoint="/without/arguments",method="GET",status="200"} 1.0'
    assert wanted in call(app, "/metrics").body


def test_a_request_is_in_progress_while_it_is_answered(app: FastAPI, exposed: Exposed) -> None:
    app.add_api_route("/", lambda: exposed(IN_PROGRESS)[IN_PROGRESS])
    assert call(app, "/").body == b"1.0"


def test_the_service_chooses_the_names(registry: CollectorRegistry, exposed: Exposed) -> None:
    app = Starlette(routes=[Route("/", lambda request: Response())])
    app.add_middleware(PrometheusMiddleware, service="django", registry=registry)
    call(app, "/")
    assert exposed("django_requests_total") == {
        "django_requests_total{endpoint=/,method=GET,status=200}": 1.0
    }


def test_an_unknown_service_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValueError, match=r"^service is 'flask': write one of fastapi, django$"):
        PrometheusMiddleware(FastAPI(), service="flask")


def test_it_measures_an_application_that_it_is_wrapped_around(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    inner = FastAPI()
    inner.add_api_route("/plans/{plan}", lambda plan: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call(PrometheusMiddleware(inner, registry=registry), "/plans/1")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/plans/{plan}", "GET", 500): 1.0}
    assert exposed()[COUNT.format("/plans/{plan}", "GET")] == 1.0


def test_a_request_is_counted_once_though_the_middleware_is_there_twice(
    app: FastAPI, registry: CollectorRegistry, exposed: Exposed
) -> None:
    inner = FastAPI()
    inner.add_middleware(PrometheusMiddleware, registry=registry)
    inner.add_api_route("/plans", lambda: None)
    app.mount("/inner", inner)
    app.add_middleware(PrometheusMiddleware, registry=registry)
    call(app, "/inner/plans")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/inner/plans", "GET", 200): 1.0}


# Paths and methods that no route knows


def test_a_thousand_unknown_paths_are_one_endpoint(app: FastAPI, exposed: Exposed) -> None:
    for number in range(1000):
        assert call(app, f"/wp-admin/{number}.php").status == 404
    assert exposed("fastapi_requests_total") == {TOTAL.format("unmatched", "GET", 404): 1000.0}


def test_the_redirect_of_a_trailing_slash_leaks_no_path(app: FastAPI, exposed: Exposed) -> None:
    app.add_api_route("/users/{user}", lambda user: user)
    for user in range(50):
        assert call(app, f"/users/{user}/").status == 307
    assert exposed("fastapi_requests_total") == {TOTAL.format("unmatched", "GET", 307): 50.0}


def test_a_method_that_is_not_allowed_keeps_its_endpoint(app: FastAPI, exposed: Exposed) -> None:
    app.add_api_route("/users/{user}", lambda user: user)
    for method in ("DELETE", "HEAD", "OPTIONS"):
        assert call(app, "/users/1", method).status == 405
    assert set(exposed("fastapi_requests_total")) == {
        TOTAL.format("/users/{user}", method, 405) for method in ("DELETE", "HEAD", "OPTIONS")
    }


def test_head_and_options_have_series_of_their_own(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    app = Starlette(routes=[Route("/", lambda request: Response(), methods=["GET", "OPTIONS"])])
    app.add_middleware(PrometheusMiddleware, registry=registry)
    for method in ("GET", "HEAD", "OPTIONS"):
        call(app, "/", method)
    assert exposed("fastapi_requests_total") == {
        TOTAL.format("/", method, 200): 1.0 for method in ("GET", "HEAD", "OPTIONS")
    }


def test_a_thousand_invented_methods_are_one_method(app: FastAPI, exposed: Exposed) -> None:
    app.add_api_route("/", lambda: None)
    for number in range(1000):
        call(app, "/", f"BREW{number}")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "other", 405): 1000.0}


def test_a_host_header_is_no_label(app: FastAPI, exposed: Exposed) -> None:
    app.add_api_route("/", lambda: None)
    for number in range(100):
        call(app, "/", headers=[("Host", f"{number}.example.org")])
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 200): 100.0}


# Middleware of others, before and after


def test_a_preflight_that_cors_answers_is_counted_under_the_route_of_its_path(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    app = FastAPI()
    app.add_api_route("/users/{user}", lambda user: user)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(PrometheusMiddleware, registry=registry)
    headers = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET")]
    assert call(app, "/users/1", "OPTIONS", headers=headers).status == 200
    assert exposed("fastapi_requests_total") == {TOTAL.format("/users/{user}", "OPTIONS", 200): 1.0}


def test_a_refusal_before_the_router_is_counted_under_the_route_of_its_path(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    def refuse(app: Any) -> Any:
        return JSONResponse({"detail": "who are you?"}, status_code=401)

    app = FastAPI()
    app.add_api_route("/users/{user}", lambda user: user)
    app.add_middleware(refuse)
    app.add_middleware(PrometheusMiddleware, registry=registry)
    call(app, "/users/1")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/users/{user}", "GET", 401): 1.0}


@pytest.mark.parametrize("outside", [False, True])
def test_it_bears_with_a_base_http_middleware(
    registry: CollectorRegistry, exposed: Exposed, outside: bool
) -> None:
    class Passing(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            return await call_next(request)

    app = FastAPI()
    app.add_api_route("/users/{user}", lambda user: user)
    if outside:
        app.add_middleware(PrometheusMiddleware, registry=registry)
        app.add_middleware(Passing)
    else:
        app.add_middleware(Passing)
        app.add_middleware(PrometheusMiddleware, registry=registry)
    assert call(app, "/users/1").status == 200
    assert exposed("fastapi_requests_total") == {TOTAL.format("/users/{user}", "GET", 200): 1.0}


def test_it_bears_with_a_middleware_that_copies_the_scope(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    def copying(inner: Any) -> Any:
        return lambda scope, receive, send: inner(dict(scope), receive, send)

    app = FastAPI()
    app.add_api_route("/users/{user}", lambda user: user)
    app.add_middleware(copying)
    app.add_middleware(PrometheusMiddleware, registry=registry)
    call(app, "/users/1")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/users/{user}", "GET", 200): 1.0}


# What is no HTTP request


def test_a_websocket_works_and_is_no_request(app: FastAPI, exposed: Exposed) -> None:
    @app.websocket("/chat")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        context = current.get()
        await websocket.send_text(context.request_id if context else "no context")
        await websocket.close()

    with TestClient(app).websocket_connect("/chat", headers={"X-Request-ID": "r-1"}) as socket:
        assert socket.receive_text() == "r-1"
    assert exposed("fastapi_requests_total") == {}


def test_the_lifespan_runs_and_is_no_request(registry: CollectorRegistry, exposed: Exposed) -> None:
    ran: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        ran.append("up")
        yield
        ran.append("down")

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(PrometheusMiddleware, registry=registry)
    with TestClient(app):
        assert ran == ["up"]
    assert ran == ["up", "down"]
    assert exposed("fastapi_requests_total") == {}


# The request's context


def test_the_endpoint_knows_the_ids_of_its_request(app: FastAPI) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    @app.get("/")
    def endpoint() -> dict[str, str]:
        return current_or_new().outgoing_headers()

    headers = [("X-Request-ID", "r-1"), ("traceparent", f"00-{trace}-{parent}-01")]
    answer = call(app, "/", headers=headers)
    assert answer.body.startswith(b'{"x-request-id":"r-1","traceparent":"00-' + trace.encode())
    assert current.get() is None


def test_requests_at_the_same_time_have_ids_of_their_own(app: FastAPI) -> None:
    @app.get("/")
    async def endpoint() -> str:
        await asyncio.sleep(0)
        return current_or_new().request_id

    async def main() -> list[Call]:
        return await asyncio.gather(*(Call("/").to(app) for _ in range(20)))

    assert len({answer.body for answer in asyncio.run(main())}) == 20
