from __future__ import annotations

import asyncio
import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from vigie.simulate.invoice import Invoice, Sale
from vigie.simulate.offer import MODELS
from vigie.simulate.provider import create_app

NOON = 1_796_040_000.0  # 2026-11-30T12:00:00Z
DAY = 86_400.0


def sale(
    model: str = "gpt-4o-mini",
    operation: str = "chat",
    tier: str = "default",
    tokens: tuple[int, int, int, int] = (1000, 128, 50, 0),
    **fields: Any,
) -> Sale:
    return Sale(
        **{
            "response_id": "chatcmpl-1",
            "request_id": "req_1",
            "requested_model": model,
            "model": MODELS[model],
            "operation": operation,
            "tier": tier,
            "streamed": False,
            "asked_at": NOON,
            "input_tokens": tokens[0],
            "cached_input_tokens": tokens[1],
            "output_tokens": tokens[2],
            "reasoning_tokens": tokens[3],
            "begun": True,
            "outcome": "completed",
        }
        | fields
    )


def test_a_line_sums_a_day_a_model_an_operation_and_a_tier() -> None:
    invoice = Invoice(None, NOON)
    for each, at in (
        (sale(), NOON),
        (sale(), NOON + 1),
        (sale(), NOON + DAY),
        (sale(operation="responses"), NOON),
        (sale(tier="priority"), NOON),
        (sale(model="o4-mini", tokens=(10, 0, 200, 128)), NOON),
    ):
        invoice.bill(each, at)
    statement = invoice.statement()
    assert statement["since"] == "2026-11-30T12:00:00.000+00:00"
    assert [
        (
            line["day"],
            line["model"],
            line["operation"],
            line["service_tier"],
            line["requests"],
            line["input_tokens"],
            line["cached_input_tokens"],
            line["output_tokens"],
            line["reasoning_tokens"],
            line["amount"],
        )
        for line in statement["lines"]
    ] == [
        ("2026-11-30", "gpt-4o-mini-2024-07-18", "chat", "default", 2, 2000, 256, 100, 0,
         "0.0003408"),
        ("2026-11-30", "gpt-4o-mini-2024-07-18", "chat", "priority", 1, 1000, 128, 50, 0,
         "0.000284"),
        ("2026-11-30", "gpt-4o-mini-2024-07-18", "responses", "default", 1, 1000, 128, 50, 0,
         "0.0001704"),
        ("2026-11-30", "o4-mini-2025-04-16", "chat", "default", 1, 10, 0, 200, 128, "0.000891"),
        ("2026-12-01", "gpt-4o-mini-2024-07-18", "chat", "default", 1, 1000, 128, 50, 0,
         "0.0001704"),
    ]  # fmt: skip
    assert statement["total"] == {
        "requests": 6,
        "input_tokens": 5010,
        "cached_input_tokens": 640,
        "output_tokens": 450,
        "reasoning_tokens": 128,
        "amount": "0.0018566",
    }


def test_a_line_shows_its_prices_with_their_day_and_source() -> None:
    invoice = Invoice(None, NOON)
    invoice.bill(sale(model="coach-internal-1"), NOON)
    invoice.bill(sale(model="gpt-4", tokens=(10, 0, 5, 0)), NOON)
    unpublished, published = (line["usd_per_million_tokens"] for line in
                              invoice.statement()["lines"])  # fmt: skip
    assert unpublished["source"] == "contract with the coaching company, not published"
    assert published == {
        "input": "30",
        "cached_input": None,
        "output": "60",
        "since": "2023-06-13",
        "source": "https://platform.openai.com/docs/pricing",
    }


def test_a_day_ends_at_midnight_utc() -> None:
    invoice = Invoice(None, NOON)
    invoice.bill(sale(), NOON + DAY / 2 - 0.001)
    invoice.bill(sale(), NOON + DAY / 2)
    assert [line["day"] for line in invoice.statement()["lines"]] == ["2026-11-30", "2026-12-01"]


def test_a_million_small_sales_lose_no_fraction_of_a_cent() -> None:
    invoice = Invoice(None, NOON)
    for _ in range(1000):
        invoice.bill(sale(model="gpt-5-nano", tokens=(1, 0, 1, 0)), NOON)
    assert invoice.statement()["total"]["amount"] == "0.00045"


def test_what_had_not_begun_costs_nothing() -> None:
    invoice = Invoice(None, NOON)
    invoice.bill(sale(begun=False), NOON)
    assert invoice.statement()["total"]["requests"] == 0
    assert invoice.statement()["total"]["amount"] == "0"


def test_the_detail_has_each_request_by_its_response_id() -> None:
    invoice = Invoice(None, NOON)
    invoice.bill(sale(response_id="chatcmpl-7", streamed=True, outcome="broken_off"), NOON + 0.25)
    assert invoice.statement(detail=True)["requests"] == [
        {
            "response_id": "chatcmpl-7",
            "request_id": "req_1",
            "at": "2026-11-30T12:00:00.250+00:00",
            "day": "2026-11-30",
            "requested_model": "gpt-4o-mini",
            "model": "gpt-4o-mini-2024-07-18",
            "operation": "chat",
            "service_tier": "default",
            "streamed": True,
            "outcome": "broken_off",
            "input_tokens": 1000,
            "cached_input_tokens": 128,
            "output_tokens": 50,
            "reasoning_tokens": 0,
            "amount": "0.0001704",
        }
    ]


def test_single_requests_are_kept_up_to_a_cap_and_totals_for_ever() -> None:
    invoice = Invoice(None, NOON, requests_cap=10)
    for number in range(25):
        invoice.bill(sale(response_id=f"chatcmpl-{number}"), NOON)
    statement = invoice.statement(detail=True)
    assert [each["response_id"] for each in statement["requests"]] == [
        f"chatcmpl-{number}" for number in range(15, 25)
    ]
    assert statement["requests_left_off"] == 15
    assert statement["total"]["requests"] == 25


def test_a_file_keeps_the_invoice_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "invoice.sqlite3"
    for start in (NOON, NOON + 60):
        invoice = Invoice(path, start)
        invoice.bill(sale(), start)
        invoice.close()
    statement = Invoice(path, NOON + 120).statement(detail=True)
    assert statement["since"] == "2026-11-30T12:00:00.000+00:00"
    assert statement["total"]["requests"] == 2
    assert len(statement["requests"]) == 2


def test_it_can_be_started_anew(by_hand: Any, hand_clock: Any) -> None:
    async def start_anew() -> tuple[Any, Any]:
        clock = hand_clock(NOON)
        app = create_app(clock=clock)
        app.shop.invoice.bill(sale(), NOON)
        clock.time = NOON + 60
        cleared = await by_hand(app, "DELETE", "/invoice")
        return cleared.json, (await by_hand(app, "GET", "/invoice?detail=requests")).json

    cleared, shown = asyncio.run(start_anew())
    assert cleared["since"] == "2026-11-30T12:01:00.000+00:00"
    assert shown["lines"] == []
    assert shown["requests"] == []


def test_the_csv_has_the_columns_of_openais_export_and_sums_to_the_same() -> None:
    invoice = Invoice(None, NOON)
    invoice.bill(sale(), NOON)
    invoice.bill(sale(operation="responses"), NOON)
    invoice.bill(sale(tier="priority"), NOON)
    invoice.bill(sale("text-embedding-3-small", "embeddings", tokens=(9, 0, 0, 0)), NOON + DAY)
    rows = list(csv.DictReader(io.StringIO(invoice.cost_export())))
    assert rows[0] == {
        "start_time": "1795996800",
        "end_time": "1796083200",
        "start_time_iso": "2026-11-30T00:00:00+00:00",
        "end_time_iso": "2026-12-01T00:00:00+00:00",
        "amount_value": "0.0000192",
        "amount_currency": "usd",
        "line_item": "gpt-4o-mini-2024-07-18, cached input",
        "project_id": "",
        "organization_id": "",
        "organization_name": "vigie simulate",
    }
    assert [row["line_item"] for row in rows] == [
        "gpt-4o-mini-2024-07-18, cached input",
        "gpt-4o-mini-2024-07-18, input",
        "gpt-4o-mini-2024-07-18, output",
        "gpt-4o-mini-2024-07-18, priority, cached input",
        "gpt-4o-mini-2024-07-18, priority, input",
        "gpt-4o-mini-2024-07-18, priority, output",
        "text-embedding-3-small, input",
    ]
    total = sum(Decimal(row["amount_value"]) for row in rows)
    assert total == Decimal(invoice.statement()["total"]["amount"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("format=xml", "format is 'xml': write json or csv."),
        ("detail=all", "detail is 'all': write requests."),
    ],
)
def test_a_wrong_query_is_refused(by_hand: Any, query: str, message: str) -> None:
    answered = asyncio.run(by_hand(create_app(), "GET", f"/invoice?{query}"))
    assert answered.status == 400
    assert answered.json["error"]["message"] == message


def test_the_csv_is_served_as_csv(by_hand: Any) -> None:
    answered = asyncio.run(by_hand(create_app(), "GET", "/invoice?format=csv"))
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    assert answered.text.startswith("start_time,end_time,")
