"""Streamed calls: what the caller sees is the SDK's own, however the stream ends."""

import asyncio
import gc
import pickle
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest

from scripted_provider import (
    DONE,
    HANGS,
    MESSAGES,
    MODEL,
    USAGE,
    USD,
    Provider,
    chat,
    chat_events,
    chunk,
    event,
)
from sdk_features import needs_parse, needs_responses, needs_streams_without_cycles
from vigie.instrument.openai import uninstrument

WORDS = ["Hello", " you", ", runner"]


def stream(client: openai.OpenAI, **kwargs: Any) -> Any:
    return client.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, **kwargs
    )


async def astream(client: openai.AsyncOpenAI, **kwargs: Any) -> Any:
    return await client.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, **kwargs
    )


def seen(chunks: Any) -> list[Any]:
    return [each.to_dict() for each in chunks]


def test_usage_is_asked_for_and_the_caller_sees_what_it_would_have_seen(
    any_provider: Provider,
) -> None:
    provider = any_provider
    provider.will_chat(*WORDS)
    watched = seen(stream(provider.client()))
    assert provider.requests[0]["stream_options"] == {"include_usage": True}
    assert provider.outcomes() == {"ok": 1}
    assert provider.money() == {"computed": pytest.approx(USD)}
    assert provider.measured("openai_time_to_first_token_seconds_count", model=MODEL) == 1
    uninstrument()
    bare = seen(stream(provider.client()))
    assert "stream_options" not in provider.requests[1]
    assert watched == bare


def test_an_async_stream_is_watched_in_the_same_way(any_provider: Provider) -> None:
    provider = any_provider
    provider.will_chat(*WORDS)

    async def main() -> list[Any]:
        return [each.to_dict() async for each in await astream(provider.async_client())]

    watched = asyncio.run(main())
    assert provider.outcomes() == {"ok": 1}
    assert provider.money() == {"computed": pytest.approx(USD)}
    uninstrument()
    assert watched == asyncio.run(main())


def test_usage_that_the_caller_asked_for_is_not_hidden(provider: Provider) -> None:
    provider.will_chat(*WORDS)
    chunks = list(stream(provider.client(), stream_options={"include_usage": True}))
    assert chunks[-1].usage.prompt_tokens == 1000
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_the_caller_s_other_stream_options_are_kept(provider: Provider) -> None:
    provider.will_chat(*WORDS)
    client = provider.client()
    list(stream(client, stream_options={"include_obfuscation": False}))
    list(stream(client, extra_body={"stream_options": {"include_usage": False, "own": 1}}))
    assert [request["stream_options"] for request in provider.requests] == [
        {"include_obfuscation": False, "include_usage": True},
        {"include_usage": True, "own": 1},
    ]


def test_a_chunk_that_carries_usage_beside_a_choice_is_passed_on(provider: Provider) -> None:
    last = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE)
    provider.will_stream(*chat_events(WORDS)[:-1], event(last), DONE)
    assert seen(stream(provider.client()))[-1]["usage"] == USAGE
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_a_server_that_refuses_the_option_is_asked_again_without_it_and_remembered(
    provider: Provider,
) -> None:
    refusal = {"error": {"message": "Unrecognized request argument", "param": "stream_options"}}
    provider.will_answer(refusal, status=400)
    provider.will_stream(*chat_events(WORDS))
    client = provider.client(max_retries=0)
    for _ in range(2):
        assert [c.choices[0].delta.content for c in stream(client)][1:4] == WORDS
    assert ["stream_options" in request for request in provider.requests] == [True, False, False]
    assert provider.outcomes() == {"client_error": 1, "ok": 2}
    assert set(provider.money()) == {"estimated"}


def test_an_async_client_too_is_asked_again_without_the_option(provider: Provider) -> None:
    provider.will_answer({"error": {"message": "include_usage: extra field"}}, status=422)
    provider.will_stream(*chat_events(WORDS))

    async def main() -> int:
        return len([each async for each in await astream(provider.async_client(max_retries=0))])

    assert asyncio.run(main()) == 5
    assert provider.outcomes() == {"client_error": 1, "ok": 1}


def test_another_refusal_is_the_caller_s_and_is_not_repeated(provider: Provider) -> None:
    provider.will_answer({"error": {"message": "temperature is too high"}}, status=400)
    with pytest.raises(openai.BadRequestError):
        stream(provider.client(max_retries=0))
    assert len(provider.requests) == 1


def close_it(answer: Any) -> None:
    next(answer)
    answer.close()


def leave_its_block(answer: Any) -> None:
    with answer:
        next(answer)


def break_off(answer: Any) -> None:
    for _ in answer:
        break


def drop_it_unread(answer: Any) -> None:
    pass


@pytest.mark.parametrize("end", [close_it, leave_its_block, break_off, drop_it_unread])
def test_a_stream_that_is_given_up_is_estimated_once(
    any_provider: Provider, end: Callable[[Any], None]
) -> None:
    provider = any_provider
    provider.will_chat(*WORDS)
    end(stream(provider.client()))
    gc.collect()
    assert provider.outcomes() == {"cancelled": 1}
    assert set(provider.money()) == {"estimated"}


def test_a_stream_that_is_given_up_is_closed_as_without_us(provider: Provider) -> None:
    provider.will_chat(*WORDS)
    close_it(stream(provider.client()))
    assert provider.streams[0].closed


def test_an_async_stream_that_is_given_up_is_estimated_once(any_provider: Provider) -> None:
    provider = any_provider
    provider.will_chat(*WORDS)

    async def close(answer: Any) -> None:
        await anext(answer)
        await answer.close()

    async def leave(answer: Any) -> None:
        async with answer:
            await anext(answer)

    async def break_off(answer: Any) -> None:
        async for _ in answer:
            break

    async def main() -> None:
        client = provider.async_client()
        for end in (close, leave, break_off):
            await end(await astream(client))

    asyncio.run(main())
    gc.collect()
    assert provider.outcomes() == {"cancelled": 3}
    assert set(provider.money()) == {"estimated"}


def test_a_cancelled_reader_is_counted_as_cancelled_with_what_it_received(
    any_provider: Provider,
) -> None:
    provider = any_provider
    provider.will_stream(*chat_events(["x" * 400])[:2], HANGS)
    received = asyncio.Event()

    async def read() -> None:
        async for each in await astream(provider.async_client()):
            if each.choices[0].delta.content:
                received.set()

    async def main() -> None:
        reader = asyncio.ensure_future(read())
        await received.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader

    asyncio.run(main())
    assert provider.outcomes() == {"cancelled": 1}
    assert provider.measured("openai_tokens_total", model=MODEL, type="output") == 100


@pytest.mark.parametrize(
    ("error", "raised", "outcome"),
    [
        ("ReadTimeout", openai.APITimeoutError, "timeout"),
        ("ReadError", openai.APIConnectionError, "server_error"),
    ],
)
def test_a_stream_that_raises_is_counted_by_what_went_wrong_and_estimated(
    any_provider: Provider, error: str, raised: type[Exception], outcome: str
) -> None:
    provider = any_provider
    broken = getattr(provider.http, error)("broken off")
    provider.will_stream(*chat_events(WORDS)[:3], broken)
    # Before version 3 the SDK let the HTTP library's own exception through.
    with pytest.raises((raised, type(broken))):
        list(stream(provider.client()))
    assert provider.outcomes() == {outcome: 1}
    assert set(provider.money()) == {"estimated"}


def test_an_error_inside_a_stream_is_an_error(provider: Provider) -> None:
    error = {"error": {"message": "overloaded", "type": "server_error"}}
    provider.will_stream(*chat_events(WORDS)[:2], event(error))
    with pytest.raises(openai.APIError):
        list(stream(provider.client()))
    assert provider.outcomes() == {"server_error": 1}


def test_who_stops_reading_at_the_last_word_has_not_cancelled_anything(
    provider: Provider,
) -> None:
    provider.will_chat(*WORDS)
    for each in stream(provider.client()):
        if each.choices[0].finish_reason:
            break
    gc.collect()  # the SDK's stream is a cycle, and nobody closed it
    assert provider.outcomes() == {"ok": 1}
    assert set(provider.money()) == {"estimated"}


def raw(client: openai.OpenAI) -> Iterator[Any]:
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    )
    assert type(answer).__name__ == "LegacyAPIResponse"
    assert type(answer.parse()) is openai.Stream
    return iter(seen(answer.parse()))


def lines(client: openai.OpenAI) -> Iterator[Any]:
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    ) as answer:
        yield from answer.iter_lines()


def small_bytes(client: openai.OpenAI) -> Iterator[Any]:
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    ) as answer:
        yield b"".join(answer.iter_bytes(7))


def whole(client: openai.OpenAI) -> Iterator[Any]:
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    ) as answer:
        yield answer.read()


def parsed(client: openai.OpenAI) -> Iterator[Any]:
    with client.chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    ) as answer:
        yield from seen(answer.parse())


def helped(client: openai.OpenAI) -> Iterator[Any]:
    with client.chat.completions.stream(model="gpt-4o-mini", messages=MESSAGES) as answer:
        for each in answer:
            yield each.type
        yield answer.get_final_completion().to_dict()


@pytest.mark.parametrize(
    "read", [raw, lines, small_bytes, whole, parsed, pytest.param(helped, marks=needs_parse)]
)
def test_every_way_to_read_a_stream_gives_what_it_gave_and_is_measured(
    provider: Provider, read: Callable[[openai.OpenAI], Iterator[Any]]
) -> None:
    provider.will_chat(*WORDS)
    watched = list(read(provider.client()))
    assert provider.outcomes() == {"ok": 1}
    assert provider.money() == {"computed": pytest.approx(USD)}
    uninstrument()
    assert list(read(provider.client())) == watched


def test_a_plain_call_with_streaming_response_is_measured(provider: Provider) -> None:
    provider.will_stream(event(chat())[6:], kind="application/json")
    with provider.client().chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES
    ) as answer:
        assert answer.parse().usage is not None
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_an_async_streaming_response_is_measured(provider: Provider) -> None:
    provider.will_chat(*WORDS)

    async def main() -> list[str]:
        async with provider.async_client().chat.completions.with_streaming_response.create(
            model="gpt-4o-mini", messages=MESSAGES, stream=True
        ) as answer:
            return [line async for line in answer.iter_lines()]

    assert "data: [DONE]" in asyncio.run(main())
    assert provider.money() == {"computed": pytest.approx(USD)}


@needs_responses
def test_a_streamed_response_is_measured(provider: Provider) -> None:
    head = {"id": "resp_1", "object": "response", "model": MODEL, "error": None, "output": []}
    usage = {
        "input_tokens": 1000,
        "output_tokens": 500,
        "total_tokens": 1500,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens_details": {"reasoning_tokens": 100},
    }
    created = {**head, "status": "in_progress", "usage": None}
    completed = {**head, "status": "completed", "usage": usage}
    provider.will_stream(
        event({"type": "response.created", "response": created}),
        event({"type": "response.output_text.delta", "delta": "Hello", "item_id": "1"}),
        event({"type": "response.completed", "response": completed}),
    )
    answer = provider.client().responses.create(model="gpt-4o-mini", input="hello", stream=True)
    assert [each.type for each in answer] == [
        "response.created",
        "response.output_text.delta",
        "response.completed",
    ]
    assert "stream_options" not in provider.requests[0]
    assert (
        provider.measured("openai_requests_total", model=MODEL, operation="responses", status="ok")
        == 1
    )
    assert provider.measured("openai_time_to_first_token_seconds_count", model=MODEL) == 1
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_a_response_that_has_been_read_is_as_it_was(provider: Provider) -> None:
    provider.will_chat(*WORDS)
    answer = stream(provider.client())
    assert type(answer) is openai.Stream
    list(answer)
    assert type(answer.response) is provider.http.Response
    assert not {"iter_bytes", "aiter_bytes", "close", "aclose"} & set(vars(answer.response))


@needs_streams_without_cycles
def test_a_stream_that_has_ended_is_not_kept(provider: Provider) -> None:
    provider.will_stream(*chat_events(WORDS)[:-1])  # it ends without [DONE]
    answer = stream(provider.client())
    gc.collect()
    gc.disable()
    try:
        response = weakref.ref(answer.response)
        list(answer)
        del answer
        assert response() is None
    finally:
        gc.enable()


def test_a_failure_of_ours_in_a_stream_costs_the_caller_nothing(
    provider: Provider,
) -> None:
    deep = b"data: " + b'{"usage":' * 100_000 + b"\n\n"
    provider.will_stream(*chat_events(WORDS)[:2], b": " + deep, *chat_events(WORDS)[2:])
    assert len(list(stream(provider.client()))) == 5
    assert provider.outcomes() == {"ok": 1}


def test_many_streams_at_once_are_each_counted_once(provider: Provider) -> None:
    provider.will_chat(*WORDS)

    async def read(client: openai.AsyncOpenAI, number: int) -> None:
        answer: AsyncIterator[Any] = await astream(client)
        async for _ in answer:
            await asyncio.sleep(0)
            if number % 5 == 0:
                break

    async def main() -> None:
        client = provider.async_client()
        await asyncio.gather(*(read(client, number) for number in range(100)))

    asyncio.run(main())
    gc.collect()
    assert provider.outcomes() == {"ok": 80, "cancelled": 20}
    assert provider.money()["computed"] == pytest.approx(80 * USD)


def test_a_read_response_can_be_pickled(provider: Provider) -> None:
    provider.will_chat(*WORDS)
    with provider.client().chat.completions.with_streaming_response.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True
    ) as answer:
        text = answer.read()
    assert pickle.loads(pickle.dumps(answer.http_response)).content == text
