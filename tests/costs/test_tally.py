"""Spend kept in memory: what a ledger says, and no more reading than is needed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from priced_calls import NOON, Told, priced
from vigie.costs.ledger import LedgerPlace, LedgerWriter, reading
from vigie.costs.ledger.reading import Spend
from vigie.costs.money import Amount, Currency, Source
from vigie.costs.tally import Tally, worth

EURO = Currency("EUR", Decimal("0.92"))
WINDOW = timedelta(days=2)


def usd(tally: Tally) -> Decimal:
    spends = tally.between(NOON - timedelta(days=100), NOON + timedelta(days=100))
    return sum((spend.usd for spend in spends), Decimal(0))


def test_what_is_appended_is_added_once(place: LedgerPlace, writer: LedgerWriter) -> None:
    tally, found = Tally(WINDOW), []
    for number in range(4):
        writer.append(priced(number, usd="1"))
        assert writer.flush()
        for _ in range(2):
            with reading(place) as ledger:
                tally.update(ledger, NOON)
        found.append(usd(tally))
    assert found == [1, 2, 3, 4]


def test_what_is_older_than_the_window_is_not_in_it(
    place: LedgerPlace, writer: LedgerWriter
) -> None:
    writer.append(priced(1, usd="1", at=NOON - timedelta(days=1)))
    writer.append(priced(2, usd="2", at=NOON - timedelta(days=3)))
    assert writer.flush()
    tally = Tally(WINDOW)
    with reading(place) as ledger:
        tally.update(ledger, NOON)
        assert usd(tally) == 1
        # A week later the day has left the window too.
        tally.update(ledger, NOON + timedelta(days=7))
        assert usd(tally) == 0
        # A clock that was set back by a week reads again what it had let go.
        tally.update(ledger, NOON)
        assert usd(tally) == 1


def test_spend_is_told_by_quarter_source_and_currency(
    place: LedgerPlace, writer: LedgerWriter, told: Told
) -> None:
    franc = Amount(Decimal(8), "CHF", Source.COMPUTED)
    writer.append(priced(1, usd="1"))
    writer.append(priced(2, usd="2", source=Source.ESTIMATED))
    writer.append(priced(3, usd="10", amount=franc))
    writer.append(priced(4, usd=None))
    writer.append(priced(900, usd="5"))
    assert writer.flush()
    tally = Tally(WINDOW)
    with reading(place) as ledger:
        tally.update(ledger, NOON)
    spends = tally.between(NOON, NOON + timedelta(minutes=15))
    assert [(s.source, s.currency, s.amount) for s in spends] == [
        ("computed", "CHF", 8),
        ("computed", "EUR", Decimal("0.92")),
        ("estimated", "EUR", Decimal("1.84")),
        ("unpriced", "", 0),
    ]
    # Francs count by their dollars, at today's rate.
    assert worth(spends, EURO) == Decimal("0.92") + Decimal("1.84") + Decimal("9.2")
    assert tally.by_quarter(EURO, NOON, NOON + timedelta(minutes=30)) == {
        NOON: 11.96,
        NOON + timedelta(minutes=15): 4.6,
    }
    assert not told.failures


def test_worth_is_exact() -> None:
    spend = Spend("computed", "EUR", 1, 1, Decimal("0.1"), Decimal(1))
    assert worth([spend] * 3, EURO) == Decimal("0.3")
