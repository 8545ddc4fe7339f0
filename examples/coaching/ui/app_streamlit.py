"""The coaching application's screen: log in, talk with the coach, make training plans."""

import time

import streamlit as st

import chat
import login
import plans
from monitoring import track_coaching_session, track_page
from services import LoggedOutError

if "session_start" not in st.session_state:
    st.session_state.session_start = time.time()


def main() -> None:
    st.set_page_config(page_title="Coaching IA", page_icon=":material/exercise:")
    if "account" in st.session_state:
        pages = [
            st.Page(chat_page, title="Coach", icon=":material/forum:", default=True),
            st.Page(plans_page, title="Plans", icon=":material/calendar_month:"),
            st.Page(log_out, title="Se déconnecter / Log out", icon=":material/logout:"),
        ]
    else:
        pages = [st.Page(login_page, title="Connexion / Log in", icon=":material/login:")]
    try:
        st.navigation(pages, position="top").run()
    except LoggedOutError as expired:
        end_session()
        st.session_state.notice = str(expired)
        st.rerun()


def login_page() -> None:
    with track_page("login"):
        login.show()


def chat_page() -> None:
    with track_page("chat"):
        chat.show(st.session_state.account)


def plans_page() -> None:
    with track_page("plans"):
        plans.show(st.session_state.account)


def log_out() -> None:
    chat.leave(st.session_state.account)
    end_session()
    st.rerun()


def end_session() -> None:
    session_duration = time.time() - st.session_state.session_start
    track_coaching_session("web_user", session_duration)
    st.session_state.clear()


main()
