import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.instrument.context import RequestContext, current, current_or_new

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def request(**headers: str) -> RequestContext:
    return RequestContext({name.replace("_", "-"): value for name, value in headers.items()}.get)


def test_a_callers_ids_are_carried_on_with_a_span_of_ones_own() -> None:
    context = request(x_request_id="r-1", traceparent=f"00-{TRACE}-{PARENT}-00")
    assert context.request_id == "r-1"
    assert context.trace_id == TRACE
    assert re.fullmatch("[0-9a-f]{16}", context.span_id)
    assert context.span_id != PARENT
    assert context.outgoing_headers() == {
        "x-request-id": "r-1",
        "traceparent": f"00-{TRACE}-{context.span_id}-00",
    }


def test_without_a_callers_ids_they_are_made_once_and_are_different_each_time() -> None:
    context = request()
    assert re.fullmatch("[0-9a-f]{32}", context.request_id)
    assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
    assert context.outgoing_headers() == context.outgoing_headers()
    assert request().request_id != context.request_id
    assert request().trace_id != context.trace_id


def test_nothing_is_read_or_made_before_somebody_asks() -> None:
    def header(name: str) -> str | None:
        raise AssertionError(name)

    RequestContext(header)


def test_all_threads_of_a_request_get_the_same_ids() -> None:
    context, seen = request(), set[str]()
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.add(context.span_id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


def test_what_other_tracers_add_is_passed_on() -> None:
    state = "rojo=00f067aa0ba902b7, congo@eu=t61rcWkgMzE"
    context = request(traceparent=f"00-{TRACE}-{PARENT}-01", tracestate=f" {state} ")
    assert context.tracestate() == state
    assert context.outgoing_headers()["tracestate"] == state


def test_without_a_trace_of_the_caller_its_state_says_nothing() -> None:
    assert "tracestate" not in request(tracestate="a=1").outgoing_headers()
    assert "tracestate" not in request(traceparent="00-x", tracestate="a=1").outgoing_headers()


@pytest.mark.parametrize(
    "state",
    [
        *("a", "A=1", "a=", "a=1,,b=2", "a=1\r\nx-admin: 1", "a=é", "a=1;b=\x00"),
        ",".join(f"k{number}=1" for number in range(33)),
        "a=" + "x" * 600,
    ],
)
def test_a_malformed_or_overlong_state_is_left_out(state: str) -> None:
    headers = request(traceparent=f"00-{TRACE}-{PARENT}-01", tracestate=state).outgoing_headers()
    assert set(headers) == {"x-request-id", "traceparent"}


@given(st.text())
def test_whatever_a_caller_sends_a_state_is_one_line_of_ascii(sent: str) -> None:
    context = request(traceparent=f"00-{TRACE}-{PARENT}-01", tracestate=sent)
    assert re.fullmatch(r"[ -~]{0,512}", context.tracestate().replace("\t", " "))


@pytest.mark.parametrize(
    "traceparent",
    [
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        "",
    ],
)
def test_a_malformed_trace_is_replaced(traceparent: str) -> None:
    assert request(traceparent=traceparent).trace_id not in (TRACE, "0" * 32)


@given(st.text())
def test_whatever_a_caller_sends_an_id_is_fit_for_a_line_of_a_log(sent: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._:/+=-]{1,128}", request(x_request_id=sent).request_id)


@pytest.mark.parametrize("sent", ["r-1\n", "r 1", 'r"1', "r" * 129])
def test_an_id_that_could_forge_a_line_is_replaced(sent: str) -> None:
    assert request(x_request_id=sent).request_id != sent


def test_outside_of_a_request_there_is_a_context_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert current.get() is None
    assert current_or_new().request_id != current_or_new().request_id


def test_inside_of_a_request_its_context_is_the_current_one() -> None:
    context = request()
    token = current.set(context)
    try:
        assert current_or_new() is context
    finally:
        current.reset(token)
