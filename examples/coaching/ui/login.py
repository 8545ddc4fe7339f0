"""The page on which a user logs in, or signs up and is logged in at once."""

import time
from typing import NamedTuple

import streamlit as st

import services
from services import Account, Service, ServiceError


class Credentials(NamedTuple):
    """What was written into the form, and whether the account is still to be made."""

    username: str
    password: str
    is_new: bool


def show() -> Credentials | None:
    """The page. Returns what was just sent."""
    st.title(":green[:material/directions_run:] Coaching IA", anchor=False)
    st.markdown(
        "Un coach pour courir, se renforcer et récupérer.  \n"
        ":gray[A coach for running, strength and recovery.]"
    )
    if notice := st.session_state.pop("notice", None):
        st.info(notice)
    with st.form("login"):
        username = st.text_input("Nom d'utilisateur / Username", autocomplete="username")
        password = st.text_input(
            "Mot de passe / Password", type="password", autocomplete="current-password"
        )
        left, right = st.columns(2)
        log_in = left.form_submit_button("Se connecter / Log in", type="primary", width="stretch")
        sign_up = right.form_submit_button("Créer un compte / Sign up", width="stretch")
    if not (log_in or sign_up):
        return None
    if not (username and password):
        st.error(
            "Écrivez un nom d'utilisateur et un mot de passe. / Write a username and a password."
        )
        return None
    return Credentials(username, password, is_new=sign_up)


def enter(credentials: Credentials) -> None:
    """Log in, and show the application."""
    username, password, is_new = credentials
    django, api = _services()
    language = st.context.locale or "fr"
    try:
        if is_new:
            services.register(django, username, password, language)
        account = Account(django, api, username, password, language)
    except ServiceError as error:
        st.error(str(error))
        return
    st.session_state.account = account
    st.session_state.session_start = time.time()
    st.rerun()


@st.cache_resource(show_spinner=False, on_release=services.disconnect)
def _services() -> tuple[Service, Service]:
    return services.connect()
