"""An OpenAI-compatible provider that answers what a test tells it to, behind the real SDK.

The SDK's own seam is used: an HTTP client whose transport is a function.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import openai
from prometheus_client import CollectorRegistry

from vigie.instrument.exposition import exposition
from vigie.instrument.meters import meters

MODEL = "gpt-4o-mini-2024-07-18"
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 100},
}
# At gpt-4o-mini's 0.15, 0.075 and 0.60 dollars a million: 600, 400 and 500 tokens.
USD = 0.00042

MESSAGES: list[Any] = [{"role": "user", "content": "a secret question " * 10}]

HANGS = object()
"""In a stream's chunks: from here on, nothing comes."""


def chat(usage: Any = USAGE, model: str = MODEL, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "a secret answer"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
        **more,
    }


def chunk(**more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": MODEL,
        **more,
    }


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chat_events(words: list[str], *, usage: Any = None, nulls: bool = False) -> list[bytes]:
    """A streamed chat: a role, the words, an end; as OpenAI sends it with or without usage."""
    null = {"usage": None} if nulls or usage else {}
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in words]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [event(chunk(choices=[choice], **null)) for choice in choices]
    if usage:
        events.append(event(chunk(choices=[], usage=usage)))
    return [*events, DONE]


def http_of_the_sdk() -> ModuleType:
    """The HTTP library that this version of the SDK stands on: httpx, or httpx2 since 3.0."""
    with openai.OpenAI(api_key="k") as client:
        bases = type(client._client).__mro__
    own = next(base for base in bases if base.__name__ == "Client")
    return importlib.import_module(own.__module__.partition(".")[0])


class Provider:
    """Answers requests in the order of `answers`; the last one again and again."""

    def __init__(self, http: ModuleType, registry: CollectorRegistry) -> None:
        self.http = http
        self.registry = registry
        self.requests: list[dict[str, Any]] = []
        self.answers: list[Callable[[dict[str, Any]], Any]] = []
        self.streams: list[Any] = []

    # --- what it answers

    def will_answer(self, *documents: Any, status: int = 200, **headers: str) -> None:
        """JSON documents, one a request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for document in documents:
            self.answers.append(
                lambda _body, document=document: self.http.Response(
                    status, json=document, headers=named
                )
            )

    def will_raise(self, error: str) -> None:
        """An exception of the HTTP library, by its name."""

        def fail(_body: dict[str, Any]) -> Any:
            raise getattr(self.http, error)("no answer")

        self.answers.append(fail)

    def will_stream(self, *chunks: Any, kind: str = "text/event-stream") -> None:
        """Pieces of a body; an exception among them is raised."""

        def answer(_body: dict[str, Any]) -> Any:
            self.streams.append(_body_of(self.http, list(chunks)))
            return self.http.Response(200, headers={"content-type": kind}, stream=self.streams[-1])

        self.answers.append(answer)

    def will_chat(self, *words: str) -> None:
        """As OpenAI streams: usage only where it is asked for."""

        def answer(body: dict[str, Any]) -> Any:
            asked = (body.get("stream_options") or {}).get("include_usage")
            events = chat_events(list(words), usage=USAGE if asked else None)
            self.streams.append(_body_of(self.http, events))
            headers = {"content-type": "text/event-stream; charset=utf-8"}
            return self.http.Response(200, headers=headers, stream=self.streams[-1])

        self.answers.append(answer)

    # --- who asks it

    def client(self, **kwargs: Any) -> openai.OpenAI:
        transport = self.http.MockTransport(self._answer)
        http_client = self.http.Client(transport=transport)
        return openai.OpenAI(**{"api_key": "k", "http_client": http_client, **kwargs})

    def async_client(self, **kwargs: Any) -> openai.AsyncOpenAI:
        transport = self.http.MockTransport(self._answer)
        http_client = self.http.AsyncClient(transport=transport)
        return openai.AsyncOpenAI(**{"api_key": "k", "http_client": http_client, **kwargs})

    # --- what was measured

    def measured(self, name: str, **labels: str) -> float:
        """The value of a series at a scrape; 0 where there is none."""
        meters(self.registry).refresh()
        return self.registry.get_sample_value(name, labels) or 0.0

    def outcomes(self) -> dict[str, float]:
        """The attempts by outcome, over all models and operations."""
        meters(self.registry).refresh()
        counts: dict[str, float] = {}
        for family in self.registry.collect():
            for sample in family.samples:
                if sample.name == "openai_requests_total" and sample.value:
                    status = sample.labels["status"]
                    counts[status] = counts.get(status, 0) + sample.value
        return counts

    def money(self) -> dict[str, float]:
        """The cost by source, over all models and currencies."""
        meters(self.registry).refresh()
        return {
            sample.labels["source"]: sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "openai_cost_total" and sample.value
        }

    def exposition(self) -> str:
        return exposition(registry=self.registry)[0].decode()

    def _answer(self, request: Any) -> Any:
        body = json.loads(request.content or b"{}")
        self.requests.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(body)


def _body_of(http: ModuleType, chunks: list[Any]) -> Any:
    class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc, name-defined]
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            for piece in chunks:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in chunks:
                if piece is HANGS:
                    await asyncio.Event().wait()
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        def close(self) -> None:
            self.closed = True

        async def aclose(self) -> None:
            self.closed = True

    return Body()
