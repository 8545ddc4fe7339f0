"""The chat completions API, its shapes as bytes and JSON.

https://developers.openai.com/api/docs/api-reference/chat
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from vigie.simulate.ask import EFFORTS, Ask, Tool, model_asked_for, prompt_within_context, tier_sold
from vigie.simulate.errors import ApiError
from vigie.simulate.exchange import sse
from vigie.simulate.fields import Fields
from vigie.simulate.invoice import Sale
from vigie.simulate.reply import Choice, Reply
from vigie.simulate.tokens import Turn

_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


class ChatCall:
    """One request of POST /v1/chat/completions; raises `ApiError` for one that is wrong.

    `deployment` is the one of Azure's path, `today` the day whose prices decide on service tiers.
    """

    operation = "chat"
    id_prefix = "chatcmpl-"

    def __init__(self, request: Fields, deployment: str | None, today: date) -> None:
        requested_model, model = model_asked_for(request, deployment, embeds=False)
        request.required("messages")
        turns = _turns(request)
        stream = request.flag("stream")
        self.stream_options = request.object("stream_options")
        if self.stream_options is not None and not stream:
            raise ApiError(
                400,
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        self._include_usage = self.stream_options is not None and self.stream_options.flag(
            "include_usage"
        )
        if model.reasons and request.values.get("max_tokens") is not None:
            raise ApiError(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            )
        request.number("temperature", 0, 2)
        request.number("top_p", 0, 1)
        self._legacy = "functions" in request.values and "tools" not in request.values
        tools, described = _legacy_functions(request) if self._legacy else _tools(request)
        schema, wants_json = _response_format(request)
        preamble = described + (json.dumps(schema) if schema else "")
        self.ask = Ask(
            model=model,
            requested_model=requested_model,
            tier=tier_sold(request, model, today),
            turns=turns,
            prompt=prompt_within_context(model, turns, preamble),
            stream=stream,
            choices=request.integer("n", 1, 128) or 1,
            output_limit=request.integer("max_completion_tokens", 1)
            or request.integer("max_tokens", 1),
            stops=_stops(request),
            tools=tools,
            tool_choice=_tool_choice(request, "function_call" if self._legacy else "tool_choice"),
            schema=schema,
            json=wants_json,
            effort=request.choice("reasoning_effort", EFFORTS) or "medium",
        )

    def plain(self, sale: Sale, reply: Reply) -> dict[str, Any]:
        """Return the whole answer."""
        return {
            **_head(sale, "chat.completion"),
            "choices": [
                {
                    "index": index,
                    "message": {
                        "role": "assistant",
                        "content": None if choice.tool else choice.text,
                        "refusal": None,
                        "annotations": [],
                        **self._called(sale, index, choice, choice.text),
                    },
                    "logprobs": None,
                    "finish_reason": self._finish(choice),
                }
                for index, choice in enumerate(reply.choices)
            ],
            "usage": _usage(sale),
        }

    def opening(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return the stream's first events: each choice's role, and the tool it calls."""
        events = []
        for index, choice in enumerate(reply.choices):
            delta = {
                "role": "assistant",
                "content": None if choice.tool else "",
                "refusal": None,
                **self._called(sale, index, choice, "", streamed=True),
            }
            events.append(self._chunk(sale, index, delta))
        return events

    def token(self, sale: Sale, reply: Reply, index: int, token: str) -> list[bytes]:
        """Return the events of one more token of a choice."""
        if not reply.choices[index].tool:
            delta: dict[str, Any] = {"content": token}
        elif self._legacy:
            delta = {"function_call": {"arguments": token}}
        else:
            delta = {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
        return [self._chunk(sale, index, delta)]

    def closing(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return the stream's last events: why each choice ended, the usage, the end."""
        events = [
            self._chunk(sale, index, {}, self._finish(choice))
            for index, choice in enumerate(reply.choices)
        ]
        if self._include_usage:
            head = _head(sale, "chat.completion.chunk")
            events.append(sse({**head, "choices": [], "usage": _usage(sale)}))
        return [*events, sse("[DONE]")]

    def _chunk(
        self, sale: Sale, index: int, delta: dict[str, Any], finish: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**_head(sale, "chat.completion.chunk"), "choices": [choice]}
        if self._include_usage:
            chunk["usage"] = None
        return sse(chunk)

    def _called(
        self, sale: Sale, index: int, choice: Choice, arguments: str, streamed: bool = False
    ) -> dict[str, Any]:
        if choice.tool is None:
            return {}
        function = {"name": choice.tool, "arguments": arguments}
        if self._legacy:
            return {"function_call": function}
        call = {
            "id": f"call_{sale.response_id[-20:]}{index}",
            "type": "function",
            "function": function,
        }
        return {"tool_calls": [{"index": 0, **call} if streamed else call]}

    def _finish(self, choice: Choice) -> str:
        if choice.cut:
            return "length"
        if choice.tool is None:
            return "stop"
        return "function_call" if self._legacy else "tool_calls"


def _head(sale: Sale, kind: str) -> dict[str, Any]:
    return {
        "id": sale.response_id,
        "object": kind,
        "created": int(sale.asked_at),
        "model": sale.model.snapshot,
        "service_tier": sale.tier,
        "system_fingerprint": "fp_vigie00001",
    }


def _usage(sale: Sale) -> dict[str, Any]:
    return {
        "prompt_tokens": sale.input_tokens,
        "completion_tokens": sale.output_tokens,
        "total_tokens": sale.input_tokens + sale.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": sale.cached_input_tokens,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": sale.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _turns(request: Fields) -> tuple[Turn, ...]:
    messages = request.objects("messages")
    if not messages:
        raise ApiError(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    turns = []
    for message in messages:
        message.required("role")
        role = message.choice("role", _ROLES) or ""
        calls = message.objects("tool_calls")
        text, attachments = _content(message, optional=bool(calls) or role == "assistant")
        for call in calls:
            function = call.object("function")
            if function is not None:
                text += f"{function.text('name') or ''}{function.text('arguments') or ''}"
        turns.append(Turn(role, text, attachments))
    return tuple(turns)


def _content(message: Fields, optional: bool) -> tuple[str, int]:
    """Return a message's text, and how many images and files come with it."""
    content = message.values.get("content")
    if isinstance(content, str):
        return content, 0
    if isinstance(content, list):
        parts = message.objects("content")
        texts = [part.text("text") or "" for part in parts if part.values.get("type") == "text"]
        return "".join(texts), len(parts) - len(texts)
    if content is None and optional:
        return "", 0
    if content is None:
        message.required("content")
    raise message.wrong_type("content", "one of a string or array of objects")


def _tools(request: Fields) -> tuple[tuple[Tool, ...], str]:
    """Return the functions among the tools, and their description as the prompt has it."""
    tools = []
    described = ""
    for tool in request.objects("tools"):
        if tool.choice("type", ("function", "custom")) == "function":
            tool.required("function")
            function = tool.object("function")
            if function is not None:
                tools.append(function_tool(function))
                described += json.dumps(function.values)
    return tuple(tools), described


def _legacy_functions(request: Fields) -> tuple[tuple[Tool, ...], str]:
    functions = request.objects("functions")
    described = "".join(json.dumps(function.values) for function in functions)
    return tuple(function_tool(function) for function in functions), described


def function_tool(function: Fields) -> Tool:
    """Read the name, description and parameters of a function."""
    function.required("name")
    parameters = function.object("parameters")
    return Tool(
        function.text("name") or "",
        function.text("description") or "",
        parameters.values if parameters is not None else {"type": "object"},
    )


def _tool_choice(request: Fields, name: str) -> str:
    value = request.values.get(name)
    if isinstance(value, dict):
        inner = value.get("function", value)
        called = inner.get("name") if isinstance(inner, dict) else None
        return called if isinstance(called, str) else "auto"
    return request.choice(name, ("none", "auto", "required")) or "auto"


def _response_format(request: Fields) -> tuple[dict[str, Any] | None, bool]:
    """Return the schema asked for, and whether JSON is asked for at all."""
    wanted = request.object("response_format")
    if wanted is None:
        return None, False
    kind = wanted.choice("type", ("text", "json_object", "json_schema"))
    if kind != "json_schema":
        return None, kind == "json_object"
    wanted.required("json_schema")
    described = wanted.object("json_schema")
    schema = described.object("schema") if described is not None else None
    return (schema.values if schema is not None else {"type": "object"}), True


def _stops(request: Fields) -> tuple[str, ...]:
    value = request.values.get("stop")
    if value is None:
        return ()
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise request.wrong_type("stop", "one of a string or array of strings")
    return tuple(each for each in listed if each)
