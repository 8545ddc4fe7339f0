"""The ASGI application: Streamlit's pages and /metrics on one port.

Run it with: uvicorn server:app --host 127.0.0.1 --port 8501
"""

from pathlib import Path

from streamlit import config

from monitoring import setup_logs, setup_traces
from vigie.instrument.streamlit import streamlit_app

app = streamlit_app(Path(__file__).with_name("app_streamlit.py"))
# Once its configuration is read, Streamlit gives its loggers handlers of their own.
config.get_config_options()
# Requests are counted and traced, not written down.
setup_logs("streamlit", levels={"uvicorn.access": "warning"})
setup_traces("streamlit")
