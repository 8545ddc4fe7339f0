"""Streamed responses, followed to their last byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.http import StreamingHttpResponse

from vigie.instrument.context import RequestContext, current
from vigie.instrument.django.answering import Answering


def follow(
    response: Any,
    context: Answering,
    asynchronous: bool,
    finish: Callable[[bool, BaseException | None], None],
) -> bool:
    """Call `finish` once, when `response` has been sent or given up; False if it cannot be told.

    `finish` gets whether the client gave up before the end, and the exception that ended the
    stream, if one did. While chunks are made, `context` is the current one.
    """
    if not isinstance(response, StreamingHttpResponse):
        return False
    # `_iterator` and not `streaming_content`: setting the latter makes a FileResponse forget its
    # file, and with it the server's `wsgi.file_wrapper` (sendfile).
    stream: _Stream
    if response.is_async:
        stream = _AsyncStream(response._iterator, context, finish)
    else:
        stream = _SyncStream(response._iterator, context, finish, wait_for_close=asynchronous)
    response._iterator = stream
    response._resource_closers.append(stream.close)
    return True


class _Stream:
    """What both kinds share: the one end that a stream comes to."""

    def __init__(
        self,
        source: Any,
        context: Answering,
        finish: Callable[[bool, BaseException | None], None],
        wait_for_close: bool = False,
    ) -> None:
        self._source = source
        self._context = context
        self._finish = finish
        # Under ASGI, Django reads all of a synchronous iterator before it sends the first byte; the
        # last one has left when it closes the response.
        self._wait_for_close = wait_for_close
        self._started = False
        self._exhausted = False
        self._finished = False

    def close(self) -> None:
        """The server is done with the response.

        A body that nobody ever asked for was not given up: the answer to a HEAD, a 304 that a
        middleware made of it, or a file that the server sent by itself.
        """
        self._end(cancelled=self._started and not self._exhausted)

    def __del__(self) -> None:
        self.close()

    def _enter(self) -> tuple[RequestContext | None, Any]:
        """The next chunk is made for the request; returns what `_leave` takes."""
        before = current.get()
        current.set(self._context)
        span = self._context.span
        return before, None if span is None else span.enter()

    def _leave(self, before: tuple[RequestContext | None, Any]) -> None:
        current.set(before[0])
        if self._context.span is not None:
            self._context.span.leave(before[1])

    def _exhaust(self) -> None:
        self._exhausted = True
        if not self._wait_for_close:
            self._end()

    def _end(self, cancelled: bool = False, error: BaseException | None = None) -> None:
        if not self._finished:
            self._finished = True
            self._finish(cancelled, error)


class _SyncStream(_Stream):
    def __iter__(self) -> _SyncStream:
        return self

    def __next__(self) -> Any:
        self._started = True
        before = self._enter()
        try:
            return next(self._source)
        except StopIteration:
            self._exhaust()
            raise
        except BaseException as error:
            self._end(error=error)
            raise
        finally:
            self._leave(before)


class _AsyncStream(_Stream):
    def __aiter__(self) -> _AsyncStream:
        return self

    async def __anext__(self) -> Any:
        self._started = True
        before = self._enter()
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            self._exhaust()
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._end(cancelled=True)
            raise
        except BaseException as error:
            self._end(error=error)
            raise
        finally:
            self._leave(before)
