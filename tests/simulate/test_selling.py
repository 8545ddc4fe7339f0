"""What is billed, to the token, of answers that are finished, broken off, dropped or refused."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import openai
import pytest

from vigie.simulate.latencies import Pace, draw_pace
from vigie.simulate.offer import MODELS
from vigie.simulate.provider import Provider, create_app

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Comment préparer un semi-marathon ?"}]
NOON = 1_796_040_000.0


def first_pace(model: str, seed: int = 1) -> Pace:
    """The pace that a provider draws for its first request."""
    return draw_pace(MODELS[model], "default", random.Random(f"{seed}|1"))


def billed(app: Provider) -> list[dict[str, Any]]:
    return app.shop.invoice.statement(detail=True)["requests"]


def left_at(
    by_hand: Any, hand_clock: Any, seconds: float, body: dict[str, Any], **faults: Any
) -> tuple[Any, list[dict[str, Any]]]:
    """What a client receives that leaves so many seconds after asking, and what it is billed."""

    async def leave() -> tuple[Any, list[dict[str, Any]]]:
        clock = hand_clock(NOON, stops_at=NOON + seconds)
        app = create_app(clock=clock)
        if faults:
            await by_hand(app, "POST", "/faults", faults)
        answered = await by_hand(app, "POST", CHAT, body, leaves=clock.stopped)
        return answered, billed(app)

    return asyncio.run(leave())


@pytest.mark.parametrize("generated", [0, 1, 10, 57])
def test_a_stream_that_the_client_breaks_off_is_billed_to_the_last_token_generated(
    by_hand: Any, hand_clock: Any, generated: int
) -> None:
    pace = first_pace("gpt-4o")
    seconds = pace.first_token + (generated + 0.5) * pace.per_token
    body = {"model": "gpt-4o", "messages": QUESTION, "stream": True}
    answered, (request,) = left_at(by_hand, hand_clock, seconds, body)
    received = [e["choices"][0]["delta"].get("content") for e in answered.events]
    assert len([text for text in received if text]) == generated
    assert not answered.ended
    assert request["outcome"] == "broken_off"
    assert request["output_tokens"] == generated
    assert request["input_tokens"] == 17


def test_a_plain_answer_that_the_client_breaks_off_is_billed_for_what_was_generated(
    by_hand: Any, hand_clock: Any
) -> None:
    pace = first_pace("gpt-4")
    seconds = pace.first_token + 40 * pace.per_token
    answered, (request,) = left_at(
        by_hand, hand_clock, seconds, {"model": "gpt-4", "messages": QUESTION}
    )
    # To a quarter of a second: 9 tokens of gpt-4.
    assert abs(request["output_tokens"] - 40) <= 0.25 / pace.per_token + 1
    assert request["outcome"] == "broken_off"
    assert answered.status == 0


def test_a_client_that_leaves_while_the_model_thinks_pays_for_the_thoughts(
    by_hand: Any, hand_clock: Any
) -> None:
    pace = first_pace("o4-mini")
    seconds = pace.first_token + 50.5 * pace.per_token
    body = {
        "model": "o4-mini",
        "messages": QUESTION,
        "stream": True,
        "reasoning_effort": "high",
    }
    _, (request,) = left_at(by_hand, hand_clock, seconds, body)
    assert (request["output_tokens"], request["reasoning_tokens"]) == (50, 50)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_before_the_first_token_pays_nothing(
    by_hand: Any, hand_clock: Any, stream: bool
) -> None:
    seconds = first_pace("gpt-4o").first_token / 2
    body = {"model": "gpt-4o", "messages": QUESTION, "stream": stream}
    assert left_at(by_hand, hand_clock, seconds, body)[1] == []


def test_a_client_that_gives_up_on_a_silent_provider_pays_nothing(
    by_hand: Any, hand_clock: Any
) -> None:
    body = {"model": "gpt-4o", "messages": QUESTION}
    assert left_at(by_hand, hand_clock, 20.0, body, hang=60)[1] == []


@pytest.mark.parametrize("events", [0, 1, 2, 20])
def test_a_stream_that_a_fault_drops_is_billed_for_what_was_sent(
    by_hand: Any, hand_clock: Any, events: int
) -> None:
    async def drop() -> tuple[Any, list[dict[str, Any]]]:
        app = create_app(clock=hand_clock())
        await by_hand(app, "POST", "/faults", {"drop_stream_after": events})
        body = {"model": "gpt-4o", "messages": QUESTION, "stream": True}
        return await by_hand(app, "POST", CHAT, body), billed(app)

    answered, (request,) = asyncio.run(drop())
    assert len(answered.events) == events
    assert not answered.ended
    assert request["outcome"] == "dropped"
    assert request["output_tokens"] == max(0, events - 1)  # the first event is the role


def test_a_stream_whose_usage_is_dropped_is_billed_in_full(by_hand: Any, hand_clock: Any) -> None:
    async def drop_after(events: int | None) -> tuple[Any, list[dict[str, Any]]]:
        app = create_app(clock=hand_clock())
        await by_hand(app, "POST", "/faults", {"drop_stream_after": events})
        body = {
            "model": "gpt-4o",
            "messages": QUESTION,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return await by_hand(app, "POST", CHAT, body), billed(app)

    whole, (in_full,) = asyncio.run(drop_after(None))
    answered, (request,) = asyncio.run(drop_after(len(whole.events) - 1))
    assert all(event["usage"] is None for event in answered.events)
    assert request["output_tokens"] == in_full["output_tokens"]
    assert (in_full["outcome"], request["outcome"]) == ("completed", "dropped")


@pytest.mark.servers
def test_the_invoice_is_the_sum_of_what_the_sdk_saw(provider: Any) -> None:
    client = provider.client()
    seen: list[tuple[str, str, int, int, int, int]] = []

    def note(answer: Any, operation: str = "chat") -> None:
        usage = answer.usage
        cached = usage.prompt_tokens_details.cached_tokens
        hidden = usage.completion_tokens_details.reasoning_tokens
        counts = (usage.prompt_tokens, cached, usage.completion_tokens, hidden)
        seen.append((answer.id, operation, *counts))

    long = {"role": "system", "content": "Tu es un coach. " * 300}
    for model in ("gpt-4o", "gpt-4o-mini", "o4-mini", "gpt-5-nano", "coach-internal-1"):
        for _ in range(2):
            note(client.chat.completions.create(model=model, messages=[long, *QUESTION]))
    note(client.chat.completions.create(model="gpt-4", messages=QUESTION, n=2))
    streamed = list(
        client.chat.completions.create(
            model="gpt-4.1",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    note(streamed[-1])
    response = client.responses.create(model="gpt-5", input="Bonjour")
    usage = response.usage
    counts = (
        usage.input_tokens,
        usage.input_tokens_details.cached_tokens,
        usage.output_tokens,
        usage.output_tokens_details.reasoning_tokens,
    )
    seen.append((response.id, "responses", *counts))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4", messages=[])

    requests = provider.invoice()["requests"]
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
    assert [
        (each["response_id"], each["operation"], *(each[name] for name in names))
        for each in requests
    ] == seen


@pytest.mark.servers
def test_an_sdk_client_that_closes_its_stream_is_billed_for_what_it_got(serve: Any) -> None:
    with serve() as provider:
        stream = provider.client().chat.completions.create(
            model="gpt-4", messages=QUESTION, stream=True
        )
        received = [next(stream) for _ in range(4)]
        stream.close()
        (request,) = wait_for_requests(provider, 1)
    assert request["response_id"] == received[0].id
    assert request["outcome"] == "broken_off"
    assert 3 <= request["output_tokens"] < 40


@pytest.mark.servers
def test_an_sdk_client_that_times_out_is_not_answered(serve: Any) -> None:
    with serve() as provider:
        provider.post("/faults", {"hang": 30})
        with pytest.raises(openai.APITimeoutError):
            provider.client(timeout=0.2).chat.completions.create(model="gpt-4", messages=QUESTION)
        assert provider.invoice()["requests"] == []


def wait_for_requests(provider: Any, count: int) -> list[dict[str, Any]]:
    """The requests on the invoice once there are so many: a server notices a lost client late."""
    deadline = time.monotonic() + 20
    while len(requests := provider.invoice()["requests"]) < count:
        assert time.monotonic() < deadline, "the provider did not notice that the client left"
    return requests
