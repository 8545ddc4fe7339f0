"""The responses API through the official SDK."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from vigie.simulate.tokens import count_tokens

pytestmark = pytest.mark.servers

QUESTION = "Comment améliorer mon endurance en course à pied ?"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Lyon"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Advice(BaseModel):
    title: str
    minutes: int


def test_an_answer_is_a_message_with_usage(provider: Any) -> None:
    response = provider.client().responses.create(
        model="gpt-4o-mini", instructions="Tu es un coach.", input=QUESTION
    )
    assert response.status == "completed"
    assert response.model == "gpt-4o-mini-2024-07-18"
    assert [item.type for item in response.output] == ["message"]
    assert response.usage.output_tokens == count_tokens(response.output_text)
    assert response.usage.input_tokens == (
        count_tokens("Tu es un coach.") + count_tokens(QUESTION) + 2 * 4 + 3
    )


def test_both_apis_say_the_same_to_the_same_prompt(provider: Any) -> None:
    client = provider.client()
    chat = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}]
    )
    response = client.responses.create(model="gpt-4o-mini", input=QUESTION)
    assert response.output_text == chat.choices[0].message.content


def test_the_events_of_a_stream_come_in_order_and_numbered(provider: Any) -> None:
    client = provider.client()
    whole = client.responses.create(model="gpt-4o-mini", input=QUESTION)
    events = list(client.responses.create(model="gpt-4o-mini", input=QUESTION, stream=True))
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    kinds = [e.type for e in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[4 : 4 + len(deltas)] == ["response.output_text.delta"] * len(deltas)
    assert kinds[4 + len(deltas) :] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert "".join(e.delta for e in deltas) == whole.output_text
    assert events[-1].response.output_text == whole.output_text
    assert events[-1].response.usage == whole.usage
    assert events[0].response.status == "in_progress"


def test_a_reasoning_model_shows_that_it_thought(provider: Any) -> None:
    client = provider.client()
    response = client.responses.create(
        model="gpt-5-mini", input=QUESTION, reasoning={"effort": "low"}
    )
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage.output_tokens_details.reasoning_tokens == 64
    assert response.usage.output_tokens == 64 + count_tokens(response.output_text)
    with client.responses.stream(model="gpt-5-mini", input=QUESTION) as stream:
        assert stream.get_final_response().output_text


def test_the_limit_of_tokens_leaves_the_response_incomplete(provider: Any) -> None:
    client = provider.client()
    response = client.responses.create(model="gpt-4o-mini", input=QUESTION, max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage.output_tokens == 16
    *_, last = client.responses.create(
        model="gpt-5-mini", input=QUESTION, max_output_tokens=16, stream=True
    )
    assert last.type == "response.incomplete"
    assert last.response.usage.output_tokens_details.reasoning_tokens == 16


def test_a_schema_is_answered_with_an_instance_of_it(provider: Any) -> None:
    response = provider.client().responses.parse(
        model="gpt-4o-mini", input=QUESTION, text_format=Advice
    )
    assert isinstance(response.output_parsed, Advice)


def test_json_without_a_schema_is_an_object(provider: Any) -> None:
    response = provider.client().responses.create(
        model="gpt-4o-mini", input=QUESTION, text={"format": {"type": "json_object"}}
    )
    assert isinstance(json.loads(response.output_text), dict)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_weather"}])
def test_a_tool_is_called_whole_and_streamed(provider: Any, choice: Any) -> None:
    client = provider.client()
    asked = {
        "model": "gpt-4o-mini",
        "input": QUESTION,
        "tools": [WEATHER],
        "tool_choice": choice,
    }
    (call,) = client.responses.create(**asked).output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Lyon"}
    with client.responses.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        (streamed,) = stream.get_final_response().output
    assert streamed.arguments == call.arguments
    assert "response.function_call_arguments.done" in kinds


def test_the_tools_output_is_followed_by_a_text(provider: Any) -> None:
    response = provider.client().responses.create(
        model="gpt-4o-mini",
        tools=[WEATHER],
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "The weather in Lyon?"}]},
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "get_weather",
                "arguments": '{"city":"Lyon"}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "Sunny"},
        ],
    )
    assert response.output_text


def test_a_conversation_goes_on_from_the_previous_response(provider: Any) -> None:
    client = provider.client()
    first = client.responses.create(
        model="gpt-4o-mini", instructions="Tu es un coach.", input="Je cours le marathon."
    )
    second = client.responses.create(
        model="gpt-4o-mini", previous_response_id=first.id, input="Et ensuite ?"
    )
    texts = ["Je cours le marathon.", first.output_text, "Et ensuite ?"]
    assert second.usage.input_tokens == sum(map(count_tokens, texts)) + 3 * 4 + 3
    assert "course à pied" in second.output_text


def test_a_response_that_was_not_stored_cannot_be_gone_on_from(provider: Any) -> None:
    client = provider.client()
    first = client.responses.create(model="gpt-4o-mini", input=QUESTION, store=False)
    with pytest.raises(openai.BadRequestError, match="Previous response with id"):
        client.responses.create(model="gpt-4o-mini", previous_response_id=first.id, input="?")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Missing required parameter: 'input'."),
        ({"input": 3}, "Invalid type for 'input': expected one of a string or array of input"),
        ({"input": "x", "max_output_tokens": 3}, "Invalid 'max_output_tokens': integer out of"),
        ({"input": [{"role": "user"}]}, "Missing required parameter: 'input[0].content'."),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "Invalid value: 'xml'."),
    ],
)
def test_wrong_fields_are_refused(provider: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        provider.client().post(
            "/responses", body={"model": "gpt-4o-mini", **fields}, cast_to=object
        )
    assert message in refused.value.message
    assert provider.invoice()["requests"] == []
