"""What a call to the provider is for: the feature, and the user, that the ledger keeps with it.

    with feature("plan"):
        client.chat.completions.create(…)

    @feature("coach", user=user_id)     # async functions too
    async def answer(): …

It holds for the task or thread that entered it and for the tasks that this starts; a thread of
one's own begins without. Inside a generator it also holds for whoever reads from the generator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

from vigie.catalogue.metric import OTHER

CAP = 50
"""How many features are told apart in a process; the rest count as `other`."""

_LONGEST_NAME = 64

_P = ParamSpec("_P")
_R = TypeVar("_R")
_current: ContextVar[tuple[str, str]] = ContextVar("vigie_feature", default=("", ""))
_known: set[str] = set()


class feature:  # noqa: N801 - used as a statement and as a decorator
    """Name what the calls made inside are for, and for whom.

    `name` is one of a few words. `user` is the user as the service calls them, of whom the ledger
    keeps a keyed hash; without one, the user of the feature around it holds.
    """

    __slots__ = ("_before", "_name", "_user")

    def __init__(self, name: str, *, user: str = "") -> None:
        self._name = name
        self._user = user

    def __enter__(self) -> None:
        self._before = _current.get()
        _current.set((_bounded(self._name), self._user or self._before[1]))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not by the token: an asynchronous generator may be closed in another context.
        _current.set(self._before)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """The function, with every call of it inside."""
        name, user = self._name, self._user
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f'@feature("{name}") cannot stand before a generator: write '
                f'`with feature("{name}"):` inside {function.__name__}'
            )
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaiting(*args: _P.args, **kwargs: _P.kwargs) -> object:
                with feature(name, user=user):
                    return await function(*args, **kwargs)

            return cast("Callable[_P, _R]", awaiting)

        @wraps(function)
        def calling(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with feature(name, user=user):
                return function(*args, **kwargs)

        return calling


def current_feature() -> str:
    """The feature that this task or thread works for; empty where none was named."""
    return _current.get()[0]


def current_user() -> str:
    """The user for whom this task or thread works; empty where none was named."""
    return _current.get()[1]


def _bounded(name: str) -> str:
    name = name[:_LONGEST_NAME]
    if name in _known:
        return name
    if len(_known) >= CAP:
        return OTHER
    _known.add(name)
    return name
