"""One call sets OpenTelemetry up; without an address, or without OpenTelemetry, nothing is paid."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from record_receiver import Answer, RecordReceiver, receiving
from vigie.instrument import spans, traces


@pytest.fixture
def receiver() -> Iterator[RecordReceiver]:
    with receiving() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("VIGIE_TRACES_URL", raising=False)
    yield
    traces.shutdown()


def run(body: str, *arguments: str, **environ: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ}
    done = subprocess.run(
        [sys.executable, "-c", body, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_without_an_address_nothing_is_done() -> None:
    traces.setup("django")
    assert spans.tracing is None


def test_without_opentelemetry_it_says_which_extra_to_install() -> None:
    body = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import importlib.util
importlib.util.find_spec, found = (lambda name: None), importlib.util.find_spec
from vigie.instrument import traces
traces.setup("django")
try:
    traces.setup("django", to="http://127.0.0.1:4318")
except ImportError as error:
    print(error)
"""
    words = "vigie.instrument.traces needs OpenTelemetry: pip install 'vigie[tracing]'\n"
    assert run(body) == words


@pytest.mark.servers
def test_instruments_load_no_opentelemetry_until_they_are_set_up() -> None:
    body = """
import sys
import vigie.instrument.asgi, vigie.instrument.django, vigie.instrument.httpx
from vigie.instrument import logs, traces
logs.setup("django"); traces.setup("django")
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert run(body) == "[]\n"


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        traces.setup("django", to="localhost:4318", provider=TracerProvider(shutdown_on_exit=False))
    assert 'the address is "localhost:4318"' in str(refused.value)
    assert spans.tracing is None


@pytest.mark.servers
def test_the_same_again_does_nothing_and_something_else_counts_from_then_on(
    receiver: RecordReceiver, registry: CollectorRegistry
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("test")

    def set_up(service: str) -> None:
        traces.setup(service, to=receiver.url, provider=provider, registry=registry)

    set_up("django")
    first = spans.tracing
    set_up("django")
    assert spans.tracing is first
    tracer.start_span("a").end()
    set_up("api")
    tracer.start_span("b").end()
    traces.shutdown()
    tracer.start_span("c").end()
    told = [(span["name"], span["service"]) for span in receiver.spans]
    assert told == [("a", "django"), ("b", "api")]


@pytest.mark.servers
@pytest.mark.parametrize(
    ("path", "posted"),
    [("", "/v1/traces"), ("/v1/traces", "/v1/traces"), ("/otlp/", "/otlp/v1/traces")],
)
def test_spans_are_posted_as_otlp_with_all_that_is_in_them(
    receiver: RecordReceiver, registry: CollectorRegistry, path: str, posted: str
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    headers = {"X-Scope-OrgID": "team"}
    traces.setup(
        "django", to=receiver.url + path, headers=headers, provider=provider, registry=registry
    )
    tracer = provider.get_tracer("own", "1.0")
    with tracer.start_as_current_span("outer") as outer:
        link = trace.Link(outer.get_span_context(), {"why": "tried again"})
        with tracer.start_as_current_span(
            "token=abc", links=[link], attributes={"n": 1, "x": 0.5, "yes": True, "all": ["a", "b"]}
        ) as span:
            span.add_event("sent", {"password": "hunter2", "gen_ai.usage.input_tokens": 5})
            span.set_attribute("api_key", "abc")
            span.set_attribute("url", "http://u:hunter2@host/")
            span.set_status(trace.StatusCode.ERROR, "Bearer 4bf92f3577b3")
    traces.shutdown()
    [request] = receiver.requests
    assert request.path == posted
    assert request.headers["X-Scope-OrgID"] == "team"
    [scope] = request.content["resourceSpans"][0]["scopeSpans"]
    assert scope["scope"] == {"name": "own", "version": "1.0"}
    inner = receiver.span("token=[redacted]")
    assert inner["parentSpanId"] == receiver.span("outer")["spanId"]
    assert inner["is"] == {
        "n": "1",
        "x": 0.5,
        "yes": True,
        "all": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]},
        "api_key": "[redacted]",
        "url": "http://u:[redacted]@host/",
    }
    assert inner["status"] == {"code": 2, "message": "Bearer [redacted]"}
    [event] = inner["events"]
    assert [next(iter(each["value"].values())) for each in event["attributes"]] == [
        *("[redacted]", "5"),
    ]
    [linked] = inner["links"]
    assert linked["traceId"] == inner["traceId"]


@pytest.mark.servers
def test_spans_that_are_refused_or_do_not_fit_are_counted(
    receiver: RecordReceiver, registry: CollectorRegistry
) -> None:
    partly = json.dumps({"partialSuccess": {"rejectedSpans": "2"}}).encode()
    receiver.answers.append(Answer(200, body=partly))
    provider = TracerProvider(shutdown_on_exit=False)
    traces.setup("django", to=receiver.url, provider=provider, registry=registry)
    provider.get_tracer("t").start_span("a").end()
    traces.shutdown()
    traces.setup("django", to="http://127.0.0.1:9", provider=provider, registry=registry)
    for _ in range(traces.CAPACITY + 7):
        provider.get_tracer("t").start_span("a").end()
    where = {"where": "traces"}
    assert registry.get_sample_value("vigie_dropped_records_total", where) == 2 + 7


PROCESS = """
import os, signal, sys, time
from opentelemetry import trace
from vigie.instrument import traces
"""
SPANS = """
def work(*names):
    for name in names:
        with trace.get_tracer("t").start_as_current_span(name):
            pass
"""


@pytest.mark.servers
@pytest.mark.parametrize(
    "body",
    [
        "traces.setup()\nwork('a', 'b')",
        "traces.setup()\nwork('a', 'b'); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
        "traces.setup()\nwork('a')\nif os.fork() == 0: work('b'); sys.exit()\nos.wait()",
        # Whoever has set OpenTelemetry up before keeps what they have.
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "mine = TracerProvider(); trace.set_tracer_provider(mine)\n"
        "traces.setup(); assert trace.get_tracer_provider() is mine\nwork('a', 'b')",
    ],
)
def test_whatever_ends_a_process_its_spans_arrive_once(receiver: RecordReceiver, body: str) -> None:
    run(PROCESS + SPANS + body, VIGIE_SERVICE="own", VIGIE_TRACES_URL=receiver.url)
    assert sorted((span["name"], span["service"]) for span in receiver.spans) == [
        ("a", "own"),
        ("b", "own"),
    ]


@pytest.mark.servers
def test_fastapis_own_spans_do_not_come_on_top_of_ours(receiver: RecordReceiver) -> None:
    body = """
import sys
from fastapi import FastAPI
from opentelemetry import trace
from asgi_client import call
from vigie.instrument import traces
from vigie.instrument.asgi import PrometheusMiddleware

app = FastAPI()
app.add_middleware(PrometheusMiddleware)

@app.get("/users/{name}")
async def user(name: str):
    with trace.get_tracer("own").start_as_current_span("own", attributes={"url.full": "/7361z"}):
        return name

traces.setup("fastapi", to=sys.argv[1])
assert call(app, "/users/7361z").status == 200
"""
    run(body, receiver.url)
    assert sorted(span["name"] for span in receiver.spans) == ["GET /users/{name}", "own"]
    request, own = receiver.span("GET /users/{name}"), receiver.span("own")
    assert own["parentSpanId"] == request["spanId"]
    assert "7361z" not in str(receiver.spans)


@pytest.mark.servers
def test_the_environment_of_opentelemetry_says_what_is_sampled(
    receiver: RecordReceiver,
) -> None:
    body = PROCESS + SPANS + "traces.setup('own', to=sys.argv[1])\nwork('a')"
    run(body, receiver.url, OTEL_TRACES_SAMPLER="always_off")
    assert receiver.spans == []
