"""What a user sees and does in the browser, with the real services behind the page."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from coaching_application import EXAMPLE, PASSWORD, Application, Athlete, nobody

pytestmark = pytest.mark.servers

USERNAME = "Nom d'utilisateur / Username"
PASSWORD_LABEL = "Mot de passe / Password"


@pytest.fixture
def screen(
    application: Application, monkeypatch: pytest.MonkeyPatch, module_of: Any
) -> Iterator[Callable[..., AppTest]]:
    """A function that opens the page, with the addresses of the services that it shall use."""

    def open_page(**environ: str) -> AppTest:
        for name in ("COACHING_DJANGO_URL", "COACHING_API_URL"):
            monkeypatch.setenv(name, environ.get(name, application.environ[name]))
        monkeypatch.syspath_prepend(str(EXAMPLE / "ui"))
        st.cache_resource.clear()
        return AppTest.from_file(EXAMPLE / "ui" / "app_streamlit.py", default_timeout=60).run()

    yield open_page
    st.cache_resource.clear()


def fill_in(page: AppTest, username: str, password: str) -> None:
    labelled = {field.label: field for field in page.text_input}
    labelled[USERNAME].input(username)
    labelled[PASSWORD_LABEL].input(password)


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def logged_in(page: AppTest, athlete: Athlete) -> AppTest:
    fill_in(page, athlete.username, PASSWORD)
    return press(page, "Se connecter / Log in")


def test_a_new_user_signs_up_and_is_asked_for_a_question(
    screen: Callable[..., AppTest],
) -> None:
    page = screen()
    fill_in(page, "new-on-the-screen", PASSWORD)
    press(page, "Créer un compte / Sign up")
    assert not page.exception
    assert not page.error
    assert page.chat_input[0].placeholder == "Votre question / Your question"


def test_a_wrong_password_is_told_and_the_form_stays(
    screen: Callable[..., AppTest], athlete: Athlete
) -> None:
    page = screen()
    fill_in(page, athlete.username, "not-the-password")
    press(page, "Se connecter / Log in")
    assert len(page.error) == 1
    assert not page.chat_input


def test_an_empty_form_asks_for_both_fields(screen: Callable[..., AppTest]) -> None:
    page = press(screen(), "Se connecter / Log in")
    assert page.error[0].value == (
        "Écrivez un nom d'utilisateur et un mot de passe. / Write a username and a password."
    )


def test_a_question_is_answered_and_both_stay_on_the_page(
    screen: Callable[..., AppTest], athlete: Athlete
) -> None:
    page = logged_in(screen(), athlete)
    page.chat_input[0].set_value("Combien d'heures dormir ?").run()
    assert not page.exception
    assert [message.name for message in page.chat_message] == ["user", "assistant"]
    first_answer = page.chat_message[1].markdown[0].value
    assert first_answer
    assert "Le sommeil" in page.chat_message[1].caption[0].value

    page.chat_input[0].set_value("Et la sieste ?").run()
    assert len(page.chat_message) == 4
    assert page.chat_message[1].markdown[0].value == first_answer


def test_a_service_that_is_down_is_named_and_the_page_stays(
    screen: Callable[..., AppTest], athlete: Athlete
) -> None:
    with nobody() as url:
        page = logged_in(screen(COACHING_DJANGO_URL=url), athlete)
        assert page.error[0].value == (
            "Le service Django ne répond pas. / The Django service does not answer."
        )
        page = logged_in(screen(COACHING_API_URL=url), athlete)
        page.chat_input[0].set_value("Bonjour").run()
        assert page.error[0].value == (
            "Le service FastAPI ne répond pas. / The FastAPI service does not answer."
        )
    assert not page.exception
    assert page.chat_input


def test_a_provider_that_fails_is_told_in_both_languages(
    screen: Callable[..., AppTest], athlete: Athlete, faults: Callable[..., None]
) -> None:
    page = logged_in(screen(), athlete)
    faults(error_rate={"500": 1.0})
    page.chat_input[0].set_value("Bonjour").run()
    assert page.error[0].value == (
        "Le coach IA est indisponible, réessayez plus tard. "
        "/ The AI coach is not available, try again later."
    )
    faults(drop_stream_after=4)
    page.chat_input[0].set_value("Bonjour").run()
    assert "The AI coach is not available" in page.error[0].value
    faults()
    page.chat_input[0].set_value("Bonjour").run()
    assert not page.error


def test_an_access_token_that_was_refused_is_renewed_on_the_way(
    screen: Callable[..., AppTest], athlete: Athlete
) -> None:
    page = logged_in(screen(), athlete)
    page.session_state.account._access = "expired"
    page.chat_input[0].set_value("Bonjour").run()
    assert not page.error
    assert len(page.chat_message) == 2


def test_a_session_that_cannot_be_renewed_leads_back_to_the_login(
    screen: Callable[..., AppTest], athlete: Athlete
) -> None:
    page = logged_in(screen(), athlete)
    page.session_state.account._access = "expired"
    page.session_state.account._refresh = "expired"
    page.chat_input[0].set_value("Bonjour").run()
    assert page.info[0].value == (
        "Votre session a expiré, reconnectez-vous. / Your session has expired, log in again."
    )
    assert [field.label for field in page.text_input] == [USERNAME, PASSWORD_LABEL]


def test_a_plan_is_asked_for_and_shown(screen: Callable[..., AppTest], athlete: Athlete) -> None:
    page = logged_in(screen(), athlete)
    account = page.session_state.account
    page = AppTest.from_function(plans_page, default_timeout=60)
    page.session_state.account = account
    page.run()
    assert page.info[0].value == "Aucun plan pour l'instant. / No plan yet."
    press(page, "Créer le plan / Make the plan")
    assert page.error[0].value == "Écrivez votre objectif. / Write your goal."

    page.text_input[0].input("Courir dix kilomètres")
    page.slider[0].set_value(2)
    press(page, "Créer le plan / Make the plan")
    assert not page.exception
    assert not page.error
    plan = page.expander[0]
    assert plan.label == "**Courir dix kilomètres** · 2 semaines / weeks · Débutant / Beginner"
    weeks = [text.value for text in plan.markdown if text.value.startswith("#####")]
    assert [week[: len("##### Semaine / Week 1")] for week in weeks] == [
        "##### Semaine / Week 1",
        "##### Semaine / Week 2",
    ]


def plans_page() -> None:
    """What app_streamlit does for the page of plans: a script of its own, as AppTest runs it."""
    import streamlit as st

    import plans

    wish = plans.show(st.session_state.account)
    if wish:
        plans.write(st.session_state.account, wish)
