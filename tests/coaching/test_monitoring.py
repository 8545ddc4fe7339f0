"""What the application tells of itself: the series that its dashboards and alerts live on."""

import json
import re
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from coaching_application import EXAMPLE, PASSWORD, Application, Athlete
from vigie.simulate.streamlit_session import StreamlitSession

MINI = "gpt-4o-mini-2024-07-18"  # what the provider answers and bills for gpt-4o-mini
LARGE = "gpt-4o-2024-08-06"


def series(service: httpx.Client, path: str = "/metrics") -> Callable[..., float]:
    """A function that gives a series' value by its name and labels; 0 where there is none."""
    answered = service.get(path)
    assert answered.status_code == 200
    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(answered.text):
        for sample in family.samples:
            values[sample.name, frozenset(sample.labels.items())] = sample.value

    def value(name: str, **labels: str) -> float:
        return values.get((name, frozenset(labels.items())), 0.0)

    return value


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (
            "django_app/coaching/settings.py",
            [
                '    "monitoring_middleware.PrometheusMiddleware",',
                '    "monitoring_middleware.AuthFailureMiddleware",',
            ],
        ),
        (
            "django_app/coaching/urls.py",
            ['    path("metrics/", monitoring_middleware.metrics_view),'],
        ),
        (
            "api/api_service.py",
            ["app.add_middleware(PrometheusMiddleware)", 'app.get("/metrics")(metrics_endpoint)'],
        ),
        (
            "ui/app_streamlit.py",
            [
                "import streamlit as st",
                'if "session_start" not in st.session_state:',
                "    st.session_state.session_start = time.time()",
                "    session_duration = time.time() - st.session_state.session_start",
                '    track_coaching_session("web_user", session_duration)',
            ],
        ),
    ],
)
def test_the_services_are_instrumented_as_the_documentation_shows(
    path: str, lines: list[str]
) -> None:
    written = (EXAMPLE / path).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in written] == []


def test_no_service_holds_a_secret() -> None:
    secret = re.compile(r"""(?i)(secret|password|api_key|token)\w*\s*=\s*["'][^"'\s]{6,}["']""")
    for path in EXAMPLE.rglob("*.py"):
        found = secret.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path}: {found}"


@pytest.mark.servers
def test_an_athletes_way_is_counted_by_django_and_fastapi(
    application: Application, athlete: Athlete
) -> None:
    web, api = application.django, application.api
    django_before, api_before = series(web, "/metrics/"), series(api)
    web.post("/api/v1/auth/login/", json={"username": athlete.username, "password": "wrong"})
    web.get("/api/v1/profile/")
    chat = {"message": "Combien d'heures dormir ?"}
    session_id = api.post("/api/v1/chat", headers=athlete.headers, json=chat).json()["session_id"]
    api.post("/api/v1/chat", headers=athlete.headers, json={**chat, "stream": True})
    api.post("/api/v1/ask", headers=athlete.headers, json={"question": "The capital of Japan?"})
    plan = {"goal": "Courir dix kilomètres", "level": "beginner", "weeks": 1}
    api.post("/api/v1/plans/generate", headers=athlete.headers, json=plan)
    api.post(f"/api/v1/chat/{session_id}/end", headers=athlete.headers)

    django, coach = series(web, "/metrics/"), series(api)

    def risen(name: str, **labels: str) -> float:
        now, before = (django, django_before) if "django" in name else (coach, api_before)
        return now(name, **labels) - before(name, **labels)

    request = {"method": "POST", "status": "200"}
    assert risen("fastapi_requests_total", endpoint="/api/v1/chat", **request) == 2
    ended = {"endpoint": "/api/v1/chat/{session_id}/end", **request}
    assert risen("fastapi_requests_total", **ended) == 1
    assert risen("django_auth_failures_total", reason="bad_credentials") == 1
    assert risen("django_auth_failures_total", reason="missing_token") == 1
    profile = {"method": "GET", "endpoint": "/api/v1/profile/", "status": "200"}
    assert risen("django_requests_total", **profile) == 4
    assert django("django_active_users") >= 1

    chats = {"model": MINI, "operation": "chat", "status": "ok"}
    assert risen("openai_requests_total", **chats) == 2
    assert risen("openai_requests_total", **{**chats, "model": LARGE}) == 1
    assert risen("openai_time_to_first_token_seconds_count", model=MINI) == 1
    assert risen("openai_tokens_total", model=MINI, type="output") > 0
    assert risen("rag_queries_total", status="hit") == 2
    assert risen("rag_queries_total", status="miss") == 1
    assert risen("training_plan_generation_seconds_count", status="ok") == 1
    assert risen("coaching_sessions_total", user_type="api_user") == 1
    calls = {"source": "fastapi", "target": "django", "status": "ok"}
    # A profile for each of the four questions, two sessions begun, one ended, one plan kept.
    assert risen("interservice_requests_total", **calls) == 8


@pytest.mark.servers
def test_what_a_model_cost_is_counted_or_said_to_be_unknown(
    application: Application, athlete: Athlete
) -> None:
    for model in ("gpt-4o-mini", "coach-internal-1"):
        chat = {"message": "Bonjour", "model": model}
        assert application.api.post("/api/v1/chat", headers=athlete.headers, json=chat).is_success
    coach = series(application.api)
    assert coach("openai_cost_total", model=MINI, currency="EUR", source="computed") > 0
    assert coach("openai_unpriced_tokens_total", model="coach-internal-1", type="output") > 0
    assert (
        coach("openai_cost_total", model="coach-internal-1", currency="EUR", source="computed") == 0
    )


@pytest.mark.servers
def test_a_visit_at_the_screen_is_counted_by_streamlit(
    application: Application, athlete: Athlete
) -> None:
    ui = application.start_ui()
    assert ui.get("/_stcore/health").status_code == 200
    assert "<title>" in ui.get("/").text
    visit = StreamlitSession(str(ui.base_url))
    try:
        visit.open()
        visit.write("Nom d'utilisateur / Username", athlete.username)
        visit.write("Mot de passe / Password", PASSWORD)
        visit.press("Se connecter / Log in")
        visit.say("Combien d'heures dormir ?")
        visit.go("Plans")
        assert series(ui)("streamlit_active_sessions") == 1
        visit.go("Se déconnecter / Log out")
    finally:
        visit.close()
    screen = series(ui)
    for page in ("login", "chat", "plans"):
        assert screen("streamlit_page_load_seconds_count", page=page) >= 1, page
    assert screen("streamlit_chat_messages_total", role="user") == 1
    assert screen("streamlit_chat_messages_total", role="assistant") == 1
    assert screen("coaching_sessions_total", user_type="web_user") == 1
    assert screen("coaching_session_duration_seconds_count", user_type="web_user") == 1
    for target in ("django", "fastapi"):
        calls = {"source": "streamlit", "target": target, "status": "ok"}
        assert screen("interservice_requests_total", **calls) >= 1, target
    assert screen("streamlit_memory_bytes") > 0
    sessions = application.django.get("/api/v1/sessions/", headers=athlete.headers).json()
    assert sessions["results"][0]["duration_seconds"] is not None


@pytest.mark.servers
def test_every_line_of_the_logs_is_an_event_and_tells_no_secret(
    application: Application, athlete: Athlete
) -> None:
    question = "Mon mot de passe est hunter2, combien d'heures dormir ?"
    application.api.post("/api/v1/chat", headers=athlete.headers, json={"message": question})
    application.services["api"].line_with("OpenAI call model=gpt-4o-mini outcome=ok")
    for service in application.services.values():
        for line in service.output.splitlines():
            assert {"ts", "level", "service", "message"} <= set(json.loads(line))
        for told in ("hunter2", application.secret, athlete.access, athlete.refresh, PASSWORD):
            assert told not in service.output
