"""What Vigie adds to the screen."""

from vigie.instrument.httpx import instrument as instrument_httpx
from vigie.instrument.streamlit import track_chat_message, track_coaching_session, track_page

__all__ = ["instrument_httpx", "track_chat_message", "track_coaching_session", "track_page"]
