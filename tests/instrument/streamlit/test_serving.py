"""`/metrics` of a Streamlit application, with real sessions over its websocket."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from vigie.instrument.meters import meters
from vigie.instrument.streamlit import serve_metrics, track_page

SCRIPT = """
import streamlit as st
from vigie.instrument.streamlit import track_chat_message, track_page

def fail():
    raise OSError("in a callback")

def run():
    st.button("fails", key="callback", on_click=fail)
    with track_page("chat"):
        track_chat_message("assistant")
        if "error" in st.query_params:
            raise LookupError("on the page")
        if "stop" in st.query_params:
            st.stop()
        if "again" in st.query_params:
            del st.query_params["again"]
            st.rerun()

run()
"""
SERVER = """
import os
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from vigie.instrument.streamlit import streamlit_app

async def own(request):
    return PlainTextResponse("own")

app = streamlit_app("page.py", routes=[Route("/own", own)])
"""


class Application:
    """A Streamlit application in a process of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def measured(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.get("/metrics")):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None

    def session(self) -> ClientConnection:
        url = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        return connect(url, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]


def run_script(session: ClientConnection, query: str = "", clicked: str | None = None) -> None:
    """Run the page's script, and wait until it has finished."""
    message = BackMsg()
    message.rerun_script.query_string = query
    if clicked is not None:
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = clicked, True
    session.send(message.SerializeToString())
    while True:
        answer = ForwardMsg.FromString(session.recv(timeout=20))  # type: ignore[arg-type]
        if answer.WhichOneof("type") == "script_finished":
            return


def button_of(session: ClientConnection) -> str:
    """Run the script, and return the id of its button."""
    session.send(BackMsg(rerun_script={"query_string": ""}).SerializeToString())  # type: ignore[arg-type]
    found = ""
    while True:
        answer: Any = ForwardMsg.FromString(session.recv(timeout=20))  # type: ignore[arg-type]
        found = answer.delta.new_element.button.id or found
        if answer.WhichOneof("type") == "script_finished":
            return found


@pytest.fixture
def application(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Application]:
    (tmp_path / "page.py").write_text(SCRIPT)
    (tmp_path / "server.py").write_text(SERVER)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Uvicorn running" in line:
                break
        assert "Uvicorn running" in lines[-1], "".join(lines)
        yield Application(port)
        process.terminate()


@pytest.mark.servers
def test_pages_sessions_and_errors_are_measured_on_streamlit_s_own_port(
    application: Application,
) -> None:
    assert "<title>" in application.get("/")
    assert application.get("/own") == "own"
    assert application.measured("streamlit_active_sessions") == 0

    with application.session() as one, application.session() as two:
        for session in (one, one, two):
            run_script(session)
        assert application.measured("streamlit_page_load_seconds_count", page="chat") == 3
        assert application.measured("streamlit_chat_messages_total", role="assistant") == 3
        assert application.measured("streamlit_active_sessions") == 2
        assert application.measured("streamlit_websocket_connections") == 2

        run_script(one, "error=1")
        run_script(one, "stop=1")
        assert application.measured("streamlit_page_load_seconds_count", page="chat") == 5
        page_errors = {"page": "chat", "exception": "LookupError"}
        assert application.measured("streamlit_ui_errors_total", **page_errors) == 1

        run_script(two, clicked=button_of(two))
        callback_errors = {"page": "other", "exception": "OSError"}
        assert application.measured("streamlit_ui_errors_total", **callback_errors) == 1

    # The browsers are gone. Streamlit sees it soon, and keeps their sessions for a while.
    while application.measured("streamlit_websocket_connections"):
        pass
    assert application.measured("streamlit_active_sessions") == 2
    assert (application.measured("streamlit_memory_bytes") or 0) > 10_000_000
    assert application.measured("vigie_internal_errors_total", where="streamlit") is None


@pytest.mark.servers
def test_a_side_port_serves_the_metrics_once() -> None:
    registry = CollectorRegistry()
    port = serve_metrics(0, registry=registry)
    assert serve_metrics(0, registry=registry) == port
    with track_page("chat", registry=registry):
        pass
    side = Application(port or 0)
    assert side.measured("streamlit_page_load_seconds_count", page="chat") == 1
    with pytest.raises(urllib.error.HTTPError) as refused:
        side.get("/")
    assert refused.value.code == 404
    refused.value.close()


@pytest.mark.servers
def test_a_side_port_that_is_taken_is_counted_and_breaks_no_page() -> None:
    mine, theirs = CollectorRegistry(), CollectorRegistry()
    port = serve_metrics(0, registry=theirs)
    assert port is not None
    assert serve_metrics(port, registry=mine) is None


def test_where_no_streamlit_runs_there_are_no_sessions() -> None:
    registry = CollectorRegistry()
    with track_page("chat", registry=registry):
        pass
    meters(registry).refresh()
    assert registry.get_sample_value("streamlit_active_sessions") == 0
    assert registry.get_sample_value("streamlit_websocket_connections") == 0
