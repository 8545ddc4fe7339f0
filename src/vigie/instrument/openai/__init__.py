"""The official OpenAI SDK: what each attempt took, in seconds, tokens and money.

    from vigie.instrument import openai as watched_openai
    watched_openai.instrument()

The SDK's types and behaviour stay what they are: iteration, context managers, `close()`,
cancellation, exceptions, retries, raw responses. No prompt and no answer gets into a label or a
log. Chat completions, responses and embeddings are watched, sync and async, plain and streamed.
"""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec

from prometheus_client import REGISTRY, CollectorRegistry

from vigie.costs.money import Currency
from vigie.instrument.meters import meters
from vigie.instrument.openai.recorder import Recorder
from vigie.instrument.openai.seam import installed, seam

__all__ = ["instrument", "uninstrument"]

CODE_VARIABLE = "VIGIE_CURRENCY__CODE"
RATE_VARIABLE = "VIGIE_CURRENCY__PER_USD"


def instrument(
    client: object | None = None,
    *,
    currency_code: str | None = None,
    per_usd: Decimal | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Watch all clients of the process, present and future, or the one given.

    With a client, its copies (`with_options`) are watched too, as are others that were given the
    same `http_client`. Costs are counted in `currency_code` at `per_usd` (what one US dollar is
    worth); where they are not given, VIGIE_CURRENCY__CODE and VIGIE_CURRENCY__PER_USD are read,
    else costs are in US dollars. May be called again, to change them.

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
    found.watch(client, Recorder(registry, currency, found.prices))
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


def _currency(code: str | None, per_usd: Decimal | None) -> Currency:
    code = code or os.environ.get(CODE_VARIABLE) or "USD"
    if per_usd is None:
        given = os.environ.get(RATE_VARIABLE, "1")
        try:
            per_usd = Decimal(given)
        except InvalidOperation:
            raise ValueError(
                f'{RATE_VARIABLE} is "{given}": write what one US dollar is worth, e.g. "0.92"'
            ) from None
    return Currency(code, per_usd)
