"""What the ledger has of each call: who, what for, which price; and no prompt."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
from prometheus_client import CollectorRegistry

from scripted_provider import (
    DONE,
    MESSAGES,
    MODEL,
    Provider,
    chat,
    chat_events,
    event,
    http_of_the_sdk,
)
from vigie.instrument.context import RequestContext, current
from vigie.instrument.feature import feature
from vigie.instrument.ledger import ledger_writer
from vigie.instrument.meters import meters
from vigie.instrument.openai import instrument, uninstrument

LONG_ID = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"


def ask(client: openai.OpenAI, **kwargs: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, **kwargs)


def rows(provider: Provider, state: Path) -> list[dict[str, Any]]:
    """The ledger's rows, the oldest first."""
    meters(provider.registry).refresh()
    assert ledger_writer(provider.registry).flush()
    with closing(sqlite3.connect(state / "ledger.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM vigie_calls ORDER BY seq")]


def test_a_call_is_kept_with_its_tokens_its_price_and_its_date(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_answer(chat(id=LONG_ID, service_tier="default"))
    ask(provider.client())
    (row,) = rows(provider, settings_of_a_service)
    assert row["response_id"] == row["key"] == LONG_ID
    assert (row["model"], row["asked_model"], row["operation"]) == (MODEL, "gpt-4o-mini", "chat")
    assert (row["outcome"], row["source"], row["currency"]) == ("ok", "computed", "USD")
    tokens = [row[kind] for kind in ("input", "output", "cached_input", "reasoning")]
    assert tokens == [1000, 500, 400, 100]
    assert row["amount_pico"] == row["usd_pico"] == 420_000_000  # 0.00042 dollars
    assert row["price_date"] >= "2024-07-18"
    assert abs(datetime.now(UTC) - datetime.fromtimestamp(row["at_us"] / 1e6, UTC)) < timedelta(
        minutes=1
    )


def test_an_embedding_is_known_by_the_id_of_its_request(
    provider: Provider, settings_of_a_service: Path
) -> None:
    answer = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
    provider.will_answer(answer, x_request_id="req_0123456789abcdef0123456789")
    provider.client().embeddings.create(model="text-embedding-3-small", input="a question")
    (row,) = rows(provider, settings_of_a_service)
    assert row["response_id"] == "req_0123456789abcdef0123456789"
    assert row["operation"] == "embeddings"


def test_feature_user_service_and_trace_are_those_of_the_moment_of_the_call(
    provider: Provider, settings_of_a_service: Path
) -> None:
    instrument(registry=provider.registry, service="fastapi")
    provider.will_chat("Hello", " you")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    token = current.set(RequestContext(headers.get))
    with feature("plan", user="anna@example.org"):
        stream = ask(provider.client(), stream=True)
    current.reset(token)
    list(stream)  # read where neither holds any more
    (row,) = rows(provider, settings_of_a_service)
    assert (row["service"], row["feature"], row["trace_id"]) == ("fastapi", "plan", trace)
    assert row["user_hash"] and "anna" not in row["user_hash"]


def test_the_service_is_named_by_the_environment(
    provider: Provider, settings_of_a_service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "chat-api")
    instrument(registry=provider.registry)
    provider.will_answer(chat())
    ask(provider.client())
    monkeypatch.setenv("VIGIE_SERVICE", "fastapi")
    instrument(registry=provider.registry)
    ask(provider.client())
    services = [row["service"] for row in rows(provider, settings_of_a_service)]
    assert services == ["chat-api", "fastapi"]


def test_neither_a_prompt_nor_an_answer_gets_into_the_ledger(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_answer(chat())
    ask(provider.client())
    rows(provider, settings_of_a_service)
    files = list(settings_of_a_service.glob("ledger.sqlite3*"))
    assert files
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_attempts_that_bought_nothing_are_not_in_the_ledger(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_answer({"error": {"message": "slow down"}}, status=429, retry_after_ms="1")
    provider.will_answer({"error": {"message": "broken"}}, status=500, retry_after_ms="1")
    provider.will_raise("ConnectError")
    provider.will_raise("ConnectTimeout")
    provider.will_answer(chat(id=LONG_ID))
    ask(provider.client(max_retries=4))
    assert provider.outcomes() == {
        "rate_limited": 1,
        "server_error": 2,
        "timeout": 1,
        "ok": 1,
    }
    assert [row["response_id"] for row in rows(provider, settings_of_a_service)] == [LONG_ID]


def test_an_answer_that_was_waited_for_in_vain_is_estimated(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_raise("ReadTimeout")
    with pytest.raises(openai.APITimeoutError):
        ask(provider.client(max_retries=0))
    (row,) = rows(provider, settings_of_a_service)
    assert (row["outcome"], row["source"]) == ("timeout", "estimated")
    assert row["input"] > 0


def test_an_unpriced_call_is_kept_with_its_tokens_and_without_an_amount(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_answer(chat(model="nobody-knows-1"))
    provider.client().chat.completions.create(model="nobody-knows-1", messages=MESSAGES)
    (row,) = rows(provider, settings_of_a_service)
    assert (row["source"], row["amount_pico"], row["currency"]) == ("unpriced", None, None)
    assert row["input"] == 1000


def test_own_prices_and_aliases_of_the_settings_hold(
    provider: Provider,
    settings_of_a_service: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uninstrument()
    file = tmp_path / "vigie.yml"
    file.write_text(
        "currency: {code: USD}\n"
        "prices:\n"
        "  - {model: coach-1, checked: 2026-11-01, per_million_tokens: {input: 1, output: 4}}\n"
        "aliases: {my-deployment: gpt-4o-mini}\n"
    )
    monkeypatch.setenv("VIGIE_SETTINGS", str(file))
    instrument(registry=provider.registry)
    plain = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    provider.will_answer(chat(plain, model="coach-1"), chat(plain, model="my-deployment"))
    client = provider.client()
    ask(client)
    ask(client)
    first, second = rows(provider, settings_of_a_service)
    assert (first["usd_pico"], first["price_date"]) == (3_000_000_000, "2026-11-01")
    assert second["usd_pico"] == 450_000_000


def test_a_stream_that_is_cancelled_is_kept_once_by_its_answer_s_id(
    provider: Provider, settings_of_a_service: Path
) -> None:
    provider.will_chat("Hello", " you", " there")

    async def main() -> None:
        stream = await provider.async_client().chat.completions.create(
            model="gpt-4o-mini", messages=MESSAGES, stream=True
        )
        async for _ in stream:
            break
        await stream.close()

    asyncio.run(main())
    (row,) = rows(provider, settings_of_a_service)
    assert (row["outcome"], row["source"]) == ("cancelled", "estimated")
    assert row["response_id"] == "chatcmpl-1"


def test_an_answer_that_comes_twice_with_one_id_is_one_call(
    provider: Provider, settings_of_a_service: Path
) -> None:
    # A cache in front of the provider gives an answer again: the provider did not bill it.
    provider.will_answer(chat(id=LONG_ID))
    client = provider.client()
    ask(client)
    ask(client)
    assert len(rows(provider, settings_of_a_service)) == 1


def test_what_whole_calls_teach_is_used_for_the_interrupted_ones(
    provider: Provider, settings_of_a_service: Path
) -> None:
    # This provider counts two tokens for each word of 6 bytes, and 60 for the prompt.
    words = ["words "] * 20
    usage = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}
    provider.will_stream(*chat_events(words, usage=usage))
    client = provider.client()
    for _ in range(3):
        list(ask(client, stream=True))
        rows(provider, settings_of_a_service)
    provider.answers.clear()
    events = chat_events(words, usage=usage)
    provider.will_stream(*events[:11])
    ask(client, stream=True).close()
    with pytest.raises(StopIteration):
        stream = ask(client, stream=True)
        while True:
            next(iter(stream))
    estimated = [r for r in rows(provider, settings_of_a_service) if r["source"] == "estimated"]
    assert [row["input"] for row in estimated] == [60, 60]
    assert estimated[-1]["output"] == 20


@pytest.mark.servers
@pytest.mark.parametrize("ending", ["", "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)"])
def test_at_the_end_of_a_process_nothing_is_lost(
    tmp_path: Path, pytestconfig: pytest.Config, ending: str
) -> None:
    environment = pytestconfig.rootpath / "tests" / "environment"
    script = f"""
import os, signal, sys, time
sys.path.insert(0, {str(environment)!r})
from prometheus_client import CollectorRegistry
from scripted_provider import MESSAGES, Provider, chat, http_of_the_sdk
from vigie.instrument.openai import instrument

provider = Provider(http_of_the_sdk(), CollectorRegistry())
provider.will_answer(chat())
instrument(registry=provider.registry)
client = provider.client()
for _ in range(30):
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
{ending}
"""
    subprocess.run(
        [sys.executable, "-c", script],
        env={"VIGIE_STATE": str(tmp_path), "PATH": ""},
        timeout=60,
        check=not ending,
    )
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM vigie_calls").fetchone() == (30,)


def test_a_ledger_that_cannot_be_written_stops_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VIGIE_STATE", str(tmp_path / "file"))
    provider = Provider(http_of_the_sdk(), CollectorRegistry())
    instrument(registry=provider.registry)
    provider.will_answer(chat())
    assert ask(provider.client()).usage.total_tokens == 1500
    assert provider.outcomes() == {"ok": 1}
    assert not ledger_writer(provider.registry).flush(within_seconds=0.1)
    assert provider.measured("vigie_internal_errors_total", where="ledger") >= 1
    uninstrument()


def test_done_marks_an_end_only_once(provider: Provider, settings_of_a_service: Path) -> None:
    provider.will_stream(*chat_events(["Hello"])[:-1], event({"usage": None}), DONE)
    list(ask(provider.client(), stream=True))
    assert len(rows(provider, settings_of_a_service)) == 1
