"""The coaching application's screen: log in, talk with the coach, make training plans."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

import chat
import login
import plans
from monitoring import track_coaching_session, track_page
from services import Account, LoggedOutError

if "session_start" not in st.session_state:
    st.session_state.session_start = time.time()


def main() -> None:
    st.set_page_config(page_title="Coaching IA", page_icon=":material/directions_run:")
    if "account" in st.session_state:
        pages = [
            st.Page(chat_page, title="Coach", icon=":material/forum:", default=True),
            st.Page(plans_page, title="Plans", icon=":material/calendar_month:"),
            st.Page(log_out, title="Se déconnecter / Log out", icon=":material/logout:"),
        ]
    else:
        pages = [st.Page(login_page, title="Connexion / Log in", icon=":material/login:")]
    st.navigation(pages, position="top").run()


# A page has loaded when it can be read and used. How long the coach or the login then takes is no
# part of that: it is measured where the answer comes from.


def login_page() -> None:
    with track_page("login"):
        credentials = login.show()
    if credentials:
        login.enter(credentials)


def chat_page() -> None:
    with logged_in() as account:
        with track_page("chat"):
            asked = chat.show()
        if asked:
            chat.answer(account, asked)


def plans_page() -> None:
    with logged_in() as account:
        with track_page("plans"):
            wish = plans.show(account)
        if wish:
            plans.write(account, wish)


@contextmanager
def logged_in() -> Iterator[Account]:
    """The user's account. Back to the login where the session turns out to have expired."""
    try:
        yield st.session_state.account
    except LoggedOutError as expired:
        end_session()
        st.session_state.notice = str(expired)
        st.rerun()


def log_out() -> None:
    chat.leave(st.session_state.account)
    end_session()
    st.rerun()


def end_session() -> None:
    session_duration = time.time() - st.session_state.session_start
    track_coaching_session("web_user", session_duration)
    st.session_state.clear()


main()
