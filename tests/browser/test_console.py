"""The console's pages in a browser: legible to everybody, on a phone and at a desk, by day and by
night, and what is shown renews itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console_process import ConsoleProcess
from told_alerts import sent, watchdog

pytestmark = pytest.mark.servers

PHONE, DESK = 390, 1280
PAGES = (
    "/",
    "/incidents?since=31d",
    "/runbooks",
    "/runbooks/django_response_time",
    "/d/vigie-overview?var-service=django",
    "/runbooks/nothing-of-the-kind",
    "/incidents?since=never",
)
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, int, str], ...] = (  # each two of them meet
    ("light", PHONE, "en"),
    ("dark", PHONE, "fr"),
    ("light", DESK, "fr"),
    ("dark", DESK, "en"),
)


def opened(browser: Browser, url: str, **options: Any) -> Page:
    """A page in a window of its own; what the browser complains of fails the test."""
    page = browser.new_context(**options).new_page()
    page.goto(url)
    return page


@pytest.fixture
def looked(browser: Browser) -> Iterator[Browser]:
    """The browser, whose windows are closed after the test."""
    yield browser
    for context in browser.contexts:
        context.close()


@pytest.mark.parametrize("address", PAGES)
def test_every_page_is_legible_to_everybody(
    looked: Browser, console: ConsoleProcess, address: str
) -> None:
    """As far as axe can tell: contrast, names, structure, languages."""
    axe = Axe()
    for scheme, width, language in LOOKS:
        page = opened(
            looked,
            console.url + address,
            color_scheme=scheme,
            locale=language,
            viewport={"width": width, "height": 800},
        )
        for closed in page.locator("details").all():
            closed.evaluate("one => one.open = true")
        found = axe.run(page)
        assert found.response["violations"] == [], f"{scheme} {width} {language}"
        assert page.evaluate("document.documentElement.lang") == language
        # Nothing is wider than the window: on a phone nobody scrolls to the side.
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


@pytest.mark.parametrize("address", PAGES)
def test_the_browser_has_nothing_to_complain_of(
    looked: Browser, console: ConsoleProcess, address: str
) -> None:
    said: list[str] = []
    page = looked.new_context().new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(console.url + address)
    page.wait_for_load_state("networkidle")
    of_the_status = "Failed to load resource: the server responded with a status of 40"
    assert [text for text in said if not text.startswith(of_the_status)] == []


def test_without_javascript_everything_is_there(looked: Browser, console: ConsoleProcess) -> None:
    page = opened(looked, console.url, java_script_enabled=False)
    expect(page.get_by_role("heading", name="Django response time: django")).to_have_count(3)
    links = page.get_by_role("link", name="Runbook Django response time: django")
    expect(links).to_have_count(2)


def test_the_keyboard_gets_to_the_content_at_once(looked: Browser, console: ConsoleProcess) -> None:
    page = opened(looked, console.url)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").startswith("Runbook")


def test_what_is_shown_renews_itself_and_what_is_being_read_stays(
    looked: Browser, empty_console: ConsoleProcess
) -> None:
    page = looked.new_context().new_page()
    page.clock.install()
    page.goto(empty_console.url)
    expect(page.get_by_text("Nothing is firing.")).to_be_visible()
    empty_console.tell(sent("a"), sent("b", ended=None), watchdog())
    page.clock.run_for(10_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Firing 2")
    expect(page).to_have_title("(2) Now · Vigie")

    page.get_by_role("link", name="Runbook").first.focus()
    empty_console.tell(sent("c"))
    page.clock.run_for(10_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Firing 3")
    assert page.evaluate("document.activeElement.innerText").startswith("Runbook")


def test_a_console_that_is_gone_is_told(looked: Browser, empty_console: ConsoleProcess) -> None:
    page = looked.new_context().new_page()
    page.clock.install()
    page.goto(empty_console.url)
    expect(page.get_by_role("alert")).to_be_hidden()
    empty_console.process.kill()
    empty_console.process.wait()
    page.clock.run_for(10_000)
    expect(page.get_by_role("alert")).to_have_text(
        "The console does not answer. What you see is old: look at vigie status."
    )


def test_a_lost_watchdog_is_legible_too(looked: Browser, hurried_console: ConsoleProcess) -> None:
    while hurried_console.get("/api/watchdog")["hearing"] != "lost":
        pass
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        page = opened(looked, hurried_console.url, color_scheme=scheme)
        expect(page.get_by_text("No alert would reach you")).to_be_visible()
        found = Axe().run(page)
        assert found.response["violations"] == [], scheme
