"""What Vigie adds to the screen."""

from vigie.instrument.httpx import instrument as instrument_httpx
from vigie.instrument.logs import setup as setup_logs
from vigie.instrument.streamlit import track_chat_message, track_coaching_session, track_page
from vigie.instrument.traces import setup as setup_traces

__all__ = [
    "instrument_httpx",
    "setup_logs",
    "setup_traces",
    "track_chat_message",
    "track_coaching_session",
    "track_page",
]
