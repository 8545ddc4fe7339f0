"""The page of the conversation with the coach."""

from collections.abc import Iterator
from typing import Any

import streamlit as st

from monitoring import track_chat_message
from services import Account, LoggedOutError, ServiceError

_AVATARS = {"user": ":material/person:", "assistant": ":material/directions_run:"}
_SUGGESTIONS = (
    "Comment débuter la course à pied ?",
    "Combien d'heures dormir ?",
    "What should I eat before a race?",
)


def show(account: Account) -> None:
    st.title("Votre coach :gray[/ Your coach]", anchor=False)
    messages: list[dict[str, Any]] = st.session_state.setdefault("messages", [])
    for message in messages:
        _write(message)
    asked = st.chat_input("Votre question / Your question", max_chars=4000)
    if not (messages or asked):
        asked = _suggestion()
    if asked:
        _answer(account, messages, asked)


def leave(account: Account) -> None:
    """End the conversation and the login. A service that is down does not keep the user here."""
    try:
        if session_id := st.session_state.get("session_id"):
            account.end_session(session_id)
        account.log_out()
    except ServiceError:
        pass


def _suggestion() -> str | None:
    st.markdown("Posez une question au coach. :gray[Ask the coach a question.]")
    place = st.empty()
    chosen = place.pills("Exemples / Examples", _SUGGESTIONS, label_visibility="collapsed")
    if chosen:
        place.empty()
    return chosen


def _answer(account: Account, messages: list[dict[str, Any]], asked: str) -> None:
    question = {"role": "user", "content": asked}
    _write(question)
    track_chat_message("user")
    sources: list[dict[str, str]] = []
    with st.chat_message("assistant", avatar=_AVATARS["assistant"]):
        try:
            with st.spinner("Le coach réfléchit… / The coach is thinking…"):
                text = st.write_stream(_pieces(account, asked, sources))
        except LoggedOutError:
            raise
        except ServiceError as error:
            st.error(str(error))
            return
        _write_sources(sources)
    track_chat_message("assistant")
    messages += [question, {"role": "assistant", "content": text, "sources": sources}]


def _pieces(account: Account, asked: str, sources: list[dict[str, str]]) -> Iterator[str]:
    for name, data in account.chat(asked, st.session_state.get("session_id")):
        match name:
            case "sources":
                sources += data["sources"]
            case "text":
                yield data["text"]
            case "done":
                st.session_state.session_id = data["session_id"]
            case "error":
                raise ServiceError(data["detail"])


def _write(message: dict[str, Any]) -> None:
    with st.chat_message(message["role"], avatar=_AVATARS[message["role"]]):
        st.markdown(message["content"])
        _write_sources(message.get("sources", []))


def _write_sources(sources: list[dict[str, str]]) -> None:
    titles = dict.fromkeys(source["title"] for source in sources)
    if titles:
        st.caption(f"Sources : {' · '.join(titles)}")
