"""PrometheusMiddleware: what is counted of each request, however it ends."""

import asyncio
import logging
import threading
from typing import Any

import pytest

REQUESTS = "django_requests_total"
COUNT = "django_request_duration_seconds_count"
SUM = "django_request_duration_seconds_sum"
IN_PROGRESS = "django_requests_in_progress"
EXCEPTIONS = "django_exceptions_total"


def counted(samples: Any) -> dict[tuple[str, str, str], float]:
    """The requests, by method, endpoint and status."""
    return {
        (labels["method"], labels["endpoint"], labels["status"]): value
        for key, value in samples(REQUESTS).items()
        if (labels := dict(key))
    }


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/", "/"),
        ("/hello/", "/hello/"),
        ("/api/v1/plans/7/", "/api/v1/plans/<int:pk>/"),
        ("/api/v1/plans/2020-old/", "/api/v1/plans/<year>-old/"),
        ("/archive/2020/page-3/", "/archive/<year>/page-<>/"),
        ("/nowhere/", "unmatched"),
        ("/nowhere/else.php", "unmatched"),
    ],
)
def test_a_request_is_counted_under_the_full_template_of_its_route(
    browse: Any, samples: Any, metric: Any, path: str, endpoint: str
) -> None:
    status = str(browse.use("requests")(path).status_code)
    assert counted(samples) == {("GET", endpoint, status): 1}
    assert metric(COUNT, method="GET", endpoint=endpoint) == 1
    assert metric(IN_PROGRESS) == 0


def test_a_route_below_a_language_is_one_endpoint(browse: Any, samples: Any) -> None:
    browse.use("locale", "requests")
    browse("/en/help/")
    browse("/fr/help/")
    browse("/pt-br/help/")
    assert counted(samples) == {("GET", "/<language>/help/", "200"): 3}


@pytest.mark.servers
def test_a_hundred_thousand_paths_methods_and_accounts_leave_few_series(
    registry: Any, samples: Any
) -> None:
    from django.http import HttpResponse
    from django.test import RequestFactory

    from watched_site.middleware import Authentication, Requests

    serve = Requests(Authentication(lambda request: HttpResponse(status=404)))
    request = RequestFactory().get("/")
    for number in range(100_000):
        request.path_info = f"/{number}"
        request.method = f"X{number}" if number % 2 else "GET"
        request.META["REMOTE_ADDR"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        serve(request)
    assert counted(samples) == {
        ("GET", "unmatched", "404"): 50_000,
        ("other", "unmatched", "404"): 50_000,
    }
    assert len(samples("security_events_total")) == 4
    assert len(serve._requests._tallies) == 1


def test_ids_in_paths_leave_one_series(browse: Any, samples: Any) -> None:
    browse.use("requests")
    for number in range(100):
        browse(f"/api/v1/plans/{number}/")
    assert counted(samples) == {("GET", "/api/v1/plans/<int:pk>/", "200"): 100}


@pytest.mark.parametrize("path", ["/boom/", "/aboom/"])
def test_an_unhandled_exception_is_counted_once_and_its_request_as_500(
    browse: Any, samples: Any, metric: Any, path: str
) -> None:
    browse.use("requests")(path)
    assert counted(samples) == {("GET", path, "500"): 1}
    assert samples(EXCEPTIONS) == {(("endpoint", path), ("exception", "ValueError")): 1}
    assert metric(COUNT, method="GET", endpoint=path) == 1
    assert metric(IN_PROGRESS) == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/absent/", "404"), ("/denied/", "403"), ("/suspicious/", "400")]
)
def test_an_exception_that_django_answers_itself_is_none(
    browse: Any, samples: Any, path: str, status: str
) -> None:
    browse.use("requests")(path)
    assert counted(samples) == {("GET", path, status): 1}
    assert samples(EXCEPTIONS) == {}


def test_an_exception_that_a_middleware_answers_is_none(browse: Any, samples: Any) -> None:
    browse.use("requests", "rescue")("/boom/")
    assert counted(samples) == {("GET", "/boom/", "202"): 1}
    assert samples(EXCEPTIONS) == {}


def test_an_exception_of_a_template_is_counted(browse: Any, samples: Any) -> None:
    browse.use("requests")("/broken-template/")
    assert samples(EXCEPTIONS) == {
        (("endpoint", "/broken-template/"), ("exception", "ZeroDivisionError")): 1
    }


def test_an_exception_of_a_middleware_below_is_counted(browse: Any, samples: Any) -> None:
    browse.use("requests", "broken")("/hello/")
    assert counted(samples) == {("GET", "/hello/", "500"): 1}
    assert samples(EXCEPTIONS) == {(("endpoint", "/hello/"), ("exception", "LookupError")): 1}


def test_an_exception_that_is_let_through_is_counted(browse: Any, samples: Any) -> None:
    browse.use("requests", DEBUG_PROPAGATE_EXCEPTIONS=True)
    browse.client.raise_request_exception = True
    with pytest.raises(ValueError, match="boom"):
        browse("/boom/")
    assert counted(samples) == {("GET", "/boom/", "500"): 1}
    assert samples(EXCEPTIONS) == {(("endpoint", "/boom/"), ("exception", "ValueError")): 1}


def test_a_worker_that_is_told_to_stop_leaves_no_request_in_progress(
    browse_wsgi: Any, samples: Any, metric: Any
) -> None:
    browse_wsgi.use("requests")
    with pytest.raises(SystemExit):
        browse_wsgi("/leave/")
    assert counted(samples) == {("GET", "/leave/", "500"): 1}
    assert samples(EXCEPTIONS) == {(("endpoint", "/leave/"), ("exception", "SystemExit")): 1}
    assert metric(IN_PROGRESS) == 0


def test_a_redirect_to_the_slash_names_no_path(browse: Any, samples: Any) -> None:
    browse.use("requests", "common")("/hello")
    assert counted(samples) == {("GET", "unmatched", "301"): 1}


def test_a_method_that_a_view_refuses_is_counted_under_its_route(browse: Any, samples: Any) -> None:
    browse.use("requests")("/profile/", method="PUT")
    assert counted(samples) == {("PUT", "/profile/", "401"): 1}
    browse("/metrics/", method="POST")
    assert counted(samples)["POST", "/metrics/", "405"] == 1


def test_what_a_middleware_below_answers_by_itself_is_unmatched(browse: Any, samples: Any) -> None:
    browse.use("requests", "shortcut")("/hello/")
    assert counted(samples) == {("GET", "unmatched", "200"): 1}


def test_a_request_in_progress_is_seen(registry: Any, metric: Any) -> None:
    from django.test import RequestFactory

    from vigie.instrument.django import PrometheusMiddleware

    seen = []
    middleware = PrometheusMiddleware(lambda request: seen.append(metric(IN_PROGRESS)), registry)
    middleware(RequestFactory().get("/"))
    assert seen == [1]


def test_under_asgi_nothing_leaves_the_event_loop_for_a_thread(
    browse_asgi: Any, samples: Any
) -> None:
    from asgiref.sync import ThreadSensitiveContext
    from django.core.handlers.asgi import ASGIHandler
    from django.test import AsyncRequestFactory

    browse_asgi.use("requests", "authentication")
    handler = ASGIHandler()

    async def ask(path: str) -> set[threading.Thread]:
        before = set(threading.enumerate())
        async with ThreadSensitiveContext():  # a thread is made in it when one is needed
            await handler.get_response_async(AsyncRequestFactory().get(path))
            return set(threading.enumerate()) - before

    assert asyncio.run(ask("/ahello/")) == set()
    assert len(asyncio.run(ask("/hello/"))) == 1  # a synchronous view needs one
    assert len(counted(samples)) == 2


def test_a_request_knows_its_ids_and_the_time_after_it_none(browse: Any) -> None:
    from vigie.instrument.context import current

    browse.use("requests")
    given = browse("/ids/", headers={"X-Request-ID": "from-a-proxy"}).json()["request_id"]
    assert given == "from-a-proxy"
    made = browse("/ids/").json()["request_id"]
    assert len(made) == 32
    assert current.get() is None


def test_a_slow_request_is_logged_with_its_statements_and_without_its_path(
    browse: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browse.use("requests", VIGIE_SLOW_REQUEST_SECONDS=0)
    with caplog.at_level(logging.WARNING, "vigie"):
        browse("/count-users/?personal=1", headers={"X-Request-ID": "abc"})
    (line,) = [r.getMessage() for r in caplog.records if "Slow request" in r.getMessage()]
    assert line.startswith("Slow request GET /count-users/ 200 seconds=")
    assert " request_id=abc statements=1 statements_seconds=" in line
    assert 'slowest=SELECT COUNT(*) AS "__count" FROM "auth_user" WHERE' in line
    assert "personal" not in line
    assert "nobody" not in line


def test_a_fast_request_is_not_logged(browse: Any, caplog: pytest.LogCaptureFixture) -> None:
    browse.use("requests", VIGIE_SLOW_REQUEST_SECONDS=60)("/hello/")
    assert [r for r in caplog.records if "Slow" in r.getMessage()] == []


def test_a_broken_registry_breaks_no_request(browse: Any, registry: Any) -> None:
    from prometheus_client import Counter

    Counter(REQUESTS, "Somebody else has the name.", registry=registry)
    assert browse.use("requests", "authentication")("/hello/").status_code == 200


def test_a_response_that_cannot_be_read_breaks_no_request(registry: Any, metric: Any) -> None:
    from django.test import RequestFactory

    from watched_site.middleware import Authentication, Requests

    class Unreadable:
        @property
        def status_code(self) -> int:
            raise OSError("no status")

    response = Unreadable()
    serve = Requests(Authentication(lambda request: response))
    assert serve(RequestFactory().get("/")) is response
    assert metric("vigie_internal_errors_total", where="django") == 1


def test_a_request_whose_client_leaves_is_counted_as_cancelled(
    browse_asgi: Any, samples: Any, metric: Any
) -> None:
    from watched_site import asgi, views

    views.waiting.clear()
    browse_asgi.use("requests", "authentication")
    asyncio.run(asgi.ask("/wait/", leave=lambda sent: bool(views.waiting)))
    assert counted(samples) == {("GET", "/wait/", "499"): 1}
    assert metric(COUNT, method="GET", endpoint="/wait/") == 1
    assert metric(IN_PROGRESS) == 0
    assert samples(EXCEPTIONS) == {}
