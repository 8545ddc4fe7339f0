"""Each request of Django is a span, and so is each statement that it sends to a database."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.semconv.attributes import db_attributes, error_attributes, http_attributes

from record_receiver import RecordReceiver
from vigie.instrument.exposition import exposition

pytestmark = pytest.mark.servers

Traced = Callable[[], RecordReceiver]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def traced_first(registry: Any, traced: Traced) -> None:
    """Tracing is on before a request comes."""


def test_a_request_is_a_span_of_its_callers_trace(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    answered = browse("/span-ids/", headers=headers)
    span = traced().span("GET /span-ids/")
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == (TRACE, CALLER, 2)
    assert span["is"] == {
        http_attributes.HTTP_REQUEST_METHOD: "GET",
        http_attributes.HTTP_ROUTE: "/span-ids/",
        http_attributes.HTTP_RESPONSE_STATUS_CODE: "200",
    }
    seen = answered.json()
    assert (seen["trace_id"], seen["span_id"]) == (TRACE, span["spanId"])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_it_is_an_exemplar_of_its_duration(browse: Any, registry: Any) -> None:
    browse.use("requests")
    browse("/span-ids/", headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
    text = exposition("application/openmetrics-text; version=1.0.0", registry)[0].decode()
    shown = [line for line in text.splitlines() if " # {" in line]
    assert [line.partition("{")[0] for line in shown] == ["django_request_duration_seconds_bucket"]
    assert f'# {{trace_id="{TRACE}"}}' in shown[0]


def test_its_statements_are_below_it_and_without_values(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    browse("/count-users/")
    receiver = traced()
    request = receiver.span("GET /count-users/")
    statement = receiver.span("SELECT")
    assert statement["parentSpanId"] == request["spanId"]
    assert statement["kind"] == 3
    assert statement["is"][db_attributes.DB_SYSTEM_NAME] == "sqlite"
    assert statement["is"][db_attributes.DB_OPERATION_NAME] == "SELECT"
    assert statement["is"][db_attributes.DB_QUERY_TEXT].startswith("SELECT COUNT(")
    assert statement["is"][db_attributes.DB_NAMESPACE]
    assert "/" not in statement["is"][db_attributes.DB_NAMESPACE]


def test_a_statement_that_fails_is_an_error(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    browse("/wrong-sql/")
    receiver = traced()
    [failed] = [span for span in receiver.spans if db_attributes.DB_SYSTEM_NAME in span["is"]]
    assert failed["status"]["code"] == 2
    assert failed["is"][error_attributes.ERROR_TYPE] == "OperationalError"


def test_a_statement_outside_of_a_request_is_no_span(browse_wsgi: Any, traced: Traced) -> None:
    from django.contrib.auth.models import User

    browse_wsgi.use("requests")
    User.objects.count()
    assert traced().spans == []


def test_an_unhandled_exception_is_an_error(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    browse("/boom/")
    span = traced().span("GET /boom/")
    assert span["status"] == {"code": 2}
    assert span["is"][error_attributes.ERROR_TYPE] == "ValueError"
    assert len(span["events"]) == 1


def test_an_unknown_path_is_not_told(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    browse("/secret-7361z/?token=7361z")
    receiver = traced()
    assert receiver.span("GET")["is"][http_attributes.HTTP_RESPONSE_STATUS_CODE] == "404"
    assert "7361z" not in str(receiver.spans)


@pytest.mark.parametrize("path", ["/stream-span-ids/", "/astream-span-ids/"])
def test_a_stream_is_made_within_the_requests_span(browse: Any, traced: Traced, path: str) -> None:
    browse.use("requests")
    answered = browse(path)

    async def read() -> bytes:
        return b"".join([piece async for piece in answered])

    told = json.loads(asyncio.run(read()) if answered.is_async else b"".join(answered))
    answered.close()
    span = traced().span(f"GET {path}")
    assert (told["trace_id"], told["span_id"]) == (span["traceId"], span["spanId"])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_scrapes_are_no_spans(browse: Any, traced: Traced) -> None:
    browse.use("requests")
    browse("/metrics/")
    assert traced().spans == []
