"""Requests and tokens left in the present minute, as the `x-ratelimit-*` headers tell them.

The window is a minute from an account's first request of a model; then it starts anew, full.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from vigie.simulate.errors import rate_limited
from vigie.simulate.offer import Model

WINDOW_SECONDS = 60.0
_WINDOWS_CAP = 1_000


@dataclass(slots=True)
class _Window:
    ends: float
    requests: int
    tokens: int


class RateLimits:
    """What each account has left of each model; at most 1,000 windows are kept."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    def take(self, account: str, model: Model, tokens: int, now: float) -> dict[str, str]:
        """Take one request and its tokens from the window; return the response's headers.

        Raises `ApiError` 429, with the same headers, where the window does not hold them.
        """
        window = self._window(account, model, now)
        short = "requests" if window.requests < 1 else "tokens" if window.tokens < tokens else None
        if short is None:
            window.requests -= 1
            window.tokens -= tokens
        left = max(0.0, window.ends - now)
        headers = {
            "x-ratelimit-limit-requests": str(model.requests_per_minute),
            "x-ratelimit-limit-tokens": str(model.tokens_per_minute),
            "x-ratelimit-remaining-requests": str(window.requests),
            "x-ratelimit-remaining-tokens": str(window.tokens),
            "x-ratelimit-reset-requests": f"{left:.3f}s",
            "x-ratelimit-reset-tokens": f"{left:.3f}s",
        }
        if short is not None:
            error = rate_limited(
                f"Rate limit reached for {model.name} on {short} per min. "
                f"Please try again in {left:.3f}s.",
                short,
                left,
            )
            error.headers |= headers
            raise error
        return headers

    def _window(self, account: str, model: Model, now: float) -> _Window:
        key = (account, model.snapshot)
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            self._windows.pop(key, None)
            window = _Window(
                now + WINDOW_SECONDS, model.requests_per_minute, model.tokens_per_minute
            )
            self._windows[key] = window
            if len(self._windows) > _WINDOWS_CAP:
                self._windows.popitem(last=False)
        return window
