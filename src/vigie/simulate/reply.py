"""What the model answers: generated from the seed and the request alone, so always the same."""

from __future__ import annotations

import hashlib
import json
import random
import re
from dataclasses import dataclass
from typing import Any

from vigie.simulate.ask import Ask, Tool
from vigie.simulate.coach import advise
from vigie.simulate.structured import free_object, instance_of
from vigie.simulate.tokens import Turn, count_tokens, tokenize

_REASONING_STEP = 64
_REASONING_STEPS = {
    "none": (0, 0),
    "minimal": (0, 0),
    "low": (1, 1),
    "medium": (1, 3),
    "high": (3, 8),
    "xhigh": (8, 16),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers: a text, or the arguments of a call of `tool`.

    `cut` tells that the limit of output tokens ended it.
    """

    tokens: tuple[str, ...]
    tool: str | None = None
    cut: bool = False

    @property
    def text(self) -> str:
        """The text, or the arguments as JSON."""
        return "".join(self.tokens)

    @property
    def head_tokens(self) -> int:
        """The output tokens that come before the first of `tokens`: the called tool's name."""
        return count_tokens(self.tool) if self.tool else 0


@dataclass(frozen=True, slots=True)
class Reply:
    """All of an answer; `reasoning_tokens` are the hidden ones of all choices together."""

    reasoning_tokens: int
    choices: tuple[Choice, ...]

    @property
    def output_tokens(self) -> int:
        """What is billed as output once all of it has been generated."""
        return self.reasoning_tokens + sum(
            choice.head_tokens + len(choice.tokens) for choice in self.choices
        )

    def pieces(self) -> list[tuple[int, str]]:
        """Return the visible tokens with their choice's index, in the order of generation."""
        longest = max(len(choice.tokens) for choice in self.choices)
        return [
            (index, choice.tokens[place])
            for place in range(longest)
            for index, choice in enumerate(self.choices)
            if place < len(choice.tokens)
        ]


def compose(ask: Ask, seed: int) -> Reply:
    """Answer a request; the same request and seed give the same reply."""
    fingerprint = hashlib.blake2b("\x00".join(ask.prompt).encode(), digest_size=16).hexdigest()
    rng = random.Random(f"{seed}|{ask.model.snapshot}|{fingerprint}")
    reasoning = 0
    if ask.model.reasons:
        reasoning = _REASONING_STEP * rng.randint(*_REASONING_STEPS[ask.effort])
        if ask.output_limit is not None:
            reasoning = min(reasoning, ask.output_limit)
    left = None if ask.output_limit is None else ask.output_limit - reasoning
    choices = tuple(_choice(ask, left, rng) for _ in range(ask.choices))
    return Reply(reasoning * ask.choices, choices)


def _choice(ask: Ask, limit: int | None, rng: random.Random) -> Choice:
    tool = _tool_to_call(ask)
    if tool is not None:
        text = _compact(instance_of(tool.parameters, ask.turns, rng))
        limit = None if limit is None else max(0, limit - count_tokens(tool.name))
    elif ask.schema is not None:
        text = _compact(instance_of(ask.schema, ask.turns, rng))
    elif ask.json:
        text = _compact(free_object(ask.turns, rng))
    else:
        text = advise(ask.turns, rng)
        for stop in ask.stops:
            text = text.partition(stop)[0]
    tokens = tokenize(text)
    cut = limit is not None and len(tokens) > limit
    return Choice(tuple(tokens[:limit] if cut else tokens), tool.name if tool else None, cut)


def _tool_to_call(ask: Ask) -> Tool | None:
    """Choose the tool to call: the one demanded, or one that the last question speaks of."""
    if not ask.tools or ask.tool_choice == "none" or _last_role(ask.turns) == "tool":
        return None
    if ask.tool_choice not in ("auto", "required"):
        return next((tool for tool in ask.tools if tool.name == ask.tool_choice), None)
    question = next((t.text for t in reversed(ask.turns) if t.role == "user"), "").lower()
    for tool in ask.tools:
        words = re.findall(r"[^\W_]{4,}", f"{tool.name.replace('_', ' ')} {tool.description}")
        if any(word.lower() in question for word in words):
            return tool
    return ask.tools[0] if ask.tool_choice == "required" else None


def _last_role(turns: tuple[Turn, ...]) -> str:
    return turns[-1].role if turns else ""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
