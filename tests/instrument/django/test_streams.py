"""Streamed responses: followed to their last byte, or to where their client left."""

import asyncio
import gc
import gzip
import time
from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

REQUESTS = "django_requests_total"
IN_PROGRESS = "django_requests_in_progress"
EXCEPTIONS = "django_exceptions_total"


def bytes_of(browse: Any, response: Any) -> bytes:
    """Read all of a streamed response."""
    if not response.is_async:
        return b"".join(response)

    async def read() -> bytes:
        return b"".join([chunk async for chunk in response])

    return asyncio.run(read())


async def asgi_ask(path: str, leave: Callable[[list[Any]], bool]) -> list[Any]:
    """GET `path` as an ASGI server does, and disconnect when `leave` is true of what came."""
    from watched_site.asgi import ask

    return await ask(path, leave)


def statuses(samples: Any) -> dict[str, float]:
    """How many requests ended with which status."""
    return {dict(key)["status"]: value for key, value in samples(REQUESTS).items() if value}


def native(browse: Any, name: str) -> str:
    """The path of the view of this name that suits the interface."""
    return f"/{'a' if browse.asynchronous else ''}{name}/"


def test_a_stream_is_counted_when_its_last_byte_has_gone(
    browse: Any, samples: Any, metric: Any
) -> None:
    response = browse.use("requests")(native(browse, "stream"))
    assert statuses(samples) == {}
    assert metric(IN_PROGRESS) == 1
    assert bytes_of(browse, response) == b"onetwo"
    assert statuses(samples) == {"200": 1}
    response.close()
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0
    assert samples(EXCEPTIONS) == {}


def test_the_duration_of_a_stream_reaches_to_its_last_byte(browse: Any, metric: Any) -> None:
    endpoint = native(browse, "stream")
    response = browse.use("requests")(endpoint)
    begun = time.perf_counter()
    assert metric(IN_PROGRESS) == 1  # a scrape: some milliseconds
    at_least = time.perf_counter() - begun
    bytes_of(browse, response)
    seconds = metric("django_request_duration_seconds_sum", method="GET", endpoint=endpoint)
    assert seconds >= at_least


def test_a_stream_that_is_closed_early_was_given_up(
    browse_wsgi: Any, samples: Any, metric: Any
) -> None:
    response = browse_wsgi.use("requests")("/stream/")
    next(iter(response))
    response.close()
    assert statuses(samples) == {"499": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_stream_whose_client_leaves_was_given_up(
    browse_asgi: Any, samples: Any, metric: Any
) -> None:
    browse_asgi.use("requests")
    sent = asyncio.run(asgi_ask("/endless-stream/", leave=lambda sent: len(sent) == 2))
    assert sent[1]["body"] == b"one"
    assert statuses(samples) == {"499": 1}
    assert metric(IN_PROGRESS) == 0
    assert samples(EXCEPTIONS) == {}


def test_an_exception_in_a_stream_is_counted_and_passed_on(
    browse: Any, samples: Any, metric: Any
) -> None:
    path = native(browse, "broken-stream")
    response = browse.use("requests")(path)
    with pytest.raises(KeyError, match="two"):
        bytes_of(browse, response)
    response.close()
    assert statuses(samples) == {"500": 1}
    assert samples(EXCEPTIONS) == {(("endpoint", path), ("exception", "KeyError")): 1}
    assert metric(IN_PROGRESS) == 0


def test_a_stream_that_nobody_reads_was_not_given_up(
    browse_wsgi: Any, samples: Any, metric: Any
) -> None:
    browse_wsgi.use("requests")("/stream/", method="HEAD").close()
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_stream_that_is_thrown_away_is_counted(registry: Any, samples: Any, metric: Any) -> None:
    from django.test import RequestFactory

    from vigie.instrument.django import PrometheusMiddleware
    from watched_site.views import stream

    PrometheusMiddleware(stream, registry)(RequestFactory().get("/"))
    gc.collect()
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_stream_that_a_middleware_above_compresses_is_counted_once(
    browse: Any, samples: Any, metric: Any
) -> None:
    browse.use("gzip", "requests")
    response = browse(native(browse, "stream"), headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(bytes_of(browse, response)) == b"onetwo"
    response.close()
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_stream_knows_its_request(browse: Any) -> None:
    from vigie.instrument.context import current

    browse.use("requests")
    response = browse(native(browse, "stream-ids"), headers={"X-Request-ID": "abc"})
    assert bytes_of(browse, response) == b"abc\nabc\n"
    assert current.get() is None


def test_a_file_is_sent_as_it_is(browse_wsgi: Any, samples: Any, metric: Any) -> None:
    response = browse_wsgi.use("requests")("/file/")
    assert b"def file(" in b"".join(response)
    assert response["Content-Disposition"] == 'inline; filename="views.py"'
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_file_that_the_server_sends_by_itself_is_counted_when_it_is_done(
    browse_wsgi: Any, samples: Any, metric: Any
) -> None:
    from django.core.handlers.wsgi import WSGIHandler

    browse_wsgi.use("requests")
    environ: dict[str, Any] = {"PATH_INFO": "/file/", "wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    sent = WSGIHandler()(environ, lambda status, headers: None)
    assert isinstance(sent, FileWrapper)
    assert metric(IN_PROGRESS) == 1
    assert b"def file(" in b"".join(sent)
    sent.close()
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0


def test_a_file_under_asgi_is_timed_until_it_has_been_sent(
    browse_asgi: Any, samples: Any, metric: Any
) -> None:
    counted_at_the_first_byte = []

    def leave(sent: list[Any]) -> bool:
        if len(sent) == 2 and not counted_at_the_first_byte:
            counted_at_the_first_byte.append(statuses(samples))
        return False

    browse_asgi.use("requests")
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        sent = asyncio.run(asgi_ask("/file/", leave))
    assert b"def file(" in b"".join(message.get("body", b"") for message in sent)
    assert counted_at_the_first_byte == [{}]
    assert statuses(samples) == {"200": 1}
    assert metric(IN_PROGRESS) == 0
