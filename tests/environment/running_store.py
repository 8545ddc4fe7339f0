"""The embedded store, served from this process, or from one of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from vigie.store.segments import LogStore, StoreLimits
from vigie.store.spans import SpanStore
from vigie.store.wire.app import logs_app, store_app


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    headers: dict[str, str]  # names in lower case

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Client:
    """Asks a server on this machine."""

    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
            connection.request(method, path + query, body, headers or {})
            response = connection.getresponse()
            return Answer(
                response.status,
                response.read(),
                {k.lower(): v for k, v in response.headers.items()},
            )
        finally:
            connection.close()

    def get(self, path: str, **parameters: str) -> Answer:
        return self.ask("GET", path, **parameters)

    def push(self, *streams: tuple[dict[str, str], Sequence[Sequence[Any]]]) -> Answer:
        told = [{"stream": labels, "values": values} for labels, values in streams]
        body = json.dumps({"streams": told}).encode()
        return self.ask("POST", "/loki/api/v1/push", body, {"Content-Type": "application/json"})

    def lines(self, query: str, **parameters: str) -> list[str]:
        """The lines of a log query, oldest first."""
        asked = {"limit": "5000", "direction": "forward", **parameters}
        answer = self.get("/loki/api/v1/query_range", query=query, **asked)
        assert answer.status == 200, answer.text
        entries = [
            (int(value[0]), value[1])
            for stream in answer.json["data"]["result"]
            for value in stream["values"]
        ]
        return [line for _, line in sorted(entries, key=lambda entry: entry[0])]


@contextmanager
def served(store: LogStore, spans: SpanStore | None = None) -> Iterator[Client]:
    """A server of the store, or of both, in a thread of this process."""
    app = logs_app(store) if spans is None else store_app(store, spans)
    configuration = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Client(port)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def opened(folder: Path, limits: StoreLimits | None = None) -> Iterator[LogStore]:
    """A store, closed at the end."""
    store = LogStore(folder, limits)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_spans(folder: Path, limits: StoreLimits | None = None) -> Iterator[SpanStore]:
    """A store of spans, closed at the end."""
    store = SpanStore(folder, limits)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def process(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """`vigie store` as a process of its own, killed at the end."""
    command = [sys.executable, "-m", "vigie", "store", "--state", str(folder), "--port", "0"]
    running = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert running.stdout is not None
        told = running.stdout.readline()
        if not told:
            _, error = running.communicate(timeout=30)
            raise AssertionError(error)
        client = Client(int(told.split(" (")[0].rsplit(":", 1)[1]))
        _until_ready(client)
        yield running, client
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()


def _until_ready(client: Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/ready").status == 200:
                return
        except OSError:
            threading.Event().wait(0.02)
    raise AssertionError("the store did not get ready")
