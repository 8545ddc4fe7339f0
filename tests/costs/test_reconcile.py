"""The ledger beside an invoice: the simulator's own, OpenAI's export of costs, and files that are
neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from vigie.costs.invoice import InvoiceError, read_invoice
from vigie.costs.ledger.reading import LedgerCall
from vigie.costs.prices import PriceList
from vigie.costs.reconcile import as_text, reconcile
from vigie.costs.usage import Usage
from vigie.simulate.invoice import Invoice, Sale
from vigie.simulate.offer import MODELS

OPENED = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PRICES = PriceList()


def sale(number: int, model: str = "gpt-4o-mini", **given: Any) -> Sale:
    usual: dict[str, Any] = {
        "response_id": f"chatcmpl-{number:020d}",
        "request_id": f"req_{number:032d}",
        "requested_model": model,
        "model": MODELS[model],
        "operation": "chat",
        "tier": "default",
        "streamed": False,
        "asked_at": OPENED.timestamp(),
        "input_tokens": 1000 + number,
        "cached_input_tokens": 512,
        "output_tokens": 100,
        "begun": True,
        "outcome": "completed",
    }
    return Sale(**{**usual, **given})


def recorded(sold: Sale, at: datetime) -> LedgerCall:
    """What Vigie makes of the call: counted by the provider, priced by our list."""
    usage = Usage(
        input=sold.input_tokens,
        output=sold.output_tokens,
        cached_input=sold.cached_input_tokens,
        reasoning=sold.reasoning_tokens,
    )
    price = PRICES.price(sold.model.snapshot, service_tier=sold.tier, at=at)
    assert price is not None
    return LedgerCall(
        at=at,
        response_id=sold.response_id or sold.request_id,
        model=sold.model.snapshot,
        operation=sold.operation,
        service_tier=sold.tier,
        outcome="ok",
        source="computed",
        usage=usage,
        usd=price.usd(usage),
    )


@pytest.fixture
def sold() -> Callable[[list[Sale]], tuple[Invoice, list[LedgerCall]]]:
    """An invoice of these sales, a minute apart, and the calls that a ledger has of them."""

    def sell(sales: list[Sale]) -> tuple[Invoice, list[LedgerCall]]:
        invoice, calls = Invoice(None, OPENED.timestamp()), []
        for number, each in enumerate(sales):
            at = OPENED + timedelta(minutes=number)
            invoice.bill(each, at.timestamp())
            calls.append(recorded(each, at + timedelta(milliseconds=5)))
        return invoice, calls

    return sell


def as_json(invoice: Invoice, detail: bool = True) -> bytes:
    return json.dumps(invoice.statement(detail)).encode()


def several() -> list[Sale]:
    return [
        sale(1),
        sale(2, "gpt-4o", output_tokens=333),
        sale(3, "o4-mini", operation="responses", reasoning_tokens=64),
        sale(4, "gpt-5-mini", tier="flex"),
        sale(
            5,
            "text-embedding-3-small",
            operation="embeddings",
            response_id="",
            cached_input_tokens=0,
            output_tokens=0,
        ),
        sale(6),
    ]


@pytest.mark.parametrize("detail", [True, False])
def test_the_simulators_invoice_and_a_whole_ledger_agree_to_the_last_micro_cent(
    sold: Callable[..., Any], detail: bool
) -> None:
    invoice, calls = sold(several())
    found = reconcile(read_invoice("invoice.json", as_json(invoice, detail)), calls)
    assert found.agrees
    assert len(found.items) == 5
    assert "They agree, to the last micro-cent." in as_text(found)


def test_the_export_of_costs_agrees_too(sold: Callable[..., Any]) -> None:
    invoice, calls = sold(several())
    found = reconcile(read_invoice("costs.csv", invoice.cost_export().encode()), calls)
    assert found.agrees, as_text(found)


def test_what_is_missing_on_either_side_is_named_by_its_request(
    sold: Callable[..., Any],
) -> None:
    invoice, calls = sold([sale(1), sale(2, outcome="broken_off"), sale(3)])
    stranger = replace(calls[2], response_id="chatcmpl-somebody-else-s")
    found = reconcile(
        read_invoice("invoice.json", as_json(invoice)), [calls[0], calls[2], stranger]
    )
    assert not found.agrees
    assert as_text(found) == (
        "invoice.json beside the ledger, in US dollars\n"
        "\n"
        "                                                 invoice          ledger      difference\n"
        "2026-11-20  gpt-4o-mini-2024-07-18, chat      0.00051570      0.00051585     +0.00000015\n"
        "    tokens: 3006 in, 300 out, 1536 cached, 0 reasoning in the invoice,"
        " 3007 in, 300 out, 1536 cached, 0 reasoning in the ledger\n"
        "Total                                         0.00051570      0.00051585     +0.00000015\n"
        "\n"
        "Missing in the ledger: 1\n"
        "  chatcmpl-00000000000000000002  gpt-4o-mini-2024-07-18  0.00017190  broken_off\n"
        "\n"
        "Missing in the invoice: 1\n"
        "  chatcmpl-somebody-else-s  gpt-4o-mini-2024-07-18  0.00017205  computed, ok\n"
        "\n"
        "They differ: the ledger says 0.00000015 more (+0.03%).\n"
    )


def test_a_request_that_is_told_differently_shows_both_sides(
    sold: Callable[..., Any],
) -> None:
    invoice, calls = sold([sale(1)])
    guessed = replace(
        calls[0],
        source="estimated",
        outcome="cancelled",
        usage=Usage(input=990, output=90),
        usd=Decimal("0.0002"),
    )
    text = as_text(reconcile(read_invoice("invoice.json", as_json(invoice)), [guessed]))
    assert "    1 of 1 calls are estimated\n" in text
    assert (
        "Told differently: 1\n"
        "  chatcmpl-00000000000000000001  gpt-4o-mini-2024-07-18  0.00017175 for 1001 in, 100 out,"
        " 512 cached, 0 reasoning in the invoice, 0.00020000 for 990 in, 90 out, 0 cached,"
        " 0 reasoning in the ledger (estimated)\n"
    ) in text


def test_totals_that_agree_do_not_hide_what_differs(sold: Callable[..., Any]) -> None:
    invoice, calls = sold([sale(1)])
    swapped = replace(calls[0], usage=calls[0].usage._replace(reasoning=7))
    text = as_text(reconcile(read_invoice("invoice.json", as_json(invoice)), [swapped]))
    assert text.endswith("\nThey differ, though the totals agree.\n")


def test_a_call_without_a_price_differs(sold: Callable[..., Any]) -> None:
    invoice, calls = sold([sale(1)])
    unpriced = replace(calls[0], source="unpriced", usd=None)
    found = reconcile(read_invoice("invoice.json", as_json(invoice)), [unpriced])
    assert not found.agrees
    assert "    1 of 1 calls have no price\n" in as_text(found)


def test_a_call_around_midnight_is_of_the_day_that_the_invoice_says(
    sold: Callable[..., Any],
) -> None:
    _, calls = sold([sale(1)])
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    invoice = Invoice(None, OPENED.timestamp())
    invoice.bill(sale(1), (midnight - timedelta(milliseconds=2)).timestamp())
    late = replace(calls[0], at=midnight + timedelta(milliseconds=2))
    assert reconcile(read_invoice("invoice.json", as_json(invoice)), [late]).agrees


def test_calls_outside_of_the_invoices_time_are_no_finding(sold: Callable[..., Any]) -> None:
    invoice, calls = sold([sale(1)])
    before = replace(calls[0], at=OPENED - timedelta(seconds=1), response_id="x" * 30)
    after = replace(calls[0], at=datetime(2026, 11, 21, tzinfo=UTC), response_id="y" * 30)
    assert reconcile(read_invoice("i.json", as_json(invoice)), [before, *calls]).agrees
    export = read_invoice("costs.csv", invoice.cost_export().encode())
    assert reconcile(export, [*calls, after]).agrees
    assert not reconcile(export, [*calls, replace(calls[0], response_id="z" * 30)]).agrees


def test_requests_that_the_invoice_leaves_off_are_not_missing_in_it() -> None:
    invoice = Invoice(None, OPENED.timestamp(), requests_cap=2)
    calls = []
    for number in range(5):
        at = OPENED + timedelta(minutes=number)
        invoice.bill(sale(number), at.timestamp())
        calls.append(recorded(sale(number), at))
    found = reconcile(read_invoice("invoice.json", as_json(invoice)), calls)
    assert found.agrees
    assert "The invoice leaves off its first 3 requests." in as_text(found)


HEADER = "start_time,end_time,amount_value,amount_currency,line_item\n"


def test_lines_that_are_no_models_tokens_are_shown_and_differ() -> None:
    text = f'{HEADER}1795132800,1795219200,0.05,usd,"web search tool calls"\n'
    found = reconcile(read_invoice("costs.csv", text.encode()), [])
    assert not found.agrees
    assert "    this is no call that Vigie watches\n" in as_text(found)


def test_a_tier_of_the_export_is_told_apart() -> None:
    text = (
        f"{HEADER}"
        '1795132800,1795219200,0.05,usd,"gpt-5, priority, cached input"\n'
        '1795132800,1795219200,0.01,usd,"gpt-5, priority, output"\n'
        '1795132800,1795219200,0.02,usd,"gpt-5, output"\n'
    )
    invoice = read_invoice("costs.csv", text.encode())
    assert {(item.tier, billed.usd) for item, billed in invoice.items.items()} == {
        ("priority", Decimal("0.06")),
        ("default", Decimal("0.02")),
    }


def test_more_than_twenty_missing_requests_are_counted(sold: Callable[..., Any]) -> None:
    invoice, _ = sold([sale(number) for number in range(30)])
    text = as_text(reconcile(read_invoice("invoice.json", as_json(invoice)), []))
    assert "Missing in the ledger: 30\n" in text
    assert "  … and 10 more\n" in text
    assert "    this is missing in the ledger\n" in text


JSON = '{"currency": "USD", "since": "2026-11-20T08:00:00+00:00", "lines": [%s]}'
LINE = (
    '{"day": "%s", "model": "gpt-4o", "service_tier": "", "operation": "chat", "amount": %s, '
    '"input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 0, "reasoning_tokens": 0}'
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bill: it is empty: export the costs again"),
        (
            b"\xff\xfe",
            "bill: it is not UTF-8 text: name a CSV export of costs, or the simulator's JSON",
        ),
        (
            b"day,cost\n2026-11-20,5\n",
            "bill:1: the column start_time is missing: export the costs as CSV, grouped by line"
            " item",
        ),
        (
            HEADER.encode(),
            "bill: it has a header and no line: export a time with calls",
        ),
        (
            HEADER.encode() + b"yesterday,1,1,usd,x\n",
            'bill:2: start_time is "yesterday": it should be seconds since 1970, e.g. 1795132800',
        ),
        (
            HEADER.encode() + b"1,2,0.5,usd,x\n1,2,much,usd,x\n",
            'bill:3: amount_value is "much": it should be a number, e.g. 0.0042',
        ),
        (
            HEADER.encode() + b"1,2,0.5,eur,x\n",
            'bill:2: amount_currency is "eur": costs are compared in US dollars: export them in'
            " usd",
        ),
        (
            HEADER.encode() + b"1,2,0.5,usd,\n",
            "bill:2: line_item is empty: export the costs grouped by line item",
        ),
        (
            HEADER.encode() + b"1,2,0.5\n",
            "bill:2: it has not as many fields as the header: export it again",
        ),
        (
            b'{"currency": "USD",\n "since": }',
            "bill:2: it is not JSON: Expecting value: fetch the invoice again",
        ),
        (
            b'{"currency": "EUR"}',
            'bill: currency is "EUR": costs are compared in US dollars, "USD"',
        ),
        (
            b'{"total": 3}',
            "bill: currency is missing: it should be text: fetch the invoice again",
        ),
        (
            (JSON % (LINE % ("soon", '"1"'))).encode(),
            'bill: lines[0].day is "soon": it should be a date, e.g. 2026-11-20',
        ),
        (
            (JSON % (LINE % ("2026-11-20", '"1"') + ", 7")).encode(),
            "bill: lines[1]: day is missing: it should be text: fetch the invoice again",
        ),
        (
            (JSON % (LINE % ("2026-11-20", "0.5"))).encode(),
            "bill: lines[0]: amount is 0.5: it should be text: fetch the invoice again",
        ),
        (
            (JSON % (LINE % ("2026-11-20", '"NaN"'))).encode(),
            'bill: lines[0].amount is "NaN": it should be a number, e.g. 0.0042',
        ),
        (
            (JSON % "").replace("+00:00", "").encode(),
            'bill: since is "2026-11-20T08:00:00": it should be a time, e.g.'
            " 2026-11-20T12:00:00+00:00",
        ),
    ],
)
def test_a_file_that_is_no_invoice_is_refused_with_its_place_and_remedy(
    content: bytes, message: str
) -> None:
    with pytest.raises(InvoiceError) as refused:
        read_invoice("bill", content)
    assert str(refused.value) == message
