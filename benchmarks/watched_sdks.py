"""The OpenAI SDK under each of the instruments that are compared, in a process of its own.

    python benchmarks/watched_sdks.py INSTRUMENT call|chunk CLOCK

takes orders as `stacks.py` does: for plain calls, or for pairs of streams, of which it tells what a
chunk more took. Half of them are made with the SDK's methods as they were before the instrument
replaced them, and what is told is the difference: a process is fast or slow for its whole life by
where its memory lies, by more than a chunk costs, and so the two are compared within one. With
`records` in place of both, it makes a plain call, reads a stream to its end, closes another early,
and tells as JSON what was recorded of each.

Spans end in an exporter that does nothing, metrics in a reader that nobody reads, and none of the
instruments records prompts or answers: what is measured is their own work.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from in_process_provider import MODEL, OUTPUT_TOKENS, PROMPT, client
from stacks import BARE, CLOCKS, Clock, take_orders

SHORT, LONG = 20, 220
"""Chunks in the streams of a pair."""

CLOSED_AFTER = 8
"""Chunks of text that are read of a stream which is then closed."""

VIGIE = "Vigie"
VIGIE_WITHOUT_LEDGER = "Vigie, no ledger"
"""As the others, none of which keeps one."""

BARE_APART = "nothing, apart"


def vigie(ledger: bool = True) -> None:
    trace_and_meter()  # before: spans are written where the host has set tracing up
    os.environ["VIGIE_STATE"] = tempfile.mkdtemp(prefix="vigie-benchmark-")
    settings = Path(os.environ["VIGIE_STATE"], "vigie.yml")
    settings.touch()
    os.environ["VIGIE_SETTINGS"] = str(settings)  # and not those of whoever measures
    if not ledger:
        os.environ["VIGIE_LEDGER__URL"] = "off"

    from vigie.instrument.openai import instrument

    instrument()
    ask(client())
    scrape()  # waits for the price list, which is loaded in the background
    at_end.append(written)


def written() -> None:
    """Wait until the calls so far are in Vigie's ledger: the work of its thread is counted too."""
    from vigie.instrument.ledger import ledger_writer

    ledger_writer().flush()


def openai_v2() -> None:
    trace_and_meter()
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def genai_openai() -> None:
    trace_and_meter()
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def openllmetry() -> None:
    trace_and_meter()
    os.environ["TRACELOOP_TRACE_CONTENT"] = "false"
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def openlit() -> None:
    trace_and_meter()
    import openlit as sdk
    from openlit._instrumentors import MODULE_NAME_MAP

    prices = Path(tempfile.mkdtemp(prefix="vigie-benchmark-"), "prices.json")
    price = {"promptPrice": 0.00015, "completionPrice": 0.0006}
    prices.write_text(json.dumps({"chat": {MODEL: price}}))  # by default it is downloaded
    sdk.init(
        capture_message_content=False,
        pricing_json=str(prices),
        # The SDK's calls alone, not its HTTP requests once more.
        disabled_instrumentors=[name for name in MODULE_NAME_MAP if name != "openai"],
    )


INSTRUMENTS: dict[str, Callable[[], None]] = {
    BARE: lambda: None,
    VIGIE: vigie,
    VIGIE_WITHOUT_LEDGER: lambda: vigie(ledger=False),
    "OpenTelemetry, openai-v2": openai_v2,
    "OpenLLMetry": openllmetry,
}
APART: dict[str, Callable[[], None]] = {
    BARE_APART: lambda: None,
    "OpenTelemetry, genai-openai": genai_openai,
    "OpenLIT": openlit,
}
"""Those that cannot share an environment with the others, and the SDK that they run on."""

finished: list[Any] = []
"""Spans that ended, where they are looked at."""

readers: list[Any] = []

at_end: list[Callable[[], None]] = []
"""What belongs to a batch of calls, and is not done yet when the last of them returns."""


def trace_and_meter() -> None:
    """What a host sets up for OpenTelemetry, with nothing behind it."""
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    keeps = "records" in sys.argv

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> Any:
            if keeps:
                finished.extend(spans)
            return SpanExportResult.SUCCESS

    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(Nowhere()))
    trace.set_tracer_provider(tracing)
    readers.append(InMemoryMetricReader())
    metrics.set_meter_provider(MeterProvider(readers))
    _logs.set_logger_provider(LoggerProvider())


# What is measured


def ask(openai: Any) -> None:
    openai.chat.completions.create(model=MODEL, messages=PROMPT)


def stream(openai: Any, chunks: int | None = None) -> None:
    """Read a stream to its end, or so many chunks of text and close it."""
    with openai.chat.completions.create(model=MODEL, messages=PROMPT, stream=True) as answer:
        for number, _ in enumerate(answer):  # the first says whose turn it is
            if number == chunks:
                break


Batch = Callable[[int], float]
"""Makes so many, and gives the seconds that they took."""


def calls(clock: Clock, finish: Callable[[], None] = lambda: None) -> Batch:
    openai = client()

    def batch(times: int) -> float:
        began = clock()
        for _ in range(times):
            ask(openai)
        finish()
        return clock() - began

    return batch


def chunks(clock: Clock, finish: Callable[[], None] = lambda: None) -> Batch:
    """What a chunk more takes, as the difference between a long stream and a short one."""
    short, long = client(SHORT), client(LONG)

    def batch(times: int) -> float:
        seconds = 0.0
        for _ in range(times):
            for openai, sign in ((short, -1), (long, 1)):
                began = clock()
                stream(openai)
                seconds += sign * (clock() - began)
                finish()  # what belongs to a whole stream is no chunk's
        return seconds / (LONG - SHORT)

    return batch


BATCHES = {"call": calls, "chunk": chunks}
WARM_UP = {"call": 10, "chunk": 1}


class Methods:
    """The methods of the SDK that instruments replace, as they are now."""

    def __init__(self) -> None:
        import openai
        from openai.resources.chat.completions import Completions

        requests = next(each for each in openai.OpenAI.__mro__ if "request" in vars(each))
        self._methods = [(each, dict(vars(each))) for each in (Completions, requests)]

    def put_back(self) -> None:
        """Let the SDK have these again."""
        for each, methods in self._methods:
            for name, method in methods.items():
                if vars(each)[name] is not method:
                    setattr(each, name, method)


def added(before: Methods, now: Methods, unwatched: Batch, watched: Batch) -> Batch:
    """What the methods of `now` add to those of `before`; they take turns in being the first."""
    sides = [(before, unwatched, -1), (now, watched, 1)]
    orders = cycle((sides, sides[::-1]))

    def batch(times: int) -> float:
        seconds = 0.0
        for methods, make, sign in next(orders):
            methods.put_back()
            seconds += sign * make(times)
        return seconds

    return batch


# What is recorded


def records(before: Methods, now: Methods) -> dict[str, dict[str, float]]:
    """By act: how many spans ended, and the tokens and the money in them or in the metrics."""
    before.put_back()
    until_now = recorded()
    ask(client())
    if recorded() != until_now:
        raise SystemExit("a call is watched though the SDK has its own methods")
    now.put_back()
    openai = client(OUTPUT_TOKENS)
    acts: dict[str, Callable[[], None]] = {
        "call": lambda: ask(openai),
        "stream": lambda: stream(openai),
        "closed": lambda: stream(openai, CLOSED_AFTER),
    }
    found = {}
    for act, do in acts.items():
        before = recorded()
        do()
        gc.collect()  # some end a span when its stream is collected
        after = recorded()
        found[act] = {key: round(after[key] - before[key], 9) for key in after}
    return found


def recorded() -> dict[str, float]:
    """What was recorded until now; `estimated` is the part of `cost` that is told as such."""
    found = dict.fromkeys(("spans", "input", "output", "cost", "estimated"), 0.0)
    found["spans"] = len(finished)
    if "vigie" in sys.modules:
        return found | in_prometheus()
    metered = in_metrics()
    for kind in ("input", "output"):
        in_spans = sum(span.attributes.get(f"gen_ai.usage.{kind}_tokens", 0) for span in finished)
        found[kind] = max(in_spans, metered.get(kind, 0))
    found["cost"] = sum(span.attributes.get("gen_ai.usage.cost", 0) for span in finished)
    return found


def in_prometheus() -> dict[str, float]:
    from vigie.catalogue import openai as catalogue

    found: dict[str, float] = {}
    for name, labels, value in scrape():
        if name == catalogue.TOKENS.name:
            found[labels["type"]] = found.get(labels["type"], 0) + value
        elif name == catalogue.COST.name:
            found["cost"] = found.get("cost", 0) + value
            if labels["source"] == "estimated":
                found["estimated"] = found.get("estimated", 0) + value
    return found


def scrape() -> list[tuple[str, dict[str, str], float]]:
    """Vigie's series; what waits in the background is counted first."""
    from prometheus_client import REGISTRY

    from vigie.instrument.meters import meters

    meters().refresh()
    return [
        (sample.name, sample.labels, sample.value)
        for family in REGISTRY.collect()
        for sample in family.samples
    ]


def in_metrics() -> dict[str, float]:
    """OpenTelemetry's token metric, by type."""
    found: dict[str, float] = {}
    for reader in readers:
        data = reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == "gen_ai.client.token.usage":
                        for point in metric.data.data_points:
                            kind = point.attributes["gen_ai.token.type"]
                            found[kind] = found.get(kind, 0) + point.sum
    return found


def finish() -> None:
    """Do what belongs to the calls so far, and is not done yet."""
    for each in at_end:
        each()


def main(instrument: str, measured: str, clock: str = "") -> None:
    before = Methods()
    {**INSTRUMENTS, **APART}[instrument]()
    now = Methods()
    if measured == "records":
        print(json.dumps(records(before, now)))
        return
    make, warm_up = BATCHES[measured], WARM_UP[measured]
    unwatched = make(CLOCKS[clock])
    if instrument in (BARE, BARE_APART):
        take_orders(unwatched, warm_up)
    else:
        watched = make(CLOCKS[clock], finish)
        take_orders(added(before, now, unwatched, watched), warm_up)


if __name__ == "__main__":
    main(*sys.argv[1:])
