"""Finished calls against the simulated provider: its invoice is the oracle."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from prometheus_client import CollectorRegistry

from scripted_provider import http_of_the_sdk
from vigie.instrument.meters import meters
from vigie.instrument.openai import instrument, uninstrument
from vigie.simulate.provider import create_app

LONG = "The plan of the week, as agreed with the runner. " * 150
MODELS = ("gpt-4o-mini", "gpt-4o", "o4-mini", "gpt-4.1-nano", "gpt-5-mini", "gpt-3.5-turbo")
KINDS = ("input", "output", "cached_input", "reasoning")


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    made = CollectorRegistry()
    instrument(registry=made)
    yield made
    uninstrument()


def series(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    meters(registry).refresh()
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }


async def call(client: openai.AsyncOpenAI, number: int) -> None:
    messages: Any = [
        {"role": "system", "content": LONG if number % 3 else "Be short."},
        {"role": "user", "content": f"How far do I run on day {number % 7}?"},
    ]
    model = MODELS[number % len(MODELS)]
    match number % 5:
        case 0:
            await client.embeddings.create(
                model="text-embedding-3-small", input=messages[1]["content"]
            )
        case 1:
            await client.responses.create(model=model, input=messages)
        case 2:
            stream: Any = await client.responses.create(model=model, input=messages, stream=True)
            async for _ in stream:
                pass
        case 3:
            await client.chat.completions.create(model=model, messages=messages)
        case _:
            stream = await client.chat.completions.create(
                model=model, messages=messages, stream=True
            )
            async for chunk in stream:
                assert chunk.choices


@pytest.mark.servers  # the SDK waits for half a second and more before it tries again
def test_tokens_and_money_are_the_invoice_s(registry: CollectorRegistry) -> None:
    app = create_app(seed=7, speed=1e6)

    async def main() -> Any:
        sdk_http: Any = http_of_the_sdk()
        transport = sdk_http.ASGITransport(app)
        async with sdk_http.AsyncClient(transport=transport, base_url="http://provider") as http:
            faults = {"error_rate": {"429": 0.05, "500": 0.05}}
            assert (await http.post("/faults", json=faults)).status_code == 200
            client = openai.AsyncOpenAI(
                base_url="http://provider/v1", api_key="k", http_client=http, max_retries=8
            )
            gate = asyncio.Semaphore(20)

            async def one(number: int) -> None:
                async with gate:
                    await call(client, number)

            await asyncio.gather(*(one(number) for number in range(90)))
            return (await http.get("/invoice")).json()

    invoice = asyncio.run(main())
    outcomes: dict[str, float] = {}
    for (_, _, status), count in series(registry, "openai_requests_total").items():
        outcomes[status] = outcomes.get(status, 0) + count
    assert outcomes["ok"] == invoice["total"]["requests"] == 90
    assert set(outcomes) == {"ok", "rate_limited", "server_error"}

    sold: dict[tuple[str, ...], int] = {}
    amounts: dict[str, Decimal] = {}
    for line in invoice["lines"]:
        for kind in KINDS:
            key = (line["model"], kind)
            if line[f"{kind}_tokens"]:
                sold[key] = sold.get(key, 0) + line[f"{kind}_tokens"]
        amounts[line["model"]] = amounts.get(line["model"], Decimal(0)) + Decimal(line["amount"])
    assert series(registry, "openai_tokens_total") == sold
    assert {kind for _, kind in sold} == set(KINDS)
    cost = series(registry, "openai_cost_total")
    assert cost == {
        (model, "USD", "computed"): pytest.approx(float(amount), rel=1e-9)
        for model, amount in amounts.items()
    }
