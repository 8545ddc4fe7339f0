"""AuthFailureMiddleware: each refusal once and with its reason, and each login."""

import asyncio
import logging
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

ALL = ("session", "user", "requests", "authentication")
REASONS = (
    "bad_credentials",
    "missing_token",
    "expired_token",
    "invalid_token",
    "inactive_user",
    "forbidden",
    "throttled",
)


def nonzero(samples: Any, name: str, label: str) -> dict[str, float]:
    return {dict(key)[label]: value for key, value in samples(name).items() if value}


@pytest.fixture
def failures(samples: Any) -> Any:
    """A function that gives the failures by reason, those that are not zero."""
    return lambda: nonzero(samples, "django_auth_failures_total", "reason")


@pytest.fixture
def successes(samples: Any) -> Any:
    """A function that gives the logins by method, those that are not zero."""
    return lambda: nonzero(samples, "django_auth_successes_total", "method")


def bearer(token: object) -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def access(user: Any, **changes: Any) -> Any:
    """An access token of simplejwt."""
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    for claim, value in changes.items():
        token[claim] = value
    return token


def expired(token: Any) -> Any:
    token.set_exp(lifetime=timedelta(seconds=-60))
    return token


def forged(token: Any) -> str:
    """The token with another signature."""
    return str(token).rpartition(".")[0] + ".c2lnbmF0dXJl"


def test_every_reason_has_a_series_before_it_happens(browse_wsgi: Any, samples: Any) -> None:
    browse_wsgi.use("authentication")("/hello/")
    seen = {
        dict(key)["reason"]: value for key, value in samples("django_auth_failures_total").items()
    }
    assert seen == dict.fromkeys(REASONS, 0)


ORDERS = [
    ("session", "user", "requests", "authentication"),
    ("authentication", "requests", "session", "user"),
    ("session", "user", "authentication"),
    ("authentication", "session", "requests", "user"),
]


@pytest.mark.parametrize("middlewares", ORDERS, ids="-".join)
def test_a_wrong_password_is_one_failure_wherever_the_middleware_stands(
    browse: Any, failures: Any, alice: Any, middlewares: tuple[str, ...]
) -> None:
    browse.use(*middlewares)
    form = {"username": "alice", "password": "wrong"}
    page = browse("/login/", form=form)
    assert page.status_code == 200
    assert failures() == {"bad_credentials": 1}
    assert browse("/token/", form).status_code == 401
    assert failures() == {"bad_credentials": 2}


@pytest.mark.parametrize("middlewares", ORDERS, ids="-".join)
def test_a_token_that_is_missing_is_one_failure_wherever_the_middleware_stands(
    browse: Any, failures: Any, middlewares: tuple[str, ...]
) -> None:
    assert browse.use(*middlewares)("/profile/").status_code == 401
    assert failures() == {"missing_token": 1}


def test_an_unknown_user_has_bad_credentials(browse: Any, failures: Any) -> None:
    browse.use(*ALL)("/token/", {"username": "nobody", "password": "wrong"})
    assert failures() == {"bad_credentials": 1}


@pytest.mark.parametrize("path", ["/login/", "/token/", "/alogin/"])
def test_an_inactive_user_is_told_apart(browse: Any, failures: Any, alice: Any, path: str) -> None:
    deactivate(alice)
    browse.use(*ALL)(path, form={"username": "alice", "password": "correct"})
    assert failures() == {"inactive_user": 1}


def test_an_inactive_user_is_told_apart_in_a_transaction(
    browse_wsgi: Any, failures: Any, alice: Any
) -> None:
    from django.db import transaction

    deactivate(alice)
    browse_wsgi.use(*ALL)
    with transaction.atomic():
        browse_wsgi("/token/", {"username": "alice", "password": "correct"})
    assert failures() == {"inactive_user": 1}


def test_an_inactive_user_whom_the_backend_lets_in_is_refused_by_the_form(
    browse: Any, failures: Any, alice: Any
) -> None:
    deactivate(alice)
    backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
    browse.use(*ALL, AUTHENTICATION_BACKENDS=[backend])
    form = {"username": "alice", "password": "correct"}
    assert browse("/login/", form=form).status_code == 200
    assert failures() == {"inactive_user": 1}
    assert browse("/token/", form).status_code == 401
    assert failures() == {"inactive_user": 2}


def test_a_form_with_a_field_missing_is_no_failure(browse: Any, failures: Any) -> None:
    browse.use(*ALL)("/login/", form={"username": "alice"})
    assert failures() == {}


def test_access_tokens_are_told_apart(browse: Any, failures: Any, alice: Any) -> None:
    browse.use(*ALL)
    for token in (access(alice), str(access(alice))):
        assert browse("/profile/", **bearer(token)).status_code == 200
    assert failures() == {}
    browse("/profile/", **bearer(expired(access(alice))))
    assert failures() == {"expired_token": 1}
    browse("/profile/", **bearer(forged(access(alice))))
    browse("/profile/", **bearer(forged(expired(access(alice)))))  # it says so itself, and lies
    browse("/profile/", **bearer("nonsense"))
    browse("/profile/", **bearer("two words"))
    browse("/profile/", **bearer(access(alice, token_type="refresh")))
    browse("/profile/", **bearer(access(alice, user_id="404404")))
    assert failures() == {"expired_token": 1, "invalid_token": 6}
    deactivate(alice)
    browse("/profile/", **bearer(access(alice)))
    assert failures() == {"expired_token": 1, "invalid_token": 6, "inactive_user": 1}


def test_access_tokens_are_told_apart_in_any_language(
    browse: Any, failures: Any, alice: Any
) -> None:
    browse.use("locale", *ALL)
    headers = {"Accept-Language": "fr", "Authorization": f"Bearer {expired(access(alice))}"}
    browse("/profile/", headers=headers)
    headers["Authorization"] = f"Bearer {forged(access(alice))}"
    browse("/profile/", headers=headers)
    assert failures() == {"expired_token": 1, "invalid_token": 1}


def test_refresh_tokens_are_told_apart(
    browse: Any, failures: Any, successes: Any, alice: Any
) -> None:
    from rest_framework_simplejwt.tokens import RefreshToken

    browse.use(*ALL)
    fresh = str(RefreshToken.for_user(alice))
    # A client may well send its access token along, which is not what is judged here.
    late = bearer(expired(access(alice)))
    assert browse("/token/refresh/", {"refresh": fresh}, **late).status_code == 200
    assert successes() == {"refresh": 1}
    assert failures() == {}
    assert browse("/token/refresh/", {"refresh": fresh}, **late).status_code == 401
    assert failures() == {"invalid_token": 1}
    browse("/token/refresh/", {"refresh": str(expired(RefreshToken.for_user(alice)))})
    assert failures() == {"invalid_token": 1, "expired_token": 1}
    browse("/token/refresh/", {"refresh": forged(RefreshToken.for_user(alice))})
    browse("/token/refresh/", {"refresh": str(access(alice))})
    browse("/token/refresh/", {"refresh": ""})
    assert failures() == {"invalid_token": 3, "expired_token": 1}
    deactivate(alice)
    browse("/token/refresh/", {"refresh": str(RefreshToken.for_user(alice))})
    assert failures() == {"invalid_token": 3, "expired_token": 1, "inactive_user": 1}
    assert successes() == {"refresh": 1}


def test_a_user_without_the_permission_is_forbidden(browse: Any, failures: Any, alice: Any) -> None:
    browse.use(*ALL)
    browse("/admin-only/", **bearer(access(alice)))
    assert failures() == {"forbidden": 1}
    browse("/denied/")
    assert failures() == {"forbidden": 2}


def test_a_session_view_without_a_session_misses_one_though_it_answers_403(
    browse: Any, failures: Any
) -> None:
    assert browse.use(*ALL)("/session-profile/").status_code == 403
    assert failures() == {"missing_token": 1}


def test_a_throttled_request_is_one_failure(browse: Any, failures: Any) -> None:
    assert browse.use(*ALL)("/throttled/").status_code == 429
    assert failures() == {"throttled": 1}


def test_tokens_of_the_database_are_told_apart(
    browse: Any, failures: Any, successes: Any, alice: Any
) -> None:
    browse.use(*ALL)
    answer = browse("/authtoken/", {"username": "alice", "password": "correct"})
    assert successes() == {"token": 1}
    right = {"headers": {"Authorization": f"Token {answer.json()['token']}"}}
    assert browse("/token-profile/", **right).status_code == 200
    assert failures() == {}
    browse("/token-profile/", headers={"Authorization": "Token wrong"})
    assert failures() == {"invalid_token": 1}
    deactivate(alice)
    browse("/token-profile/", **right)
    assert failures() == {"invalid_token": 1, "inactive_user": 1}
    assert browse("/authtoken/", {"username": "alice", "password": "wrong"}).status_code == 400
    assert failures() == {"invalid_token": 1, "inactive_user": 2}


def test_a_wrong_basic_password_is_one_failure(browse: Any, failures: Any, alice: Any) -> None:
    browse.use(*ALL)
    browse("/basic-profile/", headers={"Authorization": "Basic YWxpY2U6d3Jvbmc="})
    assert failures() == {"bad_credentials": 1}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("authentication_failed", "bad_credentials"),
        ("user_inactive", "inactive_user"),
        ("password_changed", "invalid_token"),
        ("second_factor_required", "other"),
    ],
)
def test_the_codes_of_a_project_are_read(
    browse: Any, failures: Any, code: str, reason: str
) -> None:
    assert browse.use(*ALL)(f"/own-code/{code}/", {}).status_code == 401
    assert failures() == {reason: 1}


def test_errors_that_a_project_wraps_are_read(browse: Any, failures: Any, alice: Any) -> None:
    browse.use(*ALL)
    browse("/own-handler/")
    assert failures() == {"missing_token": 1}
    browse("/own-handler/", **bearer(expired(access(alice))))
    assert failures() == {"missing_token": 1, "expired_token": 1}


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("", "missing_token"),
        ("Basic YWxpY2U6d3Jvbmc=", "bad_credentials"),
        ("Bearer nonsense", "invalid_token"),
    ],
)
def test_a_plain_401_is_judged_by_its_header(
    browse: Any, failures: Any, authorization: str, reason: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    browse.use(*ALL)("/teapot/401/", headers=headers)
    assert failures() == {reason: 1}


def test_a_login_with_a_session_is_a_success(
    browse: Any, failures: Any, successes: Any, alice: Any
) -> None:
    browse.use(*ALL)
    form = {"username": "alice", "password": "correct"}
    assert browse("/login/", form=form).status_code == 302
    assert (successes(), failures()) == ({"session": 1}, {})


def test_a_login_that_tries_two_names_is_one_success_or_one_failure(
    browse: Any, failures: Any, successes: Any, alice: Any
) -> None:
    browse.use(*ALL)
    form = {"email": "a@example.org", "username": "alice", "password": "correct"}
    browse("/second-try/", form=form)
    assert (successes(), failures()) == ({"session": 1}, {})
    browse("/second-try/", form={**form, "password": "wrong"})
    assert (successes(), failures()) == ({"session": 1}, {"bad_credentials": 1})


def test_a_login_with_tokens_is_a_success(
    browse: Any, failures: Any, successes: Any, alice: Any
) -> None:
    browse.use(*ALL)
    form = {"username": "alice", "password": "correct"}
    browse("/token/", form)
    assert successes() == {"token": 1}
    sliding = browse("/sliding/", form).json()["token"]
    assert successes() == {"token": 2}
    browse("/sliding/refresh/", {"token": sliding})
    assert successes() == {"token": 2, "refresh": 1}
    assert failures() == {}


def test_a_token_in_an_answer_is_not_always_a_login(
    browse: Any, successes: Any, alice: Any
) -> None:
    assert browse.use(*ALL)("/profile/", {}, **bearer(access(alice))).status_code == 201
    assert successes() == {}


def test_a_refusal_outside_of_a_request_counts_too(
    browse_wsgi: Any, failures: Any, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from django.contrib.auth import authenticate

    browse_wsgi.use(*ALL)("/hello/")
    authenticate(username="alice", password="wrong")
    assert failures() == {"bad_credentials": 1}
    assert lines(caplog) == ["Auth failure reason=bad_credentials ip=unknown"]


def test_a_refusal_of_a_client_that_leaves_counts(
    browse_asgi: Any, registry: Any, failures: Any
) -> None:
    from django.contrib.auth.signals import user_login_failed
    from django.test import RequestFactory

    from vigie.instrument.django import AuthFailureMiddleware

    async def view(request: Any) -> None:
        user_login_failed.send(sender=None, credentials={}, request=request)
        raise asyncio.CancelledError

    middleware = AuthFailureMiddleware(view, registry)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(middleware(RequestFactory().get("/")))
    assert failures() == {"bad_credentials": 1}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "vigie.security"]


def test_the_log_has_the_address_as_its_last_field_and_nothing_of_the_user(
    browse: Any, alice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browse.use(*ALL)
    browse("/token/", {"username": "alice\nAuth failure ip=6.6.6.6", "password": "s3cret"})
    browse("/profile/", **bearer(forged(access(alice))))
    assert lines(caplog) == [
        "Auth failure reason=bad_credentials ip=127.0.0.1",
        "Auth failure reason=invalid_token ip=127.0.0.1",
    ]
    assert {r.levelno for r in caplog.records if r.name == "vigie.security"} == {logging.WARNING}


def test_the_address_behind_a_trusted_proxy_is_the_clients(
    browse_wsgi: Any, caplog: pytest.LogCaptureFixture
) -> None:
    browse_wsgi.use(*ALL, VIGIE_TRUSTED_PROXIES=["127.0.0.0/8"])
    browse_wsgi("/denied/", headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.7"})
    assert lines(caplog) == ["Auth failure reason=forbidden ip=192.0.2.7"]


def test_no_label_has_an_address_or_a_name(browse_wsgi: Any, registry: Any, alice: Any) -> None:
    from vigie.instrument.exposition import exposition

    browse_wsgi.use(*ALL)
    for number in range(200):
        browse_wsgi("/token/", {"username": f"alice{number}", "password": "wrong"})
    text = exposition(registry=registry)[0].decode()
    assert "alice" not in text
    assert "127.0.0.1" not in text


@pytest.mark.servers
def test_it_works_without_rest_framework_and_simplejwt() -> None:
    """What it knows of them is read from responses: a process without them loads nothing."""
    script = """
import sys
sys.modules["rest_framework"] = sys.modules["rest_framework_simplejwt"] = None
from django.conf import settings
settings.configure(ROOT_URLCONF="plain", SECRET_KEY="x", MIDDLEWARE=[
    "vigie.instrument.django.AuthFailureMiddleware",
    "vigie.instrument.django.PrometheusMiddleware",
])
import types, django
django.setup()
plain = sys.modules["plain"] = types.ModuleType("plain")
from django.http import HttpResponse
from django.urls import path
from vigie.instrument.django import metrics_view
plain.urlpatterns = [
    path("", lambda request: HttpResponse(status=401)), path("metrics/", metrics_view)]
from django.test import Client
Client().get("/", headers={"Authorization": "Bearer a.eyJleHAiOjF9.c"})
print([line for line in Client().get("/metrics/").content.decode().splitlines()
       if line.startswith("django_auth_failures_total") and line.endswith(" 1.0")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "['django_auth_failures_total{reason=\"expired_token\"} 1.0']\n"


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save()
