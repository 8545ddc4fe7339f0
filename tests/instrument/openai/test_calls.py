"""Calls that are answered in one piece: outcomes, seconds, tokens, money."""

import asyncio
import subprocess
import sys
from decimal import Decimal
from typing import Any

import openai
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter
from pydantic import BaseModel

from scripted_provider import MESSAGES, MODEL, USAGE, USD, Provider, chat, http_of_the_sdk
from sdk_features import needs_parse, needs_responses
from vigie.instrument.openai import instrument, uninstrument


def ask(client: openai.OpenAI, **kwargs: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, **kwargs)


def test_a_call_is_counted_with_its_tokens_and_its_cost(any_provider: Provider) -> None:
    provider = any_provider
    provider.will_answer(chat())
    answer = ask(provider.client())
    assert type(answer) is openai.types.chat.ChatCompletion
    assert (
        provider.measured("openai_requests_total", model=MODEL, operation="chat", status="ok") == 1
    )
    assert (
        provider.measured("openai_request_duration_seconds_count", model=MODEL, operation="chat")
        == 1
    )
    tokens = {
        kind: provider.measured("openai_tokens_total", model=MODEL, type=kind)
        for kind in ("input", "output", "cached_input", "reasoning")
    }
    assert tokens == {"input": 1000, "output": 500, "cached_input": 400, "reasoning": 100}
    cost = provider.measured("openai_cost_total", model=MODEL, currency="USD", source="computed")
    assert cost == pytest.approx(USD, rel=1e-12)


def test_an_async_call_is_counted_in_the_same_way(any_provider: Provider) -> None:
    provider = any_provider
    provider.will_answer(chat())

    async def main() -> Any:
        client = provider.async_client()
        return await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)

    assert type(asyncio.run(main())) is openai.types.chat.ChatCompletion
    assert provider.outcomes() == {"ok": 1}
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_every_attempt_of_a_retried_call_is_counted_and_only_the_billed_one_has_tokens(
    provider: Provider,
) -> None:
    provider.will_answer({"error": {"message": "slow down"}}, status=429, retry_after_ms="1")
    provider.will_answer({"error": {"message": "oops"}}, status=500, retry_after_ms="1")
    provider.will_answer(chat())
    ask(provider.client(max_retries=2))
    assert provider.outcomes() == {"rate_limited": 1, "server_error": 1, "ok": 1}
    assert provider.measured("openai_tokens_total", model=MODEL, type="input") == 1000
    assert provider.money() == {"computed": pytest.approx(USD)}


@pytest.mark.parametrize(
    ("status", "raised", "outcome"),
    [
        (400, openai.BadRequestError, "client_error"),
        (401, openai.AuthenticationError, "client_error"),
        (404, openai.NotFoundError, "client_error"),
        (408, openai.APIStatusError, "timeout"),
        (429, openai.RateLimitError, "rate_limited"),
        (500, openai.InternalServerError, "server_error"),
        (503, openai.InternalServerError, "server_error"),
    ],
)
def test_an_error_s_outcome_is_told_by_its_status_and_the_sdk_s_exception_passes(
    provider: Provider, status: int, raised: type[Exception], outcome: str
) -> None:
    provider.will_answer({"error": {"message": "no"}}, status=status)
    with pytest.raises(raised):
        ask(provider.client(max_retries=0))
    assert provider.outcomes() == {outcome: 1}
    # The answer names no model, so it is the one that was asked for.
    assert (
        provider.measured(
            "openai_requests_total", model="gpt-4o-mini", operation="chat", status=outcome
        )
        == 1
    )
    assert provider.money() == {}


@pytest.mark.parametrize(
    ("error", "raised", "outcome"),
    [
        ("ReadTimeout", openai.APITimeoutError, "timeout"),
        ("ConnectTimeout", openai.APITimeoutError, "timeout"),
        ("ConnectError", openai.APIConnectionError, "server_error"),
        ("RemoteProtocolError", openai.APIConnectionError, "server_error"),
    ],
)
def test_a_call_without_an_answer_is_counted_by_what_went_wrong(
    any_provider: Provider, error: str, raised: type[Exception], outcome: str
) -> None:
    provider = any_provider
    provider.will_raise(error)
    with pytest.raises(raised):
        ask(provider.client(max_retries=0))
    assert provider.outcomes() == {outcome: 1}


def test_a_cancelled_call_is_counted_as_cancelled_and_stays_cancelled(provider: Provider) -> None:
    asked = asyncio.Event()

    async def hang(_request: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async def main() -> None:
        http_client = provider.http.AsyncClient(transport=provider.http.MockTransport(hang))
        client = provider.async_client(http_client=http_client)
        call = asyncio.ensure_future(
            client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
        )
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())
    assert provider.outcomes() == {"cancelled": 1}


def test_the_remaining_rate_limits_are_shown(provider: Provider) -> None:
    limits = {"x_ratelimit_remaining_requests": "4999", "x_ratelimit_remaining_tokens": "149000"}
    provider.will_answer(chat(), **limits)
    ask(provider.client())
    shown = {
        kind: provider.measured("openai_rate_limit_remaining", model=MODEL, kind=kind)
        for kind in ("requests", "tokens")
    }
    assert shown == {"requests": 4999, "tokens": 149000}


def test_tokens_of_an_unknown_model_are_unpriced_and_not_free(provider: Provider) -> None:
    provider.will_answer(chat(model="own-model"))
    provider.client().chat.completions.create(model="own-model", messages=MESSAGES)
    assert provider.money() == {}
    unpriced = {
        kind: provider.measured("openai_unpriced_tokens_total", model="own-model", type=kind)
        for kind in ("input", "output", "cached_input", "reasoning")
    }
    assert unpriced == {"input": 1000, "output": 500, "cached_input": 400, "reasoning": 100}


def test_where_the_answer_s_model_has_no_price_the_request_s_is_taken(provider: Provider) -> None:
    provider.will_answer(chat(model="deployment-of-tuesday"))
    ask(provider.client())
    cost = provider.measured(
        "openai_cost_total", model="deployment-of-tuesday", currency="USD", source="computed"
    )
    assert cost == pytest.approx(USD)


def test_a_cost_that_the_provider_tells_is_taken_from_it(provider: Provider) -> None:
    provider.will_answer(chat(usage={**USAGE, "cost": 0.0123}))
    ask(provider.client())
    assert provider.money() == {"provider": pytest.approx(0.0123)}


def test_a_service_tier_is_priced_as_such(provider: Provider) -> None:
    provider.will_answer(chat(model="gpt-4.1-nano", service_tier="priority"))
    ask(provider.client())
    # 0.20, 0.05 and 0.80 dollars a million.
    assert provider.money() == {"computed": pytest.approx(0.00054)}


@needs_responses
def test_embeddings_and_responses_are_operations_of_their_own(provider: Provider) -> None:
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    embedding = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    provider.will_answer(
        {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [embedding],
            "usage": usage,
        },
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": MODEL,
            "output": [],
            "error": None,
            "usage": {
                "input_tokens": 1000,
                "output_tokens": 500,
                "total_tokens": 1500,
                "input_tokens_details": {"cached_tokens": 400},
                "output_tokens_details": {"reasoning_tokens": 100},
            },
        },
    )
    client = provider.client()
    client.embeddings.create(model="text-embedding-3-small", input="hello")
    client.responses.create(model="gpt-4o-mini", input="hello")
    for operation, model in (("embeddings", "text-embedding-3-small"), ("responses", MODEL)):
        assert (
            provider.measured(
                "openai_requests_total", model=model, operation=operation, status="ok"
            )
            == 1
        )
    embedded = provider.measured(
        "openai_cost_total", model="text-embedding-3-small", currency="USD", source="computed"
    )
    assert embedded == pytest.approx(8 * 0.02e-6)
    responded = provider.measured(
        "openai_cost_total", model=MODEL, currency="USD", source="computed"
    )
    assert responded == pytest.approx(USD)


@needs_responses
def test_a_response_that_goes_on_in_the_background_is_a_request_without_tokens(
    provider: Provider,
) -> None:
    provider.will_answer(
        {"id": "resp_1", "object": "response", "status": "queued", "model": MODEL, "usage": None}
    )
    provider.client().responses.create(model="gpt-4o-mini", input="hello", background=True)
    assert provider.outcomes() == {"ok": 1}
    assert provider.measured("openai_tokens_total", model=MODEL, type="input") == 0


def test_an_answer_without_usage_is_estimated_and_told_as_an_estimate(provider: Provider) -> None:
    provider.will_answer(chat(usage=None))
    ask(provider.client())
    assert set(provider.money()) == {"estimated"}
    # 18 bytes ten times, and the role; four for the message.
    assert provider.measured("openai_tokens_total", model=MODEL, type="input") == 50


def test_an_error_that_comes_with_status_200_is_an_error(provider: Provider) -> None:
    provider.will_answer({"error": {"message": "no", "code": "rate_limit_exceeded"}})
    ask(provider.client())
    assert provider.outcomes() == {"rate_limited": 1}


def test_raw_responses_are_the_sdk_s_own_and_are_measured(provider: Provider) -> None:
    provider.will_answer(chat())
    raw = provider.client().chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=MESSAGES
    )
    assert type(raw).__name__ == "LegacyAPIResponse"
    assert raw.parse().usage is not None
    assert provider.money() == {"computed": pytest.approx(USD)}


@needs_parse
def test_parsed_completions_are_measured(provider: Provider) -> None:
    class Plan(BaseModel):
        weeks: int

    content = {"role": "assistant", "content": '{"weeks": 3}'}
    choice = {"index": 0, "message": content, "finish_reason": "stop"}
    provider.will_answer(chat(choices=[choice]))
    parsed = provider.client().chat.completions.parse(
        model="gpt-4o-mini", messages=MESSAGES, response_format=Plan
    )
    assert parsed.choices[0].message.parsed == Plan(weeks=3)
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_azure_s_paths_are_recognised(provider: Provider) -> None:
    provider.will_answer(chat())
    transport = provider.http.MockTransport(provider._answer)
    client = openai.AzureOpenAI(
        api_key="k",
        api_version="2024-10-21",
        azure_endpoint="https://ours.openai.azure.com",
        http_client=provider.http.Client(transport=transport),
    )
    client.chat.completions.create(model="our-deployment", messages=MESSAGES)
    assert provider.money() == {"computed": pytest.approx(USD)}


def test_other_requests_are_not_counted(provider: Provider) -> None:
    provider.will_answer({"object": "list", "data": []})
    client = provider.client()
    client.models.list()
    client.with_options(max_retries=0).moderations.create(input="hello")
    assert provider.outcomes() == {}


def test_neither_a_prompt_nor_an_answer_gets_into_the_exposition(provider: Provider) -> None:
    provider.will_answer(chat())
    ask(provider.client())
    provider.will_chat("a", " secret")
    for _ in ask(provider.client(), stream=True):
        pass
    assert "secret" not in provider.exposition()


def test_costs_are_converted_to_the_currency_asked_for(provider: Provider) -> None:
    instrument(currency_code="EUR", per_usd=Decimal("0.92"), registry=provider.registry)
    provider.will_answer(chat())
    ask(provider.client())
    cost = provider.measured("openai_cost_total", model=MODEL, currency="EUR", source="computed")
    assert cost == pytest.approx(USD * 0.92, rel=1e-12)


def test_a_currency_is_a_code_and_a_rate() -> None:
    with pytest.raises(ValueError) as refused:
        instrument(currency_code="EUR")
    assert str(refused.value) == (
        'a currency is its code and its rate: currency_code="EUR", per_usd=Decimal("0.92")'
    )


def test_the_currency_is_that_of_the_settings(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstrument()
    monkeypatch.setenv("VIGIE_CURRENCY__CODE", "CHF")
    monkeypatch.setenv("VIGIE_CURRENCY__PER_USD", "0.5")
    instrument(registry=provider.registry)
    provider.will_answer(chat())
    ask(provider.client())
    cost = provider.measured("openai_cost_total", model=MODEL, currency="CHF", source="computed")
    assert cost == pytest.approx(USD / 2, rel=1e-12)


def test_where_the_settings_are_wrong_costs_are_in_dollars_and_it_is_told(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstrument()
    monkeypatch.setenv("VIGIE_CURRENCY__CODE", "euro")
    failures = REGISTRY.get_sample_value("vigie_internal_errors_total", {"where": "openai"}) or 0
    instrument(registry=provider.registry)
    provider.will_answer(chat())
    ask(provider.client())
    cost = provider.measured("openai_cost_total", model=MODEL, currency="USD", source="computed")
    assert cost == pytest.approx(USD, rel=1e-12)
    now = REGISTRY.get_sample_value("vigie_internal_errors_total", {"where": "openai"}) or 0
    assert now == failures + 1


def test_what_is_no_client_of_the_sdk_is_refused() -> None:
    with pytest.raises(TypeError) as refused:
        instrument("gpt-4o")
    assert str(refused.value) == (
        "instrument() got a str: give it an OpenAI or AsyncOpenAI client, "
        "or nothing to watch all of them"
    )


def test_one_client_can_be_watched_alone_with_its_copies(provider: Provider) -> None:
    uninstrument()
    provider.will_answer(chat())
    watched, other = provider.client(), provider.client()
    instrument(watched, registry=provider.registry)
    ask(watched)
    ask(watched.with_options(timeout=5))
    ask(other)
    assert provider.outcomes() == {"ok": 2}


def test_instrumenting_twice_counts_once(provider: Provider) -> None:
    client = provider.client()
    for _ in range(3):
        instrument(registry=provider.registry)
        instrument(client, registry=provider.registry)
    provider.will_answer(chat())
    ask(client)
    assert provider.outcomes() == {"ok": 1}


def test_uninstrumenting_puts_everything_back() -> None:
    before = openai.OpenAI.request, openai.AsyncOpenAI.request
    registry = CollectorRegistry()
    provider = Provider(http_of_the_sdk(), registry)
    provider.will_answer(chat())
    client = provider.client()
    instrument(registry=registry)
    assert openai.OpenAI.request is not before[0]
    ask(client)
    uninstrument()
    assert (openai.OpenAI.request, openai.AsyncOpenAI.request) == before
    assert "send" not in vars(client._client)
    ask(client)
    assert provider.outcomes() == {"ok": 1}
    uninstrument()


def test_a_broken_registry_breaks_no_call(provider: Provider) -> None:
    registry = CollectorRegistry()
    Counter("openai_requests_total", "somebody else's", registry=registry)
    instrument(registry=registry)
    provider.will_answer(chat())
    assert ask(provider.client()).usage is not None


def test_without_the_sdk_the_error_says_what_to_install() -> None:
    script = (
        "import sys\n"
        "from vigie.instrument.openai import instrument\n"
        "sys.modules['openai'] = None\n"
        "try: instrument()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == (
        "vigie.instrument.openai needs the openai SDK and its price list: "
        "pip install 'vigie[openai]'\n"
    )
