"""What a log call takes, beside other ways to write JSON lines and to ship them.

    .venv/bin/python benchmarks/logs.py [--json] [--quick] [--clock wall]

Each writes the same event, with five own fields, in a request whose trace is known: to a file that
nobody keeps, or to a receiver in a process of its own. Vigie's lines have the ids, and have been
looked through for secrets; the others' have and have been neither. By default processor time of
the whole process is measured: what is sent in the background is part of it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import Any, TextIO

from interleaved import absolute, take_turns

PACKAGES = ("python-json-logger", "structlog", "opentelemetry-sdk")
SEED = 20261124
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
FIELDS = {"weeks": 8, "level": "beginner", "seconds": 1.25, "user": "5f2c", "cached": False}

RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Contender:
    def __init__(self, name: str, call: Callable[[], object], clock: Callable[[], float]) -> None:
        self.name = name
        self._call = call
        self._clock = clock

    def run(self, times: int) -> float:
        call, clock = self._call, self._clock
        began = clock()
        for _ in range(times):
            call()
        return (clock() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="fewer turns: a few seconds in all")
    parser.add_argument("--clock", choices=CLOCKS, default="cpu", help="which time is measured")
    chosen = parser.parse_args()
    dice = random.Random(SEED)
    measured = take_turns(
        lambda: contenders(CLOCKS[chosen.clock]),
        lives=2 if chosen.quick else 5,
        rounds=10 if chosen.quick else 40,
        batch=500,
        dice=dice,
    )
    figures = {name: absolute(measured, name, dice) for name in measured[0]}
    if chosen.json:
        us = {
            name: {part: round(seconds * 1e6, 2) for part, seconds in vars(figure).items()}
            for name, figure in figures.items()
        }
        versions = {name: version(name) for name in PACKAGES}
        about = {"python": platform.python_version(), "versions": versions, "clock": chosen.clock}
        print(json.dumps({**about, "call_us": us}, indent=2))
        return
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    for name, figure in figures.items():
        ends = f"{figure.low * 1e6:.1f} to {figure.high * 1e6:.1f}"
        print(f"  {name:44} {figure.median * 1e6:7.1f} µs   {ends:>16}")


@contextmanager
def contenders(clock: Callable[[], float]) -> Iterator[Sequence[Contender]]:
    from vigie.instrument.context import RequestContext, current

    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    outer = current.set(RequestContext(trace.get))
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
        url = stack.enter_context(receiver())
        stack.callback(current.reset, outer)
        yield [
            Contender(name, make(stack, nowhere, url), clock)
            for name, make in (
                ("logging, as text", plain),
                ("python-json-logger", json_logger),
                ("structlog, JSON", structlog_json),
                ("Vigie, JSON", vigie_json),
                ("Vigie's processor for structlog", vigie_structlog),
                ("OpenTelemetry's handler, shipping", opentelemetry_shipping),
                ("Vigie, shipping", vigie_shipping),
                ("Vigie, JSON and shipping", vigie_both),
            )
        ]


@contextmanager
def receiver() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def plain(_: ExitStack, nowhere: TextIO, _url: str) -> Callable[[], object]:
    handler = logging.StreamHandler(nowhere)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return logging_to(handler)


def json_logger(_: ExitStack, nowhere: TextIO, _url: str) -> Callable[[], object]:
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(nowhere)
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    return logging_to(handler)


def structlog_json(_: ExitStack, nowhere: TextIO, _url: str) -> Callable[[], object]:
    import structlog

    return structlog_to(nowhere, structlog.processors.JSONRenderer())


def vigie_json(_: ExitStack, nowhere: TextIO, _url: str) -> Callable[[], object]:
    from vigie.instrument.logs import JsonFormatter

    handler = logging.StreamHandler(nowhere)
    handler.setFormatter(JsonFormatter("fastapi"))
    return logging_to(handler)


def vigie_structlog(_: ExitStack, nowhere: TextIO, _url: str) -> Callable[[], object]:
    from vigie.instrument.logs import structlog_processor

    return structlog_to(nowhere, structlog_processor)


def opentelemetry_shipping(stack: ExitStack, _: TextIO, url: str) -> Callable[[], object]:
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporter = otlp_exporter(url)
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    stack.callback(provider.shutdown)
    return logging_to(LoggingHandler(logger_provider=provider))


def otlp_exporter(url: str) -> Any:
    """Their own over HTTP where it is installed; else one that throws away what it is given."""
    from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

    try:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

        return OTLPLogExporter(endpoint=f"{url}/v1/logs")
    except ImportError:
        print("without OpenTelemetry's exporter: its lines go nowhere", file=sys.stderr)

    class Nowhere(LogRecordExporter):
        def export(self, batch: Any) -> LogRecordExportResult:
            return LogRecordExportResult.SUCCESS

        def shutdown(self) -> None: ...

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    return Nowhere()


def vigie_shipping(stack: ExitStack, _: TextIO, url: str) -> Callable[[], object]:
    return logging_to(vigie_handler(stack, url))


def vigie_both(stack: ExitStack, nowhere: TextIO, url: str) -> Callable[[], object]:
    """As `setup` does it, but for where it is printed."""
    handler = vigie_handler(stack, url, form="json")
    call = logging_to(handler)

    def printing() -> None:
        before, sys.stdout = sys.stdout, nowhere
        try:
            call()
        finally:
            sys.stdout = before

    return printing


def vigie_handler(stack: ExitStack, url: str, form: Any = None) -> logging.Handler:
    from prometheus_client import CollectorRegistry

    from vigie.instrument.logs.handler import Handler
    from vigie.instrument.meters import meters

    handler = Handler(
        "fastapi",
        to=url,
        form=form,
        headers={},
        redact_mail=False,
        meters=meters(CollectorRegistry()),
    )
    stack.callback(handler.close)
    return handler


def logging_to(handler: logging.Handler) -> Callable[[], object]:
    log = logging.Logger("coaching.plans", logging.INFO)
    log.addHandler(handler)
    return lambda: log.info("Plan made for %s", "a half marathon in May", extra=FIELDS)


def structlog_to(nowhere: TextIO, renderer: Any) -> Callable[[], object]:
    import structlog

    log = structlog.wrap_logger(
        structlog.PrintLogger(nowhere),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind()
    return lambda: log.info("Plan made for a half marathon in May", **FIELDS)


if __name__ == "__main__":
    main()
