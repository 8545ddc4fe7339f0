"""Streamlit: page loads, errors, chat messages, sessions, websockets and memory.

In the application's script, which runs again at every interaction:

    with track_page("chat"):
        …
        track_chat_message("user")

`/metrics` is served on Streamlit's own port by `streamlit_app("app_streamlit.py")` under uvicorn;
under `streamlit run`, by a port beside it: `serve_metrics(8502)` in the script. Importing this
loads no Streamlit, and none of the trackers raises.
"""

from vigie.instrument.coaching import track_coaching_session
from vigie.instrument.streamlit.pages import track_chat_message, track_page
from vigie.instrument.streamlit.serving import serve_metrics, streamlit_app

__all__ = [
    "serve_metrics",
    "streamlit_app",
    "track_chat_message",
    "track_coaching_session",
    "track_page",
]
