"""Single requests in the buckets of a histogram, with the trace that they are in."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from asgi_client import call
from record_receiver import RecordReceiver
from vigie.catalogue import fastapi
from vigie.catalogue.metric import Label, histogram
from vigie.instrument.asgi import PrometheusMiddleware
from vigie.instrument.exposition import exposition
from vigie.instrument.meters import Meters, meters
from vigie.instrument.workers import WorkerFolder
from vigie.stack import binaries

Traced = Callable[[], RecordReceiver]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
SIZES = histogram("sizes", "Sizes.", Label("kind"), buckets=(1.0, 10.0))


def exemplars(registry: CollectorRegistry, accept: str = OPEN_METRICS) -> dict[str, Exemplar]:
    """The exemplars of a scrape, by the upper bound of their buckets."""
    text = exposition(accept, registry)[0].decode()
    return {
        sample.labels["le"]: sample.exemplar
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar
    }


def test_of_each_bucket_the_latest_event_of_a_trace_is_shown(registry: CollectorRegistry) -> None:
    sizes = meters(registry)[SIZES].child("a")
    for trace_id, size in (("1" * 32, 2.0), ("2" * 32, 3.0), ("3" * 32, 50.0), ("", 0.5)):
        sizes.observe(size)
        sizes.seen_in(trace_id, size)
    shown = exemplars(registry)
    assert {le: (one.labels, one.value) for le, one in shown.items()} == {
        "10.0": ({"trace_id": "2" * 32}, 3.0),
        "+Inf": ({"trace_id": "3" * 32}, 50.0),
    }
    assert all(abs(float(one.timestamp or 0) - time.time()) < 60 for one in shown.values())


def test_the_older_format_has_none(registry: CollectorRegistry) -> None:
    sizes = meters(registry)[SIZES].child("a")
    sizes.observe(2.0)
    sizes.seen_in(TRACE, 2.0)
    text = exposition("", registry)[0].decode()
    assert 'sizes_bucket{kind="a",le="10.0"} 1.0\n' in text
    assert TRACE not in text


def test_with_several_workers_there_are_none_and_the_figures_are_right(
    registry: CollectorRegistry, tmp_path: Path
) -> None:
    sizes = Meters(registry, WorkerFolder(tmp_path))[SIZES].child("a")
    sizes.observe(2.0)
    sizes.seen_in(TRACE, 2.0)
    text = exposition(OPEN_METRICS, registry)[0].decode()
    assert 'sizes_bucket{kind="a",le="10.0"} 1.0\n' in text
    assert TRACE not in text


@pytest.fixture
def app(registry: CollectorRegistry) -> FastAPI:
    app = FastAPI()
    app.add_middleware(PrometheusMiddleware, registry=registry)

    @app.get("/fine")
    async def fine() -> None:
        """Answer."""

    return app


@pytest.mark.servers
def test_a_request_that_is_traced_leads_to_its_trace(
    app: FastAPI, registry: CollectorRegistry, traced: Traced
) -> None:
    call(app, "/fine", headers=[("traceparent", f"00-{TRACE}-{CALLER}-01")])
    assert traced().span("GET /fine")["traceId"] == TRACE
    assert [one.labels for one in exemplars(registry).values()] == [{"trace_id": TRACE}]


@pytest.mark.servers
def test_a_request_whose_trace_nobody_keeps_leads_nowhere(
    app: FastAPI, registry: CollectorRegistry, traced: Traced
) -> None:
    call(app, "/fine", headers=[("traceparent", f"00-{TRACE}-{CALLER}-00")])
    assert traced().spans == []
    assert exemplars(registry) == {}


def test_without_tracing_there_are_none(app: FastAPI, registry: CollectorRegistry) -> None:
    call(app, "/fine", headers=[("traceparent", f"00-{TRACE}-{CALLER}-01")])
    assert exemplars(registry) == {}


@pytest.mark.servers
def test_a_real_prometheus_keeps_them(
    registry: CollectorRegistry, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    duration = meters(registry)[fastapi.HTTP.duration].child("GET", "/fine")
    duration.observe(0.25)
    duration.seen_in(TRACE, 0.25)
    asked: list[str] = []

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                told = connection.recv(65536).decode()
                accept = next(
                    line.partition(": ")[2]
                    for line in told.splitlines()
                    if line.lower().startswith("accept: ")
                )
                asked.append(accept)
                text, kind = exposition(accept, registry)
                head = f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n"
                connection.sendall(head.encode() + text)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        settings = tmp_path / "prometheus.yml"
        settings.write_text(
            "scrape_configs: [{job_name: x, scrape_interval: 1s,"
            f" static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        port = free_port()
        binary = binaries.find_all()["prometheus"]
        command = [
            *(str(binary.path), *binary.arguments, f"--config.file={settings}"),
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=str(binary.folder or tmp_path)
            )
        try:
            kept = _exemplars_of(port, "fastapi_request_duration_seconds_bucket")
        finally:
            process.terminate()
            process.wait(30)
            listener.shutdown(socket.SHUT_RDWR)
    assert [(one["labels"], float(one["value"])) for one in kept] == [({"trace_id": TRACE}, 0.25)]
    assert "application/openmetrics-text" in asked[0]


def _exemplars_of(port: int, query: str) -> list[dict[str, object]]:
    """What Prometheus answers once it has any."""
    now = time.time()
    asked = urlencode({"query": query, "start": now - 60, "end": now + 600})
    tick = threading.Event()
    for _ in range(600):
        try:
            url = f"http://127.0.0.1:{port}/api/v1/query_exemplars?{asked}"
            with urlopen(url, timeout=5) as answered:
                found = json.load(answered)["data"]
        except OSError:
            found = []
        if found:
            return [one for series in found for one in series["exemplars"]]
        tick.wait(0.1)
    return []
