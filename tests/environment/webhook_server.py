"""A real HTTP server in the place of Slack, of the inbox, or of anybody who takes webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any


@dataclass(frozen=True, slots=True)
class Post:
    """What was posted: where, with which authorization, and what."""

    path: str
    authorization: str
    body: Any


@dataclass(slots=True)
class WebhookServer:
    """Listens on a `port` of 127.0.0.1; `posts` are those that it took, oldest first.

    It answers `refusal` to the next `refusals`, and does not keep those; `refused` counts them.
    """

    port: int
    refusals: int = 0
    refusal: int = 500
    refused: int = 0
    posts: Queue[Post] = field(default_factory=Queue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, post: Post) -> int:
        """Keep what came; return the status to answer."""
        with self.lock:
            if self.refused < self.refusals:
                self.refused += 1
                return self.refusal
            self.posts.put(post)
            return 200


@contextmanager
def running_webhook_server() -> Iterator[WebhookServer]:
    """The server, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            authorization = self.headers.get("Authorization", "")
            self.send_response(server.take(Post(self.path, authorization, body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # its name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = WebhookServer(http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
