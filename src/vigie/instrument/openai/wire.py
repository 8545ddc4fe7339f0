"""What the provider's answers say about themselves, read from the wire.

The wire format is the public part of an OpenAI-compatible API, the same for every version of the
SDK and every way in which the SDK hands an answer out. Bodies are bytes as `iter_bytes()` gives
them: decompressed, cut anywhere.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jiter import from_json  # the SDK's own, since 1.40

from vigie.costs.estimate import Received, texts
from vigie.costs.usage import Usage

_KEPT_BYTES = 256 * 1024
_DONE = b"[DONE]\n\n"
# Inside a JSON string the quotes would be escaped, so these are the keys.
_ERROR = b'"error"'
_USAGE = b'"usage"'
_NULL_USAGE = b',"usage":null'
# Of an item of a response: text is in its content's parts, a tool's call in its arguments.
_WRITTEN_KEYS = ("content", "name", "arguments", "input")
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass(slots=True)
class Told:
    """What an answer said: empty or None where it did not.

    `id` is the answer's own; embeddings have none. `usd` is the cost where the provider tells it,
    `failure` the outcome where an answer of status 200 turns out to be an error, `finished` whether
    the model came to its end, and `finish_reasons` why; `pending` whether the provider goes on in
    the background and will tell the usage elsewhere.
    """

    id: str = ""
    model: str = ""
    usage: Usage | None = None
    usd: Decimal | None = None
    service_tier: str = ""
    failure: str = ""
    finished: bool = False
    finish_reasons: tuple[str, ...] = ()
    pending: bool = False


class Document:
    """An answer that is one JSON document."""

    first_token_at: float | None = None

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def take(self, chunk: bytes) -> bytes:
        """Look at a piece of the body; what is returned goes on to the caller."""
        self._chunks.append(chunk)
        return chunk

    def rest(self) -> bytes:
        """What `take` held back, at the end of the body."""
        return b""

    def told(self) -> Told:
        """What the answer said so far."""
        document = _parsed(b"".join(self._chunks))
        return read(document) if document is not None else Told()

    def received(self) -> Received:
        """What the model wrote, as far as it arrived."""
        body = b"".join(self._chunks)
        document = _parsed(body)
        text = body.decode(errors="replace") if document is None else "".join(_written(document))
        return Received(text, begun=True)

    def forget(self) -> None:
        """Let go of what was kept: the answer has been counted."""
        self._chunks.clear()


class EventStream:
    """An answer that comes as server-sent events.

    With `hides_usage`, the one event that carries the usage and nothing else is not passed on; a
    chunk that ends in the middle of an event then waits for the rest of it. `on_complete` is called
    once when the stream says that it is complete, before its connection is.
    """

    def __init__(
        self, on_complete: Callable[[], None] | None = None, *, hides_usage: bool = False
    ) -> None:
        self.first_token_at: float | None = None
        self._on_complete = on_complete
        self._hides_usage = hides_usage
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._forgotten_bytes = 0
        self._held = b""
        self._unsearched = b""

    def take(self, chunk: bytes) -> bytes:
        """Look at a piece of the body; what is returned goes on to the caller."""
        # Each chunk of each stream passes here: a call or a search more is felt (rfind takes a
        # third of what `in` does).
        self._kept.append(chunk)
        self._kept_bytes += len(chunk)
        if self._kept_bytes > _KEPT_BYTES:
            self._forget_oldest()
        if self.first_token_at is None:
            self._look_for_first_token(chunk)
        ends_document = chunk[-3:] == b"}\n\n"  # as nearly all do, and cheap to see
        if not ends_document and chunk.endswith(_DONE):
            self._complete()
        if not self._hides_usage:
            return chunk
        if self._held or not (ends_document or chunk.endswith(b"\n\n")):
            chunk, self._held = _cut_at_event(self._held + chunk)
        # Asked for its usage, OpenAI says in every other event that there is none.
        chunk = chunk.replace(_NULL_USAGE, b"")
        if chunk.rfind(_USAGE) < 0:
            return chunk
        return b"".join(block for block in _with_ends(chunk) if not _is_usage_alone(block))

    def rest(self) -> bytes:
        """What `take` held back, at the end of the body."""
        held, self._held = self._held, b""
        return held

    def told(self) -> Told:
        """What the answer said so far: the newest event that tells anything."""
        told = Told()
        blocks = _newest_first(b"".join(self._kept))
        for block in blocks:
            informs = _ERROR in block or _USAGE in block.replace(_NULL_USAGE, b"")
            if told.model and not informs:
                continue
            document = _event(block)
            if document is None:
                continue
            older = read(document)
            if older.usage or older.failure:
                older.id, older.model = older.id or told.id, older.model or told.model
                if not older.finish_reasons:  # a chat's usage comes after its last word
                    before = _event(next(blocks, b""))
                    older.finish_reasons = read(before).finish_reasons if before else ()
                return older
            told = told if told.model else older
        return told

    def received(self) -> Received:
        """What the model wrote, as far as it arrived; of a long stream, the newest part."""
        if not self._kept_bytes:
            return Received(begun=True)
        blocks = reversed(list(_newest_first(b"".join(self._kept))))
        return Received(
            text="".join(text for block in blocks for text in _delta_texts(block)),
            lengthened=(self._forgotten_bytes + self._kept_bytes) / self._kept_bytes,
            begun=True,
        )

    def forget(self) -> None:
        """Let go of what was kept: the answer has been counted."""
        self._kept.clear()
        self._kept_bytes = self._forgotten_bytes = 0
        self._on_complete = None

    def _complete(self) -> None:
        on_complete, self._on_complete = self._on_complete, None
        if on_complete is not None:
            on_complete()

    def _forget_oldest(self) -> None:
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            size = len(self._kept.popleft())
            self._kept_bytes -= size
            self._forgotten_bytes += size

    def _look_for_first_token(self, chunk: bytes) -> None:
        whole, self._unsearched = _cut_at_event(self._unsearched + chunk)
        if any(_carries_token(_event(block)) for block in _with_ends(whole)):
            self.first_token_at = time.perf_counter()


def read(document: Mapping[str, Any]) -> Told:
    """What a JSON document says: an answer's, or one event of a stream."""
    kind = document.get("type")
    failure = ""
    if document.get("error") or kind == "error":
        failure = _failure(document.get("error") or document)
    inner = document.get("response")
    if isinstance(inner, dict):  # an event of the responses API
        document = inner
    status = _text(document.get("status"))
    if status == "failed":
        failure = _failure(document.get("error"))
    raw = document.get("usage")
    reasons = _finish_reasons(document.get("choices"))
    return Told(
        id=_text(document.get("id")),
        model=_text(document.get("model")),
        usage=_usage(raw),
        usd=_usd(raw),
        service_tier=_text(document.get("service_tier")),
        failure=failure,
        finished=status in ("completed", "incomplete") or bool(reasons),
        finish_reasons=reasons or ((status,) if status else ()),
        pending=status in ("queued", "in_progress"),
    )


def _usage(raw: Any) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    if not ("prompt_tokens" in raw or "input_tokens" in raw or "completion_tokens" in raw):
        return None
    sent = _part(raw, "prompt_tokens_details") or _part(raw, "input_tokens_details")
    received = _part(raw, "completion_tokens_details") or _part(raw, "output_tokens_details")
    return Usage(
        input=_count(raw, "prompt_tokens") or _count(raw, "input_tokens"),
        output=_count(raw, "completion_tokens") or _count(raw, "output_tokens"),
        cached_input=_count(sent, "cached_tokens"),
        cache_write=_count(sent, "cache_write_tokens"),
        input_audio=_count(sent, "audio_tokens"),
        reasoning=_count(received, "reasoning_tokens"),
        output_audio=_count(received, "audio_tokens"),
    )


def _part(raw: dict[str, Any], key: str) -> dict[str, Any]:
    part = raw.get(key)
    return part if isinstance(part, dict) else {}


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _usd(raw: Any) -> Decimal | None:
    """The cost in `usage.cost`, as OpenRouter and the proxies that follow it tell it in dollars."""
    cost = raw.get("cost") if isinstance(raw, dict) else None
    if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not cost >= 0:
        return None
    return Decimal(repr(cost))


def _failure(error: Any) -> str:
    words = json.dumps(error, default=str) if isinstance(error, dict) else str(error)
    if "rate_limit" in words or "insufficient_quota" in words:
        return "rate_limited"
    return "client_error" if "invalid_request" in words else "server_error"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _finish_reasons(choices: Any) -> tuple[str, ...]:
    if not isinstance(choices, list):
        return ()
    reasons = [choice.get("finish_reason") for choice in choices if isinstance(choice, dict)]
    return tuple([reason for reason in reasons if isinstance(reason, str) and reason])


def _carries_token(document: Mapping[str, Any] | None) -> bool:
    if document is None:
        return False
    kind = document.get("type")
    if isinstance(kind, str) and kind.endswith(".delta"):
        return True
    return any(_deltas(document))


def _delta_texts(block: bytes) -> Iterator[str]:
    document = _event(block)
    if document is not None:
        delta = document.get("delta")
        yield from texts(delta if isinstance(delta, str) else list(_deltas(document)))


def _written(document: Mapping[str, Any]) -> Iterator[str]:
    """What the model wrote, in a whole answer of a chat or a response."""
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            yield from texts([value for key, value in message.items() if key != "role"])
    output = document.get("output")
    for item in output if isinstance(output, list) else ():
        if isinstance(item, dict):
            yield from texts([item.get(key) for key in _WRITTEN_KEYS])


def _deltas(document: Mapping[str, Any]) -> Iterator[Any]:
    """What the model wrote, in an event of a chat."""
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict):
            yield from (value for key, value in delta.items() if key != "role")


def _is_usage_alone(block: bytes) -> bool:
    document = _event(block) if _USAGE in block else None
    return (
        document is not None
        and not document.get("choices")
        and isinstance(document.get("usage"), dict)
    )


def _newest_first(events: bytes) -> Iterator[bytes]:
    if b"\r" in events:
        events = events.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    end = len(events)
    while end > 0:
        start = events.rfind(b"\n\n", 0, end)
        yield events[start + 2 if start >= 0 else 0 : end]
        end = start


def _with_ends(events: bytes) -> Iterator[bytes]:
    start = 0
    for match in _EVENT_END.finditer(events):
        yield events[start : match.end()]
        start = match.end()
    if start < len(events):
        yield events[start:]


def _cut_at_event(data: bytes) -> tuple[bytes, bytes]:
    """What is whole events, and the beginning of the next."""
    end = 0
    for match in _EVENT_END.finditer(data):
        end = match.end()
    return data[:end], data[end:]


def _event(block: bytes) -> Mapping[str, Any] | None:
    data = b"\n".join(line[5:].strip() for line in block.splitlines() if line.startswith(b"data:"))
    return _parsed(data) if data.startswith(b"{") else None


def _parsed(data: bytes) -> Mapping[str, Any] | None:
    try:
        document = from_json(data)
    except ValueError:  # perhaps only in its opinion: half a character, a deep nesting
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return None
    return document if isinstance(document, dict) else None
