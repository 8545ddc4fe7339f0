"""A small Streamlit application with what the coaching application's screen is made of."""

import os
from pathlib import Path

import streamlit as st

TOLD = Path(os.environ["SMALL_PAGE_TELLS"])


def tell(what: str) -> None:
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(f"{what}\n")


def login() -> None:
    st.title("Coaching")
    with st.form("login"):
        username = st.text_input("Nom d'utilisateur / Username")
        password = st.text_input("Mot de passe / Password", type="password")
        sent = st.form_submit_button("Se connecter / Log in")
    if not sent:
        return
    if password == "a mistyped password":
        st.error("refused")
        return
    st.session_state.username = username
    tell(f"login {username} {password} {st.context.locale}")
    st.rerun()


def coach() -> None:
    messages = st.session_state.setdefault("messages", [])
    if asked := st.chat_input("Question"):
        messages.append(asked)
        tell(f"asked {st.session_state.username}")
    st.markdown(f"Bonjour {st.session_state.username}")
    for message in messages:
        st.markdown(message)


def plans() -> None:
    tell("plans")
    raise ValueError("no plan yet")


def log_out() -> None:
    tell(f"logout {st.session_state.username}")
    st.session_state.clear()
    st.rerun()


if "username" in st.session_state:
    pages = [
        st.Page(coach, title="Coach", default=True),
        st.Page(plans, title="Plans"),
        st.Page(log_out, title="Se déconnecter / Log out"),
    ]
    st.navigation(pages, position="top").run()
else:
    login()
