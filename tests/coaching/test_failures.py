"""What the user is told when something behind the coach fails, and that the coach goes on."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from coaching_application import Application, Athlete, nobody

pytestmark = pytest.mark.servers

QUESTION = {"message": "Combien d'heures dormir ?"}


def chat(application: Application, athlete: Athlete, **body: Any) -> httpx.Response:
    return application.api.post("/api/v1/chat", headers=athlete.headers, json={**QUESTION, **body})


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "provider_error"), (401, "provider_error"), (429, "provider_busy")],
)
def test_a_provider_that_refuses_is_a_502_and_then_all_is_well(
    application: Application, athlete: Athlete, faults: Callable[..., None], status: int, code: str
) -> None:
    faults(error_rate={str(status): 1.0})
    for stream in (False, True):
        refused = chat(application, athlete, stream=stream)
        assert refused.status_code == 502
        assert refused.json()["code"] == code
        french, english = refused.json()["detail"].split(" / ")
        assert french.startswith("Le coach IA")
        assert english.startswith("The AI coach")
    faults()
    assert chat(application, athlete).status_code == 200


def test_a_failed_first_question_leaves_no_session_behind(
    application: Application, athlete: Athlete, faults: Callable[..., None]
) -> None:
    faults(error_rate={"500": 1.0})
    chat(application, athlete)
    listed = application.django.get("/api/v1/sessions/", headers=athlete.headers)
    assert listed.json()["count"] == 0


def test_a_plan_or_an_answer_that_the_provider_fails_is_a_502(
    application: Application, athlete: Athlete, faults: Callable[..., None]
) -> None:
    faults(error_rate={"503": 1.0})
    plan = {"goal": "Courir dix kilomètres", "level": "beginner", "weeks": 2}
    for path, body in (
        ("/api/v1/plans/generate", plan),
        ("/api/v1/ask", {"question": "Combien d'heures dormir ?"}),
    ):
        refused = application.api.post(path, headers=athlete.headers, json=body)
        assert (refused.status_code, refused.json()["code"]) == (502, "provider_error")


def test_a_stream_that_breaks_ends_with_an_error(
    application: Application, athlete: Athlete, faults: Callable[..., None]
) -> None:
    faults(drop_stream_after=4)
    answered = chat(application, athlete, stream=True)
    assert answered.status_code == 200
    last = answered.text.strip().split("\n\n")[-1]
    name, data = last.split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["code"] == "provider_error"


def test_a_provider_that_hangs_is_a_504(
    application: Application, athlete: Athlete, faults: Callable[..., None]
) -> None:
    faults(hang=60)
    with application.another_api(COACHING_OPENAI_TIMEOUT_SECONDS="0.2") as api:
        refused = api.post("/api/v1/chat", headers=athlete.headers, json=QUESTION)
    assert (refused.status_code, refused.json()["code"]) == (504, "provider_timeout")


def test_a_provider_that_is_not_there_is_a_502(application: Application, athlete: Athlete) -> None:
    with (
        nobody() as url,
        application.another_api(OPENAI_BASE_URL=f"{url}/v1") as api,
    ):
        refused = api.post("/api/v1/chat", headers=athlete.headers, json=QUESTION)
    assert (refused.status_code, refused.json()["code"]) == (502, "provider_error")


def test_without_django_the_coach_says_so(application: Application, athlete: Athlete) -> None:
    with nobody() as url, application.another_api(COACHING_DJANGO_URL=url) as api:
        refused = api.post("/api/v1/chat", headers=athlete.headers, json=QUESTION)
        assert api.get("/health").status_code == 200
    assert refused.status_code == 503
    assert refused.json() == {
        "code": "django_unreachable",
        "detail": "Le service des comptes ne répond pas. / The accounts service does not answer.",
    }


def test_a_client_that_leaves_stops_the_providers_stream(
    application: Application, athlete: Athlete, faults: Callable[..., None], provider: httpx.Client
) -> None:
    faults(latency_factor=100)  # an answer that would go on for a long while
    with application.api.stream(
        "POST",
        "/api/v1/chat",
        headers=athlete.headers,
        json={**QUESTION, "stream": True},
    ) as answered:
        for line in answered.iter_lines():
            if line == "event: text":
                break
    # Waits until it is there; the answer would have taken minutes.
    assert application.services["api"].line_with("OpenAI call model=gpt-4o-mini outcome=cancelled")


def test_a_coach_without_its_secret_says_how_to_make_one_and_ends(application: Application) -> None:
    with (
        pytest.raises(RuntimeError, match=r"COACHING_SECRET_KEY_FILE is not set: .* Make one with"),
        application.another_api(COACHING_SECRET_KEY_FILE=""),
    ):
        pass
