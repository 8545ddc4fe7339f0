"""The chat completions API through the official SDK."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from vigie.simulate.tokens import count_tokens

pytestmark = pytest.mark.servers

QUESTION = [{"role": "user", "content": "Comment préparer un semi-marathon ?"}]


class Week(BaseModel):
    number: int
    focus: str
    easy: bool
    sessions: list[str]


class Plan(BaseModel):
    title: str
    weeks: list[Week]


def test_an_answer_is_advice_and_its_usage_agrees_with_its_text(provider: Any) -> None:
    answer = provider.client().chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    text = answer.choices[0].message.content
    assert "endurance en course à pied" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.object == "chat.completion"
    assert answer.service_tier == "default"
    assert answer.usage.completion_tokens == count_tokens(text)
    assert answer.usage.prompt_tokens == count_tokens(QUESTION[0]["content"]) + 4 + 3
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_an_english_question_gets_an_english_answer(provider: Any) -> None:
    question = [{"role": "user", "content": "How do I sleep better before a race?"}]
    answer = provider.client().chat.completions.create(model="gpt-4o", messages=question)
    assert "sleep and recovery" in answer.choices[0].message.content


def test_a_stream_says_the_same_role_first_and_reason_last(provider: Any) -> None:
    client = provider.client()
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    chunks = list(
        client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, stream=True)
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].choices[0].delta.content == ""
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == (
        whole.choices[0].message.content
    )
    assert {c.id for c in chunks} == {chunks[0].id}
    assert all("usage" not in c.model_fields_set for c in chunks)


def test_usage_comes_in_a_last_chunk_of_its_own_when_it_is_asked_for(provider: Any) -> None:
    client = provider.client()
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION)
    *chunks, last = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert all(c.usage is None and "usage" in c.model_fields_set for c in chunks)
    assert last.choices == []
    assert last.usage == whole.usage


def test_the_wire_of_a_stream_ends_with_done(provider: Any) -> None:
    response = provider.client().chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=QUESTION, stream=True
    )
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.http_response.read().endswith(b"data: [DONE]\n\n")


def test_the_streaming_helper_collects_the_answer(provider: Any) -> None:
    with provider.client().chat.completions.stream(
        model="gpt-4o-mini", messages=QUESTION, response_format=Plan
    ) as stream:
        for _ in stream:
            pass
        plan = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(plan, Plan)


def test_a_schema_is_answered_with_an_instance_of_it(provider: Any) -> None:
    answer = provider.client().chat.completions.parse(
        model="gpt-4o-mini", messages=QUESTION, response_format=Plan
    )
    plan = answer.choices[0].message.parsed
    assert [week.number for week in plan.weeks] == [1, 2, 3]
    assert all(week.sessions for week in plan.weeks)
    assert answer.usage.completion_tokens == count_tokens(answer.choices[0].message.content)


def test_json_without_a_schema_is_an_object(provider: Any) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_several_choices_differ_and_are_all_billed(provider: Any) -> None:
    answer = provider.client().chat.completions.create(model="gpt-4o-mini", messages=QUESTION, n=3)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) > 1
    assert answer.usage.completion_tokens == sum(map(count_tokens, texts))


def test_streamed_choices_come_interleaved_each_whole(provider: Any) -> None:
    client = provider.client()
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, n=2)
    texts = {0: "", 1: ""}
    order = []
    for chunk in client.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, n=2, stream=True
    ):
        choice = chunk.choices[0]
        if choice.delta.content:
            texts[choice.index] += choice.delta.content
            order.append(choice.index)
    assert list(texts.values()) == [choice.message.content for choice in whole.choices]
    assert order[:4] == [0, 1, 0, 1]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_cuts_the_answer(provider: Any, field: str) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, **{field: 7}
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 7
    assert count_tokens(answer.choices[0].message.content) == 7


def test_a_stop_sequence_ends_the_answer_before_it(provider: Any) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, stop=["\n"]
    )
    assert "\n" not in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


def test_reasoning_models_think_in_hidden_tokens_that_are_billed(provider: Any) -> None:
    client = provider.client()
    answer = client.chat.completions.create(
        model="o4-mini", messages=QUESTION, reasoning_effort="high"
    )
    hidden = answer.usage.completion_tokens_details.reasoning_tokens
    assert hidden >= 192
    assert hidden % 64 == 0
    assert answer.usage.completion_tokens == hidden + count_tokens(
        answer.choices[0].message.content
    )


def test_a_limit_that_thinking_uses_up_leaves_an_empty_answer(provider: Any) -> None:
    answer = provider.client().chat.completions.create(
        model="o4-mini", messages=QUESTION, max_completion_tokens=40
    )
    assert answer.choices[0].message.content == ""
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 40
    assert answer.usage.completion_tokens_details.reasoning_tokens == 40


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Lyon"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_a_tool_that_the_question_speaks_of_is_called(provider: Any) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is the weather in Lyon?"}],
        tools=[WEATHER],
    )
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lyon"}
    assert answer.choices[0].message.content is None
    assert answer.usage.completion_tokens == count_tokens("get_weather") + count_tokens(
        call.function.arguments
    )


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", False),
        ("none", False),
        ("required", True),
        ({"type": "function", "function": {"name": "get_weather"}}, True),
    ],
)
def test_the_choice_of_tools_is_obeyed(provider: Any, choice: Any, called: bool) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER], tool_choice=choice
    )
    assert bool(answer.choices[0].message.tool_calls) is called


def test_a_tools_result_is_followed_by_a_text(provider: Any) -> None:
    answer = provider.client().chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "user", "content": "What is the weather in Lyon?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Lyon"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
        ],
        tools=[WEATHER],
    )
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content


def test_a_streamed_tool_call_is_collected_by_the_sdk(provider: Any) -> None:
    with provider.client().chat.completions.stream(
        model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER], tool_choice="required"
    ) as stream:
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lyon"}
    assert final.choices[0].finish_reason == "tool_calls"


def test_functions_of_the_old_kind_are_called_the_old_way(provider: Any) -> None:
    client = provider.client()
    asked = {
        "model": "gpt-4o-mini",
        "messages": QUESTION,
        "functions": [WEATHER["function"]],
        "function_call": {"name": "get_weather"},
    }
    answer = client.chat.completions.create(**asked)
    assert answer.choices[0].finish_reason == "function_call"
    assert json.loads(answer.choices[0].message.function_call.arguments) == {"city": "Lyon"}
    chunks = list(client.chat.completions.create(**asked, stream=True))
    calls = [c.choices[0].delta.function_call for c in chunks if c.choices[0].delta.function_call]
    assert calls[0].name == "get_weather"
    assert "".join(call.arguments for call in calls) == '{"city":"Lyon"}'


def test_images_count_as_input(provider: Any) -> None:
    client = provider.client()
    image = {"type": "image_url", "image_url": {"url": "https://example.org/run.png"}}
    text = {"type": "text", "text": "Ma foulée est-elle bonne ?"}
    usages = [
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": content}]
        ).usage.prompt_tokens
        for content in ([text], [text, image])
    ]
    assert usages[1] == usages[0] + 85


def test_a_long_prompt_that_is_repeated_is_cached(provider: Any) -> None:
    client = provider.client()
    system = {"role": "system", "content": "Tu es un coach. " * 400}
    cached = [
        client.chat.completions.create(
            model=model, messages=[system, *QUESTION]
        ).usage.prompt_tokens_details.cached_tokens
        for model in ("gpt-4o-mini", "gpt-4o-mini", "gpt-4o", "gpt-3.5-turbo", "gpt-3.5-turbo")
    ]
    assert cached[1] >= 1024
    assert cached[1] % 128 == 0
    assert cached == [0, cached[1], 0, 0, 0]  # 3.5 is sold without caching


@pytest.mark.parametrize(
    ("model", "asked", "served"),
    [
        ("gpt-4o-mini", "auto", "default"),
        ("gpt-4o-mini", "priority", "priority"),
        ("gpt-4o-mini", "fast", "priority"),
        ("gpt-4", "priority", "default"),
        ("o4-mini", "flex", "flex"),
        ("gpt-4o", "scale", "default"),
    ],
)
def test_the_answer_names_the_service_tier_that_was_given(
    provider: Any, model: str, asked: str, served: str
) -> None:
    answer = provider.client().chat.completions.create(
        model=model, messages=QUESTION, service_tier=asked
    )
    assert answer.service_tier == served
    assert provider.invoice()["requests"][-1]["service_tier"] == served


def test_a_dated_name_may_be_asked_for(provider: Any) -> None:
    answer = provider.client().chat.completions.create(model="gpt-4o-2024-05-13", messages=QUESTION)
    assert answer.model == "gpt-4o-2024-05-13"


def test_the_limits_count_down_in_the_headers(provider: Any) -> None:
    client = provider.client()
    answers = [
        client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=QUESTION)
        for _ in range(2)
    ]
    first, second = (answer.headers for answer in answers)
    used = answers[1].parse().usage.total_tokens
    assert first["x-ratelimit-limit-requests"] == "10000"
    assert first["x-ratelimit-remaining-requests"] == "9999"
    assert second["x-ratelimit-remaining-requests"] == "9998"
    tokens = [int(each["x-ratelimit-remaining-tokens"]) for each in (first, second)]
    assert tokens[0] - tokens[1] == used
    assert first["x-request-id"] != second["x-request-id"]
    assert int(first["openai-processing-ms"]) >= 0


def test_the_async_sdk_gets_the_same(provider: Any) -> None:
    async def whole_and_streamed() -> tuple[str, str]:
        async with provider.async_client() as client:
            whole = await client.chat.completions.create(model="gpt-4o", messages=QUESTION)
            pieces = ""
            async for chunk in await client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, stream=True
            ):
                pieces += chunk.choices[0].delta.content or ""
        return whole.choices[0].message.content, pieces

    whole, streamed = asyncio.run(whole_and_streamed())
    assert whole == streamed


def test_azure_paths_take_a_deployment_and_the_api_key_header(provider: Any) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=provider.url, api_key="secret", api_version="2024-10-21", max_retries=0
    )
    answer = client.chat.completions.create(model="coaching-mini", messages=QUESTION)
    by_model = client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    vectors = client.embeddings.create(model="coaching-embeddings", input="courir")
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert by_model.model == "gpt-4o-2024-08-06"
    assert vectors.model == "text-embedding-3-small"
    requested = [each["requested_model"] for each in provider.invoice()["requests"]]
    assert requested == ["coaching-mini", "gpt-4o", "coaching-embeddings"]


# Of sixty connections opened at once, the SDK's pool now and then leaves one for the collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_sixty_streams_run_side_by_side(serve: Any) -> None:
    async def stream(client: openai.AsyncOpenAI, all_started: asyncio.Barrier) -> int:
        tokens = 0
        started = False
        async for chunk in await client.chat.completions.create(
            model="gpt-4o-mini",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=30,
        ):
            if not started:
                await all_started.wait()
                started = True
            tokens = chunk.usage.completion_tokens if chunk.usage else tokens
        return tokens

    async def all_streams(client: openai.AsyncOpenAI) -> list[int]:
        all_started = asyncio.Barrier(60)
        async with client:
            return await asyncio.gather(*(stream(client, all_started) for _ in range(60)))

    with serve(speed=10) as provider:
        tokens = asyncio.run(all_streams(provider.async_client()))
        total = provider.invoice()["total"]
    assert tokens == [30] * 60
    assert total["requests"] == 60
    assert total["output_tokens"] == 1800
