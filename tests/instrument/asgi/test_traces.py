"""Each request of an ASGI application is a span, with the ids that its logs and calls carry."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.semconv.attributes import error_attributes, http_attributes
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect

from asgi_client import Message, call
from record_receiver import RecordReceiver
from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint
from vigie.instrument.context import current
from vigie.instrument.logs.line import ids

pytestmark = pytest.mark.servers

Traced = Callable[[], RecordReceiver]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture
def app(registry: CollectorRegistry) -> FastAPI:
    app = FastAPI()
    app.add_middleware(PrometheusMiddleware, registry=registry)
    app.get("/metrics")(metrics_endpoint)
    seen = app.state.seen = []

    @app.get("/users/{name}")
    async def user(name: str) -> str:
        request = current.get()
        assert request is not None
        seen.append({**ids(), "sent": request.outgoing_headers()["traceparent"]})
        return name

    @app.get("/sync")
    def synchronous() -> None:
        seen.append(ids())

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPException(418)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("password=hunter2")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            seen.append(ids())
            yield "a"
            with trace.get_tracer("t").start_as_current_span("inner"):
                yield "b"

        return StreamingResponse(pieces())

    return app


def test_a_request_is_a_span_of_its_callers_trace(app: FastAPI, traced: Traced) -> None:
    headers = [("traceparent", f"00-{TRACE}-{CALLER}-01")]
    call(app, "/users/anne", headers=headers)
    span = traced().span("GET /users/{name}")
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == (TRACE, CALLER, 2)
    assert span["service"] == "django"
    assert span["is"] == {
        http_attributes.HTTP_REQUEST_METHOD: "GET",
        http_attributes.HTTP_ROUTE: "/users/{name}",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: "200",
    }
    assert span["status"] == {"code": 0}
    assert int(span["endTimeUnixNano"]) > int(span["startTimeUnixNano"])
    # What is logged within, and what other services are told, has the same ids.
    [seen] = app.state.seen
    assert (seen["trace_id"], seen["span_id"]) == (TRACE, span["spanId"])
    assert seen["sent"] == f"00-{TRACE}-{span['spanId']}-01"


def test_a_request_that_comes_from_nowhere_begins_a_trace(app: FastAPI, traced: Traced) -> None:
    call(app, "/sync")
    span = traced().span("GET /sync")
    assert "parentSpanId" not in span
    [seen] = app.state.seen
    assert (seen["trace_id"], seen["span_id"]) == (span["traceId"], span["spanId"])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_caller_that_is_not_traced_is_not_traced_here(app: FastAPI, traced: Traced) -> None:
    call(app, "/sync", headers=[("traceparent", f"00-{TRACE}-{CALLER}-00")])
    assert traced().spans == []
    assert app.state.seen[0]["trace_id"] == TRACE


@pytest.mark.parametrize(
    "forged", ["00-" + "0" * 32 + f"-{CALLER}-01", "00-xyz", f"ff-{TRACE}-{CALLER}-01"]
)
def test_a_forged_caller_is_none(app: FastAPI, traced: Traced, forged: str) -> None:
    call(app, "/sync", headers=[("traceparent", forged)])
    assert "parentSpanId" not in traced().span("GET /sync")


def test_nothing_that_a_client_sends_is_in_a_span(app: FastAPI, traced: Traced) -> None:
    call(
        app,
        "/wp-admin/secret-7361z",
        headers=[("host", "secret-7361z"), ("cookie", "secret-7361z")],
    )
    call(app, "/users/secret-7361z")
    call(app, "/sync", method="SECRET-7361z")
    receiver = traced()
    assert "7361z" not in str(receiver.spans).lower()
    names = sorted(span["name"] for span in receiver.spans)
    assert names == ["GET", "GET /users/{name}", "_OTHER /sync"]


def test_a_refusal_is_no_error_of_the_server(app: FastAPI, traced: Traced) -> None:
    call(app, "/refused")
    span = traced().span("GET /refused")
    assert span["is"][http_attributes.HTTP_RESPONSE_STATUS_CODE] == "418"
    assert span["status"] == {"code": 0}


def test_an_exception_is_an_error_and_told_without_secrets(app: FastAPI, traced: Traced) -> None:
    with pytest.raises(ValueError):
        call(app, "/broken")
    span = traced().span("GET /broken")
    assert span["status"] == {"code": 2}
    assert span["is"][error_attributes.ERROR_TYPE] == "ValueError"
    assert span["is"][http_attributes.HTTP_RESPONSE_STATUS_CODE] == "500"
    [event] = span["events"]
    told = {each["key"]: each["value"]["stringValue"] for each in event["attributes"]}
    assert told["exception.message"] == "password=[redacted]"
    assert told["exception.stacktrace"].endswith("ValueError: password=[redacted]\n")


def test_a_stream_lasts_to_its_last_byte_and_what_it_does_is_below_it(
    app: FastAPI, traced: Traced
) -> None:
    assert call(app, "/stream").body == b"ab"
    span = traced().span("GET /stream")
    assert app.state.seen[0]["span_id"] == span["spanId"]


def test_a_client_that_leaves_was_not_answered(app: FastAPI, traced: Traced) -> None:
    def gone(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    with pytest.raises(ClientDisconnect):
        call(app, "/stream", spec_version="2.4", on_send=gone)
    span = traced().span("GET /stream")
    assert span["is"][error_attributes.ERROR_TYPE] == "cancelled"
    assert http_attributes.HTTP_RESPONSE_STATUS_CODE not in span["is"]


def test_scrapes_are_no_spans(app: FastAPI, traced: Traced) -> None:
    call(app, "/metrics")
    assert traced().spans == []


def test_a_tracer_that_fails_is_counted_and_the_request_goes_on(
    app: FastAPI, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def request(self, *_: object) -> None:
            raise RuntimeError("no")

    monkeypatch.setattr("vigie.instrument.spans.tracing", Broken())
    assert call(app, "/sync").status == 200
    failed = {"where": "traces"}
    assert registry.get_sample_value("vigie_internal_errors_total", failed) == 1
