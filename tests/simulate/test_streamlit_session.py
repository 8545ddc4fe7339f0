"""The visitor without a browser, at a real Streamlit server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from vigie.simulate.streamlit_session import StreamlitError, StreamlitSession, UnreachableError

pytestmark = pytest.mark.servers

USERNAME = "Nom d'utilisateur / Username"
PASSWORD = "Mot de passe / Password"
LOG_IN = "Se connecter / Log in"


def active_sessions(url: str) -> int:
    lines = httpx.get(f"{url}/_stcore/metrics").text.splitlines()
    (line,) = (each for each in lines if each.startswith("active_sessions "))
    return int(line.split()[1])


def test_a_visitor_logs_in_chats_looks_around_and_leaves(
    small_page: Any, wait_until: Callable[..., None]
) -> None:
    session = StreamlitSession(small_page.url, locale="fr-CA")
    before = active_sessions(small_page.url)
    page = session.open()
    assert page.texts == ["Coaching"]
    assert list(page.inputs) == [USERNAME, PASSWORD]
    assert page.chat_input is None
    assert active_sessions(small_page.url) == before + 1

    session.write(USERNAME, "ada")
    session.write(PASSWORD, "a mistyped password")
    assert session.press(LOG_IN).texts == ["Coaching", "refused"]
    session.write(PASSWORD, "s3cret")
    page = session.press(LOG_IN)
    assert page.texts == ["Bonjour ada"]
    assert page.inputs == {}
    assert list(page.links) == ["Coach", "Plans", "Se déconnecter / Log out"]

    assert session.say("Comment débuter ?").texts == ["Bonjour ada", "Comment débuter ?"]
    assert session.say("Et après ?").texts[1:] == ["Comment débuter ?", "Et après ?"]
    assert session.go("Plans").exceptions == ["ValueError: no plan yet"]
    assert session.go("Coach").texts[0] == "Bonjour ada"
    assert session.go("Se déconnecter / Log out").texts == ["Coaching"]
    session.close()
    wait_until(lambda: active_sessions(small_page.url) <= before, "the session was not closed")
    assert small_page.told == [
        "login ada s3cret fr-CA",
        "asked ada",
        "asked ada",
        "plans",
        "logout ada",
    ]


def test_what_the_page_does_not_show_is_named_with_what_it_shows(small_page: Any) -> None:
    session = StreamlitSession(small_page.url)
    session.open()
    with pytest.raises(StreamlitError) as missing:
        session.press("Acheter")
    assert str(missing.value) == "the page has no button 'Acheter'; it has 'Se connecter / Log in'"
    with pytest.raises(StreamlitError) as missing:
        session.go("Plans")
    assert str(missing.value) == "the page has no link 'Plans'; it has none"
    with pytest.raises(StreamlitError) as missing:
        session.say("Bonjour")
    assert str(missing.value) == "the page has no chat input"
    session.close()


def test_a_run_that_takes_too_long_is_given_up(small_page: Any) -> None:
    session = StreamlitSession(small_page.url, run_seconds=0.0)
    with pytest.raises(UnreachableError, match="the page took over 0 s"):
        session.open()
    session.close()


def test_a_page_that_is_not_there_is_told(free_port: Callable[[], int]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    session = StreamlitSession(url)
    with pytest.raises(UnreachableError, match=f"{url} cannot be reached"):
        session.open()
    session.close()
    with pytest.raises(UnreachableError, match="the session is not open"):
        StreamlitSession(url)._run()


def test_the_protocol_is_loaded_without_the_rest_of_streamlit() -> None:
    script = (
        "import sys\n"
        "from vigie.simulate import streamlit_session\n"
        "print(streamlit_session._back_message().WhichOneof('type'))\n"
        "print('pandas' in sys.modules, 'streamlit' in sys.modules)\n"
        "import streamlit\n"
        "print(streamlit.__version__ > '1')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["None", "False", "False", "True"]
