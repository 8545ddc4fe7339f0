"""Calls between services, and Streamlit's pages, are spans; the next service's are below them."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    server_attributes,
)
from prometheus_client import CollectorRegistry

from record_receiver import RecordReceiver
from vigie.instrument.context import RequestContext, current
from vigie.instrument.httpx import instrument
from vigie.instrument.logs.line import ids
from vigie.instrument.streamlit import track_page

pytestmark = pytest.mark.servers

Traced = Callable[[], RecordReceiver]
Answer = Callable[[httpx.Request], httpx.Response]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
DJANGO = "http://django.test:8002"


@pytest.fixture
def client(registry: CollectorRegistry) -> Callable[[Answer], httpx.Client]:
    def make(answer: Answer) -> httpx.Client:
        made = httpx.Client(transport=httpx.MockTransport(answer), base_url=DJANGO)
        instrument(made, source="fastapi", targets={DJANGO: "django"}, registry=registry)
        return made

    return make


def test_a_call_is_a_span_that_the_other_service_is_told_of(
    client: Callable[[Answer], httpx.Client], traced: Traced
) -> None:
    told: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers)
        return httpx.Response(200)

    client(answer).post("/api/v1/sessions/7361z/?token=7361z")
    span = traced().span("POST django")
    assert told[0]["traceparent"].startswith(f"00-{span['traceId']}-{span['spanId']}-0")
    assert told[0]["x-request-id"]
    assert span["kind"] == 3
    assert span["is"] == {
        http_attributes.HTTP_REQUEST_METHOD: "POST",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: "200",
        server_attributes.SERVER_ADDRESS: "django.test",
        server_attributes.SERVER_PORT: "8002",
        "peer.service": "django",
    }
    assert "7361z" not in str(span["is"])


def test_a_call_within_a_request_without_a_span_is_part_of_its_trace(
    client: Callable[[Answer], httpx.Client], traced: Traced
) -> None:
    # As a websocket is: it has ids, and no span that would last for hours.
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    request = RequestContext(headers.get)
    outer = current.set(request)
    client(lambda _: httpx.Response(200)).get("/")
    current.reset(outer)
    span = traced().span("GET django")
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, request.span_id)


@pytest.mark.parametrize("tracing", [True, False])
def test_what_other_tracers_added_is_told_on(
    client: Callable[[Answer], httpx.Client], request: pytest.FixtureRequest, tracing: bool
) -> None:
    if tracing:
        request.getfixturevalue("traced")
    told: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers)
        return httpx.Response(200)

    came = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "rojo=1,congo=2"}
    outer = current.set(RequestContext(came.get))
    client(answer).get("/")
    client(answer).get("/", headers={"traceparent": f"00-{TRACE[::-1]}-{CALLER}-01"})
    current.reset(outer)
    assert told[0]["traceparent"].split("-")[1] == TRACE
    assert told[0]["tracestate"] == "rojo=1,congo=2"
    assert "tracestate" not in told[1]


def test_a_trace_that_the_caller_carries_on_itself_is_left_alone(
    client: Callable[[Answer], httpx.Client], traced: Traced
) -> None:
    own = f"00-{TRACE}-{CALLER}-01"
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers["traceparent"])
        return httpx.Response(200)

    client(answer).get("/", headers={"traceparent": own})
    assert told == [own]
    assert traced().spans == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_an_error_of_the_call(
    client: Callable[[Answer], httpx.Client], traced: Traced, status: int
) -> None:
    client(lambda _: httpx.Response(status)).get("/")
    span = traced().span("GET django")
    assert span["status"] == {"code": 2}
    assert span["is"][error_attributes.ERROR_TYPE] == str(status)


@pytest.mark.parametrize(
    ("error", "kind"), [(httpx.ReadTimeout, "timeout"), (httpx.ConnectError, "refused")]
)
def test_a_call_without_an_answer_is_an_error(
    client: Callable[[Answer], httpx.Client], traced: Traced, error: Any, kind: str
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error("no")

    with pytest.raises(error):
        client(fail).get("/")
    span = traced().span("GET django")
    assert span["status"] == {"code": 2}
    assert span["is"][error_attributes.ERROR_TYPE] == kind


def test_asynchronous_calls_and_unknown_hosts(registry: CollectorRegistry, traced: Traced) -> None:
    async def call() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        async with httpx.AsyncClient(transport=transport) as made:
            instrument(made, source="fastapi", targets={}, registry=registry)
            await made.get("https://elsewhere.test/path")

    asyncio.run(call())
    span = traced().span("GET")
    assert span["is"][server_attributes.SERVER_ADDRESS] == "elsewhere.test"
    assert "peer.service" not in span["is"]


def test_a_page_is_a_span_with_the_calls_that_it_makes_below_it(
    client: Callable[[Answer], httpx.Client], traced: Traced, registry: CollectorRegistry
) -> None:
    web = client(lambda _: httpx.Response(200))
    with track_page("plans", registry=registry):
        web.get("/api/v1/plans/")
        seen = ids()
    with pytest.raises(ValueError), track_page("chat", registry=registry):
        raise ValueError("wrong")
    assert ids() == {}
    receiver = traced()
    page = receiver.span("page plans")
    assert receiver.span("GET django")["parentSpanId"] == page["spanId"] == seen["span_id"]
    assert receiver.span("page chat")["status"] == {"code": 2}
