"""How the reading of an answer's body goes, until its last byte, an error, or an early end.

The methods by which a body is read and closed are replaced on the one response, and put back when
it has ended; its type stays what it is. This serves httpx's responses and those with the same
interface (httpx2), without importing either.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from vigie.instrument.guard import count_failure, guarded

_REPLACED = ("iter_bytes", "aiter_bytes", "close", "aclose")


class Reading(Protocol):
    """What is told about the reading of one body.

    `take` gets each piece, decompressed, and returns what goes on to the reader; `rest` returns
    what it held back.
    """

    @property
    def take(self) -> Callable[[bytes], bytes]:
        """What each piece is given to."""

    def rest(self) -> bytes:
        """What was held back, at the end."""

    def whole(self) -> None:
        """The body was read to its end, or is complete."""

    def failed(self, error: BaseException) -> None:
        """Reading raised."""

    def abandoned(self) -> None:
        """The body was closed or dropped; may be called by a finaliser, after `whole` too."""


def watch_body(response: Any, reading: Reading, name: str) -> None:
    """Tell `reading` how the body of this response is read."""
    watch = _Watch(response, reading, name)
    for method in _REPLACED:
        setattr(response, method, getattr(watch, method))


class _Watch:
    """Stands in for a response's methods, until its body has ended."""

    def __init__(self, response: Any, reading: Reading, name: str) -> None:
        self._response = response
        self._reading = reading
        self._name = name
        self._reader: weakref.ref[Any] | None = None
        self._ended = False

    def iter_bytes(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        response = self._response
        inner: Iterator[bytes] = type(response).iter_bytes(response, *args, **kwargs)
        if self._reader is not None:  # a second reading: httpx refuses it
            return inner
        reader = self._observed(inner)
        self._reader = weakref.ref(reader)
        return reader

    def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        response = self._response
        inner: AsyncIterator[bytes] = type(response).aiter_bytes(response, *args, **kwargs)
        if self._reader is not None:
            return inner
        reader = self._async_observed(inner)
        self._reader = weakref.ref(reader)
        return reader

    def close(self) -> None:
        self._closing()
        response = self._response
        type(response).close(response)

    async def aclose(self) -> None:
        self._closing()
        response = self._response
        await type(response).aclose(response)

    def __del__(self) -> None:
        if not self._ended:
            with guarded(self._name):
                self._reading.abandoned()

    def _observed(self, inner: Iterator[bytes]) -> Iterator[bytes]:
        take = self._reading.take
        try:
            for chunk in inner:
                try:
                    passed = take(chunk)
                except Exception as error:
                    count_failure(self._name, error)
                    passed = chunk
                if passed:
                    yield passed
            rest = self._reading.rest()
            if rest:
                yield rest
        except GeneratorExit:
            self._tell_abandoned()
            raise
        except BaseException as error:
            self._tell_failed(error)
            raise
        self._tell_whole()

    async def _async_observed(self, inner: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        take = self._reading.take
        try:
            async for chunk in inner:
                try:
                    passed = take(chunk)
                except Exception as error:
                    count_failure(self._name, error)
                    passed = chunk
                if passed:
                    yield passed
            rest = self._reading.rest()
            if rest:
                yield rest
        except GeneratorExit:
            self._tell_abandoned()
            raise
        except BaseException as error:
            self._tell_failed(error)
            raise
        self._tell_whole()

    def _closing(self) -> None:
        # httpx closes the response itself at the body's end and when reading it raises: then the
        # reader is in the middle of a step, and will tell by itself how it ended.
        reader = self._reader and self._reader()
        running = reader is not None and (
            getattr(reader, "gi_running", False) or getattr(reader, "ag_running", False)
        )
        if not running:
            self._tell_abandoned()

    def _tell_whole(self) -> None:
        self._end()
        with guarded(self._name):
            self._reading.whole()

    def _tell_failed(self, error: BaseException) -> None:
        self._end()
        with guarded(self._name):
            self._reading.failed(error)

    def _tell_abandoned(self) -> None:
        self._end()
        with guarded(self._name):
            self._reading.abandoned()

    def _end(self) -> None:
        self._ended = True
        for method in _REPLACED:
            vars(self._response).pop(method, None)
