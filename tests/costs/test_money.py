"""Amounts, currencies, and what is refused."""

from decimal import Decimal, localcontext

import pytest

from vigie.costs.money import Amount, Currency, Source


def test_an_amount_is_converted_exactly_and_keeps_its_source() -> None:
    euro = Currency("EUR", Decimal("0.92"))
    with localcontext(prec=3):
        amount = euro.amount(Decimal("0.0000123456"), Source.COMPUTED)
    assert amount == Amount(Decimal("0.000011357952"), "EUR", Source.COMPUTED)


def test_without_a_currency_amounts_are_us_dollars() -> None:
    assert Currency().amount(Decimal("1.5"), Source.PROVIDER).currency == "USD"


@pytest.mark.parametrize("code", ["€", "eur", "EURO", ""])
def test_a_currency_code_that_is_none_is_refused(code: str) -> None:
    with pytest.raises(ValueError) as refused:
        Currency(code)
    assert str(refused.value) == (
        f'currency code is "{code}": write three capital letters, e.g. "EUR"'
    )


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_that_is_not_above_zero_is_refused(rate: str) -> None:
    with pytest.raises(ValueError) as refused:
        Currency("EUR", Decimal(rate))
    assert str(refused.value) == (
        f'currency rate is "{rate}": write what one US dollar is worth, e.g. "0.92"'
    )
