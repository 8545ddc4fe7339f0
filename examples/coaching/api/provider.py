"""Calls to the AI provider, and what each of its failures means for the user."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import openai

from errors import CoachError

log = logging.getLogger("coaching.provider")

Messages: TypeAlias = list[dict[str, str]]
"""OpenAI's chat messages: {"role", "content"}."""

_LONGEST_ANSWER_TOKENS = 800
_LONGEST_PLAN_TOKENS = 6000


class Provider:
    """An OpenAI-compatible service. Each method raises CoachError 502 or 504 when it fails."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client

    async def answer(self, messages: Messages, model: str) -> str:
        with _call(model) as call:
            completion = await self._client.chat.completions.create(
                model=model, messages=messages, max_completion_tokens=_LONGEST_ANSWER_TOKENS
            )
            text = completion.choices[0].message.content or ""
            call.end("ok")
            return text

    async def answer_as(self, schema: dict[str, Any], messages: Messages, model: str) -> str:
        """The JSON text of an answer in the form of a JSON schema, as far as the model obeys."""
        with _call(model) as call:
            completion = await self._client.chat.completions.create(
                model=model,
                messages=messages,
                max_completion_tokens=_LONGEST_PLAN_TOKENS,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": schema["title"], "strict": True, "schema": schema},
                },
            )
            text = completion.choices[0].message.content or ""
            call.end("ok")
            return text

    async def stream(self, messages: Messages, model: str) -> "AnswerStream":
        with _call(model) as call:
            stream = await self._client.chat.completions.create(
                model=model,
                messages=messages,
                max_completion_tokens=_LONGEST_ANSWER_TOKENS,
                stream=True,
                stream_options={"include_usage": True},
            )
            return AnswerStream(stream, call)


class _Call:
    """One call's line in the log, written once: how it ended and how long it took."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._start = time.perf_counter()
        self._ended = False

    def end(self, outcome: str, level: int = logging.INFO) -> None:
        if self._ended:
            return
        self._ended = True
        seconds = time.perf_counter() - self._start
        log.log(
            level, "OpenAI call model=%s outcome=%s seconds=%.3f", self._model, outcome, seconds
        )


class AnswerStream:
    """An answer's pieces of text as they arrive. Whoever holds it closes it, whatever is left."""

    def __init__(self, stream: openai.AsyncStream[Any], call: _Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[str]:
        with _failures(self._call):
            async for chunk in self._stream:
                # The last chunk has no choices: it tells the usage.
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content
            self._call.end("ok")

    async def close(self) -> None:
        self._call.end("cancelled")
        await self._stream.close()


@contextmanager
def _call(model: str) -> Iterator[_Call]:
    call = _Call(model)
    with _failures(call):
        yield call


@contextmanager
def _failures(call: _Call) -> Iterator[None]:
    """Turn the SDK's exceptions into answers for the user."""
    try:
        yield
    except openai.APITimeoutError as error:
        call.end("timeout", logging.WARNING)
        raise CoachError(
            504,
            "provider_timeout",
            "Le coach IA ne répond pas à temps, réessayez. "
            "/ The AI coach does not answer in time, try again.",
        ) from error
    except openai.RateLimitError as error:
        call.end("rate_limited", logging.WARNING)
        raise CoachError(
            502,
            "provider_busy",
            "Le coach IA est très demandé, réessayez dans une minute. "
            "/ The AI coach is busy, try again in a minute.",
        ) from error
    # ValueError, IndexError: what was received is not what the protocol promises.
    except (openai.OpenAIError, ValueError, IndexError) as error:
        call.end(type(error).__name__, logging.ERROR)
        raise CoachError(
            502,
            "provider_error",
            "Le coach IA est indisponible, réessayez plus tard. "
            "/ The AI coach is not available, try again later.",
        ) from error
