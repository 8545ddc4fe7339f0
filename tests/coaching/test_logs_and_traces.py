"""What the application logs, and how a question is one trace through all of its services."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from coaching_application import EXAMPLE, PASSWORD, Application
from record_receiver import RecordReceiver, receiving
from vigie.catalogue.logs import AUTH_FAILURE, FIELDS, OPENAI_CALL
from vigie.simulate.streamlit_session import StreamlitSession

PROMPT = "Combien d'heures dormir avant le marathon ?"


@pytest.fixture(scope="module")
def receiver() -> Iterator[RecordReceiver]:
    with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, provider: httpx.Client, receiver: RecordReceiver
) -> RecordReceiver:
    """What was sent of a visit by the page and a refused login, once the services have ended."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("coaching")
        whole = Application(folder, str(provider.base_url).rstrip("/"), stack)
        whole.environ |= {"VIGIE_LOGS_URL": receiver.url, "VIGIE_TRACES_URL": receiver.url}
        whole.start_django()
        whole.start_api()
        athlete = whole.new_athlete()
        page = whole.start_ui()
        wrong = {"username": athlete.username, "password": "wrong-7361"}
        whole.django.post("/api/v1/auth/login/", json=wrong)
        visit = StreamlitSession(str(page.base_url))
        try:
            visit.open()
            visit.write("Nom d'utilisateur / Username", athlete.username)
            visit.write("Mot de passe / Password", PASSWORD)
            visit.press("Se connecter / Log in")
            visit.say(PROMPT)
        finally:
            visit.close()
    return receiver


def lines(told: RecordReceiver, service: str) -> list[dict[str, Any]]:
    return [line for line in told.lines if line["service"] == service]


@pytest.mark.servers
def test_every_line_is_json_with_the_usual_fields(told: RecordReceiver) -> None:
    assert {line["service"] for line in told.lines} == {"django", "fastapi", "streamlit"}
    for line in told.lines:
        assert tuple(line)[:6] == FIELDS[:6]


@pytest.mark.servers
def test_the_last_line_of_a_service_that_is_told_to_end_arrives(told: RecordReceiver) -> None:
    ended = {service: lines(told, service)[-1]["message"] for service in ("fastapi", "streamlit")}
    assert {message.partition(" [")[0] for message in ended.values()} == {"Finished server process"}
    assert any("exiting" in line["message"] for line in lines(told, "django"))


@pytest.mark.servers
def test_the_events_that_are_sought_are_found_by_their_names(told: RecordReceiver) -> None:
    failure = next(line for line in lines(told, "django") if line["event"] == AUTH_FAILURE.text)
    assert failure["reason"] == "bad_credentials"
    assert failure["request_id"]
    call = next(line for line in lines(told, "fastapi") if line["event"] == OPENAI_CALL.text)
    assert (call["outcome"], call["model"]) == ("ok", "gpt-4o-mini")
    assert isinstance(call["seconds"], float)


@pytest.mark.servers
def test_a_question_at_the_page_is_one_trace_through_all_services(told: RecordReceiver) -> None:
    by_id = {span["spanId"]: span for span in told.spans}
    [call] = [span for span in told.spans if span["name"].startswith("chat ")]

    def way(span: dict[str, Any]) -> list[tuple[str, str]]:
        above = by_id.get(span.get("parentSpanId", ""))
        return [*(way(above) if above else []), (span["service"], span["name"])]

    to_the_coach = [("streamlit", "POST fastapi"), ("fastapi", "POST /api/v1/chat")]
    assert way(call) == [*to_the_coach, ("fastapi", "chat gpt-4o-mini")]
    trace = [span for span in told.spans if span["traceId"] == call["traceId"]]
    profile = next(span for span in trace if span["name"] == "GET /api/v1/profile/")
    assert way(profile) == [
        *to_the_coach,
        ("fastapi", "GET django"),
        ("django", "GET /api/v1/profile/"),
    ]
    statements = [span for span in trace if span.get("parentSpanId") == profile["spanId"]]
    assert {span["name"] for span in statements} >= {"SELECT"}
    # Its lines carry the same id.
    line = next(line for line in lines(told, "fastapi") if line["event"] == OPENAI_CALL.text)
    assert line["trace_id"] == call["traceId"]


@pytest.mark.servers
def test_no_prompt_and_no_secret_is_in_a_line_or_a_span(told: RecordReceiver) -> None:
    everything = json.dumps([told.lines, told.spans], ensure_ascii=False)
    for secret in (PROMPT, PASSWORD, "wrong-7361", "eyJ", "Bearer "):
        assert secret not in everything


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("django_app/coaching/settings.py", ["logs.setup(", "traces.setup("]),
        ("api/api_service.py", ["setup_logs(", "setup_traces("]),
        ("ui/server.py", ["setup_logs(", "setup_traces("]),
    ],
)
def test_each_service_sets_both_up_in_a_line(path: str, written: list[str]) -> None:
    source = (EXAMPLE / path).read_text(encoding="utf-8")
    assert [source.count(f"\n{line}") for line in written] == [1, 1]
