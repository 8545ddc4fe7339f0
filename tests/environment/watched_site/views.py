"""Views: one for each way in which a request can end."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import aauthenticate, authenticate, login
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import engines
from django.template.response import SimpleTemplateResponse
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from vigie.instrument.context import current
from vigie.instrument.logs.line import ids as line_ids


def hello(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse("hello")


async def ahello(request: HttpRequest, **_: Any) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def boom(request: HttpRequest) -> HttpResponse:
    raise ValueError("boom")


async def aboom(request: HttpRequest) -> HttpResponse:
    raise ValueError("boom")


def leave(request: HttpRequest) -> HttpResponse:
    raise SystemExit(1)


def absent(request: HttpRequest) -> HttpResponse:
    raise Http404


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def teapot(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse(status=status)


def broken_template(request: HttpRequest) -> SimpleTemplateResponse:
    template = engines["django"].from_string("{{ broken.thing }}")
    return SimpleTemplateResponse(template, {"broken": Broken()})


class Broken:
    @property
    def thing(self) -> str:
        raise ZeroDivisionError


waiting: list[str] = []
"""The paths of the requests that wait in `wait`."""


async def wait(request: HttpRequest) -> HttpResponse:
    waiting.append(request.path)
    await asyncio.Event().wait()
    return HttpResponse("never")


def chunks() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


async def achunks() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks())


async def astream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(achunks())


def stream_ids(request: HttpRequest) -> StreamingHttpResponse:
    def ids() -> Iterator[str]:
        for _ in range(2):
            context = current.get()
            yield context.request_id + "\n" if context else "none\n"

    return StreamingHttpResponse(ids())


async def astream_ids(request: HttpRequest) -> StreamingHttpResponse:
    async def ids() -> AsyncIterator[str]:
        for _ in range(2):
            context = current.get()
            yield context.request_id + "\n" if context else "none\n"

    return StreamingHttpResponse(ids())


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise KeyError("two")

    return StreamingHttpResponse(broken())


async def abroken_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("two")

    return StreamingHttpResponse(broken())


async def endless_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def endless() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()
        yield b"never"

    return StreamingHttpResponse(endless())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


def ids(request: HttpRequest) -> JsonResponse:
    context = current.get()
    return JsonResponse({"request_id": context and context.request_id})


def span_ids(request: HttpRequest) -> JsonResponse:
    return JsonResponse(line_ids())


def stream_span_ids(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(json.dumps(line_ids()) for _ in range(1))


async def astream_span_ids(request: HttpRequest) -> StreamingHttpResponse:
    async def ids() -> AsyncIterator[str]:
        yield json.dumps(line_ids())

    return StreamingHttpResponse(ids())


def count_users(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(User.objects.filter(username="nobody@example.org").count()))


def wrong_sql(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'personal' FROM nowhere")
    return HttpResponse("never")


def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user))


async def awhoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(await request.auser()))


def robot(request: HttpRequest) -> HttpResponse:
    """Somebody who is no user of Django's."""
    request.user = SimpleNamespace(name="robot")
    return HttpResponse("beep")


def second_try(request: HttpRequest) -> HttpResponse:
    """Logs in by e-mail or by name: one of the two fails."""
    authenticate(request, username=request.POST["email"], password=request.POST["password"])
    user = authenticate(
        request, username=request.POST["username"], password=request.POST["password"]
    )
    if user is None:
        return HttpResponse(status=401)
    login(request, user)
    return HttpResponse("welcome")


async def alogin_attempt(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(
        request, username=request.POST["username"], password=request.POST["password"]
    )
    return HttpResponse(status=401 if user is None else 200)


class Closed(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 10.0


class Profile(APIView):
    permission_classes = (IsAuthenticated,)

    def get(self, request: Any) -> Response:
        return Response({"name": request.user.username})

    def post(self, request: Any) -> Response:
        return Response({"token": "of a device"}, status=201)


class SessionProfile(Profile):
    authentication_classes = (SessionAuthentication,)


class TokenProfile(Profile):
    authentication_classes = (TokenAuthentication,)


class BasicProfile(Profile):
    authentication_classes = (BasicAuthentication,)


class AdminOnly(Profile):
    permission_classes = (IsAdminUser,)


class Throttled(Profile):
    permission_classes = ()
    throttle_classes = (Closed,)


class OwnCode(APIView):
    """Refuses with a code of the project's own, which the URL names."""

    permission_classes = ()
    authentication_classes = ()

    def get_authenticate_header(self, request: Any) -> str:
        return "Own"

    def post(self, request: Any, code: str) -> Response:
        raise AuthenticationFailed("no", code=code)


class OwnHandler(Profile):
    """Wraps the errors, as many projects do."""

    def get_exception_handler(self) -> Any:
        def handler(error: Any, context: Any) -> Response:
            body = {"error": {"status": error.status_code, "reasons": [{"why": error.detail}]}}
            return Response(body, status=error.status_code)

        return handler
