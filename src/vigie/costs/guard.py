"""Holds calls to a budget: money is set aside before a call, and given back when it is settled.

All processes that share a ledger share its budget: what is set aside is in the ledger's database,
and what was spent is the ledger's own sum, so that calls which are not guarded count too. Setting
aside is one transaction, of less than a millisecond in a local file; giving back happens with the
writing of the call, off the request path, in the same transaction. So money is counted until the
call is in the ledger, and never twice: however many calls start at once, the budget is overspent at
most by what single calls cost more than was set aside for them.

A guard that cannot do its work (a locked file, a full disk) lets calls pass, and tells.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Protocol
from zoneinfo import ZoneInfo

from vigie.costs.budget import Budget
from vigie.costs.day import day_of
from vigie.costs.ledger.database import Database
from vigie.costs.ledger.link import LOCK_SECONDS, Link
from vigie.costs.ledger.place import LedgerPlace
from vigie.costs.ledger.reading import Ledger
from vigie.costs.ledger.rows import from_pico, microseconds, to_pico
from vigie.costs.ledger.writer import LedgerWriter
from vigie.costs.money import EXACT, Currency
from vigie.costs.priced_call import PricedCall
from vigie.costs.prices import Price
from vigie.costs.tally import Tally, worth
from vigie.costs.usage import Usage

log = logging.getLogger("vigie")

USUAL_OUTPUT_TOKENS = 4096
"""What a call is taken to answer with at most, where it does not say."""

_LONGEST_DAY = timedelta(hours=26)


class BudgetExceededError(Exception):
    """The day's budget has no room for this call, which was not made.

    `limit`, `spent` and `reserved` are in `currency`; `until` is when the next day begins.
    """

    def __init__(
        self, limit: Decimal, spent: Decimal, reserved: Decimal, currency: str, until: datetime
    ) -> None:
        self.limit = limit
        self.spent = spent
        self.reserved = reserved
        self.currency = currency
        self.until = until
        super().__init__(
            f"the budget of {limit:f} {currency} a day has no room for this call: "
            f"{spent:.4f} are spent and {reserved:.4f} set aside for calls under way; it begins "
            f"anew at {until:%Y-%m-%d %H:%M %Z}"
        )


class Terms(Protocol):
    """What a guard needs of the settings."""

    @property
    def ledger(self) -> LedgerPlace | None:
        """Where the ledger is."""

    @property
    def currency(self) -> Currency:
        """The currency of the budget."""

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnight begins a day."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call; `id` is empty where the guard let it pass unseen.

    `exceeded` says that the budget has no room for it, and that it passes because it only warns.
    """

    id: str
    exceeded: bool = False


def cost_at_most(
    price: Price | None, prompt_tokens: int, max_output_tokens: int | None = None
) -> Decimal:
    """US dollars to set aside for a call; 0 where no price is known, so that it can be made."""
    output = USUAL_OUTPUT_TOKENS if max_output_tokens is None else max_output_tokens
    usd = price.usd(Usage(input=prompt_tokens, output=output)) if price is not None else None
    if usd is None and price is not None:  # embeddings: there is no price for what they answer
        usd = price.usd(Usage(input=prompt_tokens))
    return usd or Decimal(0)


class Guard:
    """Sets money aside, from any thread of all processes that share a ledger.

    `terms` is asked once, at the first call (or by `load`, off the request path). Calls are settled
    through `writer`. `failed` is told whatever keeps the guard from its work.
    """

    def __init__(
        self,
        budget: Budget,
        terms: Callable[[], Terms],
        writer: LedgerWriter,
        failed: Callable[[Exception], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._budget = budget
        self._ask = terms
        self._terms: Terms | None = None
        self._writer = writer
        self._failed = failed
        self._now = now
        self._link = Link(self._place, in_child=lambda: None)
        self._tally = Tally(_LONGEST_DAY)
        self._warned_on: object = None

    def load(self) -> None:
        """Read the settings and open the ledger ahead of the first call."""
        try:
            with self._link.lock:
                self._link.database()
        except Exception as error:
            self._failed(error)

    def reserve(self, at_most_usd: Decimal) -> Reservation:
        """Set aside what a call will cost at most.

        Raises BudgetExceededError where it does not fit into what is left of today's budget, and
        the budget is not only to warn. It waits for other processes' transactions, for
        two seconds at most.
        """
        try:
            if not self._link.lock.acquire(timeout=LOCK_SECONDS):
                raise TimeoutError("the ledger is busy: a call passes the budget unseen")
            try:
                return self._reserve(at_most_usd)
            finally:
                self._link.lock.release()
        except BudgetExceededError:
            raise
        except Exception as error:
            self._failed(error)
            return Reservation("")

    def settle(self, reservation: Reservation, call: PricedCall) -> None:
        """Append a call to the ledger and give back what was set aside for it, together."""
        self._writer.append(call._replace(reservation=reservation.id))

    def release(self, reservation: Reservation) -> None:
        """Give back what was set aside for a call that cost nothing."""
        self._writer.release(reservation.id)

    def close(self) -> None:
        """Let go of the ledger."""
        with self._link.lock:
            self._link.let_go()

    def _reserve(self, at_most_usd: Decimal) -> Reservation:
        try:
            database = self._link.database()
            terms = self._terms
            if database is None or terms is None:
                raise ValueError("a budget needs a ledger, and ledger.url is off: calls pass it")
            with database.transaction():
                return self._reserve_in(database, terms, at_most_usd)
        except BudgetExceededError:
            raise
        except Exception:
            self._link.let_go()
            raise

    def _reserve_in(self, database: Database, terms: Terms, at_most_usd: Decimal) -> Reservation:
        now = self._now()
        day = day_of(now, terms.zone)
        database.run("DELETE FROM vigie_reservations WHERE expires_us <= ?", [microseconds(now)])
        self._tally.update(Ledger(database), now)
        spent = worth(self._tally.between(day.start, day.end), terms.currency)
        held = database.rows("SELECT COALESCE(SUM(usd_pico), 0) FROM vigie_reservations")
        with localcontext(EXACT):
            reserved = from_pico(int(held[0][0])) * terms.currency.per_usd
            left = self._budget.limit - spent - reserved
            exceeded = left <= 0 or at_most_usd * terms.currency.per_usd > left
        if exceeded:
            error = BudgetExceededError(
                self._budget.limit,
                spent,
                reserved,
                terms.currency.code,
                day.end.astimezone(terms.zone),
            )
            if self._budget.on_exceeded == "raise":
                raise error
            if self._warned_on != day.date:
                self._warned_on = day.date
                log.warning("%s; it is made, since the budget only warns", error)
        reservation = Reservation(secrets.token_hex(8), exceeded)
        database.run(
            "INSERT INTO vigie_reservations VALUES (?, ?, ?)",
            [
                reservation.id,
                to_pico(at_most_usd),
                microseconds(now + self._budget.lifetime),
            ],
        )
        return reservation

    def _place(self) -> LedgerPlace | None:
        self._terms = self._ask()
        return self._terms.ledger
