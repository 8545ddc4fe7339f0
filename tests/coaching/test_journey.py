"""An athlete's way through the application, over HTTP, from signing up to logging out."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from coaching_application import PASSWORD, Application, Athlete

pytestmark = pytest.mark.servers

CONTENT = {"summary": "", "weeks": [{"focus": "Endurance", "workouts": []}]}


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    """The server-sent events of an answer."""
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_user_signs_up_logs_in_and_tells_their_goal(application: Application) -> None:
    web = application.django
    created = web.post(
        "/api/v1/auth/register/",
        json={"username": "camille", "password": PASSWORD, "email": "camille@example.org"},
    )
    assert created.status_code == 201
    assert created.json().keys() == {"id", "username", "email"}

    tokens = web.post("/api/v1/auth/login/", json={"username": "camille", "password": PASSWORD})
    assert tokens.status_code == 200
    headers = {"Authorization": f"Bearer {tokens.json()['access']}"}

    changed = web.patch(
        "/api/v1/profile/",
        headers=headers,
        json={"goal": "Courir un semi", "level": "intermediate", "weekly_hours": 5, "id": 999},
    )
    assert changed.status_code == 200
    assert web.get("/api/v1/profile/", headers=headers).json() == {
        "id": created.json()["id"],
        "username": "camille",
        "email": "camille@example.org",
        "goal": "Courir un semi",
        "level": "intermediate",
        "weekly_hours": 5,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "weak", "password": "123456"}, "password"),
        ({"username": "jean-claude", "password": "jean-claude1"}, "password"),
        ({"username": "bad name!", "password": PASSWORD}, "username"),
        ({"username": "mail", "password": PASSWORD, "email": "no"}, "email"),
        ({"password": PASSWORD}, "username"),
    ],
)
def test_a_poor_registration_is_refused_by_its_field(
    application: Application, body: dict[str, str], field: str
) -> None:
    refused = application.django.post("/api/v1/auth/register/", json=body)
    assert refused.status_code == 400
    assert field in refused.json()


def test_a_name_is_taken_once(application: Application, athlete: Athlete) -> None:
    body = {"username": athlete.username, "password": PASSWORD}
    refused = application.django.post(
        "/api/v1/auth/register/", json=body, headers={"Accept-Language": "fr"}
    )
    assert refused.status_code == 400
    assert refused.json() == {"username": ["Un utilisateur avec ce nom existe déjà."]}


def test_a_refresh_token_works_once_and_not_after_logging_out(
    application: Application, athlete: Athlete
) -> None:
    web = application.django
    renewed = web.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert renewed.status_code == 200
    again = web.post("/api/v1/auth/refresh/", json={"refresh": athlete.refresh})
    assert again.status_code == 401

    newest = renewed.json()["refresh"]
    assert web.post("/api/v1/auth/logout/", json={"refresh": newest}).status_code == 200
    after = web.post("/api/v1/auth/refresh/", json={"refresh": newest})
    assert after.status_code == 401


def test_a_chat_is_answered_in_one_piece_with_its_sources(
    application: Application, athlete: Athlete
) -> None:
    answered = application.api.post(
        "/api/v1/chat", headers=athlete.headers, json={"message": "Combien d'heures dormir ?"}
    )
    assert answered.status_code == 200
    body = answered.json()
    assert body["answer"]
    assert UUID(body["session_id"])
    assert body["sources"][0].keys() == {"document", "title", "heading"}
    assert body["sources"][0]["document"] == "sommeil-recuperation"


def test_a_streamed_answer_comes_in_pieces_between_its_sources_and_its_session(
    application: Application, athlete: Athlete
) -> None:
    answered = application.api.post(
        "/api/v1/chat",
        headers=athlete.headers,
        json={"message": "Que manger avant une course ?", "stream": True},
    )
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/event-stream")
    told = events(answered)
    assert told[0][0] == "sources"
    assert told[0][1]["sources"]
    assert {name for name, _ in told[1:-1]} == {"text"}
    assert len(told) > 4
    assert told[-1][0] == "done"
    assert UUID(told[-1][1]["session_id"])


def test_a_conversation_goes_on_until_it_is_ended(
    application: Application, athlete: Athlete
) -> None:
    api, headers = application.api, athlete.headers
    first = api.post("/api/v1/chat", headers=headers, json={"message": "Bonjour !"}).json()
    session_id = first["session_id"]
    second = api.post(
        "/api/v1/chat", headers=headers, json={"message": "Et après ?", "session_id": session_id}
    )
    assert second.json()["session_id"] == session_id

    ended = api.post(f"/api/v1/chat/{session_id}/end", headers=headers)
    assert ended.status_code == 200
    assert ended.json()["duration_seconds"] > 0
    listed = application.django.get("/api/v1/sessions/", headers=headers).json()
    assert [session["id"] for session in listed["results"]] == [session_id]
    assert listed["results"][0]["ended_at"] is not None

    after = api.post(
        "/api/v1/chat", headers=headers, json={"message": "Encore", "session_id": session_id}
    )
    assert after.status_code == 409
    assert after.json()["code"] == "session_ended"


def test_ending_a_session_twice_keeps_its_first_end(
    application: Application, athlete: Athlete
) -> None:
    web, headers = application.django, athlete.headers
    created = web.post("/api/v1/sessions/", headers=headers, json={"topic": "VMA"})
    assert created.status_code == 201
    path = f"/api/v1/sessions/{created.json()['id']}/"
    first = web.patch(path, headers=headers, json={"ended": True})
    second = web.patch(path, headers=headers, json={"ended": True, "duration_seconds": 9999})
    assert first.json()["duration_seconds"] is not None
    assert second.json() == first.json()
    assert web.get(path, headers=headers).json() == first.json()


def test_a_training_plan_is_written_and_kept(application: Application, athlete: Athlete) -> None:
    written = application.api.post(
        "/api/v1/plans/generate",
        headers=athlete.headers,
        json={"goal": "Courir dix kilomètres", "level": "beginner", "weeks": 5},
    )
    assert written.status_code == 201
    plan = written.json()
    assert (plan["goal"], plan["level"], plan["weeks"]) == ("Courir dix kilomètres", "beginner", 5)
    assert len(plan["content"]["weeks"]) == 5
    workout = plan["content"]["weeks"][0]["workouts"][0]
    assert workout.keys() == {"day", "title", "minutes", "details"}

    path = f"/api/v1/plans/{plan['id']}/"
    assert application.django.get(path, headers=athlete.headers).json() == plan
    assert application.django.delete(path, headers=athlete.headers).status_code == 204
    assert application.django.get(path, headers=athlete.headers).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"goal": "", "level": "beginner", "weeks": 4},
        {"goal": "10 km", "level": "champion", "weeks": 4},
        {"goal": "10 km", "level": "beginner", "weeks": 0},
        {"goal": "10 km", "level": "beginner", "weeks": 99},
    ],
)
def test_a_plan_that_cannot_be_written_is_refused_before_it_costs_anything(
    application: Application, athlete: Athlete, provider: httpx.Client, body: dict[str, Any]
) -> None:
    before = provider.get("/invoice").json()["total"]
    refused = application.api.post("/api/v1/plans/generate", headers=athlete.headers, json=body)
    assert refused.status_code == 422
    assert provider.get("/invoice").json()["total"] == before


def test_a_question_is_answered_from_the_documents(
    application: Application, athlete: Athlete
) -> None:
    answered = application.api.post(
        "/api/v1/ask", headers=athlete.headers, json={"question": "How deep should I squat?"}
    )
    assert answered.status_code == 200
    assert answered.json()["sources"][0]["document"] == "technique-squat"


def test_a_question_that_no_document_answers_says_so_and_costs_nothing(
    application: Application, athlete: Athlete, provider: httpx.Client
) -> None:
    before = provider.get("/invoice").json()["total"]
    answered = application.api.post(
        "/api/v1/ask", headers=athlete.headers, json={"question": "What is the capital of Japan?"}
    )
    assert answered.json() == {
        "answer": "Je n'ai rien trouvé à ce sujet dans mes documents. "
        "/ I found nothing about this in my documents.",
        "sources": [],
    }
    assert provider.get("/invoice").json()["total"] == before


def test_a_user_may_choose_among_the_allowed_models_only(
    application: Application, athlete: Athlete, provider: httpx.Client
) -> None:
    allowed = application.api.post(
        "/api/v1/chat",
        headers=athlete.headers,
        json={"message": "Bonjour", "model": "coach-internal-1"},
    )
    assert allowed.status_code == 200
    sold = {line["model"] for line in provider.get("/invoice").json()["lines"]}
    assert "coach-internal-1" in sold

    refused = application.api.post(
        "/api/v1/chat", headers=athlete.headers, json={"message": "Bonjour", "model": "gpt-4"}
    )
    assert refused.status_code == 422
    assert refused.json()["code"] == "unknown_model"
    assert "coach-internal-1" in refused.json()["detail"]


def test_the_services_say_that_they_are_well(application: Application) -> None:
    assert application.django.get("/health/").json() == {"status": "ok"}
    assert application.api.get("/health").json() == {"status": "ok"}


def test_only_staff_reads_the_statistics(application: Application, athlete: Athlete) -> None:
    assert application.django.get("/api/v1/stats/").status_code == 401
    refused = application.django.get("/api/v1/stats/", headers=athlete.headers)
    assert refused.status_code == 403

    application.shell(
        "from accounts.models import User\n"
        f"User.objects.filter(pk={athlete.id}).update(is_staff=True)"
    )
    answered = application.django.get("/api/v1/stats/", headers=athlete.headers)
    assert answered.status_code == 200
    assert answered.json().keys() == {"users", "sessions", "open_sessions", "plans"}
    assert answered.json()["users"] >= 1


def test_what_belongs_to_another_user_does_not_exist(
    application: Application, athlete: Athlete
) -> None:
    web, api = application.django, application.api
    other = application.new_athlete()
    session_id = api.post(
        "/api/v1/chat", headers=athlete.headers, json={"message": "Bonjour"}
    ).json()["session_id"]
    plan = {"goal": "10 km", "level": "beginner", "weeks": 1, "content": CONTENT}
    plan_id = web.post("/api/v1/plans/", headers=athlete.headers, json=plan).json()["id"]

    for path in (f"/api/v1/sessions/{session_id}/", f"/api/v1/plans/{plan_id}/"):
        assert web.get(path, headers=other.headers).status_code == 404
        assert web.get(path, headers=athlete.headers).status_code == 200
    ended = web.patch(
        f"/api/v1/sessions/{session_id}/", headers=other.headers, json={"ended": True}
    )
    assert ended.status_code == 404
    assert web.delete(f"/api/v1/plans/{plan_id}/", headers=other.headers).status_code == 404
    for listing in ("/api/v1/sessions/", "/api/v1/plans/"):
        assert web.get(listing, headers=other.headers).json()["count"] == 0

    intruding = {"message": "What did we say?", "session_id": session_id}
    assert api.post("/api/v1/chat", headers=other.headers, json=intruding).status_code == 404
    assert api.post(f"/api/v1/chat/{session_id}/end", headers=other.headers).status_code == 404
    unknown = {"message": "Bonjour", "session_id": str(uuid4())}
    assert api.post("/api/v1/chat", headers=athlete.headers, json=unknown).status_code == 404


def test_a_plan_is_kept_in_its_owners_name_whoever_the_body_names(
    application: Application, athlete: Athlete
) -> None:
    other = application.new_athlete()
    plan = {"goal": "10 km", "level": "beginner", "weeks": 1, "content": CONTENT}
    created = application.django.post(
        "/api/v1/plans/", headers=athlete.headers, json={**plan, "user": other.id}
    )
    assert created.status_code == 201
    listed = application.django.get("/api/v1/plans/", headers=other.headers)
    assert listed.json()["count"] == 0


@pytest.mark.parametrize(
    "content",
    [
        [],
        "weeks",
        {"summary": "No weeks"},
        {"summary": "", "weeks": []},
        {"summary": "", "weeks": [{"focus": "Endurance"}]},
        {"summary": "", "weeks": [{"focus": "Endurance", "workouts": [{"day": "lundi"}]}]},
    ],
)
def test_a_plan_that_the_screen_could_not_show_is_refused(
    application: Application, athlete: Athlete, content: Any
) -> None:
    plan = {"goal": "10 km", "level": "beginner", "weeks": 1, "content": content}
    refused = application.django.post("/api/v1/plans/", headers=athlete.headers, json=plan)
    assert refused.status_code == 400
    assert "content" in refused.json()
