"""The ASGI application: Streamlit's pages and /metrics on one port.

Run it with: uvicorn server:app --host 127.0.0.1 --port 8501
"""

from pathlib import Path

from streamlit.starlette import App

import logs

app = App(Path(__file__).with_name("app_streamlit.py"))
logs.to_stdout()
