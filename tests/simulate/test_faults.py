from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import openai
import pytest

from vigie.simulate.faults import Faults, FaultSwitch, InvalidFaultsError, read_faults
from vigie.simulate.offer import MODELS
from vigie.simulate.provider import create_app

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Bonjour"}]


def ask_with(by_hand: Any, hand_clock: Any, faults: Any, body: dict[str, Any]) -> tuple[Any, float]:
    """The answer to a request under faults, and the seconds that it took."""

    async def under_faults() -> tuple[Any, float]:
        clock = hand_clock()
        app = create_app(clock=clock)
        assert (await by_hand(app, "POST", "/faults", faults)).status == 200
        start = clock.now()
        answered = await by_hand(app, "POST", CHAT, {"messages": QUESTION, **body})
        return answered, clock.now() - start

    return asyncio.run(under_faults())


def test_a_latency_factor_multiplies_the_time(by_hand: Any, hand_clock: Any) -> None:
    healthy = ask_with(by_hand, hand_clock, {}, {"model": "gpt-4o"})[1]
    slow = ask_with(by_hand, hand_clock, {"latency_factor": 4}, {"model": "gpt-4o"})[1]
    assert slow == pytest.approx(4 * healthy, rel=0.01)


def test_hanging_is_silence_before_the_answer(by_hand: Any, hand_clock: Any) -> None:
    healthy = ask_with(by_hand, hand_clock, {}, {"model": "gpt-4o"})[1]
    answered, seconds = ask_with(by_hand, hand_clock, {"hang": 30}, {"model": "gpt-4o"})
    assert answered.status == 200
    assert seconds == pytest.approx(30 + healthy, rel=0.01)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, "invalid_request_error", "invalid_api_key"),
        (404, "server_error", None),
        (429, "requests", "rate_limit_exceeded"),
        (500, "server_error", None),
        (502, "server_error", None),
        (503, "server_error", None),
        (504, "server_error", None),
    ],
)
def test_an_error_rate_of_one_refuses_every_request(
    by_hand: Any, hand_clock: Any, status: int, kind: str, code: str | None
) -> None:
    faults = {"error_rate": {str(status): 1}}
    answered, _ = ask_with(by_hand, hand_clock, faults, {"model": "gpt-4o"})
    assert answered.status == status
    assert (answered.json["error"]["type"], answered.json["error"]["code"]) == (kind, code)
    assert ("retry-after" in answered.headers) is (status == 429)


def test_error_rates_are_the_shares_of_requests_that_are_refused() -> None:
    faults = Faults(error_rate={500: 0.2, 429: 0.1})
    drawn = Counter(faults.draw_error(random.Random(f"1|{n}")) for n in range(10_000))
    assert 0.18 < drawn[500] / 10_000 < 0.22
    assert 0.08 < drawn[429] / 10_000 < 0.12
    assert drawn[None] == 10_000 - drawn[500] - drawn[429]


def test_refused_requests_are_not_billed(by_hand: Any) -> None:
    async def under_faults() -> Any:
        app = create_app(speed=1e6)
        await by_hand(app, "POST", "/faults", {"error_rate": {"500": 1}})
        await by_hand(app, "POST", CHAT, {"model": "gpt-4o", "messages": QUESTION})
        return app.shop.invoice.statement()["total"]["requests"]

    assert asyncio.run(under_faults()) == 0


def test_stream_options_can_be_refused_as_by_older_providers(by_hand: Any, hand_clock: Any) -> None:
    faults = {"refuse_stream_options": True}
    asked = {"model": "gpt-4o", "stream": True}
    refused, _ = ask_with(
        by_hand, hand_clock, faults, {**asked, "stream_options": {"include_usage": True}}
    )
    without, _ = ask_with(by_hand, hand_clock, faults, asked)
    assert refused.status == 400
    assert refused.json["error"]["message"] == (
        "Unrecognized request argument supplied: stream_options"
    )
    assert without.ended


def test_faults_can_be_of_some_models_only(by_hand: Any, hand_clock: Any) -> None:
    faults = {"error_rate": {"500": 1}, "models": ["gpt-4o", "gpt-4-0613"]}
    statuses = [
        ask_with(by_hand, hand_clock, faults, {"model": model})[0].status
        for model in ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4", "gpt-4o-mini")
    ]
    assert statuses == [500, 500, 500, 200]


def test_faults_end_by_themselves_after_their_seconds() -> None:
    switch = FaultSwitch()
    switch.set(Faults(latency_factor=4, for_seconds=60), now=1000.0)
    assert switch.current(1059.9).latency_factor == 4
    assert switch.as_json(1030.0)["seconds_left"] == 30.0
    assert switch.current(1060.0).latency_factor == 1
    assert switch.as_json(1060.0)["active"] is False


def test_new_faults_replace_the_old_ones_and_delete_ends_them(by_hand: Any) -> None:
    async def set_and_clear() -> list[Any]:
        app = create_app()
        return [
            (await by_hand(app, method, "/faults", body)).json
            for method, body in (
                ("POST", {"latency_factor": 4, "models": ["gpt-4o"]}),
                ("POST", {"hang": 2.5, "for_seconds": 60}),
                ("GET", None),
                ("DELETE", None),
            )
        ]

    first, second, shown, cleared = asyncio.run(set_and_clear())
    assert first["latency_factor"] == 4
    assert second["latency_factor"] == 1
    assert second["hang"] == 2.5
    assert shown["active"] is True
    assert 59 < shown["seconds_left"] <= 60
    assert cleared == {
        "active": False,
        "latency_factor": 1.0,
        "error_rate": {},
        "hang": 0.0,
        "drop_stream_after": None,
        "refuse_stream_options": False,
        "models": [],
        "for_seconds": None,
        "seconds_left": None,
    }


KNOWN = (
    "latency_factor, error_rate, hang, drop_stream_after, refuse_stream_options, models, "
    "for_seconds"
)


@pytest.mark.parametrize(
    ("posted", "message"),
    [
        (b"{", 'faults is "{": write JSON, e.g. {"latency_factor": 4}'),
        (b"3", 'faults is 3: write an object, e.g. {"latency_factor": 4}'),
        (b'{"slow": 4}', f"slow is 4: write one of {KNOWN}"),
        (
            b'{"latency_factor": "4"}',
            'latency_factor is "4": write a number from 0 to 1000, e.g. 4',
        ),
        (
            b'{"latency_factor": NaN}',
            "latency_factor is NaN: write a number from 0 to 1000, e.g. 4",
        ),
        (b'{"hang": -1}', "hang is -1: write a number from 0 to 3600, e.g. 30"),
        (b'{"hang": true}', "hang is true: write a number from 0 to 3600, e.g. 30"),
        (
            b'{"error_rate": 0.5}',
            'error_rate is 0.5: write shares by HTTP status, e.g. {"500": 0.2, "429": 0.1}',
        ),
        (
            b'{"error_rate": {"418": 1}}',
            "error_rate.418 is 1: write one of the statuses 401, 404, 429, 500, 502, 503, 504",
        ),
        (
            b'{"error_rate": {"500": 20}}',
            "error_rate.500 is 20: write a share from 0 to 1, e.g. 0.2",
        ),
        (
            b'{"error_rate": {"500": 0.7, "429": 0.7}}',
            'error_rate is {"500": 0.7, "429": 0.7}: write shares that add up to at most 1',
        ),
        (
            b'{"drop_stream_after": 1.5}',
            "drop_stream_after is 1.5: write a number of events, e.g. 5",
        ),
        (
            b'{"refuse_stream_options": "yes"}',
            'refuse_stream_options is "yes": write true or false',
        ),
        (b'{"models": "gpt-4o"}', 'models is "gpt-4o": write a list of models, e.g. ["gpt-4o"]'),
        (
            b'{"models": ["gpt-9"]}',
            'models[0] is "gpt-9": write one of '
            + ", ".join(sorted({model.name for model in MODELS.values()})),
        ),
        (b'{"for_seconds": 0}', "for_seconds is 0: write a number from 0.001 to 86400, e.g. 60"),
    ],
)
def test_each_wrong_field_is_named_with_its_value_and_the_remedy(
    posted: bytes, message: str
) -> None:
    with pytest.raises(InvalidFaultsError) as refused:
        read_faults(posted)
    assert str(refused.value) == message


def test_all_wrong_fields_are_told_at_once_and_nothing_is_applied(by_hand: Any) -> None:
    async def post_wrong() -> tuple[Any, Any]:
        app = create_app()
        await by_hand(app, "POST", "/faults", {"latency_factor": 2})
        refused = await by_hand(
            app, "POST", "/faults", {"latency_factor": 9, "hang": "long", "models": 3}
        )
        return refused, (await by_hand(app, "GET", "/faults")).json

    refused, shown = asyncio.run(post_wrong())
    assert refused.status == 400
    assert refused.json["problems"] == [
        {"field": "hang", "value": "long", "remedy": "write a number from 0 to 3600, e.g. 30"},
        {"field": "models", "value": 3, "remedy": 'write a list of models, e.g. ["gpt-4o"]'},
    ]
    assert shown["latency_factor"] == 2.0
    assert shown["hang"] == 0.0


@pytest.mark.servers
def test_the_sdk_tries_again_after_a_429_and_gives_up_in_the_end(provider: Any) -> None:
    provider.post("/faults", {"error_rate": {"429": 0.5}})
    client = provider.client(max_retries=50)
    for _ in range(5):
        assert client.chat.completions.create(model="gpt-4o", messages=QUESTION).choices
    provider.post("/faults", {"error_rate": {"429": 1}})
    with pytest.raises(openai.RateLimitError):
        provider.client(max_retries=2).chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert provider.invoice()["total"]["requests"] == 5


@pytest.mark.servers
def test_the_sdk_sees_a_server_error_and_a_broken_connection(provider: Any) -> None:
    client = provider.client()
    provider.post("/faults", {"error_rate": {"500": 1}})
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    provider.post("/faults", {"drop_stream_after": 5})
    received = []
    with pytest.raises(openai.APIConnectionError):
        received.extend(
            client.chat.completions.create(model="gpt-4o", messages=QUESTION, stream=True)
        )
    (request,) = provider.invoice()["requests"]
    assert request["outcome"] == "dropped"
