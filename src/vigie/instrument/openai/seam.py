"""Where the SDK's calls and their attempts become visible.

A call passes through the client's `request`, whichever resource or wrapper it was made by, and in
every version of the SDK since 1.40. Its attempts, retries included, pass through `send` of the HTTP
client underneath. Bodies are watched where the HTTP response hands its bytes out, so that what the
SDK makes of them (objects, streams, raw responses) stays the SDK's own.
"""

from __future__ import annotations

import atexit
import copy
import functools
import threading
import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from vigie.costs.estimate import Estimator
from vigie.costs.ledger.endings import call_at_sigterm
from vigie.instrument import http_attempts
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.openai.attempt import NAME, Attempt
from vigie.instrument.openai.backlog import Backlog
from vigie.instrument.openai.call import Call
from vigie.instrument.openai.rates import Rates
from vigie.instrument.openai.recorder import Recorder

_OPERATIONS = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/embeddings": "embeddings",
}
_MARK = "_vigie_seam"
_current: ContextVar[Call | None] = ContextVar("vigie_openai_call", default=None)


class Seam:
    """The replaced methods of the SDK's two client classes, and who is watched.

    It is kept on the replaced methods: this module may be loaded twice (Streamlit reloads the
    sources that it watches), the SDK is not.
    """

    def __init__(self, classes: tuple[type, type]) -> None:
        self.rates = Rates()
        self.backlog = Backlog(self._load)
        self._estimator = Estimator()
        self._classes = classes
        self._originals = [each.__dict__["request"] for each in classes]
        self._everyone: Recorder | None = None
        # By the HTTP client, because it is what a client shares with its copies (with_options).
        self._some: weakref.WeakKeyDictionary[Any, Recorder] = weakref.WeakKeyDictionary()
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        self._without_stream_options: set[str] = set()
        self._last_base_url: tuple[Any, str] = (None, "")

    def watch(self, client: Any, recorder: Recorder) -> None:
        """Watch one client and its copies, or all of the process (None)."""
        if client is None:
            self._everyone = recorder
        else:
            self._some[client._client] = recorder
        if recorder.budgeted is not None:
            self.backlog.put(recorder.budgeted)
        self.backlog.start()

    def _load(self) -> None:
        for load in (self.rates.load, self._estimator.load):
            with guarded(NAME):
                load()

    def restore(self) -> None:
        """Put everything back as it was; what waits is counted first."""
        for each, original in zip(self._classes, self._originals, strict=True):
            each.request = original  # type: ignore[attr-defined]
        for http_client in list(self._seen):
            http_attempts.unwatch(http_client, NAME)
        atexit.unregister(self.backlog.drain)
        self.backlog.stop()

    def replace(self) -> None:
        """Replace `request` of the two classes."""
        sync, asynchronous = self._classes
        sync.request = self._sync_request(self._originals[0])  # type: ignore[attr-defined]
        asynchronous.request = self._async_request(  # type: ignore[attr-defined]
            self._originals[1]
        )
        atexit.register(self.backlog.drain)
        call_at_sigterm(self.backlog.leave)

    def _sync_request(self, original: Any) -> Any:
        @functools.wraps(original)
        def request(client: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            call, changed = self._call(client, options)
            if call is None:
                return original(client, cast_to, options, *args, **kwargs)
            with _Making(call):
                if call.budgeted is not None:
                    call.reservation = call.budgeted.reserve(call.request, call.base_url)
                try:
                    return original(client, cast_to, changed, *args, **kwargs)
                except Exception as error:
                    if not self._refuses_stream_options(call, error):
                        raise
            # The answer to our option, not to the caller's request: which now goes as it was.
            return request(client, cast_to, options, *args, **kwargs)

        setattr(request, _MARK, self)
        return request

    def _async_request(self, original: Any) -> Any:
        @functools.wraps(original)
        async def request(
            client: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any
        ) -> Any:
            call, changed = self._call(client, options)
            if call is None:
                return await original(client, cast_to, options, *args, **kwargs)
            with _Making(call):
                if call.budgeted is not None:
                    call.reservation = await call.budgeted.areserve(call.request, call.base_url)
                try:
                    return await original(client, cast_to, changed, *args, **kwargs)
                except Exception as error:
                    if not self._refuses_stream_options(call, error):
                        raise
            return await request(client, cast_to, options, *args, **kwargs)

        setattr(request, _MARK, self)
        return request

    def _call(self, client: Any, options: Any) -> tuple[Call | None, Any]:
        """What this call is, and the options to make it with; None where it is not watched."""
        with guarded(NAME):
            recorder = self._some.get(client._client) or self._everyone
            path = _path(options)
            if recorder is None or path is None:
                return None, options
            self.backlog.start()
            if not http_attempts.watched(client._client, NAME):
                http_attempts.watch(client._client, NAME, _begin)
                self._seen.add(client._client)
            base_url = self._base_url(client)
            body = _body(options)
            changed = None
            if path == "/chat/completions" and base_url not in self._without_stream_options:
                changed = _asking_for_usage(options, body)
            call = Call(
                recorder=recorder,
                backlog=self.backlog,
                estimator=self._estimator,
                operation=_OPERATIONS[path],
                path=path,
                base_url=base_url,
                request=body,
                hides_usage=changed is not None,
            )
            call.begin()
            return call, options if changed is None else changed
        return None, options

    def _base_url(self, client: Any) -> str:
        """A client's base URL as text: the last one is kept, since to write it takes a while."""
        url = client.base_url
        last, text = self._last_base_url
        if last is not url:
            text = str(url)
            self._last_base_url = (url, text)
        return text

    def _refuses_stream_options(self, call: Call, error: Exception) -> bool:
        """Whether the server refused the option that we added; remembered by its base URL."""
        if not call.hides_usage:
            return False
        with guarded(NAME):
            words = f"{error} {getattr(error, 'body', '')}"
            refused = getattr(error, "status_code", None) in (400, 422) and (
                "stream_options" in words or "include_usage" in words
            )
            if refused:
                self._without_stream_options.add(call.base_url)
            return refused
        return False


class _Making:
    """While the SDK makes a call: its attempts are known by it, its span is the current one."""

    __slots__ = ("_call", "_span", "_token")

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        self._token = _current.set(self._call)
        self._span = self._call.span.enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _current.reset(self._token)
        try:
            self._call.span.leave(self._span)
            self._call.ended(error)
        except Exception as failure:
            count_failure(NAME, failure)


_installing = threading.Lock()


def seam(classes: tuple[type, type]) -> Seam:
    """The seam in these two classes (the sync and the async client), made when first asked for."""
    with _installing:
        found: Seam | None = installed(classes)
        if found is None:
            found = Seam(classes)
            found.replace()
        return found


def installed(classes: tuple[type, type]) -> Seam | None:
    """The seam in these two classes, if there is one."""
    return getattr(classes[0].__dict__["request"], _MARK, None)


def _begin(request: Any) -> Attempt | None:
    call = _current.get()
    if call is None or not request.url.path.endswith(call.path):
        return None
    return Attempt(call)


def _path(options: Any) -> str | None:
    url: str = options.url
    if options.method.lower() != "post":
        return None
    if url in _OPERATIONS:
        return url
    url = url.partition("?")[0]
    return next((path for path in _OPERATIONS if url.endswith(path)), None)


def _body(options: Any) -> Mapping[str, Any]:
    """What will be sent: what is given as `extra_body` is laid over the rest by the SDK."""
    own = options.json_data if isinstance(options.json_data, dict) else {}
    extra = options.extra_json
    return {**own, **extra} if isinstance(extra, dict) else own


def _asking_for_usage(options: Any, body: Mapping[str, Any]) -> Any:
    """The options with `stream_options.include_usage` added; None where there is no need."""
    if body.get("stream") is not True:
        return None
    asked = body.get("stream_options")
    asked = asked if isinstance(asked, dict) else {}
    if asked.get("include_usage"):
        return None
    changed = copy.copy(options)
    option = {"stream_options": {**asked, "include_usage": True}}
    if isinstance(options.extra_json, dict):
        changed.extra_json = {**options.extra_json, **option}
    else:
        changed.json_data = {**options.json_data, **option}
    return changed
