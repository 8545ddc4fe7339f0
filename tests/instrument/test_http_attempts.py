"""The seam at an HTTP client's `send`."""

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from vigie.instrument import http_attempts


class Attempts:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def begin(self, request: Any) -> "Attempts":
        self.told.append(str(request.url))
        return self

    def failed(self, error: BaseException) -> None:
        self.told.append(type(error))

    def answered(self, response: Any, *, streamed: bool) -> None:
        self.told.append((response.status_code, streamed))


def client_of(answer: Any) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def test_two_watchers_are_both_told_and_leave_one_by_one() -> None:
    client = client_of(lambda _: httpx.Response(204))
    one, two = Attempts(), Attempts()
    http_attempts.watch(client, "one", one.begin)
    http_attempts.watch(client, "two", two.begin)
    client.get("http://a.test/")
    assert one.told == two.told == ["http://a.test/", (204, False)]
    http_attempts.unwatch(client, "one")
    client.get("http://a.test/")
    assert (len(one.told), len(two.told)) == (2, 4)
    http_attempts.unwatch(client, "two")
    assert not {"send", "_vigie_watchers"} & set(vars(client))


def test_a_send_that_was_replaced_before_is_called_and_put_back() -> None:
    client = client_of(lambda _: httpx.Response(204))
    sent: list[str] = []
    original = client.send

    def theirs(request: httpx.Request, **kwargs: Any) -> httpx.Response:
        sent.append(str(request.url))
        return original(request, **kwargs)

    client.send = theirs  # type: ignore[method-assign]
    http_attempts.watch(client, "one", Attempts().begin)
    client.get("http://a.test/")
    http_attempts.unwatch(client, "one")
    assert (client.send, sent) == (theirs, ["http://a.test/"])


def test_a_watcher_that_fails_is_counted_and_the_request_goes_on() -> None:
    client = client_of(lambda _: httpx.Response(204))

    def begin(_request: Any) -> Any:
        raise RuntimeError("a watcher that is meant to fail")

    where = {"where": "failing"}
    name = "vigie_internal_errors_total"
    http_attempts.watch(client, "failing", begin)
    before = REGISTRY.get_sample_value(name, where) or 0
    assert client.get("http://a.test/").status_code == 204
    assert REGISTRY.get_sample_value(name, where) == before + 1


def test_errors_pass_as_they_are() -> None:
    error = httpx.ConnectError("nobody")

    def refuse(_request: Any) -> Any:
        raise error

    client, attempts = client_of(refuse), Attempts()
    http_attempts.watch(client, "one", attempts.begin)
    with pytest.raises(httpx.ConnectError) as raised:
        client.get("http://a.test/")
    assert raised.value is error
    assert attempts.told[1] is httpx.ConnectError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ReadTimeout(""), "timeout"),
        (httpx.PoolTimeout(""), "timeout"),
        (TimeoutError(), "timeout"),
        (httpx.ConnectError(""), "refused"),
        (httpx.ReadError(""), "broken"),
        (ValueError(), "broken"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
    ],
)
def test_the_kind_of_an_error_is_told_by_its_class(error: BaseException, kind: str) -> None:
    assert http_attempts.kind_of_error(error) == kind


def test_once_is_true_once() -> None:
    first = http_attempts.Once()
    assert [first(), first(), first()] == [True, False, False]
