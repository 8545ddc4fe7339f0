"""What a person reads: the pages' text, in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from told_alerts import NOON, sent, watchdog
from vigie.catalogue.signals import SIGNALS, WATCHDOG
from vigie.console import words
from vigie.console.words import DASHBOARDS, WORDS
from vigie.render.runbooks import ALL


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: dict[str, str] = {}
        self._href = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "a":
            self._href = dict(attrs)["href"]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if self._href and data.strip():
            self.links[data.strip()] = self._href
            self._href = ""


def read(html: str) -> str:
    """The text of a page, on one line."""
    parser = _Text()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.parts))


def links(html: str) -> dict[str, str]:
    """The last link with each text."""
    parser = _Text()
    parser.feed(html)
    return parser.links


def test_an_empty_inbox_says_that_all_is_quiet_and_that_it_waits(bench: Any) -> None:
    text = read(bench.page("/"))
    assert "Firing 0 Nothing is firing. No alert has reached this console yet." in text
    assert "Watchdog: not heard yet; it has until 13:05." in text


def test_what_fires_is_told_with_value_time_and_links(bench: Any) -> None:
    bench.tell(sent("a"))
    bench.now += timedelta(minutes=11)
    bench.tell(watchdog())
    html = bench.page("/")
    assert (
        "critical Django response time: django 95th percentile over 5 minutes: 1.02s (critical "
        "above 1s). since 13:00 , for 12 min , value 1.02s Runbook" in read(html)
    )
    assert "<title>(1) Now · Vigie</title>" in html
    assert links(html)["Runbook"] == "/runbooks/django_response_time"
    assert links(html)["Dashboard"] == "/d/vigie-overview?var-service=django"
    assert links(html)["Graph"].startswith("http://localhost:9090/graph?g0.expr=")
    assert links(html)["Silence it"].startswith("http://localhost:9093/#/silences/new?filter=")
    assert "Watchdog: heard 0 s ago, so alerts arrive." in read(html)
    assert "times in Europe/Paris" in read(html)


def test_the_same_in_french(bench: Any) -> None:
    bench.tell(sent("a"), watchdog())
    html = bench.page("/", "fr-CH, fr;q=0.9, en;q=0.8")
    assert '<html lang="fr">' in html
    assert (
        "critique Temps de réponse de Django : django 95e centile sur 5 minutes : 1,02 s (critique "
        "au-dessus de 1 s). depuis 13:00 , durée : 1 min , valeur 1,02 s Fiche" in read(html)
    )
    assert "Veilleur : entendu il y a 0 s, les alertes arrivent donc." in read(html)


def test_what_ended_is_told_with_both_times(bench: Any) -> None:
    bench.tell(sent("a", started=NOON - timedelta(hours=14), ended=NOON - timedelta(hours=1)))
    text = read(bench.page("/"))
    assert "Ended in the last 24 h 1 critical Django response time: django 23 Nov 23:00" in text
    assert "12:00 , lasted 13 h 0 min" in text


def test_the_history_goes_as_far_back_as_one_asks(bench: Any) -> None:
    bench.tell(sent("a", started=NOON - timedelta(days=20), ended=NOON - timedelta(days=19)))
    assert "Nothing ended in this time." in read(bench.page("/incidents"))
    assert "lasted 1 d 0 h" in read(bench.page("/incidents?since=31d"))
    assert "a duré 1 j 0 h" in read(bench.page("/incidents?since=403d&lang=fr"))
    assert links(bench.page("/incidents?lang=en"))["all"] == "?since=403d"


def test_a_period_that_is_none_is_told(bench: Any) -> None:
    text = read(bench.page("/incidents?since=<b>", status=400))
    assert 'This cannot be answered since is "<b>": write a duration with its unit' in text


def test_the_worst_comes_first(bench: Any) -> None:
    labels = {"alertname": "X", "severity": "warning"}
    bench.tell(sent("a"), sent("b", started=NOON + timedelta(seconds=30), labels=labels))
    text = read(bench.page("/"))
    assert text.index("critical Django") < text.index("warning Django")


def test_what_is_not_told_again_says_so(bench: Any) -> None:
    bench.tell(sent("a"))
    bench.now += timedelta(hours=3)
    assert "Not told again since 13:01: it may be over, or muted by another alert." in read(
        bench.page("/")
    )


def test_a_lost_watchdog_is_the_first_thing_that_one_reads(bench: Any) -> None:
    bench.tell(watchdog())
    bench.now += timedelta(minutes=6)
    html = bench.page("/")
    assert "<title>⚠ Now · Vigie</title>" in html
    told = "Watchdog Not heard since 13:01, for 6 min. No alert would reach you"
    assert read(html).index(told) < read(html).index("Nothing is firing")
    assert links(html)["What to do"] == "/runbooks/watchdog"
    assert "Plus entendu depuis 13:01, soit 6 min." in read(bench.page("/", "fr"))


def test_what_was_told_is_shown_as_text_and_leads_to_the_web_only(bench: Any) -> None:
    hostile = sent(
        "a",
        annotations={"summary": "<script>alert(1)</script>", "runbook_url": "javascript:alert(1)"},
        generator="javascript:alert(2)",
    )
    bench.tell(hostile)
    html = bench.page("/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "javascript:" not in html


def test_the_address_chooses_the_language_and_the_next_page_remembers(bench: Any) -> None:
    assert links(bench.page("/incidents?since=7d"))["FR"] == "/incidents?since=7d&lang=fr"
    assert '<html lang="fr">' in bench.page("/?lang=fr")
    assert '<html lang="fr">' in bench.page("/runbooks")
    assert '<html lang="en">' in bench.page("/?lang=en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("de-DE, de;q=0.9", "fr"),
        ("de, en;q=0.7, fr;q=0.3", "en"),
        ("en;q=0.3,fr-FR;q=0.8", "fr"),
        ("en;q=x", "fr"),
    ],
)
def test_the_browser_prefers_else_the_settings_have_it(
    console: Any, header: str, language: str
) -> None:
    assert f'<html lang="{language}">' in console("language: fr").page("/", header)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_every_runbook_is_a_page_in_both_languages(bench: Any, one: Any) -> None:
    english = read(bench.page(f"/runbooks/{one.name}"))
    french = read(bench.page(f"/runbooks/{one.name}", "fr"))
    assert f" {one.title.en} " in english
    for heading in ("Meaning", "Impact", "Diagnosis", "Mitigation"):
        assert f" {heading} " in english
    assert " Signification " in french
    assert "```" not in english + french
    assert one.title.en in read(bench.page("/runbooks"))


def test_a_runbook_has_the_limits_that_are_set_and_queries_that_one_can_draw(console: Any) -> None:
    bench = console(
        "thresholds: {django_response_time: {warning: '>700ms', critical: '>2s'}}\n"
        "ports: {prometheus: 9999}\n"
    )
    html = bench.page("/runbooks/django_response_time")
    assert "warning above 700ms, critical above 2s, for 2m" in read(html)
    assert 'href="http://localhost:9999/graph?g0.expr=sort_desc%28' in html
    assert '<section id="no-data">' in html
    assert '<section id="no-data">' in bench.page("/runbooks/django_response_time", "fr")


def test_a_runbook_that_is_none_names_the_nearest(bench: Any) -> None:
    html = bench.page("/runbooks/django_respons_time", status=404)
    assert "There is no such page Did you mean /runbooks/django_response_time" in read(html)
    assert "/runbooks" in links(bench.page("/runbooks/xyz", status=404))


def test_a_dashboards_link_leads_to_graphs_of_its_signals(bench: Any) -> None:
    html = bench.page("/d/vigie-overview?var-service=django")
    assert "Overview The console has no dashboards yet." in read(html)
    assert links(html)["Django response time"] == (
        "http://localhost:9090/graph?g0.expr=service%3Adjango_response_time%3Aseconds%7Bservice%3D"
        "%22django%22%7D&g0.tab=0&g0.range_input=1h"
    )
    for uid in DASHBOARDS.keys() - {"vigie-incidents"}:
        text = read(bench.page(f"/d/{uid}", "fr"))
        assert DASHBOARDS[uid].fr in text
        assert all(one.title.fr in text for one in SIGNALS if one.dashboard == uid)
    assert bench.page("/d/none", status=404)


def test_with_a_grafana_a_dashboards_link_leads_there(console: Any) -> None:
    bench = console("links: {dashboards: 'https://grafana.example.org'}")
    answer = bench.browser.get("/d/vigie-costs?var-service=x%20y", follow_redirects=False)
    assert answer.headers["location"] == (
        "https://grafana.example.org/d/vigie-costs?var-service=x%20y"
    )


def test_the_dashboard_of_incidents_is_the_first_page(bench: Any) -> None:
    answer = bench.browser.get("/d/vigie-incidents", follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_a_page_that_is_none_is_told(bench: Any) -> None:
    assert "Cette page n'existe pas" in read(bench.page("/nothing", "fr", status=404))


def test_a_database_that_cannot_be_read_is_told_and_asked_again(bench: Any) -> None:
    bench.tell(sent("a"))
    bench.inbox.close()
    bench.path.write_bytes(b"Dear diary, " * 1000)
    html = bench.page("/", status=503)
    assert "The alerts cannot be read file is not a database" in read(html)
    assert '<script src="/static/live.js" defer>' in html
    health = bench.browser.get("/healthz")
    assert (health.status_code, health.json()) == (
        503,
        {"error": "the alerts cannot be read: file is not a database"},
    )
    assert "vigie_inbox_watchdog_lost" in bench.browser.get("/metrics").text
    assert "vigie_inbox_alerts_stored" not in bench.browser.get("/metrics").text


@pytest.mark.parametrize("name", ["console.css", "live.js", "icon.svg"])
def test_what_pages_name_is_there(bench: Any, name: str) -> None:
    assert bench.browser.get(f"/static/{name}").status_code == 200


def test_every_word_is_said_somewhere() -> None:
    folder = Path(words.__file__).parent
    files = [*folder.glob("templates/*.html"), *folder.glob("pages/*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert [key for key in WORDS if not re.search(rf"\bt\.{key}\b|\"{key}\"", text)] == []


def test_words_are_said_in_both_languages_with_the_same_blanks() -> None:
    for each in WORDS.values():
        assert each.en and each.fr
        assert re.findall(r"{\w+}", each.en) == re.findall(r"{\w+}", each.fr)
    assert WATCHDOG.name not in WORDS["watchdog"].fr.lower()
