"""How many tokens a call took, where nobody counted them.

An interrupted call brings no usage. What was sent and received of it is counted with tiktoken,
where it is installed and has its files; nothing is downloaded. Elsewhere it is reckoned from what
the provider counted in whole calls of the same model: so many tokens a byte of prompt, so many a
byte of answer, so many that think unseen, so much of the prompt cached, so many tokens a second of
waiting. Before the first whole call of a model, a token is four bytes of UTF-8 and a message takes
four tokens beside its text: the customary rule of thumb for English prose.

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
_LEARNED_FROM_EVERY = 16
_MODELS_CAP = 200
_LINE_NEEDS = 3
_FADING = 0.98
"""What older calls weigh with each new one: half after 34 calls."""

_PROMPT_KEYS = ("messages", "input", "instructions", "prompt", "tools", "functions")
_BINARY_KEYS = frozenset({"image_url", "input_audio", "file", "file_data", "data"})
_ENCODINGS = "https://openaipublic.blob.core.windows.net/encodings/"


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived of an answer: its text, and how much longer the whole was than what was kept.

    `begun` tells that the provider began to answer; `whole_only` that the answer comes in one
    piece, so that nothing of it is seen before its end.
    """

    text: str = ""
    lengthened: float = 1.0
    begun: bool = False
    whole_only: bool = False


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
        16th. Called once for each call."""
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
            habits.learn(
                _prompt_bytes(request), text_bytes(received.text) * received.lengthened, usage,
                seconds if received.whole_only else None,
            )  # fmt: skip

    def usage(
        self, model: str, request: Mapping[str, object], received: Received, seconds: float
    ) -> Usage | None:
        """What an interrupted call of `model` took, of which `received` arrived in `seconds`.

        Where nothing was seen of the answer, it is reckoned by the time it was waited for; None
        where that is shorter than the model is used to take before it begins.
        """
        habits = self._habits.get(model) or _Habits()
        line = habits.line()
        if not received.begun and line is not None and seconds < line.before_first:
            return None
        count = tokenizer(model)
        sent = _prompt_tokens(request, count) if count else habits.tokens_of_prompt(request)
        hidden = 0
        if received.text:
            hidden = round(habits.hidden_tokens)
            tokens = count(received.text) if count else habits.tokens_of_answer(received.text)
            output = round(tokens * received.lengthened) + hidden
        else:
            output = line.tokens_after(seconds, output_limit(request)) if line else 0
        return Usage(
            input=sent,
            output=output,
            cached_input=min(round(sent * habits.cached_share), sent),
            reasoning=hidden,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """The straight line through whole calls: seconds before the first token, seconds for each;
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
        self._prompt_bytes = self._prompt_tokens = self._cached_tokens = 0.0
        self._answer_bytes = self._answer_tokens = 0.0
        self._hidden_tokens = self._calls = 0.0
        # Sums of a straight line through (output tokens, seconds).
        self._n = self._x = self._y = self._xx = self._xy = 0.0

    def learn(
        self, prompt_bytes: int, answer_bytes: float, usage: Usage, seconds: float | None
    ) -> None:
        faded = (
            ("_prompt_bytes", prompt_bytes),
            ("_prompt_tokens", usage.input),
            ("_cached_tokens", usage.cached_input),
            ("_answer_bytes", answer_bytes),
            ("_answer_tokens", usage.output - usage.reasoning),
            ("_hidden_tokens", usage.reasoning),
            ("_calls", 1),
        )
        for name, value in faded:
            setattr(self, name, getattr(self, name) * _FADING + value)
        if seconds is not None and usage.output:
            x, y = usage.output, seconds
            for name, value in (("_n", 1), ("_x", x), ("_y", y), ("_xx", x * x), ("_xy", x * y)):
                setattr(self, name, getattr(self, name) * _FADING + value)

    @property
    def hidden_tokens(self) -> float:
        """Reasoning tokens of a call."""
        return self._hidden_tokens / self._calls if self._calls else 0.0

    @property
    def cached_share(self) -> float:
        """The share of the prompt that comes from the cache, 0-1."""
        return self._cached_tokens / self._prompt_tokens if self._prompt_tokens else 0.0

    def tokens_of_prompt(self, request: Mapping[str, object]) -> int:
        """The tokens of a request's prompt."""
        if self._prompt_bytes and self._prompt_tokens:
            return round(_prompt_bytes(request) * self._prompt_tokens / self._prompt_bytes)
        return tokens_of_prompt(request)

    def tokens_of_answer(self, text: str) -> int:
        """The tokens of what was received."""
        size = text_bytes(text)
        if self._answer_bytes and self._answer_tokens:
            return round(size * self._answer_tokens / self._answer_bytes)
        return tokens_of_text(size)

    def line(self) -> _Line | None:
        """The line through the calls that came in one piece; None where there were too few."""
        spread = self._n * self._xx - self._x * self._x
        per_token = (self._n * self._xy - self._x * self._y) / spread if spread > 0 else 0.0
        if self._n < _LINE_NEEDS or per_token <= 0:
            return None
        before_first = max((self._y - per_token * self._x) / self._n, 0.0)
        return _Line(before_first, per_token, self._x / self._n)


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
