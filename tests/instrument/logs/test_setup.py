"""One call, and `logging` speaks JSON on standard output and to a receiver; another undoes it."""

import io
import json
import logging
import sys
import threading
from collections.abc import Callable

import pytest
import structlog
from prometheus_client import CollectorRegistry

from record_receiver import Answer, RecordReceiver
from vigie.instrument import logs
from vigie.instrument.context import RequestContext, current
from vigie.instrument.logs.line import timestamp

SetUp = Callable[..., logging.Logger]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_records_are_written_to_standard_output_as_json(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    log = set_up()
    log.info("Hello")
    log.debug("left out")
    [line] = shown(capsys)
    assert json.loads(line)["message"] == "Hello"
    assert not [each for each in threading.enumerate() if each.name == "vigie-sender"]


def test_or_as_text_for_people(set_up: SetUp, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(stdout="text").warning("Hello\nyou")
    [line] = shown(capsys)
    assert line.endswith(r"Z WARNING coaching.test Hello\nyou")


@pytest.mark.servers
def test_records_are_shipped_with_the_two_labels_and_the_trace(
    set_up: SetUp, receiver: RecordReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    log = set_up("fastapi", to=receiver.url, level="debug", headers={"X-Scope-OrgID": "team"})
    outer = current.set(RequestContext(HEADERS.get))
    log.error("Broken", exc_info=ValueError("wrong"))
    current.reset(outer)
    log.debug("Looked")
    logs.shutdown()
    request = receiver.requests[0]
    assert request.path == "/loki/api/v1/push"
    assert request.headers["X-Scope-OrgID"] == "team"
    broken, looked = request.content["streams"]
    assert broken["stream"] == {"service": "fastapi", "level": "error"}
    assert looked["stream"] == {"service": "fastapi", "level": "debug"}
    [[time_ns, line, metadata]] = broken["values"]
    assert metadata == {"trace_id": TRACE}
    assert [line, looked["values"][0][1]] == shown(capsys)
    assert json.loads(line)["ts"] == timestamp(int(time_ns))
    assert len(looked["values"][0]) == 2


@pytest.mark.servers
def test_two_lines_that_are_the_same_have_different_times(
    set_up: SetUp, receiver: RecordReceiver
) -> None:
    log = set_up(to=receiver.url, stdout=False)
    same = log.makeRecord("x", 20, "", 1, "again", (), None)
    for _ in range(5):
        log.handle(same)
    logs.shutdown()
    assert len({entry[0] for entry in receiver.entries}) == 5


@pytest.mark.servers
@pytest.mark.parametrize("path", ["/v1/logs", "/otlp/v1/logs"])
def test_a_collector_gets_them_by_otlp(
    set_up: SetUp, receiver: RecordReceiver, path: str, registry: CollectorRegistry
) -> None:
    partly = json.dumps({"partialSuccess": {"rejectedLogRecords": "1"}}).encode()
    receiver.answers.append(Answer(200, body=partly))
    log = set_up("fastapi", to=receiver.url + path, stdout=False)
    outer = current.set(RequestContext(HEADERS.get))
    log.warning("Hello")
    current.reset(outer)
    logs.shutdown()
    [request] = receiver.requests
    assert request.path == path
    [resource] = request.content["resourceLogs"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "fastapi"}}
    ]
    [record] = resource["scopeLogs"][0]["logRecords"]
    assert json.loads(record["body"]["stringValue"])["message"] == "Hello"
    assert (record["severityNumber"], record["severityText"]) == (13, "warning")
    assert record["traceId"] == TRACE
    assert dropped(registry) == 1


def dropped(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("vigie_dropped_records_total", {"where": "logs"})


def failures(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("vigie_internal_errors_total", {"where": "logs"})


@pytest.mark.servers
def test_the_environment_says_who_and_where(
    receiver: RecordReceiver, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_SERVICE", "streamlit")
    monkeypatch.setenv("VIGIE_LOGS_URL", receiver.url)
    logs.setup(stdout=False, registry=registry)
    logging.getLogger("x").warning("Hello")
    logs.shutdown()
    assert receiver.lines[0]["service"] == "streamlit"


@pytest.mark.servers
def test_a_receiver_that_is_not_there_is_one_failure_and_the_lines_are_counted(
    set_up: SetUp, registry: CollectorRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    log = set_up(to="http://127.0.0.1:9")
    for number in range(100):
        log.info("n=%d", number)
    logs.shutdown()
    lines = [json.loads(line) for line in shown(capsys)]
    assert [line["n"] for line in lines if "n" in line] == list(range(100))
    # One line says that they could not be shipped, and that one is not shipped in turn.
    assert len([line for line in lines if line["logger"] == "vigie"]) <= 1
    assert failures(registry) == 1
    assert dropped(registry) == 100


def test_what_servers_and_frameworks_print_is_printed_once_and_in_the_same_form(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    server = logging.getLogger("test.server")
    own, elsewhere = logging.StreamHandler(sys.stderr), logging.StreamHandler(io.StringIO())
    server.addHandler(own)
    server.addHandler(elsewhere)
    server.propagate = False
    set_up()
    server.warning("Started")
    [line] = shown(capsys)
    assert json.loads(line)["logger"] == "test.server"
    assert elsewhere.stream.getvalue() == "Started\n"
    logs.shutdown()
    assert set(server.handlers) == {own, elsewhere}
    assert not server.propagate


def test_everything_is_put_back(set_up: SetUp) -> None:
    root, httpx = logging.getLogger(), logging.getLogger("httpx")
    before = (root.level, list(root.handlers), httpx.level)
    set_up(levels={"coaching.test": "error"})
    assert logging.getLogger("coaching.test").level == logging.ERROR
    assert httpx.level == logging.WARNING
    logs.shutdown()
    assert (root.level, list(root.handlers), httpx.level) == before
    assert logging.getLogger("coaching.test").level == logging.NOTSET
    logs.shutdown()


def test_the_same_again_does_nothing_and_something_else_counts_from_then_on(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("django")
    handlers = list(logging.getLogger().handlers)
    set_up("django")
    assert logging.getLogger().handlers == handlers
    set_up("api").info("Hello")
    [line] = shown(capsys)
    assert json.loads(line)["service"] == "api"


def test_prompts_do_not_get_into_a_log_at_its_lowest_level(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(level="debug")
    # As the SDK and its HTTP client do it, with all that is sent.
    for name in ("openai._base_client", "httpx", "httpcore.http11"):
        logging.getLogger(name).debug("Request options: %s", {"messages": ["my knee hurts"]})
    assert shown(capsys) == []
    set_up(level="debug", levels={"openai": "debug"})
    logging.getLogger("openai._base_client").debug("asked for")
    assert len(shown(capsys)) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"level": "loud"},
            'level is "loud": write one of debug, info, warning, error, critical',
        ),
        ({"stdout": "xml"}, 'stdout is \'xml\': write "json", "text" or False'),
        (
            {"to": "localhost:3100"},
            'the address is "localhost:3100": write one such as http://127.0.0.1:3100',
        ),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(
    set_up: SetUp, wrong: dict[str, str], words: str
) -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(ValueError) as refused:
        set_up(**wrong)
    assert str(refused.value) == words
    assert logging.getLogger().handlers == before


def test_whoever_logs_is_not_disturbed_by_what_fails(
    set_up: SetUp, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError("the disk is full")

    log = set_up()
    monkeypatch.setattr(sys, "stdout", Full())
    log.info("Hello")
    assert failures(registry)
    monkeypatch.setattr(sys, "stdout", None)
    log.info("Hello")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    log.info("Hello")


def test_an_old_locale_gets_the_same_line_in_ascii(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    set_up().info("Réussi")
    assert json.loads(raw.getvalue())["message"] == "Réussi"
    set_up(stdout="text").info("Réussi")
    assert raw.getvalue().endswith(b"R\\xe9ussi\n")


def test_opentelemetrys_current_span_has_the_last_word(
    set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    log = set_up()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    outer = current.set(RequestContext(HEADERS.get))
    with tracer.start_as_current_span("work") as span:
        log.info("Hello")
    current.reset(outer)
    told = span.get_span_context()
    line = json.loads(shown(capsys)[0])
    assert (line["trace_id"], line["span_id"]) == (f"{told.trace_id:032x}", f"{told.span_id:016x}")
    assert line["request_id"]


@pytest.mark.servers
def test_structlogs_last_processor_writes_and_ships(
    set_up: SetUp, receiver: RecordReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up("fastapi", to=receiver.url)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            logs.structlog_processor,
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    try:
        log = structlog.get_logger()
        outer = current.set(RequestContext(HEADERS.get))
        log.warning("plan made", weeks=4, password="hunter2", service="forged")
        current.reset(outer)
        try:
            raise ValueError("wrong")
        except ValueError:
            log.exception("plan failed")
    finally:
        structlog.reset_defaults()
    logs.shutdown()
    made, failed = map(json.loads, shown(capsys))
    assert (made["event"], made["level"], made["service"]) == ("plan made", "warning", "fastapi")
    assert (made["weeks"], made["password"], made["service_"]) == (4, "[redacted]", "forged")
    assert made["trace_id"] == TRACE
    assert "timestamp" not in made
    assert (failed["level"], failed["exception_type"]) == ("error", "ValueError")
    assert "ValueError: wrong" in failed["exception"]
    assert receiver.lines == [made, failed]


def test_structlogs_processor_does_without_setup_and_never_raises() -> None:
    class Broken(dict[str, object]):
        def get(self, *_: object) -> object:
            raise RuntimeError("no")

    line = logs.structlog_processor(None, "info", {"event": "Hello"})
    assert json.loads(line)["message"] == "Hello"
    assert logs.structlog_processor(None, "info", Broken()) == "{}"
