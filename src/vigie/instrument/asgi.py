"""FastAPI and Starlette: what their requests cost, and `/metrics`.

    app = FastAPI()
    app.add_middleware(PrometheusMiddleware)
    app.get("/metrics")(metrics_endpoint)

A request's duration runs from its first sight to the last byte of its answer, streamed or not, and
no further: background tasks are no part of it. Its `status` is the code that was sent; 500 where an
exception left the application before the answer was whole; `catalogue.http.CANCELLED` where the
client went away, or the server gave the request up, before that. Websockets are not counted.
The scrapes that `metrics_endpoint` answers are not either: they would be a quiet service's most
regular request, and each would find one request in progress, itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from types import MethodType
from typing import Any, TypeAlias

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from prometheus_client import REGISTRY, CollectorRegistry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from vigie.catalogue import django, fastapi
from vigie.catalogue.http import CANCELLED, UNMATCHED, HttpMetrics
from vigie.instrument import spans
from vigie.instrument.context import RequestContext, current
from vigie.instrument.exposition import exposition
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.http import HttpMeters, Tally, is_method
from vigie.instrument.meters import Meters, meters
from vigie.instrument.routes import Routes

__all__ = ["PrometheusMiddleware", "metrics_endpoint"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_SERVICES = {"fastapi": fastapi.HTTP, "django": django.HTTP}
_MEASURED = "vigie.measured"
_TALLIES_CAP = 10_000
_OPEN, _ENDING, _ANSWERED, _GIVEN_UP = range(4)


class PrometheusMiddleware:
    """Measure each HTTP request of an ASGI application, and give it a `context.current`.

    `service` chooses the metrics' names, "fastapi" or "django". Raises ValueError where it is
    neither. An application mounted in a measured one is measured with it, once, whether or not it
    has the middleware too.
    """

    def __init__(
        self, app: App, *, service: str = "fastapi", registry: CollectorRegistry = REGISTRY
    ) -> None:
        if service not in _SERVICES:
            raise ValueError(f"service is {service!r}: write one of {', '.join(_SERVICES)}")
        self.app = app
        self._measures: _Measures | None = None
        try:
            self._measures = _Measures(_SERVICES[service], meters(registry), app)
        except Exception as error:  # the registry has a metric of the same name, for instance
            count_failure("asgi", error, meters(registry))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._pass_through(scope, receive, send)
            return
        measures = self._measures
        if measures is None or _MEASURED in scope:
            await self.app(scope, receive, send)
            return
        exchange = _new(_Exchange)
        exchange.measures = measures
        exchange.scope = scope
        exchange.server_receive = receive
        exchange.server_send = send
        exchange.root_path = scope.get("root_path", "")
        exchange.status = 0
        exchange.state = _OPEN
        exchange.span = None
        scope[_MEASURED] = True  # not the exchange: they would keep each other from being freed
        try:
            measures.in_progress.inc()
        except Exception as error:
            exchange.state = _ANSWERED
            count_failure("asgi", error, measures.meters)
        exchange.began = perf_counter()
        outer = current.set(exchange)
        if spans.tracing is not None:
            exchange.begin_span(spans.tracing)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.broke_off(error)
            raise
        else:
            if exchange.state <= _ENDING:
                exchange.was_abandoned()
        finally:
            current.reset(outer)
            if exchange.span is not None:
                exchange.leave_span()

    async def _pass_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        outer = current.set(RequestContext(lambda name: _header(scope, name)))
        try:
            await self.app(scope, receive, send)
        finally:
            current.reset(outer)


async def metrics_endpoint(request: Request) -> Response:
    """What Prometheus scrapes: the registry of the middleware around it, else the default one.

    Rendered in a thread, one scrape at a time: other requests do not wait for it. Answers 503 where
    the workers' figures cannot be read.
    """
    registry = REGISTRY
    exchange = current.get()
    if isinstance(exchange, _Exchange):
        registry = exchange.leave_out()
    accept = request.headers.get("accept", "")
    try:
        text, content_type = await to_thread.run_sync(
            exposition, accept, registry, limiter=_one_at_a_time()
        )
    except Exception as error:
        count_failure("exposition", error, meters(registry))
        return PlainTextResponse(f"vigie cannot tell the metrics: {error}\n", status_code=503)
    return Response(text, headers={"content-type": content_type})


class _Exchange(RequestContext):
    """One request and its answer."""

    __slots__ = (
        "began",
        "error",
        "measures",
        "outside",
        "root_path",
        "scope",
        "server_receive",
        "server_send",
        "span",
        "state",
        "status",
    )
    began: float
    error: BaseException | None
    measures: _Measures
    outside: Any
    root_path: str
    scope: Scope
    server_receive: Receive
    server_send: Send
    span: spans.Span | None
    state: int
    status: int

    async def receive(self) -> Message:
        """What the server has received; from it we learn that the client went away."""
        message = await self.server_receive()
        if message["type"] == "http.disconnect" and self.state == _OPEN:
            self._over(CANCELLED, _GIVEN_UP)
        return message

    async def send(self, message: Message) -> None:
        """Hand a part of the answer to the server."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
        elif self.state == _OPEN and (
            not message.get("more_body", False)
            if kind == "http.response.body"
            else kind == "http.response.pathsend"
        ):
            self.state = _ENDING  # from here on, a client that leaves has had its answer
        try:
            await self.server_send(message)
        except OSError:  # how servers say since ASGI 2.4 that nobody is there
            if self.state <= _ENDING:
                self._over(CANCELLED, _GIVEN_UP)
            raise
        if self.state == _ENDING:
            # uvicorn throws an answer away without a word when the client has left before it, but
            # its request, whose method `receive` is, knows.
            receive = self.server_receive
            gone = type(receive) is MethodType and getattr(receive.__self__, "disconnected", False)
            self._over(CANCELLED if gone is True else self.status, _ANSWERED)

    def was_abandoned(self) -> None:
        """The application has returned, and the answer is not whole."""
        # Starlette ends a stream so when the client leaves; without a start, servers answer 500.
        self._over(CANCELLED if self.status else 500, _GIVEN_UP)

    def broke_off(self, error: BaseException) -> None:
        """An exception has left the application."""
        cancelled = (
            not isinstance(error, Exception)
            or isinstance(error, ClientDisconnect)
            or (self.state == _GIVEN_UP and isinstance(error, OSError))
        )
        if not cancelled:
            self.measures.failed(self.scope, self.root_path, error)
            if self.span is not None:
                self.error = error
        if self.state <= _ENDING:
            self._over(CANCELLED if cancelled else 500, _GIVEN_UP)

    def leave_out(self) -> CollectorRegistry:
        """Do not count this request. Returns the registry where it would have been."""
        if self.state <= _ENDING:
            self.state = _ANSWERED
            self.measures.in_progress.dec()
        return self.measures.meters.registry

    def header(self, name: str) -> str | None:
        """A header of the request."""
        return _header(self.scope, name)

    def _over(self, status: int | str, state: int) -> None:
        seconds = perf_counter() - self.began
        self.state = state
        scope = self.scope
        measures = self.measures
        tally: Tally | None
        try:
            try:
                tally = measures.tallies[scope["endpoint"], scope["method"], status]
            except (KeyError, TypeError):  # new, not to be kept, or an endpoint without a hash
                tally = measures.tally(scope, self.root_path, status)
            tally.add(seconds)
        except Exception as error:
            measures.could_not_count(error)
            tally = None
        if self.span is not None:
            self._end_span(self.span, int(status), tally, seconds)

    def begin_span(self, tracing: spans.Tracing) -> None:
        """The request is a part of a trace, and all that is done for it is below it."""
        with guarded("traces", self.measures.meters):
            self.error = None
            span = tracing.request(self, self.scope["method"])
            self.outside = span.enter()
            self.span = span

    def leave_span(self) -> None:
        """What comes now is no part of the request."""
        with guarded("traces", self.measures.meters):
            if self.span is not None:
                self.span.leave(self.outside)

    def _end_span(self, span: spans.Span, status: int, tally: Tally | None, seconds: float) -> None:
        with guarded("traces", self.measures.meters):
            if tally is not None:
                tally.seen_in(span.trace_id, seconds)
            endpoint = self.measures.endpoint(self.scope, self.root_path)
            span.end(name=endpoint, status=status, error=self.error)
            self.error = None  # it holds on to the frames that it came through


# An exchange has no __init__: the call would cost as much as all that the middleware does in it.
_new = object.__new__


class _Measures:
    """What the requests of one application are counted with."""

    def __init__(self, http: HttpMetrics, meters: Meters, app: object) -> None:
        self.http = HttpMeters(http, meters)
        self.in_progress = self.http.in_progress
        self.meters = meters
        self.tallies: dict[tuple[object, str, int | str], Tally] = {}
        self._app = app
        self._routes: Routes | None = None

    def tally(self, scope: Scope, root_path: str, status: int | str) -> Tally:
        """What counts a request that ended so; kept in `tallies` where it is for good."""
        endpoint, always = self._endpoint(scope, root_path)
        method = scope["method"]
        tally = self.http.tally(method, endpoint, status)
        if always and is_method(method) and len(self.tallies) < _TALLIES_CAP:
            self.tallies[scope["endpoint"], method, status] = tally
        return tally

    def failed(self, scope: Scope, root_path: str, error: BaseException) -> None:
        """Count an exception that left the application."""
        try:
            self.http.count_exception(self._endpoint(scope, root_path)[0], error)
        except Exception as failure:
            count_failure("asgi", failure, self.meters)

    def endpoint(self, scope: Scope, root_path: str) -> str:
        """The template of the route that the request took."""
        return self._endpoint(scope, root_path)[0]

    def could_not_count(self, error: Exception) -> None:
        """A request is over, and its figures could not be added to."""
        count_failure("asgi", error, self.meters)
        with guarded("asgi", self.meters):
            self.in_progress.dec()

    def _endpoint(self, scope: Scope, root_path: str) -> tuple[str, bool]:
        try:
            if self._routes is None:
                self._routes = Routes(_with_routes(self._app, scope))
            return self._routes.template(scope, root_path)
        except Exception as error:
            count_failure("asgi", error, self.meters)
            return UNMATCHED, False


def _with_routes(app: Any, scope: Scope) -> object:
    """The application or router whose routes lie behind a middleware."""
    inner = app
    while inner is not None and not hasattr(inner, "routes"):
        inner = getattr(inner, "app", None)
    return inner or scope.get("app")


def _header(scope: Scope, name: str) -> str | None:
    wanted = name.encode("latin-1")
    for key, value in scope["headers"]:
        if key.lower() == wanted:
            return str(value, "latin-1")
    return None


_scrapes: RunVar[CapacityLimiter] = RunVar("vigie_scrapes")


def _one_at_a_time() -> CapacityLimiter:
    # Of our own: the threads that answer the application's synchronous endpoints may all be busy,
    # and then a scrape matters most.
    try:
        return _scrapes.get()
    except LookupError:
        limiter = CapacityLimiter(1)
        _scrapes.set(limiter)
        return limiter
