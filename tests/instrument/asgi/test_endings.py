"""How requests end: to the last byte, by an exception, or because somebody gave up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import Any

import pytest
import uvicorn
from fastapi import BackgroundTasks, FastAPI, HTTPException
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from asgi_client import COUNT, IN_PROGRESS, SUM, TOTAL, Call, Message, call
from vigie.instrument.asgi import PrometheusMiddleware

Exposed = Callable[..., dict[str, float]]


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


# Behind a real server


@pytest.mark.servers
@pytest.mark.parametrize("path", ["/stream", "/slow"])
def test_uvicorns_clients_that_leave_are_499s(
    app: FastAPI, exposed: Exposed, free_port: Callable[[], int], path: str
) -> None:
    left, reached = asyncio.Event(), asyncio.Event()

    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"chunk"
            await asyncio.sleep(0.01)

    app.add_api_route("/stream", lambda: StreamingResponse(forever()))

    @app.get("/slow")
    async def slow() -> str:
        reached.set()
        await left.wait()
        return "an answer that nobody is there to read"

    async def main() -> None:
        server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level="error"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await (reader.readuntil(b"chunk") if path == "/stream" else reached.wait())
        writer.close()
        await writer.wait_closed()
        while server.server_state.connections:
            await asyncio.sleep(0.01)  # until the server has noticed
        left.set()
        while not exposed("fastapi_requests_total"):
            await asyncio.sleep(0.01)
        server.should_exit = True
        await serving

    asyncio.run(main())
    assert exposed("fastapi_requests_total") == {TOTAL.format(path, "GET", 499): 1.0}
    assert exposed("fastapi_exceptions_total") == {}
