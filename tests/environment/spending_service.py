"""A service that spends: calls of every kind and every end, fifty at once, and what it counted.

    python spending_service.py BASE_URL FIRST COUNT

Makes COUNT calls, numbered from FIRST, then a fifth as many that it gives up; prints as JSON how
many ended how, and the counters of its own exposition.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import openai
from prometheus_client import REGISTRY
from pydantic import BaseModel

from vigie.instrument.feature import feature
from vigie.instrument.meters import meters
from vigie.instrument.openai import instrument

AT_ONCE = 50
GIVEN_UP_AT_ONCE = 15
"""Fewer, so that this process keeps up with what it is sent: what lies unread in a socket has been
sold, and nobody can know of it."""
LONG = (
    "The plan of the week, as agreed with the runner: easy runs, one long run, one rest day. " * 70
)
MODELS = (
    *("gpt-4o-mini", "gpt-4o", "gpt-4.1-nano", "gpt-4.1-mini", "gpt-3.5-turbo"),
    *("o4-mini", "gpt-5-mini", "coach-internal-1"),
)
REASONING = ("o4-mini", "gpt-5-mini")
COUNTERS = ("openai_tokens_total", "openai_cost_total", "openai_requests_total")


class Session(BaseModel):
    """What is parsed."""

    sport: str
    minutes: int


class Service:
    """Makes calls by their number; each number stands for a kind of call and an end."""

    def __init__(self, base_url: str) -> None:
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key="k", max_retries=10)
        self.sync = openai.OpenAI(base_url=base_url, api_key="k", max_retries=10)
        self.ended: dict[str, int] = {}

    async def call(self, number: int) -> None:
        """Make one call, and note how it ended."""
        kinds = (
            *(self.plain, self.streamed, self.embedded, self.responded, self.streamed),
            *(self.closed_early, self.parsed, self.raw, self.response_streamed, self.plain),
            *(self.cancelled_stream, self.threaded, self.streamed, self.responded, self.plain),
            *(self.streamed, self.embedded, self.unknown, self.parsed, self.threaded),
        )
        await self._make(kinds[number % len(kinds)], number)

    async def give_up(self, number: int) -> None:
        """Make one call that is given up before its end."""
        kinds = (self.closed_early, self.cancelled_stream, self.cancelled, self.timed_out)
        await self._make(kinds[number % len(kinds)], number)

    async def _make(self, kind: Callable[[random.Random], Awaitable[str]], number: int) -> None:
        rng = random.Random(number)
        with feature(("plan", "chat", "coach")[number % 3], user=f"user-{number % 7}"):
            ended = await kind(rng)
        self.ended[ended] = self.ended.get(ended, 0) + 1

    def request(self, rng: random.Random, tokens: int = 0) -> dict[str, Any]:
        """A chat: a model, messages, a limit."""
        model = rng.choice(MODELS)
        limit = tokens or rng.randrange(16, 40)
        if model in REASONING:
            limit += 600
        return {
            "model": model,
            "messages": [
                {"role": "system", "content": LONG if rng.random() < 0.5 else "Be short."},
                {"role": "user", "content": f"How far do I run on day {rng.randrange(400)}?"},
            ],
            "max_completion_tokens": limit,
        }

    async def plain(self, rng: random.Random) -> str:
        await self.client.chat.completions.create(**self.request(rng))
        return "finished"

    async def threaded(self, rng: random.Random) -> str:
        await asyncio.to_thread(self.sync.chat.completions.create, **self.request(rng))
        return "finished"

    async def streamed(self, rng: random.Random) -> str:
        stream = await self.client.chat.completions.create(**self.request(rng), stream=True)
        async for chunk in stream:
            assert chunk.choices
        return "finished"

    async def embedded(self, rng: random.Random) -> str:
        await self.client.embeddings.create(
            model="text-embedding-3-small", input=f"a question of {rng.random()}"
        )
        return "finished"

    async def responded(self, rng: random.Random) -> str:
        asked = self.request(rng)
        await self.client.responses.create(
            model=asked["model"],
            input=asked["messages"],
            max_output_tokens=asked["max_completion_tokens"],
        )
        return "finished"

    async def response_streamed(self, rng: random.Random) -> str:
        asked = self.request(rng)
        stream = await self.client.responses.create(
            model=asked["model"], input=asked["messages"], stream=True
        )
        async for _ in stream:
            pass
        return "finished"

    async def parsed(self, rng: random.Random) -> str:
        asked = self.request(rng)
        del asked["max_completion_tokens"]
        await self.client.chat.completions.parse(**asked, response_format=Session)
        return "finished"

    async def raw(self, rng: random.Random) -> str:
        answer = await self.client.chat.completions.with_raw_response.create(**self.request(rng))
        assert answer.parse().usage
        return "finished"

    async def unknown(self, rng: random.Random) -> str:
        try:
            asked = {**self.request(rng), "model": "gpt-none"}
            await self.client.chat.completions.create(**asked)
        except openai.NotFoundError:
            return "refused"
        return "finished"

    async def closed_early(self, rng: random.Random) -> str:
        stream = await self.client.chat.completions.create(**self.request(rng, 60), stream=True)
        leaves_after = rng.randrange(1, 45)
        async for _ in stream:
            leaves_after -= 1
            if not leaves_after:
                await stream.close()
                return "interrupted"
        return "finished"

    async def cancelled_stream(self, rng: random.Random) -> str:
        async def read() -> None:
            asked = self.request(rng, 60)
            async for _ in await self.client.chat.completions.create(**asked, stream=True):
                pass

        return await _cancelled(read(), rng.uniform(0.7, 2.2))

    async def cancelled(self, rng: random.Random) -> str:
        asked = self.request(rng, 60)
        return await _cancelled(self.client.chat.completions.create(**asked), rng.uniform(0.7, 2.2))

    async def timed_out(self, rng: random.Random) -> str:
        client = self.client.with_options(timeout=rng.uniform(0.7, 2.2), max_retries=0)
        try:
            await client.chat.completions.create(**self.request(rng, 60))
        except openai.APITimeoutError:
            return "interrupted"
        except openai.APIStatusError:
            return "refused"
        return "finished"


async def _cancelled(work: Any, seconds: float) -> str:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if done:
        task.result()
        return "finished"
    task.cancel()
    await asyncio.wait([task])
    return "interrupted"


async def spend(base_url: str, first: int, count: int) -> dict[str, int]:
    """Make the calls, fifty at once."""
    service = Service(base_url)
    await _all(service.call, range(first, first + count), AT_ONCE)
    given_up = range(first + count, first + count + count // 5)
    await _all(service.give_up, given_up, GIVEN_UP_AT_ONCE)
    return service.ended


async def _all(
    call: Callable[[int], Awaitable[None]], numbers: Iterable[int], at_once: int
) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            await call(number)

    await asyncio.gather(*map(one, numbers))


def counted() -> list[tuple[str, dict[str, str], float]]:
    """The counters, as a scrape sees them."""
    meters(REGISTRY).refresh()
    return [
        (sample.name, sample.labels, sample.value)
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name in COUNTERS and sample.value
    ]


if __name__ == "__main__":
    base_url, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    instrument(service=f"service-{first}")
    started = time.monotonic()
    ended = asyncio.run(spend(base_url, first, count))
    seconds = time.monotonic() - started
    json.dump({"ended": ended, "counted": counted(), "seconds": seconds}, sys.stdout)
