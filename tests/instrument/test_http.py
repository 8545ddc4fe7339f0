from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from vigie import catalogue
from vigie.instrument.http import HttpMeters, is_method
from vigie.instrument.meters import meters

Exposed = Callable[..., dict[str, float]]


@pytest.fixture
def http(registry: CollectorRegistry) -> HttpMeters:
    return HttpMeters(catalogue.django.HTTP, meters(registry))


def test_one_addition_counts_the_request_times_it_and_ends_it(
    http: HttpMeters, exposed: Exposed
) -> None:
    http.in_progress.inc()
    assert exposed("django_requests_in_progress") == {"django_requests_in_progress": 1.0}
    http.tally("GET", "/plans", 200).add(0.5)
    assert {name: value for name, value in exposed().items() if "bucket" not in name} == {
        "django_requests_total{endpoint=/plans,method=GET,status=200}": 1.0,
        "django_request_duration_seconds_count{endpoint=/plans,method=GET}": 1.0,
        "django_request_duration_seconds_sum{endpoint=/plans,method=GET}": 0.5,
        "django_requests_in_progress": 0.0,
    }


def test_a_duration_on_a_threshold_is_within_it(http: HttpMeters, exposed: Exposed) -> None:
    http.tally("GET", "/", 200).add(0.5)
    buckets = exposed("django_request_duration_seconds_bucket")
    assert buckets["django_request_duration_seconds_bucket{endpoint=/,le=0.25,method=GET}"] == 0.0
    assert buckets["django_request_duration_seconds_bucket{endpoint=/,le=0.5,method=GET}"] == 1.0


def test_an_exception_is_counted_by_its_type(http: HttpMeters, exposed: Exposed) -> None:
    http.count_exception("/plans", ZeroDivisionError())
    assert exposed("django_exceptions_total") == {
        "django_exceptions_total{endpoint=/plans,exception=ZeroDivisionError}": 1.0
    }


def test_only_https_own_methods_are_methods() -> None:
    assert is_method("PATCH")
    assert not is_method("patch")
    assert not is_method("BREW")


def test_a_request_that_nobody_has_seen_before_is_counted_in_few_series_too(
    http: HttpMeters, exposed: Exposed
) -> None:
    for number in range(3000):
        http.in_progress.inc()
        http.tally(f"M{number}", f"/{number}", number).add(0.1)
    counted = exposed("django_requests_total")
    assert sum(counted.values()) == 3000.0
    assert len(counted) == 201
    assert exposed("django_requests_in_progress") == {"django_requests_in_progress": 0.0}
