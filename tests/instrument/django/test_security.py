"""Patterns of attack, seen in what passes AuthFailureMiddleware."""

from typing import Any

import pytest

EVENTS = "security_events_total"


@pytest.fixture
def events(samples: Any) -> Any:
    """A function that gives the events by pattern, those that are not zero."""
    return lambda: {
        dict(key)["pattern"]: value
        for key, value in samples(EVENTS).items()
        if value and dict(key)["service"] == "django"
    }


def test_every_pattern_has_a_series_before_it_happens(browse_wsgi: Any, samples: Any) -> None:
    browse_wsgi.use("authentication")("/hello/")
    assert {dict(key)["pattern"]: value for key, value in samples(EVENTS).items()} == {
        "brute_force": 0,
        "credential_stuffing": 0,
        "token_replay": 0,
        "path_scan": 0,
    }


def test_many_failures_on_one_account_are_brute_force(
    browse: Any, events: Any, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browse.use("authentication")
    for spelling in ("alice", "ALICE") * 4 + ("alice",):
        browse("/token/", {"username": spelling, "password": "wrong"})
    assert events() == {}
    browse("/token/", {"username": "Alice", "password": "wrong"})
    assert events() == {"brute_force": 1}
    assert "Attack pattern=brute_force ip=127.0.0.1" in caplog.messages
    for _ in range(9):
        browse("/token/", {"username": "Alice", "password": "wrong"})
    assert events() == {"brute_force": 1}


def test_failures_on_many_accounts_are_credential_stuffing(browse: Any, events: Any) -> None:
    browse.use("authentication")
    for number in range(9):
        browse("/token/", {"username": f"user{number}", "password": "wrong"})
    assert events() == {}
    browse("/token/", {"username": "user9", "password": "wrong"})
    assert events() == {"credential_stuffing": 1}


def test_failures_that_are_minutes_apart_are_no_attack(
    browse_wsgi: Any, events: Any, pass_seconds: Any
) -> None:
    browse_wsgi.use("authentication")
    for _ in range(20):
        browse_wsgi("/token/", {"username": "alice", "password": "wrong"})
        pass_seconds(40)
    assert events() == {}


def test_a_refresh_token_that_is_used_again_is_a_replay(
    browse: Any, events: Any, alice: Any
) -> None:
    from rest_framework_simplejwt.tokens import RefreshToken

    browse.use("authentication")
    token = str(RefreshToken.for_user(alice))
    browse("/token/refresh/", {"refresh": token})
    assert events() == {}
    browse("/token/refresh/", {"refresh": token})
    assert events() == {"token_replay": 1}


def test_tokens_with_a_wrong_signature_are_a_replay_when_there_are_many(
    browse: Any, events: Any, alice: Any
) -> None:
    from rest_framework_simplejwt.tokens import AccessToken

    browse.use("authentication")
    forged = str(AccessToken.for_user(alice))[:-6] + "abcdef"
    for _ in range(9):
        browse("/profile/", headers={"Authorization": f"Bearer {forged}"})
    assert events() == {}
    browse("/profile/", headers={"Authorization": f"Bearer {forged}"})
    assert events() == {"token_replay": 1}


def test_tokens_that_expire_in_masses_are_no_attack(
    browse_wsgi: Any, events: Any, alice: Any
) -> None:
    from datetime import timedelta

    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(alice)
    token.set_exp(lifetime=timedelta(seconds=-60))
    browse_wsgi.use("authentication")
    for _ in range(100):
        browse_wsgi("/profile/", headers={"Authorization": f"Bearer {token}"})
    assert events() == {}


def test_many_paths_that_are_no_routes_are_a_scan(browse: Any, events: Any) -> None:
    browse.use("authentication")
    for number in range(19):
        browse(f"/wp-{number}.php")
        browse("/absent/")  # a route, whose view found nothing
    assert events() == {}
    browse("/wp-19.php", {})
    assert events() == {"path_scan": 1}


def test_patterns_are_of_a_client_and_not_of_its_proxy(browse_wsgi: Any, events: Any) -> None:
    browse_wsgi.use("authentication", VIGIE_TRUSTED_PROXIES=["127.0.0.1"])
    for number in range(100):
        headers = {"X-Forwarded-For": f"192.0.2.{number % 10}"}
        browse_wsgi(f"/wp-{number}.php", headers=headers)
    assert events() == {}
    for number in range(20):
        browse_wsgi(f"/wp-{number}.php", headers={"X-Forwarded-For": f"6.6.6.{number}, 192.0.2.99"})
    assert events() == {"path_scan": 1}
