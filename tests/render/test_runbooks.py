"""The pages of the runbooks: what is committed is what the catalogue says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.render import documentation

DOCS = Path(__file__).parents[2] / "docs"

PAGES = documentation()


def test_the_committed_pages_are_those_of_the_catalogue() -> None:
    committed = {
        f"runbooks/{path.name}": path.read_text(encoding="utf-8")
        for path in (DOCS / "runbooks").iterdir()
    }
    stale = sorted(name for name in {*committed, *PAGES} if committed.get(name) != PAGES.get(name))
    assert stale == [], "write what vigie.render.documentation() returns into docs/"


@pytest.mark.parametrize("one", [*SIGNALS, WATCHDOG], ids=lambda one: one.name)
def test_a_page_has_every_heading_in_both_languages(one) -> None:  # type: ignore[no-untyped-def]
    page = PAGES[f"runbooks/{one.name}.md"]
    assert re.findall(r"^##+ (.*)$", page, re.MULTILINE) == [
        *("English", "Meaning", "Impact", "Diagnosis", "Mitigation"),
        *(["No data"] if getattr(one, "presence", None) else []),
        *("Français", "Signification", "Conséquences", "Diagnostic", "Remèdes"),
        *(["Absence de données"] if getattr(one, "presence", None) else []),
    ]


def test_a_page_says_how_its_signal_is_judged() -> None:
    page = PAGES["runbooks/http_error_rate.md"]
    assert (
        "Alert `HTTPErrorRate`: share of requests answered with 5xx over 5 minutes; "
        "warning above 2%, critical above 10%, for 2m. Judged from 50 requests on.\n"
    ) in page
    assert (
        "Alerte `HTTPErrorRate` : part des requêtes en 5xx sur 5 minutes ; "
        "avertissement au-dessus de 2 %, critique au-dessus de 10 %, pendant 2 min. "
        "Jugé à partir de 50 requêtes.\n"
    ) in page


def test_the_index_leads_to_every_page() -> None:
    linked = re.findall(r"\]\((\w+\.md)\)", PAGES["runbooks/README.md"])
    assert [f"runbooks/{name}" for name in linked] == list(PAGES)[1:]


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        # The four procedures that were asked for, with what was wrong in them.
        ("django_response_time", ["django_request_duration_seconds_bucket", "Slow request"]),
        ("fastapi_openai_latency", ["no series has that bare name", "OpenAI call", "api.openai"]),
        ("auth_failure_rate", ["is not PromQL", "sum by (reason)", "uniq -c"]),
        ("memory_available", ["docker stats", "--sort=-%mem", "MemAvailable"]),
    ],
)
def test_the_procedures_that_were_asked_for_are_there_and_right(
    signal: str, told: list[str]
) -> None:
    page = PAGES[f"runbooks/{signal}.md"]
    for text in told:
        assert text in page
