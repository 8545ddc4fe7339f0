import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from asgi_client import Call, Message, call
from vigie import catalogue
from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint
from vigie.instrument.cells import Cells, MemoryCells
from vigie.instrument.context import current, current_or_new
from vigie.instrument.meters import Meters, meters
from vigie.instrument.workers import Memory

Exposed = Callable[..., dict[str, float]]

TOTAL = "fastapi_requests_total{{endpoint={0},method={1},status={2}}}"
COUNT = "fastapi_request_duration_seconds_count{{endpoint={0},method={1}}}"
SUM = "fastapi_request_duration_seconds_sum{{endpoint={0},method={1}}}"
IN_PROGRESS = "fastapi_requests_in_progress"


@pytest.fixture
def app(registry: CollectorRegistry) -> FastAPI:
    measured = FastAPI()
    measured.add_middleware(PrometheusMiddleware, registry=registry)
    return measured


@pytest.fixture(autouse=True)
def nothing_stays_in_progress(registry: CollectorRegistry) -> Iterator[None]:
    """Whatever a test does, the gauge is at zero after it."""
    yield
    (in_progress,) = meters(registry)[catalogue.fastapi.HTTP.in_progress].collect()
    assert [sample.value for sample in in_progress.samples] == [0.0]


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


# To the last byte and no further


def test_the_duration_of_a_stream_runs_to_its_last_byte(app: FastAPI, exposed: Exposed) -> None:
    times: list[float] = []

    async def chunks() -> AsyncIterator[bytes]:
        times.append(perf_counter())
        for _ in range(1000):
            yield b"chunk"
        assert exposed(IN_PROGRESS)[IN_PROGRESS] == 1.0
        times.append(perf_counter())

    app.add_api_route("/stream", lambda: StreamingResponse(chunks()))
    assert len(call(app, "/stream").body) == 5000
    assert exposed()[SUM.format("/stream", "GET")] >= times[1] - times[0]
    assert exposed()[COUNT.format("/stream", "GET")] == 1.0


def test_background_tasks_are_no_part_of_the_duration(app: FastAPI, exposed: Exposed) -> None:
    seen: dict[str, float] = {}

    def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: seen.update(exposed()))

    app.add_api_route("/", endpoint)
    call(app, "/")
    assert seen[COUNT.format("/", "GET")] == 1.0
    assert seen[IN_PROGRESS] == 0.0
    assert exposed()[SUM.format("/", "GET")] == seen[SUM.format("/", "GET")]


def test_a_file_that_the_server_sends_itself_is_measured(
    app: FastAPI, exposed: Exposed, tmp_path: Any
) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("run")

    class Server(Call):
        def scope(self) -> dict[str, Any]:
            return {**super().scope(), "extensions": {"http.response.pathsend": {}}}

    app.add_api_route("/file", lambda: FileResponse(file))
    sent = asyncio.run(Server("/file").to(app)).sent
    assert sent[-1]["type"] == "http.response.pathsend"
    assert exposed()[COUNT.format("/file", "GET")] == 1.0


# Exceptions


def test_an_exception_is_a_500_and_is_counted_once_as_is_its_duration(
    app: FastAPI, exposed: Exposed
) -> None:
    app.add_api_route("/plans/{plan}", lambda plan: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call(app, "/plans/1")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/plans/{plan}", "GET", 500): 1.0}
    assert exposed()[COUNT.format("/plans/{plan}", "GET")] == 1.0
    assert exposed("fastapi_exceptions_total") == {
        "fastapi_exceptions_total{endpoint=/plans/{plan},exception=ZeroDivisionError}": 1.0
    }


def test_an_exception_that_the_application_answers_is_none(app: FastAPI, exposed: Exposed) -> None:
    @app.exception_handler(LookupError)
    async def handle(request: Request, error: Exception) -> Response:
        return Response(status_code=410)

    @app.get("/{kind}")
    async def endpoint(kind: str) -> None:
        raise LookupError if kind == "gone" else HTTPException(418)

    assert call(app, "/gone").status == 410
    assert call(app, "/tea").status == 418
    assert set(exposed("fastapi_requests_total")) == {
        TOTAL.format("/{kind}", "GET", 410),
        TOTAL.format("/{kind}", "GET", 418),
    }
    assert exposed("fastapi_exceptions_total") == {}


def test_an_exception_amid_a_stream_is_a_500_though_a_200_was_begun(
    app: FastAPI, exposed: Exposed
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError

    app.add_api_route("/stream", lambda: StreamingResponse(chunks()))
    with pytest.raises(RuntimeError):
        call(app, "/stream")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/stream", "GET", 500): 1.0}
    assert exposed()[COUNT.format("/stream", "GET")] == 1.0


def test_an_exception_of_a_background_task_leaves_the_answer_what_it_was(
    app: FastAPI, exposed: Exposed
) -> None:
    def endpoint(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: 1 / 0)

    app.add_api_route("/", endpoint)
    with pytest.raises(ZeroDivisionError):
        call(app, "/")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 200): 1.0}
    assert len(exposed("fastapi_exceptions_total")) == 1


def test_an_application_that_returns_without_an_answer_is_a_500(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None: ...

    call(PrometheusMiddleware(silent, registry=registry), "/")
    assert exposed("fastapi_requests_total") == {TOTAL.format("unmatched", "GET", 500): 1.0}


# Clients that leave, requests that are cancelled


def endless(started: Callable[[], None] = lambda: None) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        started()
        while True:
            yield b"chunk"
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_client_that_leaves_a_stream_is_a_499_and_no_exception(
    app: FastAPI, exposed: Exposed, spec_version: str
) -> None:
    def leave(message: Message) -> None:
        if message.get("body"):
            request.leave()
            if spec_version == "2.4":
                raise OSError("the peer is gone")

    request = Call("/stream", spec_version=spec_version, on_send=leave)
    app.add_api_route("/stream", endless)

    async def main() -> None:
        try:
            await request.to(app)
        except Exception as error:
            assert spec_version == "2.4", error

    asyncio.run(main())
    assert exposed("fastapi_requests_total") == {TOTAL.format("/stream", "GET", 499): 1.0}
    assert exposed()[COUNT.format("/stream", "GET")] == 1.0
    assert exposed("fastapi_exceptions_total") == {}


def test_an_endpoint_that_notices_that_its_client_left_is_a_499(
    app: FastAPI, exposed: Exposed
) -> None:
    @app.get("/")
    async def endpoint(request: Request) -> str:
        assert await request.is_disconnected()
        return "nobody reads this"

    call(app, "/", received=[{"type": "http.disconnect"}])
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 499): 1.0}


def test_a_client_that_leaves_amid_its_upload_is_a_499_and_no_exception(
    registry: CollectorRegistry, exposed: Exposed
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(await request.body())

    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    app.add_middleware(PrometheusMiddleware, registry=registry)
    begun = {"type": "http.request", "body": b"half", "more_body": True}
    with pytest.raises(ClientDisconnect):
        call(app, "/", "POST", received=[begun, {"type": "http.disconnect"}])
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "POST", 499): 1.0}
    assert exposed("fastapi_exceptions_total") == {}


def test_an_error_of_the_applications_own_sockets_is_no_client_that_left(
    app: FastAPI, exposed: Exposed
) -> None:
    @app.get("/")
    async def endpoint() -> None:
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        call(app, "/")
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 500): 1.0}
    assert len(exposed("fastapi_exceptions_total")) == 1


def test_a_client_that_left_before_a_whole_answer_is_a_499_where_the_server_knows(
    app: FastAPI, exposed: Exposed
) -> None:
    request = Call("/")

    @app.get("/")
    async def endpoint() -> None:
        request.disconnected = True

    asyncio.run(request.to(app))
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 499): 1.0}


def test_a_cancelled_request_is_a_499_and_stays_cancelled(app: FastAPI, exposed: Exposed) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        @app.get("/")
        async def endpoint() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Call("/").to(app))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 499): 1.0}
    assert exposed()[COUNT.format("/", "GET")] == 1.0
    assert exposed("fastapi_exceptions_total") == {}


def test_a_disconnect_after_the_last_byte_changes_nothing(app: FastAPI, exposed: Exposed) -> None:
    @app.get("/")
    async def endpoint(request: Request) -> Response:
        async def ask_again() -> None:
            assert (await request.receive())["type"] == "http.disconnect"

        return Response("whole", background=Background(ask_again))

    call(app, "/", received=[])
    assert exposed("fastapi_requests_total") == {TOTAL.format("/", "GET", 200): 1.0}


class Background:
    def __init__(self, task: Callable[[], Any]) -> None:
        self._task = task

    async def __call__(self) -> None:
        await self._task()


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
        assert [(s.labels, s.value) for s in errors.samples] == [({"where": "asgi"}, 1.0)]
