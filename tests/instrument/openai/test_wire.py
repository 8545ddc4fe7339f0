"""What an answer says about itself, however its bytes are cut."""

import json
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scripted_provider import DONE, MODEL, USAGE, chat, chat_events, chunk, event
from vigie.costs.estimate import Received
from vigie.costs.usage import Usage
from vigie.instrument.openai.wire import Document, EventStream, read

COUNTED = Usage(input=1000, output=500, cached_input=400, reasoning=100)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    return [body[a:b] for a, b in pairwise(places)]


def passed_on(stream: EventStream, chunks: list[bytes]) -> bytes:
    return b"".join(stream.take(piece) for piece in chunks) + stream.rest()


@given(
    cuts=st.lists(st.integers(0, 10**6), max_size=40),
    words=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=6),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_usage_is_read_and_hidden_wherever_the_bytes_are_cut(
    cuts: list[int], words: list[str], line_end: bytes
) -> None:
    events = chat_events(words, usage=USAGE)
    body = b"".join(events).replace(b"\n", line_end)
    expected = b"".join(chat_events(words)).replace(b"\n", line_end)
    stream = EventStream(hides_usage=True)
    assert passed_on(stream, pieces(body, cuts)) == expected
    told = stream.told()
    assert (told.model, told.usage) == (MODEL, COUNTED)
    assert stream.first_token_at is not None


@given(cuts=st.lists(st.integers(0, 10**6), max_size=40))
def test_a_stream_that_hides_nothing_passes_every_piece_as_it_came(cuts: list[int]) -> None:
    chunks = pieces(b"".join(chat_events(["a", "b"], usage=USAGE)), cuts)
    stream = EventStream()
    assert [stream.take(piece) for piece in chunks] == chunks
    assert stream.rest() == b""
    assert stream.told().usage == COUNTED


@given(junk=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=10))
def test_bytes_that_are_no_events_are_passed_on_and_tell_nothing(
    junk: bytes, cuts: list[int]
) -> None:
    stream = EventStream(hides_usage=True)
    assert passed_on(stream, pieces(junk, cuts) if junk else []) == junk
    assert stream.told().usage is None
    stream.received()


def test_a_text_that_talks_of_usage_is_not_taken_for_it() -> None:
    text = '","usage":null,"choices":[],"usage":{"prompt_tokens":1}'
    body = b"".join(chat_events([text]))
    stream = EventStream(hides_usage=True)
    assert passed_on(stream, [body]) == body
    assert stream.told().usage is None


def test_the_first_token_is_the_first_thing_that_the_model_wrote() -> None:
    role, word, *_ = chat_events(["Hello"])
    stream = EventStream()
    stream.take(role)
    assert stream.first_token_at is None
    before = time.perf_counter()
    stream.take(word)
    assert stream.first_token_at is not None
    assert before <= stream.first_token_at <= time.perf_counter()


def test_a_tool_call_is_a_first_token_too() -> None:
    delta = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}
    stream = EventStream()
    stream.take(event(chunk(choices=[{"index": 0, "delta": delta}])))
    assert stream.first_token_at is not None


def test_a_complete_stream_says_so_before_its_connection_ends() -> None:
    complete: list[bool] = []
    stream = EventStream(lambda: complete.append(True))
    for piece in chat_events(["Hello"], usage=USAGE):
        assert complete == []
        stream.take(piece)
    assert complete == [True]


def test_of_cumulative_usage_the_last_counts() -> None:
    stream = EventStream()
    for count in (1, 2, 3):
        usage = {"prompt_tokens": 5, "completion_tokens": count}
        stream.take(event(chunk(choices=[], usage=usage)))
    stream.take(DONE)
    assert stream.told().usage == Usage(input=5, output=3)


def test_the_text_received_is_what_the_model_wrote() -> None:
    stream = EventStream()
    for piece in chat_events(["été ", "x" * 10])[:3]:
        stream.take(piece)
    assert stream.received() == Received("été " + "x" * 10, begun=True)


def test_a_long_stream_is_kept_in_bounded_memory_and_reckoned_by_its_end() -> None:
    stream = EventStream()
    piece = chat_events(["x" * 100])[1]
    for _ in range(10_000):
        stream.take(piece)
    assert stream._kept_bytes <= 256 * 1024
    received = stream.received()
    assert abs(len(received.text) * received.lengthened - 1_000_000) < 1000
    stream.take(event(chunk(choices=[], usage=USAGE)))
    assert stream.told().usage == COUNTED


def test_a_document_is_read_when_it_is_whole() -> None:
    body = json.dumps(chat(service_tier="flex")).encode()
    document = Document()
    assert [document.take(body[:50]), document.take(body[50:])] == [body[:50], body[50:]]
    told = document.told()
    assert (told.model, told.usage, told.service_tier) == (MODEL, COUNTED, "flex")
    assert told.finished
    assert document.received() == Received("a secret answer", begun=True)


def test_a_document_that_breaks_off_tells_nothing() -> None:
    document = Document()
    document.take(b'{"model": "gpt')
    assert document.told().usage is None
    assert document.received().text == '{"model": "gpt'


def test_odd_values_are_not_taken_for_counts() -> None:
    odd: dict[str, Any] = {
        "prompt_tokens": -5,
        "completion_tokens": "7",
        "prompt_tokens_details": [],
        "completion_tokens_details": None,
        "cost": -1,
    }
    told = read({"model": 7, "usage": odd, "choices": "none", "status": ["completed"]})
    assert (told.model, told.usage, told.usd) == ("", Usage(), None)


def test_a_cost_is_read_as_it_is_written() -> None:
    told = read({"usage": {"prompt_tokens": 1, "cost": 0.1}})
    assert told.usd == Decimal("0.1")


def test_failures_are_told_apart() -> None:
    assert read({"error": {"code": "insufficient_quota"}}).failure == "rate_limited"
    assert read({"error": {"type": "invalid_request_error"}}).failure == "client_error"
    assert read({"type": "error", "message": "no"}).failure == "server_error"
    failed = {"status": "failed", "error": {"code": "server_error"}}
    assert read({"type": "response.failed", "response": failed}).failure == "server_error"
    assert read(chat()).failure == ""
