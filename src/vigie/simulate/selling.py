"""From an accepted request to a billed answer: its faults, its pace, and what it is sold at."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from vigie.simulate.ask import Ask
from vigie.simulate.clock import Clock, utc_day
from vigie.simulate.embeddings import EmbeddingsCall
from vigie.simulate.errors import ApiError, injected
from vigie.simulate.exchange import Exchange
from vigie.simulate.faults import FaultSwitch
from vigie.simulate.fields import Fields
from vigie.simulate.invoice import Invoice, Sale
from vigie.simulate.latencies import Pace, draw_pace
from vigie.simulate.offer import Model
from vigie.simulate.prefix_cache import PrefixCache
from vigie.simulate.prices import price_of
from vigie.simulate.rate_limits import RateLimits
from vigie.simulate.reply import Reply, compose
from vigie.simulate.responses import Conversations

_SHORTEST_SLEEP_SECONDS = 0.001
_PLAIN_STEP_SECONDS = 0.25
"""How exactly a plain answer that the client breaks off is billed: to a quarter of a second."""

_RETRY_AFTER_SECONDS = 1.0


class TextCall(Protocol):
    """A request for text of one API: what is asked, and the shapes of the answer."""

    @property
    def operation(self) -> str:
        """The name on the invoice."""
        ...

    @property
    def id_prefix(self) -> str:
        """What response ids start with."""
        ...

    @property
    def ask(self) -> Ask:
        """What is asked for."""
        ...

    @property
    def stream_options(self) -> Fields | None:
        """The request's field of that name."""
        ...

    def plain(self, sale: Sale, reply: Reply) -> dict[str, Any]:
        """Return the whole answer."""
        ...

    def opening(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return a stream's events before the first token."""
        ...

    def token(self, sale: Sale, reply: Reply, index: int, token: str) -> list[bytes]:
        """Return a stream's events of one token."""
        ...

    def closing(self, sale: Sale, reply: Reply) -> list[bytes]:
        """Return a stream's events after the last token."""
        ...


@dataclass(slots=True)
class Shop:
    """All that the provider keeps between requests."""

    seed: int
    speed: float
    clock: Clock
    invoice: Invoice
    faults: FaultSwitch = field(default_factory=FaultSwitch)
    limits: RateLimits = field(default_factory=RateLimits)
    prefixes: PrefixCache = field(default_factory=PrefixCache)
    conversations: Conversations = field(default_factory=Conversations)
    orders: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _serials: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _opened: float = 0.0

    def __post_init__(self) -> None:
        self._opened = self.clock.now()

    def unique_id(self) -> str:
        """Return 32 hexadecimal digits that no later start gives again, whatever the seed."""
        unique = f"{self.seed}|{self._opened!r}|{next(self._serials)}"
        return hashlib.blake2b(unique.encode(), digest_size=16).hexdigest()


async def sell_text(shop: Shop, exchange: Exchange, call: TextCall, account: str) -> None:
    """Answer a request for text, streamed or whole, and bill what was generated of it."""
    ask = call.ask
    order = _Order(shop, exchange, account, ask.model, ask.tier)
    sale = order.sale(call, ask.requested_model, ask.stream, len(ask.prompt))
    await exchange.unless_disconnected(_text(order, call, sale))


async def sell_embeddings(
    shop: Shop, exchange: Exchange, call: EmbeddingsCall, account: str
) -> None:
    """Answer a request for embeddings, and bill it."""
    order = _Order(shop, exchange, account, call.model, "default")
    sale = order.sale(call, call.requested_model, False, call.input_tokens)
    await exchange.unless_disconnected(_embeddings(order, call, sale))


class _Order:
    """One request on its way: its random draws, its faults, its bill."""

    def __init__(
        self, shop: Shop, exchange: Exchange, account: str, model: Model, tier: str
    ) -> None:
        self.shop = shop
        self.exchange = exchange
        self.account = account
        self.model = model
        self.now = shop.clock.now()
        self._rng = random.Random(f"{shop.seed}|{next(shop.orders)}")
        self.faults = shop.faults.on(model, self.now)
        factor = self.faults.latency_factor / shop.speed
        self.pace = draw_pace(model, tier, self._rng).scaled(factor)
        self._tier = tier
        self._billed = False

    def sale(
        self, call: TextCall | EmbeddingsCall, requested_model: str, streamed: bool, tokens: int
    ) -> Sale:
        """Open the sale."""
        return Sale(
            response_id=call.id_prefix + self.shop.unique_id(),
            request_id=self.exchange.headers["x-request-id"],
            requested_model=requested_model,
            model=self.model,
            operation=call.operation,
            tier=self._tier,
            streamed=streamed,
            asked_at=self.now,
            input_tokens=tokens,
        )

    async def admit(self, tokens: int) -> None:
        """Pass the faults and the rate limits; raises `ApiError` where one of them refuses."""
        if self.faults.hang:
            await self.shop.clock.sleep(self.faults.hang)
        status = self.faults.draw_error(self._rng)
        if status is not None:
            raise injected(status, _RETRY_AFTER_SECONDS / self.shop.speed)
        now = self.shop.clock.now()
        self.exchange.headers |= self.shop.limits.take(self.account, self.model, tokens, now)

    def tell_processing_time(self) -> None:
        """Put the time until now into the headers, in milliseconds."""
        seconds = self.shop.clock.now() - self.now
        self.exchange.headers["openai-processing-ms"] = str(round(seconds * 1000))

    def bill(self, sale: Sale) -> None:
        """Bill the sale; once, however often it is called."""
        if not self._billed:
            self._billed = True
            self.shop.invoice.bill(sale, self.shop.clock.now())


async def _text(order: _Order, call: TextCall, sale: Sale) -> None:
    ask, shop, exchange = call.ask, order.shop, order.exchange
    reply = compose(ask, shop.seed)
    await order.admit(len(ask.prompt) + reply.output_tokens)
    if order.faults.refuse_stream_options and call.stream_options is not None:
        raise ApiError(400, "Unrecognized request argument supplied: stream_options")
    try:
        await shop.clock.sleep(order.pace.first_token)
        _begin(order, sale, ask, reply)
        if ask.stream:
            await _stream(order, call, sale, reply)
            return
        async for _ in _generate(shop.clock, sale, reply, order.pace, _PLAIN_STEP_SECONDS):
            pass
        sale.outcome = "completed"
    finally:
        # Before the last byte is sent: who has the answer finds it on the invoice.
        order.bill(sale)
    order.tell_processing_time()
    await exchange.reply_json(200, call.plain(sale, reply))


def _begin(order: _Order, sale: Sale, ask: Ask, reply: Reply) -> None:
    """Mark the prompt as read: from now on the request costs something."""
    shop = order.shop
    now = shop.clock.now()
    price = price_of(sale.model.snapshot, sale.tier, utc_day(now))
    if price is not None and price.cached_input is not None:
        owner = f"{order.account}|{sale.model.snapshot}"
        sale.cached_input_tokens = shop.prefixes.use(owner, ask.prompt, now)
    sale.output_tokens = sum(choice.head_tokens for choice in reply.choices)
    sale.begun = True


async def _stream(order: _Order, call: TextCall, sale: Sale, reply: Reply) -> None:
    exchange = order.exchange
    drop_after = order.faults.drop_stream_after
    sent = 0

    async def send(events: list[bytes]) -> None:
        nonlocal sent
        for event in events:
            if sent == drop_after:
                raise _DroppedError
            await exchange.send_event(event)
            sent += 1

    def drop_before_the_next_token() -> None:
        if sent == drop_after:
            raise _DroppedError

    order.tell_processing_time()
    await exchange.start_stream()
    try:
        await send(call.opening(sale, reply))
        drop_before_the_next_token()
        async for index, token in _generate(order.shop.clock, sale, reply, order.pace):
            await send(call.token(sale, reply, index, token))
            drop_before_the_next_token()
        closing = call.closing(sale, reply)
        dropped = drop_after is not None and sent + len(closing) > drop_after
        sale.outcome = "dropped" if dropped else "completed"
        order.bill(sale)
        await send(closing)
    except _DroppedError:
        sale.outcome = "dropped"
    else:
        await exchange.end_stream()


class _DroppedError(Exception):
    """The fault that breaks a stream off. A stream without its end makes the server hang up."""


async def _generate(
    clock: Clock, sale: Sale, reply: Reply, pace: Pace, step_seconds: float = 0.0
) -> AsyncIterator[tuple[int, str]]:
    """Yield each visible token with its choice's index, when it is due, and count it as sold.

    Tokens are due at fixed times from the start, so that small delays do not add up. Sleeps at
    least `step_seconds` at a time; what became due meanwhile follows at once. The choices of one
    answer are generated side by side.
    """
    pieces = reply.pieces()
    hidden = reply.reasoning_tokens
    total = hidden + len(pieces)
    per_token = pace.per_token / len(reply.choices)
    start = clock.now()
    for done in range(total):
        late = clock.now() - (start + (done + 1) * per_token)
        if late < -_SHORTEST_SLEEP_SECONDS:
            until_end = start + total * per_token - clock.now()
            await clock.sleep(min(max(-late, step_seconds), until_end))
        sale.output_tokens += 1
        if done < hidden:
            sale.reasoning_tokens += 1
        else:
            yield pieces[done - hidden]


async def _embeddings(order: _Order, call: EmbeddingsCall, sale: Sale) -> None:
    await order.admit(sale.input_tokens)
    await order.shop.clock.sleep(order.pace.first_token)
    sale.begun = True
    sale.outcome = "completed"
    answer = call.plain(sale, order.shop.seed)
    order.bill(sale)
    order.tell_processing_time()
    await order.exchange.reply_json(200, answer)
