"""What faults reach: a running demo and its switches, what comes to it, who is told."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from coaching_load import Load
from fast_demo import FastDemo
from webhook_server import WebhookServer


class Switch:
    """The faults of one service, which takes all of them at once (`POST /faults`)."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/faults"
        self._on: dict[str, Any] = {}

    def turn(self, **faults: Any) -> None:
        """Have these too; None takes one away."""
        self._on = {k: v for k, v in (self._on | faults).items() if v is not None}
        self._post(self._on)

    def once(self, **faults: Any) -> None:
        """Have these happen, which do not last."""
        self._post(self._on | faults)

    def _post(self, faults: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(self._url, json.dumps(faults).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()


@dataclass
class PageServer:
    """A service of which all that there is is the page that Prometheus scrapes."""

    port: int
    page: str = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass
class World:
    """What faults reach: the demo, what comes to it, who is told, and services without a use."""

    demo: FastDemo
    load: Load
    receiver: WebhookServer
    pages: Mapping[str, PageServer]
    django: Switch = field(init=False)
    fastapi: Switch = field(init=False)
    provider: Switch = field(init=False)

    def __post_init__(self) -> None:
        self.django = Switch(self.demo.url("django"))
        self.fastapi = Switch(self.demo.url("fastapi"))
        self.provider = Switch(self.demo.url("simulator"))


@contextmanager
def running_pages(pages: Mapping[str, str]) -> Iterator[dict[str, PageServer]]:
    """Services that are nothing but a page, by their names, until the block ends."""
    servers = {name: _page_server(page) for name, page in pages.items()}
    threads = [threading.Thread(target=http.serve_forever) for http, _ in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {name: server for name, (_, server) in servers.items()}
    finally:
        for http, _ in servers.values():
            http.shutdown()
            http.server_close()
        for thread in threads:
            thread.join()


def _page_server(page: str) -> tuple[ThreadingHTTPServer, PageServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # its name
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = PageServer(http.server_address[1], page)
    return http, server
