"""Who is let in: both services check the same tokens, and refuse the same ones."""

import time
from typing import Any

import jwt
import pytest

from coaching_application import PASSWORD, Application, Athlete

pytestmark = pytest.mark.servers

QUESTION = {"message": "Bonjour"}


def claims_of(athlete: Athlete, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "token_type": "access",
        "exp": now + 300,
        "iat": now,
        "jti": "0123456789abcdef",
        "user_id": str(athlete.id),
        "iss": "coaching",
    }
    return {name: value for name, value in {**claims, **changed}.items() if value is not None}


def refusals(application: Application, headers: dict[str, str]) -> tuple[int, int, str]:
    """How Django and FastAPI answer to these headers: both statuses, and FastAPI's code."""
    django = application.django.get("/api/v1/profile/", headers=headers)
    api = application.api.post("/api/v1/chat", headers=headers, json=QUESTION)
    return django.status_code, api.status_code, api.json()["code"]


def test_without_a_token_nobody_is_let_in(application: Application) -> None:
    assert refusals(application, {}) == (401, 401, "missing_token")
    answered = application.api.post("/api/v1/chat", json=QUESTION)
    assert answered.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/v1/ask", "/api/v1/plans/generate"])
def test_every_way_to_the_provider_needs_a_token(application: Application, path: str) -> None:
    assert application.api.post(path, json=QUESTION).json()["code"] == "missing_token"


def test_a_token_made_with_the_shared_secret_is_valid(
    application: Application, athlete: Athlete
) -> None:
    token = jwt.encode(claims_of(athlete), application.secret, "HS256")
    headers = {"Authorization": f"Bearer {token}"}
    assert application.django.get("/api/v1/profile/", headers=headers).status_code == 200
    answered = application.api.post("/api/v1/chat", headers=headers, json=QUESTION)
    assert answered.status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"exp": 1_700_000_000}, "expired_token"),
        ({"exp": None}, "invalid_token"),
        ({"token_type": "refresh"}, "invalid_token"),
        ({"user_id": None}, "invalid_token"),
        ({"iss": "somebody"}, "invalid_token"),
        ({"iss": None}, "invalid_token"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(
    application: Application, athlete: Athlete, changed: dict[str, Any], code: str
) -> None:
    token = jwt.encode(claims_of(athlete, **changed), application.secret, "HS256")
    assert refusals(application, {"Authorization": f"Bearer {token}"}) == (401, 401, code)


def test_a_token_of_another_secret_is_refused(application: Application, athlete: Athlete) -> None:
    token = jwt.encode(claims_of(athlete), "x" * 48, "HS256")
    assert refusals(application, {"Authorization": f"Bearer {token}"}) == (
        401,
        401,
        "invalid_token",
    )


def test_a_token_without_a_signature_is_refused(application: Application, athlete: Athlete) -> None:
    token = jwt.encode(claims_of(athlete), None, "none")
    assert refusals(application, {"Authorization": f"Bearer {token}"}) == (
        401,
        401,
        "invalid_token",
    )


@pytest.mark.parametrize("spoil", [lambda t: t[:-4] + "AAAA", lambda t: "x" + t, lambda _: "x"])
def test_a_token_that_was_tampered_with_is_refused(
    application: Application, athlete: Athlete, spoil: Any
) -> None:
    headers = {"Authorization": f"Bearer {spoil(athlete.access)}"}
    assert refusals(application, headers) == (401, 401, "invalid_token")


def test_a_refresh_token_is_no_access_token(application: Application, athlete: Athlete) -> None:
    headers = {"Authorization": f"Bearer {athlete.refresh}"}
    assert refusals(application, headers) == (401, 401, "invalid_token")


def test_a_deactivated_user_is_refused_while_their_token_is_valid(
    application: Application, athlete: Athlete
) -> None:
    application.shell(
        "from accounts.models import User\n"
        f"User.objects.filter(pk={athlete.id}).update(is_active=False)"
    )
    assert refusals(application, athlete.headers) == (401, 401, "inactive_user")
    credentials = {"username": athlete.username, "password": PASSWORD}
    web = application.django
    assert web.post("/api/v1/auth/login/", json=credentials).status_code == 401
    refreshed = web.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert refreshed.status_code == 401


def test_a_deleted_user_is_refused(application: Application, athlete: Athlete) -> None:
    application.shell(
        f"from accounts.models import User\nUser.objects.filter(pk={athlete.id}).delete()"
    )
    assert refusals(application, athlete.headers) == (401, 401, "invalid_token")
    refreshed = application.django.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert refreshed.status_code == 401


def test_a_wrong_password_and_an_unknown_user_are_refused_alike(
    application: Application, athlete: Athlete
) -> None:
    answers = [
        application.django.post(
            "/api/v1/auth/login/", json={"username": username, "password": "wrong-password"}
        )
        for username in (athlete.username, "nobody-at-all")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_logins_over_the_limit_are_refused_whatever_address_they_claim(
    unstarted: Application,
) -> None:
    unstarted.start_django(COACHING_LOGIN_RATE="3/hour")
    statuses = [
        unstarted.django.post(
            "/api/v1/auth/login/",
            json={"username": "alice", "password": "guess"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        ).status_code
        for number in range(5)
    ]
    assert statuses == [401, 401, 401, 429, 429]


def test_a_wrong_host_is_refused(application: Application) -> None:
    answered = application.django.get("/health/", headers={"Host": "evil.example"})
    assert answered.status_code == 400
