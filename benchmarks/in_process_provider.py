"""An OpenAI-compatible provider that is a function: what it answers, and what it bills for it.

It behaves as the real one where that matters to an instrument: an answer has an id of its own and
the usual headers, and a stream tells its usage only where the request asks for it.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

MODEL = "gpt-4o-mini"
PROMPT = [
    {"role": "system", "content": "You are a running coach. Be brief, kind and exact."},
    {
        "role": "user",
        "content": (
            "I ran ten kilometres in fifty-two minutes last Sunday, and I have eight weeks until "
            "my next race. I can train four times a week, never on a Wednesday, and my left knee "
            "hurts when I run downhill. Which sessions should I do next week, and how fast?"
        ),
    },
]
INPUT_TOKENS = 96
OUTPUT_TOKENS = 24
"""What a plain call is billed; a stream is billed as many output tokens as it has chunks."""

_SERVED = "gpt-4o-mini-2024-07-18"
_ID = b"@id@"
_HEADERS = {
    "date": "Tue, 24 Nov 2026 09:00:00 GMT",
    "server": "in-process",
    "openai-organization": "org-benchmark",
    "openai-processing-ms": "412",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999904",
    "x-ratelimit-reset-requests": "8ms",
    "x-ratelimit-reset-tokens": "2ms",
    "x-request-id": "req_benchmark",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
}


def client(chunks: int = 0) -> Any:
    """An SDK client whose requests end here; a stream has so many chunks of text."""
    import openai

    http = http_of_the_sdk()
    transport = http.MockTransport(Provider(http, chunks))
    return openai.OpenAI(api_key="none", http_client=http.Client(transport=transport))


def http_of_the_sdk() -> ModuleType:
    """The HTTP library that this version of the SDK stands on: httpx, or httpx2 since 3.0."""
    import openai

    own = next(base for base in openai.DefaultHttpxClient.__mro__ if base.__name__ == "Client")
    return importlib.import_module(own.__module__.partition(".")[0])


class Provider:
    """Answers chat completions."""

    def __init__(self, http: ModuleType, chunks: int) -> None:
        class Body(http.SyncByteStream):  # type: ignore[misc, name-defined] # known when run
            def __init__(self, events: list[bytes], own_id: bytes) -> None:
                self._events = events
                self._own_id = own_id

            def __iter__(self) -> Iterator[bytes]:
                for event in self._events:  # each arrives by itself
                    yield event.replace(_ID, self._own_id)

        self._http = http
        self._body = Body
        self._numbers = itertools.count(1)
        self._plain = _plain()
        self._stream = _stream(chunks, tells_usage=False)
        self._stream_with_usage = _stream(chunks, tells_usage=True)

    def __call__(self, request: Any) -> Any:
        asked = request.content
        own_id = b"chatcmpl-%024d" % next(self._numbers)
        if b'"stream":true' not in asked:
            headers = {**_HEADERS, "content-type": "application/json"}
            return self._http.Response(
                200, headers=headers, content=self._plain.replace(_ID, own_id)
            )
        tells_usage = b'"include_usage":true' in asked
        events = self._stream_with_usage if tells_usage else self._stream
        headers = {**_HEADERS, "content-type": "text/event-stream; charset=utf-8"}
        return self._http.Response(200, headers=headers, stream=self._body(events, own_id))


def _plain() -> bytes:
    message = {"role": "assistant", "content": "Run easy. " * 12, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps(
        {
            **_head("chat.completion"),
            "choices": [choice],
            "usage": _usage(OUTPUT_TOKENS),
        }
    ).encode()


def _stream(chunks: int, *, tells_usage: bool) -> list[bytes]:
    first = _choice({"role": "assistant", "content": "", "refusal": None})
    texts = [_choice({"content": " easily"}) for _ in range(chunks)]
    last = _choice({}, "stop")
    usage = {"usage": None} if tells_usage else {}
    events = [
        _event({**_head("chat.completion.chunk"), "choices": [choice], **usage})
        for choice in (first, *texts, last)
    ]
    if tells_usage:
        told = {"choices": [], "usage": _usage(chunks)}
        events.append(_event({**_head("chat.completion.chunk"), **told}))
    return [*events, b"data: [DONE]\n\n"]


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": _ID.decode(),
        "object": kind,
        "created": 1795510800,
        "model": _SERVED,
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _usage(output_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": output_tokens,
        "total_tokens": INPUT_TOKENS + output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"
