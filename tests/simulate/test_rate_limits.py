from datetime import date

import pytest

from vigie.simulate.errors import ApiError
from vigie.simulate.offer import Model
from vigie.simulate.rate_limits import RateLimits

MODEL = Model("m", "m-1", date(2026, 1, 1), requests_per_minute=3, tokens_per_minute=100)


def test_the_window_counts_down() -> None:
    limits = RateLimits()
    first = limits.take("key", MODEL, 30, now=0.0)
    second = limits.take("key", MODEL, 30, now=12.5)
    assert first == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-remaining-tokens": "70",
        "x-ratelimit-reset-requests": "60.000s",
        "x-ratelimit-reset-tokens": "60.000s",
    }
    assert second["x-ratelimit-remaining-requests"] == "1"
    assert second["x-ratelimit-remaining-tokens"] == "40"
    assert second["x-ratelimit-reset-tokens"] == "47.500s"


@pytest.mark.parametrize(
    ("each", "kind", "message"),
    [
        (1, "requests", "Rate limit reached for m on requests per min."),
        (40, "tokens", "Rate limit reached for m on tokens per min."),
    ],
)
def test_what_does_not_fit_into_the_window_is_refused(each: int, kind: str, message: str) -> None:
    limits = RateLimits()
    with pytest.raises(ApiError, match=message) as refused:
        for second in range(4):
            limits.take("key", MODEL, each, now=float(second))
    assert refused.value.status == 429
    assert refused.value.kind == kind
    assert refused.value.headers["x-ratelimit-remaining-requests"] in ("0", "1")
    assert int(refused.value.headers["retry-after"]) in (57, 58)


def test_a_refused_request_takes_nothing() -> None:
    limits = RateLimits()
    limits.take("key", MODEL, 90, now=0.0)
    with pytest.raises(ApiError):
        limits.take("key", MODEL, 20, now=1.0)
    assert limits.take("key", MODEL, 10, now=2.0)["x-ratelimit-remaining-requests"] == "1"


def test_after_a_minute_the_window_is_full_again() -> None:
    limits = RateLimits()
    limits.take("key", MODEL, 100, now=0.0)
    again = limits.take("key", MODEL, 10, now=60.0)
    assert again["x-ratelimit-remaining-tokens"] == "90"


def test_accounts_and_models_have_windows_of_their_own() -> None:
    limits = RateLimits()
    limits.take("key", MODEL, 100, now=0.0)
    assert limits.take("other", MODEL, 100, now=0.0)["x-ratelimit-remaining-tokens"] == "0"


def test_ever_new_keys_do_not_fill_the_memory() -> None:
    limits = RateLimits()
    for number in range(2000):
        limits.take(f"key{number}", MODEL, 1, now=0.0)
    assert len(limits._windows) == 1000
