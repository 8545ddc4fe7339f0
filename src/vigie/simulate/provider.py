"""The simulated provider: an ASGI application that speaks OpenAI's API, and its controls.

    POST /v1/chat/completions, /v1/responses, /v1/embeddings    GET /v1/models, /v1/models/{id}
    POST /openai/deployments/{name}/chat/completions, …/embeddings  (Azure's paths)
    POST GET DELETE /faults     GET DELETE /invoice     GET /health

It promises: the same answers for the same seed; usage that agrees with what was sent; an invoice of
every token that was sold. It needs no network, no key of yours and no framework, and starts fast.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from vigie.simulate.chat import ChatCall
from vigie.simulate.clock import Clock, SystemClock, utc_day
from vigie.simulate.embeddings import EmbeddingsCall
from vigie.simulate.errors import ApiError, missing_key, unknown_model
from vigie.simulate.exchange import Exchange, Message, Receive, Scope, Send
from vigie.simulate.faults import InvalidFaultsError, read_faults
from vigie.simulate.fields import Fields
from vigie.simulate.invoice import Invoice
from vigie.simulate.offer import MODELS, Model
from vigie.simulate.responses import ResponsesCall
from vigie.simulate.selling import Shop, sell_embeddings, sell_text

Handler = Callable[["Provider", Exchange, str], Awaitable[None]]


def create_app(
    *,
    seed: int = 1,
    clock: Clock | None = None,
    speed: float = 1.0,
    invoice_path: Path | None = None,
) -> Provider:
    """Make a provider, as an ASGI application.

    The same `seed` gives the same answers and the same latencies for the same requests in the same
    order. `speed` divides the latencies (1000 is practically at once). `invoice_path` keeps the
    invoice over restarts. Raises ValueError for a speed that is not above 0.
    """
    if not speed > 0:
        raise ValueError(f"speed is {speed}: write a number above 0, e.g. 1")
    clock = clock or SystemClock()
    invoice = Invoice(invoice_path, clock.now())
    return Provider(Shop(seed=seed, speed=speed, clock=clock, invoice=invoice))


class Provider:
    """The application; `shop` is all of its state."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"the provider speaks HTTP only, not {scope['type']}")
        exchange = Exchange(scope, receive, send)
        try:
            handler, part = _route(exchange)
            await handler(self, exchange, part)
        except ApiError as error:
            exchange.headers |= error.headers
            await exchange.reply_json(error.status, error.body())

    async def chat(self, exchange: Exchange, deployment: str) -> None:
        """Answer POST /v1/chat/completions."""
        account = self._admit(exchange)
        request = Fields.of_body(await exchange.body())
        call = ChatCall(request, deployment or None, utc_day(self.shop.clock.now()))
        await sell_text(self.shop, exchange, call, account)

    async def responses(self, exchange: Exchange, _part: str) -> None:
        """Answer POST /v1/responses."""
        account = self._admit(exchange)
        request = Fields.of_body(await exchange.body())
        today = utc_day(self.shop.clock.now())
        call = ResponsesCall(request, self.shop.conversations, today)
        await sell_text(self.shop, exchange, call, account)

    async def embeddings(self, exchange: Exchange, deployment: str) -> None:
        """Answer POST /v1/embeddings."""
        account = self._admit(exchange)
        request = Fields.of_body(await exchange.body())
        await sell_embeddings(
            self.shop, exchange, EmbeddingsCall(request, deployment or None), account
        )

    async def models(self, exchange: Exchange, name: str) -> None:
        """Answer GET /v1/models and /v1/models/{id}."""
        self._admit(exchange)
        if not name:
            listed = [_model(name, model) for name, model in MODELS.items()]
            await exchange.reply_json(200, {"object": "list", "data": listed})
        elif name in MODELS:
            await exchange.reply_json(200, _model(name, MODELS[name]))
        else:
            raise unknown_model(name)

    async def set_faults(self, exchange: Exchange, _part: str) -> None:
        """Answer POST /faults: the new faults replace all old ones, or none of them is applied."""
        now = self.shop.clock.now
        try:
            self.shop.faults.set(read_faults(await exchange.body()), now())
        except InvalidFaultsError as error:
            await exchange.reply_json(400, error.as_json())
            return
        await exchange.reply_json(200, self.shop.faults.as_json(now()))

    async def show_faults(self, exchange: Exchange, _part: str) -> None:
        """Answer GET /faults."""
        await exchange.reply_json(200, self.shop.faults.as_json(self.shop.clock.now()))

    async def clear_faults(self, exchange: Exchange, _part: str) -> None:
        """Answer DELETE /faults."""
        self.shop.faults.clear()
        await self.show_faults(exchange, "")

    async def show_invoice(self, exchange: Exchange, _part: str) -> None:
        """Answer GET /invoice, with ?detail=requests or ?format=csv."""
        wanted = exchange.query("format") or "json"
        detail = exchange.query("detail")
        if wanted not in ("json", "csv"):
            raise ApiError(400, f"format is '{wanted}': write json or csv.", param="format")
        if detail not in ("", "requests"):
            raise ApiError(400, f"detail is '{detail}': write requests.", param="detail")
        if wanted == "csv":
            export = self.shop.invoice.cost_export().encode()
            await exchange.reply(200, "text/csv; charset=utf-8", export)
        else:
            await exchange.reply_json(200, self.shop.invoice.statement(detail == "requests"))

    async def clear_invoice(self, exchange: Exchange, _part: str) -> None:
        """Answer DELETE /invoice."""
        self.shop.invoice.start_anew(self.shop.clock.now())
        await exchange.reply_json(200, self.shop.invoice.statement())

    async def health(self, exchange: Exchange, _part: str) -> None:
        """Answer GET /health."""
        await exchange.reply_json(200, {"status": "ok"})

    def _admit(self, exchange: Exchange) -> str:
        """Return the account that asks: any key is one; raises `ApiError` 401 without a key."""
        exchange.headers |= {
            "x-request-id": f"req_{self.shop.unique_id()}",
            "openai-version": "2020-10-01",
            "openai-organization": "vigie-simulate",
            "openai-processing-ms": "0",
        }
        scheme, _, key = exchange.header("authorization").partition(" ")
        account = key.strip() if scheme.lower() == "bearer" else ""
        account = account or exchange.header("api-key")
        if not account:
            raise missing_key()
        if exchange.path.startswith("/openai/") and not exchange.query("api-version"):
            raise ApiError(404, "Resource not found: write ?api-version=…", code="404")
        return account


_ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("POST", r"/v1/chat/completions()", Provider.chat),
        ("POST", r"/v1/responses()", Provider.responses),
        ("POST", r"/v1/embeddings()", Provider.embeddings),
        ("GET", r"/v1/models()", Provider.models),
        ("GET", r"/v1/models/(.+)", Provider.models),
        ("POST", r"/openai/deployments/([^/]+)/chat/completions", Provider.chat),
        ("POST", r"/openai/deployments/([^/]+)/embeddings", Provider.embeddings),
        ("POST", r"/faults()", Provider.set_faults),
        ("GET", r"/faults()", Provider.show_faults),
        ("DELETE", r"/faults()", Provider.clear_faults),
        ("GET", r"/invoice()", Provider.show_invoice),
        ("DELETE", r"/invoice()", Provider.clear_invoice),
        ("GET", r"/health()", Provider.health),
    )
)


def _route(exchange: Exchange) -> tuple[Handler, str]:
    """Return the handler of a request, and the part of its path that varies."""
    allowed = []
    for method, pattern, handler in _ROUTES:
        found = pattern.fullmatch(exchange.path)
        if found and method == exchange.method:
            return handler, found[1]
        if found:
            allowed.append(method)
    if allowed:
        raise ApiError(
            405,
            f"Not allowed to {exchange.method} on {exchange.path}. "
            "(HINT: Perhaps you meant to use a different HTTP method?)",
            code="method_not_supported",
            headers={"allow": ", ".join(allowed)},
        )
    raise ApiError(404, f"Invalid URL ({exchange.method} {exchange.path})")


def _model(name: str, model: Model) -> dict[str, object]:
    return {"id": name, "object": "model", "created": model.created, "owned_by": model.owner}


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
