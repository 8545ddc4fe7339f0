"""How a page is made: a template, the words of the reader's language, and the page's own values."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from vigie.console.desk import desk
from vigie.console.language import language_of, remember, said
from vigie.console.period import spoken_period
from vigie.console.words import WORDS
from vigie.incidents import wording
from vigie.render import links

TEMPLATES = Path(__file__).parents[1] / "templates"


def sheet(
    request: Request, template: str, values: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """The page that `template` makes of `values`."""
    settings, now, language = desk(request).settings, desk(request).now(), reader(request)

    def moment(at: datetime) -> str:
        return wording.moment(at, now, settings.time_zone, language)

    text = _environment().get_template(template)
    known = {
        "t": {name: said(words, language) for name, words in WORDS.items()},
        "language": language,
        "other_language": "en" if language == "fr" else "fr",
        "other_address": request.url.include_query_params(
            lang="en" if language == "fr" else "fr"
        ).replace(scheme="", netloc=""),
        "path": request.url.path,
        "now": now,
        "zone": settings.time_zone.key,
        "moment": moment,
        "spoken": lambda text: spoken_period(text, language),
        "duration": lambda span: wording.duration(span, language),
        "here": lambda url: url.removeprefix(links.console(settings)) or "/",
    }
    response = HTMLResponse(text.render({**known, **values}), status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language
    remember(request, response)
    return response


def reader(request: Request) -> str:
    """The language of whoever reads."""
    return language_of(request, desk(request).settings.language)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["coded"] = _coded
    return made


def _coded(text: str) -> Markup:
    """Text in which commands stand in backquotes, as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
