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


def show() -> str | None:
    """The page. Returns the question that was just asked."""
    st.title("Votre coach :gray[/ Your coach]", anchor=False)
    messages = st.session_state.setdefault("messages", [])
    for message in messages:
        _write(message)
    asked = st.chat_input("Votre question / Your question", max_chars=4000)
    if messages or asked:
        return asked
    return _suggestion()


def answer(account: Account, asked: str) -> None:
    """Put the question to the coach, and show the answer as it comes."""
    question = {"role": "user", "content": asked}
    _write(question)
    track_chat_message("user")
    sources: list[dict[str, str]] = []
    with st.chat_message("assistant", avatar=_AVATARS["assistant"]):
        try:
            with st.spinner("Le coach réfléchit… / The coach is thinking…"):
                text = st.write_stream(_pieces(account, asked, sources))
        except ServiceError as error:
            st.error(str(error))
            return
        _write_sources(sources)
    track_chat_message("assistant")
    reply = {"role": "assistant", "content": text, "sources": sources}
    st.session_state.messages += [question, reply]


def leave(account: Account) -> None:
    """End the conversation and the login. A service that is down does not keep the user here."""
    try:
        if session_id := st.session_state.get("session_id"):
            account.end_session(session_id)
        account.log_out()
    except (ServiceError, LoggedOutError):
        pass


def _suggestion() -> str | None:
    place = st.empty()
    with place.container():
        st.markdown("Posez une question au coach. :gray[Ask the coach a question.]")
        chosen = st.pills("Exemples / Examples", _SUGGESTIONS, label_visibility="collapsed")
    if chosen:
        place.empty()
    return chosen


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
