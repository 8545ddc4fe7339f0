"""What a token is here: a rule of our own that never changes, since the invoice is counted in it.

The real tokenizers need files that are downloaded at first use. This rule needs none: a token is

- at most 5 letters of a word, together with one space before them;
- at most 3 digits, together with one space before them;
- one punctuation mark or symbol, together with one space before it;
- one underscore, or one white-space character that belongs to none of the above.

Nothing of a text is lost: its tokens joined are the text. The first k tokens of a text, joined, are
again k tokens, so that a text cut anywhere between tokens counts what was counted while it was
streamed. English comes out at about 1.3 tokens a word, French at 1.5, as with the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r" ?[^\W\d_]{1,5}| ?\d{1,3}| ?[^\w\s]|_|\s")

MESSAGE_TOKENS = 4
"""What a message costs beyond its text: its start, its role, the end of its head, its end."""

ANSWER_HEAD_TOKENS = 3
"""What a prompt costs once for opening the answer."""

IMAGE_TOKENS = 85
"""What an image or another attachment costs, whatever its size."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; `attachments` counts its images and files."""

    role: str
    text: str
    attachments: int = 0


def tokenize(text: str) -> list[str]:
    """Cut a text into its tokens; joined, they are the text again."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Count the tokens of a text."""
    return len(tokenize(text))


def prompt_tokens(turns: Iterable[Turn], preamble: str = "") -> list[str]:
    """Return a whole prompt as tokens: the preamble (tools, a schema) first, then the turns.

    The heads of messages are tokens no text can contain, so that two prompts share a prefix exactly
    where their messages do.
    """
    tokens = tokenize(preamble)
    for turn in turns:
        tokens += ["<|start|>", f"<|{turn.role}|>", "<|message|>"]
        tokens += tokenize(turn.text)
        tokens += ["<|attachment|>"] * (turn.attachments * IMAGE_TOKENS)
        tokens.append("<|end|>")
    tokens += ["<|start|>", "<|assistant|>", "<|message|>"]
    return tokens
