"""The price list that the provider's own invoice is made from.

It is typed here on its own, from the published lists, and shares nothing with `vigie.costs`:
what Vigie computes is judged against the invoice, so both must not copy from one another.
Amounts are Decimal throughout; a sum of them is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CURRENCY = "USD"

_LIST = "https://developers.openai.com/api/docs/pricing"
_LEGACY = "https://platform.openai.com/docs/pricing"
_PRIORITY = "https://openai.com/api-priority-processing/"
_CONTRACT = "contract with the coaching company, not published"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of a model snapshot in a service tier, from a day (UTC) on.

    `cached_input` is None where the model has no prompt caching. Reasoning tokens are output.
    """

    snapshot: str
    tier: str
    since: date
    source: str
    input: Decimal
    cached_input: Decimal | None
    output: Decimal

    def amount(self, input_tokens: int, cached_input_tokens: int, output_tokens: int) -> Decimal:
        """Return the exact price in US dollars; `cached_input_tokens` are part of the input.

        Raises ValueError where cached tokens are to be billed and no price for them is known.
        """
        if cached_input_tokens and self.cached_input is None:
            raise ValueError(f"{self.snapshot} is sold without prompt caching")
        per_million = (
            self.input * (input_tokens - cached_input_tokens)
            + (self.cached_input or Decimal(0)) * cached_input_tokens
            + self.output * output_tokens
        )
        return per_million.scaleb(-6)


def price_of(snapshot: str, tier: str, day: date) -> Price | None:
    """Return the price in force on a day (UTC), or None where the tier is not sold for the model.

    A day before the first price gets the first: the provider sold nothing before that.
    """
    rows = [p for p in PRICES if p.snapshot == snapshot and p.tier == tier]
    in_force = [p for p in rows if p.since <= day]
    return in_force[-1] if in_force else (rows[0] if rows else None)


def _row(snapshot: str, tier: str, since: str, source: str, *usd: str | None) -> Price:
    input_, cached_input, output = (None if each is None else Decimal(each) for each in usd)
    return Price(
        snapshot,
        tier,
        date.fromisoformat(since),
        source,
        input=input_ or Decimal(0),
        cached_input=cached_input,
        output=output or Decimal(0),
    )


# fmt: off
# Columns: snapshot, tier, in force since, published at, then US dollars per million tokens of
# input, of cached input, of output. The rows of one snapshot and tier are in the order of days.
PRICES: tuple[Price, ...] = (
    _row("gpt-4o-2024-05-13",       "default",  "2024-05-13", _LIST,     "5",     None,     "15"),
    _row("gpt-4o-2024-05-13",       "priority", "2025-08-07", _PRIORITY, "8.75", None, "26.25"),
    _row("gpt-4o-2024-08-06",       "default",  "2024-10-01", _LIST,     "2.50",  "1.25",   "10"),
    _row("gpt-4o-2024-08-06",       "priority", "2025-08-07", _PRIORITY, "4.25",  "2.125",  "17"),
    _row("gpt-4o-mini-2024-07-18",  "default",  "2024-10-01", _LIST,     "0.15",  "0.075",  "0.60"),
    _row("gpt-4o-mini-2024-07-18",  "priority", "2025-08-07", _PRIORITY, "0.25",  "0.125",  "1"),
    _row("gpt-4-0613",              "default",  "2023-06-13", _LEGACY,   "30",    None,     "60"),
    _row("gpt-4-turbo-2024-04-09",  "default",  "2024-04-09", _LEGACY,   "10",    None,     "30"),
    _row("gpt-3.5-turbo-0125",      "default",  "2024-01-25", _LEGACY,   "0.50",  None,     "1.50"),
    _row("gpt-4.1-2025-04-14",      "default",  "2025-04-14", _LIST,     "2",     "0.50",   "8"),
    _row("gpt-4.1-2025-04-14",      "priority", "2025-08-07", _PRIORITY, "3.50",  "0.875",  "14"),
    _row("gpt-4.1-mini-2025-04-14", "default",  "2025-04-14", _LIST,     "0.40",  "0.10",   "1.60"),
    _row("gpt-4.1-mini-2025-04-14", "priority", "2025-08-07", _PRIORITY, "0.70",  "0.175",  "2.80"),
    _row("gpt-4.1-nano-2025-04-14", "default",  "2025-04-14", _LIST,     "0.10",  "0.025",  "0.40"),
    _row("gpt-4.1-nano-2025-04-14", "priority", "2025-08-07", _PRIORITY, "0.20",  "0.05",   "0.80"),
    _row("o3-mini-2025-01-31",      "default",  "2025-01-31", _LIST,     "1.10",  "0.55",   "4.40"),
    _row("o4-mini-2025-04-16",      "default",  "2025-04-16", _LIST,     "1.10",  "0.275",  "4.40"),
    _row("o4-mini-2025-04-16",      "flex",     "2025-04-17", _LIST,     "0.55",  "0.138",  "2.20"),
    _row("o4-mini-2025-04-16",      "priority", "2025-08-07", _PRIORITY, "2",     "0.50",   "8"),
    _row("gpt-5-2025-08-07",        "default",  "2025-08-07", _LIST,     "1.25",  "0.125",  "10"),
    _row("gpt-5-2025-08-07",        "flex",     "2025-08-07", _LIST,     "0.625", "0.0625", "5"),
    _row("gpt-5-2025-08-07",        "priority", "2025-08-07", _PRIORITY, "2.50",  "0.25",   "20"),
    _row("gpt-5-mini-2025-08-07",   "default",  "2025-08-07", _LIST,     "0.25",  "0.025",  "2"),
    _row("gpt-5-mini-2025-08-07",   "flex",     "2025-08-07", _LIST,     "0.125", "0.0125", "1"),
    _row("gpt-5-mini-2025-08-07",   "priority", "2025-08-07", _PRIORITY, "0.45",  "0.045",  "3.60"),
    _row("gpt-5-nano-2025-08-07",   "default",  "2025-08-07", _LIST,     "0.05",  "0.005",  "0.40"),
    _row("gpt-5-nano-2025-08-07",   "flex",     "2025-08-07", _LIST,     "0.025", "0.0025", "0.20"),
    _row("text-embedding-3-small",  "default",  "2024-01-25", _LIST,     "0.02",  None,     None),
    _row("text-embedding-3-large",  "default",  "2024-01-25", _LIST,     "0.13",  None,     None),
    _row("coach-internal-1",        "default",  "2026-01-15", _CONTRACT, "0.80",  "0.20",   "3.20"),
)
# fmt: on
