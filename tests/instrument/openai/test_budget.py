"""Calls that are held to a budget, through the SDK."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import openai
import pytest

from scripted_provider import MESSAGES, Provider, chat
from vigie.costs.budget import Budget
from vigie.costs.guard import BudgetExceededError
from vigie.instrument.ledger import ledger_writer
from vigie.instrument.meters import meters
from vigie.instrument.openai import instrument, uninstrument

# At gpt-4o-mini's 0.60 dollars a million, 100,000 tokens at most are 0.06 dollars.
LIMITED: dict[str, Any] = {"model": "gpt-4o-mini", "max_tokens": 100_000, "messages": MESSAGES}
FULL = {"prompt_tokens": 0, "completion_tokens": 100_000, "total_tokens": 100_000}


def settled(provider: Provider) -> None:
    meters(provider.registry).refresh()
    assert ledger_writer(provider.registry).flush()


def reserved(state: Path) -> int:
    with closing(sqlite3.connect(state / "ledger.sqlite3")) as database:
        (count,) = database.execute("SELECT count(*) FROM vigie_reservations").fetchone()
        return int(count)


def test_a_call_that_has_no_room_is_not_made(
    provider: Provider, settings_of_a_service: Path
) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="0.10"))
    provider.will_answer(chat(FULL))
    client = provider.client()
    client.chat.completions.create(**LIMITED)
    with pytest.raises(BudgetExceededError) as refused:
        client.chat.completions.create(**LIMITED)
    assert len(provider.requests) == 1
    assert (refused.value.limit, refused.value.currency) == (Decimal("0.10"), "USD")
    settled(provider)
    assert provider.outcomes() == {"ok": 1}
    assert reserved(settings_of_a_service) == 0


def test_fifty_calls_at_once_do_not_overspend(
    provider: Provider, settings_of_a_service: Path
) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="1"))
    provider.will_answer(chat(FULL))

    async def main() -> list[Any]:
        client = provider.async_client()
        calls = [client.chat.completions.create(**LIMITED) for _ in range(50)]
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = asyncio.run(main())
    made = [each for each in ended if not isinstance(each, BaseException)]
    assert all(isinstance(each, BudgetExceededError) for each in ended if each not in made)
    # Sixteen times 0.06 dollars and a little for the prompt.
    assert len(made) == len(provider.requests) == 16


def test_what_was_set_aside_is_given_back_when_a_call_fails(
    provider: Provider, settings_of_a_service: Path
) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="0.10"))
    provider.will_answer({"error": {"message": "no"}}, status=400)
    client = provider.client(max_retries=0)
    for _ in range(3):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(**LIMITED)
        settled(provider)
    assert len(provider.requests) == 3
    assert reserved(settings_of_a_service) == 0


def test_a_stream_holds_its_part_until_its_end(
    provider: Provider, settings_of_a_service: Path
) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="0.10"))
    provider.will_chat("Hello", " you")
    client = provider.client()
    stream = client.chat.completions.create(**LIMITED, stream=True)
    with pytest.raises(BudgetExceededError):
        client.chat.completions.create(**LIMITED)
    list(stream)
    settled(provider)
    assert reserved(settings_of_a_service) == 0
    list(client.chat.completions.create(**LIMITED, stream=True))


def test_a_budget_that_only_warns_lets_the_call_pass(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="0.01", on_exceeded="warn"))
    provider.will_answer(chat())
    with caplog.at_level(logging.WARNING, logger="vigie"):
        provider.client().chat.completions.create(**LIMITED)
    assert "the budget of 0.01 USD a day has no room for this call" in caplog.text


def test_a_client_can_have_a_budget_of_its_own(provider: Provider) -> None:
    provider.will_answer(chat())
    held, free = provider.client(), provider.client()
    instrument(held, registry=provider.registry, budget=Budget(daily="0.01"))
    with pytest.raises(BudgetExceededError):
        held.chat.completions.create(**LIMITED)
    free.chat.completions.create(**LIMITED)


def test_under_trio_a_budget_holds_too(provider: Provider) -> None:
    instrument(registry=provider.registry, budget=Budget(daily="0.01"))
    provider.will_answer(chat())

    async def main() -> None:
        with pytest.raises(BudgetExceededError):
            await provider.async_client().chat.completions.create(**LIMITED)

    anyio.run(main, backend="trio")


def test_a_ledger_that_cannot_be_opened_lets_calls_pass_and_tells(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstrument()
    monkeypatch.setenv("VIGIE_LEDGER__URL", "off")
    instrument(registry=provider.registry, budget=Budget(daily="0.01"))
    provider.will_answer(chat())
    provider.client().chat.completions.create(**LIMITED)
    assert provider.measured("vigie_internal_errors_total", where="ledger") >= 1
