"""The ASGI application: Streamlit's pages and /metrics on one port.

Run it with: uvicorn server:app --host 127.0.0.1 --port 8501
"""

from pathlib import Path

import logs
from vigie.instrument.streamlit import streamlit_app

app = streamlit_app(Path(__file__).with_name("app_streamlit.py"))
logs.to_stdout()
