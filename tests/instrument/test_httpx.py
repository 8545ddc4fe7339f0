"""Calls between services, over real sockets where the network itself is what fails."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from prometheus_client import CollectorRegistry

from vigie.instrument import context
from vigie.instrument.httpx import instrument, uninstrument

DJANGO = "http://django.test:8002"
TARGETS = {DJANGO: "django", "https://coach.test/api": "fastapi"}


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Two pieces, between which a test can look; then an error, if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        if self._error:
            raise self._error
        yield b"last"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> Callable[..., httpx.Client]:
    """A watched client of a service that is a function."""

    def make(answer: Callable[[Any], Any]) -> httpx.Client:
        made = httpx.Client(transport=httpx.MockTransport(answer))
        instrument(made, source="streamlit", targets=TARGETS, registry=registry)
        return made

    return make


def calls(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Counted calls by target and status."""
    return {
        (sample.labels["target"], sample.labels["status"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "interservice_requests_total" and sample.value
    }


def timed(registry: CollectorRegistry, target: str = "django") -> float | None:
    return registry.get_sample_value(
        "interservice_request_duration_seconds_count", {"source": "streamlit", "target": target}
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [(200, "ok"), (304, "ok"), (404, "client_error"), (429, "client_error"), (502, "server_error")],
)
def test_a_call_is_counted_by_its_target_and_its_answer(
    client: Callable[..., httpx.Client], registry: CollectorRegistry, code: int, status: str
) -> None:
    assert client(lambda _: httpx.Response(code)).get(f"{DJANGO}/api/v1/").status_code == code
    assert calls(registry) == {("django", status): 1}
    assert timed(registry) == 1


def test_a_target_is_told_by_scheme_host_and_port(
    client: Callable[..., httpx.Client], registry: CollectorRegistry
) -> None:
    ours = client(lambda _: httpx.Response(200))
    for url in ("https://coach.test/", "https://coach.test:443/x", "http://coach.test/"):
        ours.get(url)
    for number in range(100):
        ours.get(f"http://host-{number}.test:8002/")
    assert calls(registry) == {("fastapi", "ok"): 2, ("other", "ok"): 101}


def test_a_refused_connection_is_refused(registry: CollectorRegistry, free_port: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with httpx.Client(base_url=url) as ours:
        instrument(ours, source="streamlit", targets={url: "django"}, registry=registry)
        with pytest.raises(httpx.ConnectError):
            ours.get("/")
    assert calls(registry) == {("django", "refused"): 1}


def test_a_service_that_does_not_answer_is_a_timeout(registry: CollectorRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=0.05) as ours:
            instrument(ours, source="streamlit", targets={url: "django"}, registry=registry)
            with pytest.raises(httpx.ReadTimeout):
                ours.get("/")
    assert calls(registry) == {("django", "timeout"): 1}


def test_a_cancelled_call_is_neither_a_success_nor_an_error(registry: CollectorRegistry) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url) as ours:
                instrument(ours, source="streamlit", targets={url: "django"}, registry=registry)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await ours.get("/")

    asyncio.run(main())
    assert calls(registry) == {("django", "other"): 1}


def test_a_streamed_answer_is_timed_to_its_last_byte(
    client: Callable[..., httpx.Client], registry: CollectorRegistry
) -> None:
    ours = client(lambda _: httpx.Response(200, stream=Body()))
    with ours.stream("GET", DJANGO) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"first"
        assert timed(registry) is None
        assert next(pieces) == b"last"
        assert next(pieces, None) is None
        assert timed(registry) == 1
    assert calls(registry) == {("django", "ok"): 1}


def test_a_streamed_answer_that_is_read_raw_or_left_early_is_counted_when_it_is_closed(
    client: Callable[..., httpx.Client], registry: CollectorRegistry
) -> None:
    ours = client(lambda _: httpx.Response(200, stream=Body()))
    with ours.stream("GET", DJANGO) as answer:
        assert b"".join(answer.iter_raw()) == b"firstlast"
    with ours.stream("GET", DJANGO):
        pass
    assert calls(registry) == {("django", "ok"): 2}


@pytest.mark.parametrize(
    ("error", "status"),
    [(httpx.ReadTimeout("slow"), "timeout"), (httpx.ReadError("broken"), "server_error")],
)
def test_an_answer_that_breaks_off_is_an_error(
    client: Callable[..., httpx.Client],
    registry: CollectorRegistry,
    error: Exception,
    status: str,
) -> None:
    ours = client(lambda _: httpx.Response(200, stream=Body(error)))
    with pytest.raises(type(error)), ours.stream("GET", DJANGO) as answer:
        answer.read()
    assert calls(registry) == {("django", status): 1}


@pytest.mark.parametrize("http", [httpx, httpx2])
def test_an_async_client_is_watched_in_the_same_way(registry: CollectorRegistry, http: Any) -> None:
    async def main() -> None:
        transport = http.MockTransport(lambda _: http.Response(200, text="hello"))
        async with http.AsyncClient(transport=transport) as ours:
            instrument(ours, source="streamlit", targets=TARGETS, registry=registry)
            assert (await ours.get(DJANGO)).text == "hello"
            async with ours.stream("GET", DJANGO) as answer:
                assert [line async for line in answer.aiter_lines()] == ["hello"]

    asyncio.run(main())
    assert calls(registry) == {("django", "ok"): 2}


def test_the_ids_of_the_request_being_answered_go_along(
    client: Callable[..., httpx.Client],
) -> None:
    seen: list[httpx.Headers] = []
    ours = client(lambda request: seen.append(request.headers) or httpx.Response(200))
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    incoming = {"x-request-id": "abc", "traceparent": trace}
    token = context.current.set(context.RequestContext(incoming.get))
    try:
        ours.get(DJANGO)
    finally:
        context.current.reset(token)
    assert seen[0]["x-request-id"] == "abc"
    assert seen[0]["traceparent"].split("-")[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert seen[0]["traceparent"] != trace


def test_a_header_that_the_caller_set_is_not_overwritten(
    client: Callable[..., httpx.Client],
) -> None:
    seen: list[httpx.Headers] = []
    ours = client(lambda request: seen.append(request.headers) or httpx.Response(200))
    ours.get(DJANGO, headers={"X-Request-ID": "mine"})
    assert seen[0].get_list("x-request-id") == ["mine"]
    assert "traceparent" in seen[0]


def test_instrumenting_twice_counts_once_and_can_be_undone(
    client: Callable[..., httpx.Client], registry: CollectorRegistry
) -> None:
    ours = client(lambda _: httpx.Response(200))
    instrument(ours, source="streamlit", targets={DJANGO: "web"}, registry=registry)
    ours.get(DJANGO)
    assert calls(registry) == {("web", "ok"): 1}
    uninstrument(ours)
    assert "send" not in vars(ours)
    ours.get(DJANGO)
    assert calls(registry) == {("web", "ok"): 1}


def test_a_target_that_is_no_url_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        instrument(httpx.Client(), source="streamlit", targets={"localhost:8002": "django"})
    assert str(refused.value) == (
        'target is "localhost:8002": write a URL, e.g. "http://localhost:8002"'
    )
