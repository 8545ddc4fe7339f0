"""Where each attempt of an HTTP client can be seen: its `send`.

`send` is public, and everything that a client does goes through it: the SDKs' retries one by one,
timeouts, refused connections and cancellation. It is replaced on the one client, so that no other
client of the process is touched. This serves httpx's clients and those with the same interface
(httpx2), without importing either.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from vigie.instrument.guard import count_failure, guarded

_WATCHERS = "_vigie_watchers"
_BEFORE = "_vigie_before"
_replacing = threading.Lock()


class Attempt(Protocol):
    """One attempt, and how it ended."""

    def failed(self, error: BaseException) -> None:
        """No answer came: `error` is on its way to the caller."""

    def answered(self, response: Any, *, streamed: bool) -> None:
        """An answer came; where `streamed`, its body is still to be read."""


class Once:
    """Lets something be done once, whichever thread or finaliser comes first."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = [True]

    def __call__(self) -> bool:
        """Whether this is the first call."""
        try:
            return self._left.pop()  # one step: no other can come between
        except IndexError:
            return False


Begin: TypeAlias = Callable[[Any], Attempt | None]
"""Called with a request that is about to be sent; None where it is of no interest."""


def watch(client: Any, name: str, begin: Begin) -> None:
    """Call `begin` before each send of this client; one watcher for each `name`."""
    with _replacing:
        watchers = vars(client).get(_WATCHERS)
        if watchers is not None:
            watchers[name] = begin
            return
        watchers = {name: begin}
        setattr(client, _WATCHERS, watchers)
        before = vars(client).get("send")
        asynchronous = inspect.iscoroutinefunction(client.send)
        client.send = (_async_send if asynchronous else _sync_send)(client.send, watchers)
        setattr(client.send, _WATCHERS, watchers)
        setattr(client.send, _BEFORE, before)


def watched(client: Any, name: str) -> bool:
    """Whether `name` watches this client."""
    return name in vars(client).get(_WATCHERS, ())


def unwatch(client: Any, name: str) -> None:
    """Put the client back as it was, unless somebody else watches it too."""
    watchers = vars(client).get(_WATCHERS, {})
    watchers.pop(name, None)
    send = vars(client).get("send")
    if not watchers and getattr(send, _WATCHERS, None) is watchers:
        delattr(client, _WATCHERS)
        before = getattr(send, _BEFORE)
        if before is None:
            del client.send
        else:
            client.send = before


def kind_of_error(error: BaseException) -> str:
    """What became of an attempt that raised: cancelled, timeout, refused or broken.

    Told by the names of the exception's classes, which httpx, httpx2 and the transports that stand
    in for them share; their classes themselves are not.
    """
    if not isinstance(error, Exception):
        return "cancelled"
    names = {each.__name__ for each in type(error).__mro__}
    if names & {"TimeoutException", "TimeoutError"}:
        return "timeout"
    return "refused" if "ConnectError" in names else "broken"


def _sync_send(original: Any, watchers: dict[str, Begin]) -> Any:
    @functools.wraps(original)
    def send(request: Any, *args: Any, **kwargs: Any) -> Any:
        attempts = _begin(watchers, request)
        try:
            response = original(request, *args, **kwargs)
        except BaseException as error:
            _tell_failed(attempts, error)
            raise
        _tell_answered(attempts, response, streamed=kwargs.get("stream", False))
        return response

    return send


def _async_send(original: Any, watchers: dict[str, Begin]) -> Any:
    @functools.wraps(original)
    async def send(request: Any, *args: Any, **kwargs: Any) -> Any:
        attempts = _begin(watchers, request)
        try:
            response = await original(request, *args, **kwargs)
        except BaseException as error:
            _tell_failed(attempts, error)
            raise
        _tell_answered(attempts, response, streamed=kwargs.get("stream", False))
        return response

    return send


def _begin(watchers: dict[str, Begin], request: Any) -> list[tuple[str, Attempt]]:
    attempts = []
    for name, begin in list(watchers.items()):
        try:
            attempt = begin(request)
        except Exception as error:
            count_failure(name, error)
        else:
            if attempt is not None:
                attempts.append((name, attempt))
    return attempts


def _tell_failed(attempts: Iterable[tuple[str, Attempt]], error: BaseException) -> None:
    for name, attempt in attempts:
        with guarded(name):
            attempt.failed(error)


def _tell_answered(
    attempts: Iterable[tuple[str, Attempt]], response: Any, *, streamed: bool
) -> None:
    for name, attempt in attempts:
        try:
            attempt.answered(response, streamed=streamed)
        except Exception as error:
            count_failure(name, error)
