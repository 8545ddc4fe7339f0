"""Vigie's middlewares, with the registry and the clock of the test that is running."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from prometheus_client import CollectorRegistry

from vigie.instrument.django import AuthFailureMiddleware, PrometheusMiddleware


class Now:
    """What the middlewares take from the test: set by the fixtures `registry` and `clock`."""

    registry = CollectorRegistry()
    time = 1_800_000_000.0


class Requests(PrometheusMiddleware):
    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        super().__init__(get_response, Now.registry)


class Authentication(AuthFailureMiddleware):
    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        super().__init__(get_response, Now.registry, clock=lambda: Now.time)


class Rescue:
    """Answers for a view that raised."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        return self.get_response(request)

    def process_exception(self, request: Any, exception: Exception) -> HttpResponse:
        return HttpResponse("rescued", status=202)


class Shortcut:
    """Answers by itself, before the view."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.asynchronous = iscoroutinefunction(get_response)
        if self.asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        return self.answer() if self.asynchronous else HttpResponse("short")

    async def answer(self) -> HttpResponse:
        return HttpResponse("short")


class Broken:
    """Raises after the view."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.asynchronous = iscoroutinefunction(get_response)
        if self.asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if self.asynchronous:
            return self.answer(request)
        self.get_response(request)
        raise LookupError("middleware")

    async def answer(self, request: Any) -> Any:
        await self.get_response(request)
        raise LookupError("middleware")
