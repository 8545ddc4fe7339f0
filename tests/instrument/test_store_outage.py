"""The store is killed while a service works: nobody waits for it, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from running_store import Client, process

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

# Tells its port; logs a line, and makes a span, for each request.
SERVICE = """
import asyncio, logging, socket, sys
import uvicorn
from vigie.instrument import logs, traces
from vigie.instrument.asgi import PrometheusMiddleware
from prometheus_client import REGISTRY, generate_latest

async def application(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/metrics":
        body = generate_latest(REGISTRY)
    else:
        body = b"done"
        logging.getLogger("service").info("Did %s", scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    logs.setup("service", to=sys.argv[1], stdout=False)
    traces.setup("service", to=sys.argv[1])
    print(listener.getsockname()[1], flush=True)
    measured = PrometheusMiddleware(application, service="fastapi")
    server = uvicorn.Server(uvicorn.Config(measured, log_config=None, lifespan="off"))
    await server.serve(sockets=[listener])

asyncio.run(main())
"""


@contextmanager
def service(store_url: str) -> Iterator[Client]:
    running = subprocess.Popen(
        [sys.executable, "-c", SERVICE, store_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        yield Client(int(running.stdout.readline()))
    finally:
        running.terminate()
        running.communicate(timeout=30)


def slowest(client: Client, numbers: range) -> float:
    """Ask once for each number; the longest time that an answer took, in seconds."""
    took = []
    for number in numbers:
        began = time.perf_counter()
        assert client.get(f"/{number}").status == 200
        took.append(time.perf_counter() - began)
    return max(took)


def kept(store: Client) -> Counter[int]:
    lines = store.lines('{service="service"} |= "Did /"', limit="5000")
    return Counter(int(json.loads(line)["message"].removeprefix("Did /")) for line in lines)


def spans(store: Client) -> int:
    return int(store.get("/api/v1/status").json["traces"]["spans"])


def dropped(client: Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(x.split()[-1]) for x in lines if x.startswith("vigie_dropped_records_total{"))


def eventually(condition: Callable[[], bool], seconds: float = 90) -> bool:
    tick = threading.Event()
    for _ in range(int(seconds / 0.2)):
        if condition():
            return True
        tick.wait(0.2)
    return False


def test_while_the_store_is_dead_the_service_answers_and_afterwards_every_line_is_there(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = str(free_port())
    with service(f"http://127.0.0.1:{port}") as client:
        with process(tmp_path, "--port", port) as (running, _):
            well = slowest(client, range(300))
            running.kill()
            running.wait()
            away = slowest(client, range(300, 1200))
            assert dropped(client) == 0  # the queue holds them
        with process(tmp_path, "--port", port) as (_, store):
            slowest(client, range(1200, 1500))
            assert eventually(lambda: len(kept(store)) == 1500)
            assert kept(store) == Counter(range(1500))
            assert eventually(lambda: spans(store) >= 1500)
        assert dropped(client) == 0
    # An answer that waited for the store would take seconds.
    assert away < max(10 * well, 1.0)
