"""Streamlit: what the person at the screen waits for, and what the process holds."""

from vigie.catalogue.metric import Label, counter, gauge, histogram

PAGE = Label("page", cap=50)

PAGE_LOAD = histogram(
    "streamlit_page_load_seconds",
    "Seconds of a page's script run, from its first line to its last.",
    PAGE,
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0),
)
ACTIVE_SESSIONS = gauge("streamlit_active_sessions", "Browser sessions that are open.")
WEBSOCKET_CONNECTIONS = gauge(
    "streamlit_websocket_connections",
    "Websockets that are connected; a session outlives a lost one.",
)
CHAT_MESSAGES = counter(
    "streamlit_chat_messages_total",
    "Chat messages, by who wrote them.",
    Label("role", values=("user", "assistant")),
)
UI_ERRORS = counter(
    "streamlit_ui_errors_total",
    "Exceptions that a page showed to its user.",
    PAGE,
    Label("exception", cap=50),
    rare=True,
)
MEMORY = gauge("streamlit_memory_bytes", "Resident memory of the Streamlit process.")
