"""The official OpenAI SDK: what each attempt took, in seconds, tokens and money.

    from vigie.instrument import openai as watched_openai
    watched_openai.instrument()

The SDK's types and behaviour stay what they are: iteration, context managers, `close()`,
cancellation, exceptions, retries, raw responses. No prompt and no answer gets into a label, a log,
a span or the ledger. Chat completions, responses and embeddings are watched, sync and async, plain
and streamed.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from importlib.util import find_spec

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.costs.budget import Budget
from vigie.costs.money import Currency
from vigie.instrument.guard import count_failure
from vigie.instrument.ledger import NAME as LEDGER
from vigie.instrument.ledger import ledger_writer
from vigie.instrument.meters import meters
from vigie.instrument.openai.budgeted import Budgeted
from vigie.instrument.openai.recorder import Recorder
from vigie.instrument.openai.seam import installed, seam
from vigie.instrument.openai.spans import spans
from vigie.instrument.service import service_name

__all__ = ["instrument", "uninstrument"]


def instrument(
    client: object | None = None,
    *,
    budget: Budget | None = None,
    currency_code: str | None = None,
    per_usd: Decimal | None = None,
    service: str | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Watch all clients of the process, present and future, or the one given.

    With a client, its copies (`with_options`) are watched too, as are others that were given the
    same `http_client`. Each priced call goes to the ledger, under the name of `service` (default:
    $VIGIE_SERVICE, else $OTEL_SERVICE_NAME). Prices, the currency and the ledger's place are those
    of the settings, read in the background; `currency_code` and `per_usd` (what one US dollar is
    worth) override the currency. With a `budget`, a call for which it has no room is not made:
    `vigie.costs.guard.BudgetExceededError`. May be called again, to change any of these.

    To be called in the main thread, so that the ledger hears of SIGTERM.

    Raises ImportError without the SDK, TypeError for what is no client of its, and ValueError for
    a currency that is none.
    """
    classes = _client_classes()
    if client is not None and not isinstance(client, classes):
        raise TypeError(
            f"instrument() got a {type(client).__name__}: give it an OpenAI or AsyncOpenAI client, "
            "or nothing to watch all of them"
        )
    currency = _currency(currency_code, per_usd)
    found = seam(classes)
    ledger = ledger_writer(registry)
    budgeted = None
    if budget is not None:
        failed = partial(count_failure, LEDGER, meters=meters(registry))
        budgeted = Budgeted(budget, found.rates, ledger, failed)
    recorder = Recorder(
        registry,
        found.rates,
        ledger,
        spans(),
        service=service_name(unknown="") if service is None else service,
        currency=currency,
        budgeted=budgeted,
    )
    found.watch(client, recorder)
    meters(registry).before_scrape("openai", found.backlog.drain)


def uninstrument() -> None:
    """Put everything back as it was, for all clients; what was under way is counted."""
    found = installed(_client_classes())
    if found is not None:
        found.restore()


def _client_classes() -> tuple[type, type]:
    """The SDK's sync and async client classes that define `request`."""
    if find_spec("openai") is None or find_spec("genai_prices") is None:
        raise ImportError(
            "vigie.instrument.openai needs the openai SDK and its price list: "
            "pip install 'vigie[openai]'"
        )
    import openai

    sync, asynchronous = (
        next(each for each in client.__mro__ if "request" in each.__dict__)
        for client in (openai.OpenAI, openai.AsyncOpenAI)
    )
    return sync, asynchronous


def _currency(code: str | None, per_usd: Decimal | None) -> Currency | None:
    if code is None and per_usd is None:
        return None
    if code is None or (per_usd is None and code != "USD"):
        raise ValueError(
            'a currency is its code and its rate: currency_code="EUR", per_usd=Decimal("0.92")'
        )
    return Currency(code, Decimal(1) if per_usd is None else per_usd)
