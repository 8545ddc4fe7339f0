"""How many tokens a call took, where nobody counted them.

An interrupted call brings no usage. What was sent and received of it is counted with tiktoken,
where it is installed and has its files; nothing is downloaded. Elsewhere it is reckoned from what
the provider counted in whole calls of the same model: so many tokens a byte of prompt, so many a
byte of answer, so many that think unseen, so much of the prompt cached, so many seconds before the
first token and for each. Before the first whole call of a model, a token is four bytes of UTF-8 and
a message takes four tokens beside its text: the customary rule of thumb for English prose.

What is counted in any of these ways is always told as an estimate.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha1
from importlib import import_module
from importlib.util import find_spec
from os import environ
from pathlib import Path

from vigie.costs.usage import Usage

_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
_LEARNED_FROM_EACH = 32
_LEARNED_FROM_EVERY = 64
_MODELS_CAP = 200
_FADING = 0.98
"""What older calls weigh with each new one: half after 34 calls."""

_PROMPT_KEYS = ("messages", "input", "instructions", "prompt", "tools", "functions")
_BINARY_KEYS = frozenset({"image_url", "input_audio", "file", "file_data", "data"})
_ENCODINGS = "https://openaipublic.blob.core.windows.net/encodings/"


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived of an answer: its text, and how much longer the whole was than what was kept.

    `begun` tells that the provider began to answer, `first_token_seconds` when the model did, where
    the answer is a stream.
    """

    text: str = ""
    lengthened: float = 1.0
    begun: bool = False
    first_token_seconds: float | None = None


class Estimator:
    """Counts what was interrupted, and learns from what was not. Safe in threads."""

    def __init__(self) -> None:
        self._habits: dict[str, _Habits] = {}
        self._seen: dict[str, int] = {}
        self._learning = threading.Lock()

    def load(self) -> None:
        """Load tiktoken, where it is installed: off the request path, and before the process ends,
        when nothing can be loaded any more. Without it, what is told is by the other rules."""
        if find_spec("tiktoken") is not None:
            with contextlib.suppress(RuntimeError):  # the process is ending already
                import_module("tiktoken")

    def wants(self, model: str) -> bool:
        """Whether the next whole call of `model` is one to learn from: the first 32, then each
        64th. Called once for each call."""
        seen = self._seen.get(model, 0)
        if seen or len(self._seen) < _MODELS_CAP:
            self._seen[model] = seen + 1
        return seen < _LEARNED_FROM_EACH or seen % _LEARNED_FROM_EVERY == 0

    def learn(
        self,
        model: str,
        request: Mapping[str, object],
        received: Received,
        usage: Usage,
        seconds: float,
    ) -> None:
        """Learn from a whole call: what it sent and received, what the provider counted, and how
        long it took."""
        with self._learning:
            if model not in self._habits and len(self._habits) >= _MODELS_CAP:
                return
            habits = self._habits.setdefault(model, _Habits())
            answer_bytes = text_bytes(received.text) * received.lengthened
            habits.learn(
                _prompt_bytes(request), answer_bytes, usage, seconds, received.first_token_seconds
            )

    def usage(
        self, model: str, request: Mapping[str, object], received: Received, seconds: float
    ) -> Usage | None:
        """What an interrupted call of `model` took, of which `received` arrived in `seconds`.

        Where nothing was seen of the answer, it is reckoned by the time it was waited for; None
        where that is shorter than the model is used to take before it begins.
        """
        habits = self._habits.get(model) or _Habits()
        pace = habits.pace()
        if not received.begun and pace is not None and seconds < pace.before_first:
            return None
        count = tokenizer(model)
        sent = _prompt_tokens(request, count) if count else habits.tokens_of_prompt(request)
        hidden = 0
        if received.text:
            hidden = round(habits.hidden_tokens)
            tokens = count(received.text) if count else habits.tokens_of_answer(received.text)
            output = round(tokens * received.lengthened) + hidden
        else:
            output = pace.tokens_after(seconds, output_limit(request)) if pace else 0
        return Usage(
            input=sent,
            output=output,
            cached_input=min(round(sent * habits.cached_share), sent),
            reasoning=hidden,
        )


@dataclass(frozen=True, slots=True)
class _Pace:
    """How fast a model is: seconds before the first token, seen or unseen, seconds for each token;
    `usual` tokens are in a call."""

    before_first: float
    per_token: float
    usual: float

    def tokens_after(self, seconds: float, limit: int | None) -> int:
        """The tokens generated after so many seconds: twice what is usual at most."""
        tokens = max(seconds - self.before_first, 0.0) / self.per_token
        return round(min(tokens, 2 * self.usual, limit or tokens))


class _Habits:
    """What whole calls of one model were like, newer ones weighing more."""

    def __init__(self) -> None:
        self._prompts = _Sums()
        self._answers = _Sums()
        self._streams = _Sums()

    def learn(
        self,
        prompt_bytes: int,
        answer_bytes: float,
        usage: Usage,
        seconds: float,
        first_token_seconds: float | None,
    ) -> None:
        visible = usage.output - usage.reasoning
        self._prompts.add(bytes=prompt_bytes, tokens=usage.input, cached=usage.cached_input)
        self._answers.add(
            calls=1, bytes=answer_bytes, visible=visible, hidden=usage.reasoning, seconds=seconds
        )
        if first_token_seconds is not None and visible > 1:
            self._streams.add(
                calls=1, hidden=usage.reasoning, before=first_token_seconds,
                visible=visible - 1, writing=seconds - first_token_seconds,
            )  # fmt: skip

    @property
    def hidden_tokens(self) -> float:
        """Reasoning tokens of a call."""
        return self._answers.ratio("hidden", "calls") or 0.0

    @property
    def cached_share(self) -> float:
        """The share of the prompt that comes from the cache, 0-1."""
        return self._prompts.ratio("cached", "tokens") or 0.0

    def tokens_of_prompt(self, request: Mapping[str, object]) -> int:
        """The tokens of a request's prompt."""
        per_byte = self._prompts.ratio("tokens", "bytes")
        if per_byte:
            return round(_prompt_bytes(request) * per_byte)
        return tokens_of_prompt(request)

    def tokens_of_answer(self, text: str) -> int:
        """The tokens of what was received."""
        per_byte = self._answers.ratio("visible", "bytes")
        size = text_bytes(text)
        return round(size * per_byte) if per_byte else tokens_of_text(size)

    def pace(self) -> _Pace | None:
        """How fast the model is, by its streams; where there were none, a quarter of a call is
        taken to pass before its first token. None before the first whole call."""
        usual = (self._answers.ratio("visible", "calls") or 0.0) + self.hidden_tokens
        seconds = self._answers.ratio("seconds", "calls") or 0.0
        if not (usual and seconds):
            return None
        per_token = self._streams.ratio("writing", "visible")
        if per_token:
            hidden = self._streams.ratio("hidden", "calls") or 0.0
            before = self._streams.ratio("before", "calls") or 0.0
            return _Pace(max(before - hidden * per_token, 0.0), per_token, usual)
        return _Pace(seconds / 4, seconds * 3 / 4 / usual, usual)


class _Sums:
    """Sums by name in which what is older weighs less."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) * _FADING + value

    def ratio(self, part: str, whole: str) -> float | None:
        """One sum by another; None before there is one."""
        divisor = self._sums.get(whole, 0.0)
        return self._sums[part] / divisor if divisor else None


def output_limit(request: Mapping[str, object]) -> int | None:
    """The most output tokens that a request allows, over all its choices; None without a limit."""
    for key in ("max_completion_tokens", "max_output_tokens", "max_tokens"):
        limit = request.get(key)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0:
            choices = request.get("n")
            return limit * (choices if isinstance(choices, int) and choices > 1 else 1)
    return None


def tokens_of_text(size_bytes: int) -> int:
    """The tokens of a text of that many bytes of UTF-8, by the rule of thumb."""
    return -(-size_bytes // _BYTES_PER_TOKEN)


def tokens_of_prompt(request: Mapping[str, object]) -> int:
    """The tokens of a request's prompt, by the rule of thumb: its messages, instructions, tools.

    Pictures, sound and files are left out: what they take is not to be told from their bytes.
    """
    return _messages(request) * _TOKENS_PER_MESSAGE + tokens_of_text(_prompt_bytes(request))


def text_bytes(value: object) -> int:
    """The size in UTF-8 of all text in a JSON value, but for pictures, sound and files."""
    return sum(
        len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts(value)
    )


def texts(value: object) -> Iterator[str]:
    """All texts in a JSON value, but for pictures, sound and files."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _BINARY_KEYS:
                yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def tokenizer(model: str) -> Callable[[str], int] | None:
    """A function that counts the tokens of a text as `model` does, by tiktoken; None where it is
    not loaded, does not know the model, or would have to download its files."""
    if "tiktoken" not in sys.modules:
        return None
    import tiktoken
    from tiktoken import registry

    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    if name not in registry.ENCODINGS and not _has_file(name):
        return None
    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def _has_file(encoding: str) -> bool:
    """Whether tiktoken has an encoding's file in its cache.

    It looks where tiktoken does: tiktoken/load.py names the files by the sha1 of their address.
    """
    folder = environ.get("TIKTOKEN_CACHE_DIR") or environ.get("DATA_GYM_CACHE_DIR")
    cache = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    address = f"{_ENCODINGS}{encoding}.tiktoken"
    return (cache / sha1(address.encode(), usedforsecurity=False).hexdigest()).is_file()


def _prompt_tokens(request: Mapping[str, object], count: Callable[[str], int]) -> int:
    parts = (text for key in _PROMPT_KEYS for text in texts(request.get(key)))
    return _messages(request) * _TOKENS_PER_MESSAGE + sum(count(part) for part in parts)


def _prompt_bytes(request: Mapping[str, object]) -> int:
    return sum(text_bytes(request.get(key)) for key in _PROMPT_KEYS)


def _messages(request: Mapping[str, object]) -> int:
    messages = request.get("messages")
    return len(messages) if isinstance(messages, list) else 0
