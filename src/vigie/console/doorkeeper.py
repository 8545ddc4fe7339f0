"""Who may come in, and what pages may do: nothing from elsewhere.

A web page of anybody's, open in the user's browser, can reach what listens on this machine. It does
not get in under a name of its own (DNS rebinding), and cannot post JSON (`api` takes nothing else).
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigie.settings import Settings

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Doorkeeper:
    """Refuses other names than this machine's while the console listens to this machine only."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._local = ip_address(settings.bind).is_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        host = _name(Headers(scope=scope).get("host", ""))
        if self._local and not _is_this_machine(host):
            answer = PlainTextResponse(
                f"This console is not {host!r}: ask for localhost, or set `bind`.\n", 421
            )
            await answer(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_this_machine(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
