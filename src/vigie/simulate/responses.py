"""The responses API, its shapes as JSON and typed events.

https://developers.openai.com/api/docs/api-reference/responses
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import date
from typing import Any

from vigie.simulate.ask import EFFORTS, Ask, Tool, model_asked_for, prompt_within_context, tier_sold
from vigie.simulate.chat import function_tool
from vigie.simulate.errors import ApiError
from vigie.simulate.exchange import sse
from vigie.simulate.fields import Fields
from vigie.simulate.invoice import Sale
from vigie.simulate.reply import Choice, Reply
from vigie.simulate.tokens import Turn

_ROLES = ("user", "assistant", "system", "developer")
_CONVERSATIONS_CAP = 500


class Conversations:
    """The turns of answered requests, for `previous_response_id`; the last 500 are kept."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, tuple[Turn, ...]] = OrderedDict()

    def remember(self, response_id: str, turns: tuple[Turn, ...]) -> None:
        """Keep a conversation under the id of its last response."""
        self._turns[response_id] = turns
        if len(self._turns) > _CONVERSATIONS_CAP:
            self._turns.popitem(last=False)

    def up_to(self, response_id: str) -> tuple[Turn, ...]:
        """Return the turns of a conversation; raises `ApiError` 400 for an unknown one."""
        if response_id not in self._turns:
            raise ApiError(
                400,
                f"Previous response with id '{response_id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return self._turns[response_id]


class ResponsesCall:
    """One request of POST /v1/responses; raises `ApiError` for one that is wrong.

    `today` is the day whose prices decide on service tiers.
    """

    operation = "responses"
    id_prefix = "resp_"
    stream_options = None

    def __init__(self, request: Fields, conversations: Conversations, today: date) -> None:
        requested_model, model = model_asked_for(request, None, embeds=False)
        request.required("input")
        self._request = request
        self._conversations = conversations
        self._sequence = 0
        turns = _turns(request)
        previous = request.text("previous_response_id")
        if previous:
            turns = conversations.up_to(previous) + turns
        instructions = request.text("instructions")
        # Instructions are of one response only: they are no part of what is remembered.
        self._said = turns
        if instructions:
            turns = (Turn("system", instructions), *turns)
        request.number("temperature", 0, 2)
        request.number("top_p", 0, 1)
        tools, described = _tools(request)
        schema, wants_json = _text_format(request)
        reasoning = request.object("reasoning")
        preamble = described + (json.dumps(schema) if schema else "")
        self.ask = Ask(
            model=model,
            requested_model=requested_model,
            tier=tier_sold(request, model, today),
            turns=turns,
            prompt=prompt_within_context(model, turns, preamble),
            stream=request.flag("stream"),
            output_limit=request.integer("max_output_tokens", 16),
            tools=tools,
            tool_choice=_tool_choice(request),
            schema=schema,
            json=wants_json,
            effort=(reasoning.choice("effort", EFFORTS) if reasoning else None) or "medium",
        )

    def plain(self, sale: Sale, reply: Reply) -> dict[str, Any]:
        """Return the whole answer, and remember it for the next request."""
        (choice,) = reply.choices
        if self._request.values.get("store") is not False:
            turns = (*self._said, Turn("assistant", choice.text))
            self._conversations.remember(sale.response_id, turns)
        status = "incomplete" if choice.cut else "completed"
        return {
            **self._skeleton(sale, status),
            "completed_at": int(sale.asked_at),
            "incomplete_details": {"reason": "max_output_tokens"} if choice.cut else None,
            "output": self._output(sale, reply, status),
            "usage": _usage(sale),
        }

    def opening(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return the stream's first events, up to the answer's first token."""
        skeleton = self._skeleton(sale, "in_progress")
        events = [
            self._event("response.created", response=skeleton),
            self._event("response.in_progress", response=skeleton),
        ]
        if sale.model.reasons:
            item = _reasoning(sale)
            events += [
                self._event("response.output_item.added", output_index=0, item=item),
                self._event("response.output_item.done", output_index=0, item=item),
            ]
        (choice,) = reply.choices
        place = self._place(sale, choice)
        if choice.tool is not None:
            item = {**_function_call(sale, choice), "arguments": "", "status": "in_progress"}
            events.append(
                self._event(
                    "response.output_item.added", output_index=place["output_index"], item=item
                )
            )
        elif choice.tokens:
            item = {**_message(sale, choice, "in_progress"), "content": []}
            events += [
                self._event(
                    "response.output_item.added", output_index=place["output_index"], item=item
                ),
                self._event("response.content_part.added", **place, part=_text_part("")),
            ]
        return events

    def token(self, sale: Sale, reply: Reply, index: int, token: str) -> list[bytes]:
        """Return the events of one more token."""
        choice = reply.choices[index]
        place = self._place(sale, choice)
        if choice.tool is not None:
            return [self._event("response.function_call_arguments.delta", **place, delta=token)]
        return [self._event("response.output_text.delta", **place, delta=token, logprobs=[])]

    def closing(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return the stream's last events: the answer once more as a whole, and the usage."""
        (choice,) = reply.choices
        place = self._place(sale, choice)
        status = "incomplete" if choice.cut else "completed"
        events = []
        if choice.tool is not None:
            events.append(
                self._event(
                    "response.function_call_arguments.done",
                    **place,
                    name=choice.tool,
                    arguments=choice.text,
                )
            )
        elif choice.tokens:
            events += [
                self._event("response.output_text.done", **place, text=choice.text, logprobs=[]),
                self._event("response.content_part.done", **place, part=_text_part(choice.text)),
            ]
        if choice.tool is not None or choice.tokens:
            item = self._output(sale, reply, status)[-1]
            events.append(
                self._event(
                    "response.output_item.done", output_index=place["output_index"], item=item
                )
            )
        return [*events, self._event(f"response.{status}", response=self.plain(sale, reply))]

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return sse(event, kind)

    def _skeleton(self, sale: Sale, status: str) -> dict[str, Any]:
        given = self._request.values
        return {
            "id": sale.response_id,
            "object": "response",
            "created_at": int(sale.asked_at),
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": given.get("instructions"),
            "max_output_tokens": given.get("max_output_tokens"),
            "model": sale.model.snapshot,
            "output": [],
            "parallel_tool_calls": given.get("parallel_tool_calls", True),
            "previous_response_id": given.get("previous_response_id"),
            "reasoning": {
                "effort": self.ask.effort if sale.model.reasons else None,
                "summary": None,
            },
            "service_tier": sale.tier,
            "store": given.get("store", True),
            "temperature": given.get("temperature", 1.0),
            "text": given.get("text", {"format": {"type": "text"}}),
            "tool_choice": given.get("tool_choice", "auto"),
            "tools": given.get("tools", []),
            "top_p": given.get("top_p", 1.0),
            "truncation": given.get("truncation", "disabled"),
            "usage": None,
            "user": given.get("user"),
            "metadata": given.get("metadata") or {},
        }

    def _output(self, sale: Sale, reply: Reply, status: str) -> list[dict[str, Any]]:
        (choice,) = reply.choices
        output = [_reasoning(sale)] if sale.model.reasons else []
        if choice.tool is not None:
            output.append({**_function_call(sale, choice), "status": status})
        elif choice.tokens:
            output.append(_message(sale, choice, status))
        return output

    def _place(self, sale: Sale, choice: Choice) -> dict[str, Any]:
        """Return where in the response a token belongs."""
        place: dict[str, Any] = {"output_index": 1 if sale.model.reasons else 0}
        if choice.tool is not None:
            return {"item_id": _item_id(sale, "fc"), **place}
        return {"item_id": _item_id(sale, "msg"), **place, "content_index": 0}


def _item_id(sale: Sale, prefix: str) -> str:
    return f"{prefix}_{sale.response_id.removeprefix(ResponsesCall.id_prefix)}"


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _message(sale: Sale, choice: Choice, status: str) -> dict[str, Any]:
    return {
        "id": _item_id(sale, "msg"),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [_text_part(choice.text)],
    }


def _function_call(sale: Sale, choice: Choice) -> dict[str, Any]:
    return {
        "id": _item_id(sale, "fc"),
        "type": "function_call",
        "call_id": _item_id(sale, "call"),
        "name": choice.tool,
        "arguments": choice.text,
    }


def _reasoning(sale: Sale) -> dict[str, Any]:
    return {"id": _item_id(sale, "rs"), "type": "reasoning", "summary": []}


def _usage(sale: Sale) -> dict[str, Any]:
    return {
        "input_tokens": sale.input_tokens,
        "input_tokens_details": {
            "cached_tokens": sale.cached_input_tokens,
            "cache_write_tokens": 0,
        },
        "output_tokens": sale.output_tokens,
        "output_tokens_details": {"reasoning_tokens": sale.reasoning_tokens},
        "total_tokens": sale.input_tokens + sale.output_tokens,
    }


def _turns(request: Fields) -> tuple[Turn, ...]:
    given = request.values.get("input")
    if isinstance(given, str):
        return (Turn("user", given),)
    if not isinstance(given, list):
        raise request.wrong_type("input", "one of a string or array of input items")
    turns = []
    for item in request.objects("input"):
        kind = item.text("type") or "message"
        if kind == "function_call":
            text = f"{item.text('name') or ''}{item.text('arguments') or ''}"
            turns.append(Turn("assistant", text))
        elif kind == "function_call_output":
            turns.append(Turn("tool", item.text("output") or ""))
        elif kind == "message":
            item.required("role")
            role = item.choice("role", _ROLES) or ""
            turns.append(Turn(role, *_content(item)))
        # Reasoning items and references to items carry no text of their own.
    return tuple(turns)


def _content(item: Fields) -> tuple[str, int]:
    content = item.required("content")
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list):
        raise item.wrong_type("content", "one of a string or array of content parts")
    parts = item.objects("content")
    texts = [
        part.text("text") or ""
        for part in parts
        if part.values.get("type") in ("input_text", "output_text")
    ]
    return "".join(texts), len(parts) - len(texts)


def _tools(request: Fields) -> tuple[tuple[Tool, ...], str]:
    functions = [f for f in request.objects("tools") if f.values.get("type") == "function"]
    described = "".join(json.dumps(function.values) for function in functions)
    return tuple(function_tool(function) for function in functions), described


def _tool_choice(request: Fields) -> str:
    value = request.values.get("tool_choice")
    if isinstance(value, dict):
        name = value.get("name")
        return name if isinstance(name, str) else "auto"
    return request.choice("tool_choice", ("none", "auto", "required")) or "auto"


def _text_format(request: Fields) -> tuple[dict[str, Any] | None, bool]:
    text = request.object("text")
    wanted = text.object("format") if text is not None else None
    if wanted is None:
        return None, False
    kind = wanted.choice("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return None, kind == "json_object"
    wanted.required("schema")
    schema = wanted.object("schema")
    return (schema.values if schema is not None else {}), True
