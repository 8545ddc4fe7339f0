"""A visitor of a Streamlit page without a browser: the websocket that the page's script talks to.

Speaks what the browser speaks (protocol buffers over /_stcore/stream), so that the server opens a
real session, runs the real script and counts both. Tried with Streamlit 1.67.
It blocks the calling thread, or the calling greenlet where gevent has patched the sockets.
"""

from __future__ import annotations

import importlib.machinery
import sys
import time
import types
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 0.5


class StreamlitError(Exception):
    """The page lacks what is to be used."""


class UnreachableError(StreamlitError):
    """The page cannot be reached, or did not answer in time. The session is at its end."""


@dataclass(slots=True)
class Page:
    """What the script's last run put on the screen.

    Widgets by label; the texts that can be read (markdown, headings and boxes), in their order; and
    the exceptions that were shown. `links` are the pages of `st.navigation`, title to script hash.
    """

    inputs: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    chat_input: str | None = None
    texts: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    current: str = ""


class StreamlitSession:
    """One visitor: opens the page, writes into inputs, presses buttons, chats, follows links.

    Every method that makes the script run waits for its end and returns the page then; it raises
    `UnreachableError` where that does not come. What is used by a label that the page does not show
    raises `StreamlitError`. `run_seconds` is how long a run of the script may take.
    """

    def __init__(self, url: str, locale: str = "fr-FR", run_seconds: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._locale = locale
        self._run_seconds = run_seconds
        self._socket: ClientConnection | None = None
        self._connection = ExitStack()
        self._written: dict[str, str] = {}
        self.page = Page()

    def open(self) -> Page:
        """Connect, and wait until the page is there."""
        parts = urlsplit(self._url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        try:
            self._socket = self._connection.enter_context(
                connect(
                    f"{scheme}://{parts.netloc}{parts.path}/_stcore/stream",
                    subprotocols=[Subprotocol("streamlit")],
                    compression=None,
                    proxy=None,
                    open_timeout=_CONNECT_SECONDS,
                    close_timeout=_CLOSE_SECONDS,
                    max_size=None,
                )
            )
        except (OSError, WebSocketException, EOFError) as error:
            raise UnreachableError(f"{self._url} cannot be reached: {error}") from error
        return self._run()

    def write(self, label: str, text: str) -> None:
        """Write into the text input with this label; it is sent when a button is pressed."""
        self._written[_labelled(self.page.inputs, label, "text input")] = text

    def press(self, label: str) -> Page:
        """Press the button with this label."""
        return self._run(trigger=_labelled(self.page.buttons, label, "button"))

    def say(self, text: str) -> Page:
        """Send a message through `st.chat_input`."""
        if self.page.chat_input is None:
            raise StreamlitError("the page has no chat input")
        return self._run(said=(self.page.chat_input, text))

    def go(self, title: str) -> Page:
        """Follow a link of `st.navigation`."""
        return self._run(script_hash=_labelled(self.page.links, title, "link"))

    def close(self) -> None:
        """Leave the page, as closing a browser's tab does."""
        self._socket = None
        self._connection.close()

    def _run(
        self,
        trigger: str | None = None,
        said: tuple[str, str] | None = None,
        script_hash: str | None = None,
    ) -> Page:
        """Ask for a run of the script with what has been written, and wait for its end."""
        message = _back_message()
        state = message.rerun_script
        state.context_info.locale = self._locale
        state.context_info.url = self._url
        state.page_script_hash = self.page.current if script_hash is None else script_hash
        for widget, text in self._written.items():
            state.widget_states.widgets.add(id=widget, string_value=text)
        if trigger is not None:
            state.widget_states.widgets.add(id=trigger, trigger_value=True)
        if said is not None:
            widget, text = said
            state.widget_states.widgets.add(id=widget).chat_input_value.data = text
        try:
            self._connected().send(message.SerializeToString())
            self.page = self._until_finished()
        except TimeoutError as error:
            raise UnreachableError(f"the page took over {self._run_seconds:g} s") from error
        except (OSError, WebSocketException, EOFError) as error:
            raise UnreachableError(f"the connection broke: {error!r}") from error
        shown = self.page.inputs.values()
        self._written = {widget: text for widget, text in self._written.items() if widget in shown}
        return self.page

    def _until_finished(self) -> Page:
        """Read what the script shows until a run ends that no other run follows."""
        until = time.monotonic() + self._run_seconds
        elements: dict[tuple[int, ...], Any] = {}
        page = Page()
        while True:
            received = self._connected().recv(timeout=max(0.0, until - time.monotonic()))
            if isinstance(received, str):
                raise UnreachableError("the server sent text, which is not Streamlit's protocol")
            message = _forward_message(received)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                elements.clear()
                page = Page(current=message.new_session.page_script_hash)
            elif kind == "navigation":
                pages = message.navigation.app_pages
                page.links = {each.page_name: each.page_script_hash for each in pages}
                page.current = message.navigation.page_script_hash
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                elements[tuple(message.metadata.delta_path)] = message.delta.new_element
            elif kind == "script_finished" and message.script_finished in _FINAL:
                for place in sorted(elements):
                    _show(elements[place], page)
                return page

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            raise UnreachableError("the session is not open")
        return self._socket


# FINISHED_SUCCESSFULLY and FINISHED_WITH_COMPILE_ERROR; the others are followed by another run.
_FINAL = (0, 1)


def _show(element: Any, page: Page) -> None:
    kind = element.WhichOneof("type")
    shown = getattr(element, kind or "empty")
    if kind == "text_input":
        page.inputs[shown.label] = shown.id
    elif kind == "button":
        page.buttons[shown.label] = shown.id
    elif kind == "chat_input":
        page.chat_input = shown.id
    elif kind == "exception":
        page.exceptions.append(f"{shown.type}: {shown.message}")
    elif kind in ("markdown", "heading", "alert", "text"):
        page.texts.append(shown.body)


def _labelled(widgets: dict[str, str], label: str, kind: str) -> str:
    if label not in widgets:
        shown = ", ".join(repr(each) for each in widgets) or "none"
        raise StreamlitError(f"the page has no {kind} {label!r}; it has {shown}")
    return widgets[label]


def _back_message() -> BackMsg:
    message: BackMsg = _protocol().BackMsg()
    return message


def _forward_message(received: bytes) -> ForwardMsg:
    message: ForwardMsg = _protocol().ForwardMsg()
    message.ParseFromString(received)
    return message


_messages: types.SimpleNamespace | None = None


def _protocol() -> Any:
    """Return Streamlit's messages, without the rest of Streamlit.

    `import streamlit.proto` runs `streamlit/__init__.py` first, which loads pandas and much else:
    a second of work and 30 MB for 90 small modules of generated code. So an empty module stands in
    for the package while they are imported, unless the process has Streamlit already.
    """
    global _messages  # noqa: PLW0603 - loaded once, at first use
    if _messages is None:
        stands_in = "streamlit" not in sys.modules
        if stands_in:
            found = importlib.machinery.PathFinder.find_spec("streamlit")
            if found is None or found.submodule_search_locations is None:
                raise StreamlitError("Streamlit is not installed: pip install 'vigie[streamlit]'")
            stand_in = types.ModuleType("streamlit")
            stand_in.__path__ = list(found.submodule_search_locations)
            sys.modules["streamlit"] = stand_in
        try:
            from streamlit.proto.BackMsg_pb2 import BackMsg
            from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        finally:
            if stands_in:
                del sys.modules["streamlit"]
        _messages = types.SimpleNamespace(BackMsg=BackMsg, ForwardMsg=ForwardMsg)
    return _messages
