"""What the provider refuses, lists and promises beside its answers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest

from vigie.simulate.provider import create_app

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Bonjour"}]


def asked(by_hand: Any, *request: Any, **options: Any) -> Any:
    return asyncio.run(by_hand(create_app(speed=1e6), *request, **options))


@pytest.mark.servers
def test_the_sdk_raises_its_own_errors(provider: Any) -> None:
    client = provider.client()
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    assert unknown.value.code == "model_not_found"
    assert unknown.value.message.endswith(
        "The model `gpt-9` does not exist or you do not have access to it."
    )
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="gpt-4o", messages=[])
    assert (wrong.value.param, wrong.value.code) == ("messages", "empty_array")


@pytest.mark.servers
def test_the_sdk_lists_and_finds_models(provider: Any) -> None:
    client = provider.client()
    names = {model.id for model in client.models.list()}
    assert {"gpt-4o", "gpt-4o-2024-08-06", "coach-internal-1", "text-embedding-3-small"} <= names
    assert client.models.retrieve("gpt-4o").created == 1_722_902_400
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic x"}]
)
@pytest.mark.parametrize("request_line", [("POST", CHAT), ("GET", "/v1/models")])
def test_a_request_without_a_key_is_refused(
    by_hand: Any, headers: dict[str, str], request_line: tuple[str, str]
) -> None:
    answered = asked(by_hand, *request_line, headers=headers)
    assert answered.status == 401
    assert answered.json["error"]["message"].startswith("You didn't provide an API key.")
    assert answered.json["error"]["type"] == "invalid_request_error"
    assert answered.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "message", "param", "code"),
    [
        (b"{", "We could not parse the JSON body of your request.", None, None),
        ([], "Invalid request body: expected an object, got an array.", None, None),
        ({}, "you must provide a model parameter", None, None),
        ({"model": 3}, "Invalid type for 'model': expected a string, but got an integer instead.",
         "model", "invalid_type"),
        ({"model": "gpt-4o"}, "Missing required parameter: 'messages'.", "messages",
         "missing_required_parameter"),
        ({"model": "gpt-4o", "messages": "Bonjour"}, "Invalid type for 'messages': expected an "
         "array of objects, but got a string instead.", "messages", "invalid_type"),
        ({"model": "gpt-4o", "messages": ["Bonjour"]}, "Invalid type for 'messages[0]': expected "
         "an object, but got a string instead.", "messages[0]", "invalid_type"),
        ({"model": "gpt-4o", "messages": [{"role": "user"}]}, "Missing required parameter: "
         "'messages[0].content'.", "messages[0].content", "missing_required_parameter"),
        ({"model": "gpt-4o", "messages": [{"role": "boss", "content": "x"}]}, "Invalid value: "
         "'boss'. Supported values are: 'developer', 'system', 'user', 'assistant', 'tool', "
         "'function'.", "messages[0].role", "invalid_value"),
        ({"model": "gpt-4o", "messages": [{"role": "user", "content": 3}]}, "Invalid type for "
         "'messages[0].content': expected one of a string or array of objects, but got an integer "
         "instead.", "messages[0].content", "invalid_type"),
        ({"model": "gpt-4o", "messages": MESSAGES, "stream": "yes"}, "Invalid type for 'stream': "
         "expected a boolean, but got a string instead.", "stream", "invalid_type"),
        ({"model": "gpt-4o", "messages": MESSAGES, "n": 0}, "Invalid 'n': integer out of range. "
         "Expected a value >= 1, but got 0 instead.", "n", "integer_below_min_value"),
        ({"model": "gpt-4o", "messages": MESSAGES, "n": True}, "Invalid type for 'n': expected an "
         "integer, but got a boolean instead.", "n", "invalid_type"),
        ({"model": "gpt-4o", "messages": MESSAGES, "temperature": 3}, "Invalid 'temperature': "
         "decimal out of range. Expected a value <= 2, but got 3 instead.", "temperature",
         "decimal_above_max_value"),
        ({"model": "gpt-4o", "messages": MESSAGES, "stop": 1}, "Invalid type for 'stop': expected "
         "one of a string or array of strings, but got an integer instead.", "stop",
         "invalid_type"),
        ({"model": "gpt-4o", "messages": MESSAGES, "stream_options": {"include_usage": True}},
         "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
         "stream_options", None),
        ({"model": "gpt-4", "messages": MESSAGES, "service_tier": "flex"}, "Flex is not available "
         "for the model `gpt-4`.", "service_tier", "invalid_value"),
        ({"model": "o4-mini", "messages": MESSAGES, "max_tokens": 9}, "Unsupported parameter: "
         "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
         "max_tokens", "unsupported_parameter"),
        ({"model": "gpt-4", "messages": [{"role": "user", "content": "a " * 9000}]}, "This "
         "model's maximum context length is 8192 tokens. However, your messages resulted in 9008 "
         "tokens. Please reduce the length of the messages.", "messages",
         "context_length_exceeded"),
        ({"model": "gpt-4o", "messages": MESSAGES, "response_format": {"type": "json_schema",
         "json_schema": {"name": "x", "schema": {"type": "object", "properties": []}}}},
         "Invalid schema: 'list' object has no attribute 'items'", "response_format",
         "invalid_json_schema"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_with_the_field_and_the_reason(
    by_hand: Any, body: Any, message: str, param: str | None, code: str | None
) -> None:
    answered = asked(by_hand, "POST", CHAT, body)
    error = answered.json["error"]
    assert answered.status == 400
    assert error["message"].startswith(message)
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_an_embedding_model_does_not_chat(by_hand: Any) -> None:
    body = {"model": "text-embedding-3-small", "messages": MESSAGES}
    assert asked(by_hand, "POST", CHAT, body).status == 404


def test_an_unknown_path_and_a_wrong_method_are_told_apart(by_hand: Any) -> None:
    unknown = asked(by_hand, "GET", "/v1/nothing")
    assert unknown.status == 404
    assert unknown.json["error"]["message"] == "Invalid URL (GET /v1/nothing)"
    wrong = asked(by_hand, "GET", CHAT)
    assert wrong.status == 405
    assert wrong.headers["allow"] == "POST"
    both = asked(by_hand, "PUT", "/invoice")
    assert both.headers["allow"] == "GET, DELETE"


def test_an_azure_path_needs_its_api_version(by_hand: Any) -> None:
    path = "/openai/deployments/gpt-4o/chat/completions"
    key = {"api-key": "secret"}
    without = asked(by_hand, "POST", path, {"messages": MESSAGES}, headers=key)
    with_it = asked(
        by_hand, "POST", f"{path}?api-version=2024-10-21", {"messages": MESSAGES}, headers=key
    )
    unknown = asked(
        by_hand,
        "POST",
        "/openai/deployments/mine/chat/completions?api-version=2024-10-21",
        {"messages": MESSAGES},
        headers=key,
    )
    assert [each.status for each in (without, with_it, unknown)] == [404, 200, 404]


def test_it_says_that_it_is_well(by_hand: Any) -> None:
    assert asked(by_hand, "GET", "/health", headers={}).json == {"status": "ok"}


@pytest.mark.servers
def test_a_body_of_over_20_megabytes_is_refused(provider: Any) -> None:
    response = httpx.post(
        f"{provider.url}{CHAT}", content=b" " * 20_000_001, headers={"authorization": "Bearer k"}
    )
    assert response.status_code == 413


def test_a_speed_that_is_not_above_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"speed is 0: write a number above 0, e\.g\. 1"):
        create_app(speed=0)


def test_the_same_seed_answers_the_same_in_the_same_time(by_hand: Any, hand_clock: Any) -> None:
    async def conversation(seed: int) -> list[tuple[str, str]]:
        app = create_app(seed=seed, clock=hand_clock())
        bodies = [
            {"model": model, "messages": [{"role": "user", "content": f"Bonjour {n}"}]}
            for n, model in enumerate(["gpt-4o", "gpt-4", "o4-mini"])
        ]
        answers = [await by_hand(app, "POST", CHAT, body) for body in bodies]
        return [(a.text, a.headers["openai-processing-ms"]) for a in answers]

    first, again, other = (asyncio.run(conversation(seed)) for seed in (7, 7, 8))
    assert first == again
    assert [text for text, _ in first] != [text for text, _ in other]
    assert [ms for _, ms in first] != [ms for _, ms in other]


def test_a_restart_with_the_same_seed_gives_new_ids(by_hand: Any, hand_clock: Any) -> None:
    body = {"model": "gpt-4o", "messages": MESSAGES}
    ids = {
        asyncio.run(by_hand(create_app(seed=7, clock=hand_clock(start)), "POST", CHAT, body)).json[
            "id"
        ]
        for start in (1_796_040_000.0, 1_796_040_000.5)
    }
    assert len(ids) == 2


def test_speed_divides_the_latencies(by_hand: Any, hand_clock: Any) -> None:
    body = {"model": "gpt-4o", "messages": MESSAGES}
    slow, fast = (
        int(
            asyncio.run(
                by_hand(create_app(clock=hand_clock(), speed=speed), "POST", CHAT, body)
            ).headers["openai-processing-ms"]
        )
        for speed in (1.0, 10.0)
    )
    assert 500 < slow < 5000
    assert abs(fast - slow / 10) <= 5
