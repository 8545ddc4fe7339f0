"""Prompt caching: a long prefix that was sent before is sold cheaper.

As documented for the real service (https://developers.openai.com/api/docs/guides/prompt-caching):
prompts of 1024 tokens and more; the longest known prefix counts, in steps of 128 tokens; it is
forgotten after some minutes without use (here exactly 10); accounts share nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

SHORTEST_PREFIX_TOKENS = 1024
STEP_TOKENS = 128
IDLE_SECONDS = 600.0


class PrefixCache:
    """Which prefixes were seen lately; at most `capacity` of them, the oldest go first."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._last_use: OrderedDict[bytes, float] = OrderedDict()

    def use(self, owner: str, prompt: Sequence[str], now: float) -> int:
        """Return how many of the prompt's tokens were cached, and remember the prompt.

        `owner` tells accounts and models apart; `now` is in Unix seconds.
        """
        cached = 0
        digest = hashlib.blake2b(owner.encode(), digest_size=16)
        boundary = 0
        for length in range(SHORTEST_PREFIX_TOKENS, len(prompt) + 1, STEP_TOKENS):
            digest.update("\x00".join(prompt[boundary:length]).encode())
            boundary = length
            key = digest.digest()
            last_use = self._last_use.pop(key, None)
            if last_use is not None and now - last_use <= IDLE_SECONDS:
                cached = length
            self._last_use[key] = now
        while len(self._last_use) > self._capacity:
            self._last_use.popitem(last=False)
        return cached
