"""How many tokens a text is, where nobody counted them.

The rule: a token is four bytes of UTF-8, and a message takes four tokens beside its text. That is
the customary rule of thumb for English prose with today's tokenisers; other languages and code take
more. What is counted this way is always told as an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping

_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4

_PROMPT_KEYS = ("messages", "input", "instructions", "prompt", "tools", "functions")
_BINARY_KEYS = frozenset({"image_url", "input_audio", "file", "file_data", "data"})


def tokens_of_text(size_bytes: int) -> int:
    """The estimated tokens of a text of that many bytes of UTF-8."""
    return -(-size_bytes // _BYTES_PER_TOKEN)


def tokens_of_prompt(request: Mapping[str, object]) -> int:
    """The estimated tokens of a request's prompt: its messages, instructions and tools.

    Pictures, sound and files are left out: what they take is not to be told from their bytes.
    """
    messages = request.get("messages")
    overhead = _TOKENS_PER_MESSAGE * len(messages) if isinstance(messages, list) else 0
    return overhead + tokens_of_text(sum(text_bytes(request.get(key)) for key in _PROMPT_KEYS))


def text_bytes(value: object) -> int:
    """The size in UTF-8 of all text in a JSON value, but for pictures, sound and files."""
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, Mapping):
        return sum(text_bytes(item) for key, item in value.items() if key not in _BINARY_KEYS)
    if isinstance(value, (list, tuple)):
        return sum(text_bytes(item) for item in value)
    return 0
