"""A receiver of log lines and spans: a real HTTP server that keeps what it was sent."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    content: Any


@dataclass(frozen=True)
class Answer:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    keeps: bool = False
    """Whether what was sent is kept although the answer is no success."""


class RecordReceiver:
    """What came, in its order; `answers` are given first, then 204 to everything."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.refused: list[Request] = []
        self.answers: deque[Answer] = deque()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._changed = threading.Condition()

    def took(self, request: Request) -> Answer:
        self.may_answer.wait(60)
        with self._changed:
            answer = self.answers.popleft() if self.answers else Answer()
            kept = answer.keeps or answer.status < 300
            (self.requests if kept else self.refused).append(request)
            self._changed.notify_all()
        return answer

    def wait_until(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, seconds), (self.requests, self.refused)

    @property
    def entries(self) -> list[list[Any]]:
        """What was pushed as Loki takes it: times, lines and metadata."""
        return [
            entry
            for request in self.requests
            for stream in request.content.get("streams", ())
            for entry in stream["values"]
        ]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The pushed lines, each read as JSON."""
        return [json.loads(entry[1]) for entry in self.entries]

    @property
    def messages(self) -> list[str]:
        return [line["message"] for line in self.lines]

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans that came by OTLP, with their service, and attributes as a mapping."""
        found = []
        for request in self.requests:
            for resource in request.content.get("resourceSpans", ()):
                service = attributes_of(resource["resource"])["service.name"]
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        found.append({**span, "service": service, "is": attributes_of(span)})
        return found

    def span(self, name: str) -> dict[str, Any]:
        """The one span of a name."""
        [found] = [span for span in self.spans if span["name"] == name]
        return found


def attributes_of(told: Mapping[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in told["attributes"]}


@contextmanager
def receiving(port: int = 0) -> Iterator[RecordReceiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            content = json.loads(gzip.decompress(body))
            answer = receiver.took(Request(self.path, dict(self.headers), content))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """A sender that was killed."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        connections: ClassVar[list[socket.socket]] = []

        def process_request(self, request: Any, client_address: Any) -> None:
            self.connections.append(request)
            super().process_request(request, client_address)

    with Server(("127.0.0.1", port), Handler) as server:
        receiver = RecordReceiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.may_answer.set()
            server.shutdown()
            thread.join()
            for connection in Server.connections:
                with suppress(OSError):  # closed already
                    connection.shutdown(socket.SHUT_RDWR)
