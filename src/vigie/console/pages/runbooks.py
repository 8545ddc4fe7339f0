"""`/runbooks` and `/runbooks/SIGNAL`: what to do about an alert, with the limits that are set."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from vigie.catalogue.signal import Signal
from vigie.console.desk import desk
from vigie.console.language import said
from vigie.console.pages import errors
from vigie.console.pages.sheet import reader, sheet
from vigie.console.words import WORDS
from vigie.render import links, runbooks
from vigie.settings import Settings

BY_NAME = {one.name: one for one in runbooks.ALL}


def index(request: Request) -> Response:
    """All of them."""
    language = reader(request)
    about = [(one.name, said(one.title, language), one.alert) for one in runbooks.ALL]
    return sheet(request, "runbooks.html", {"about": about})


def page(request: Request) -> Response:
    """One of them."""
    name, language = request.path_params["signal"], reader(request)
    settings = desk(request).settings
    one = BY_NAME.get(name)
    if one is None:
        near = get_close_matches(name, BY_NAME, n=1)
        return errors.missing(request, f"/runbooks/{near[0]}" if near else "/runbooks")
    limits = settings.thresholds[name] if isinstance(one, Signal) else None
    render = _markdown(settings, language)
    values = {
        "title": said(one.title, language),
        "name": one.name,
        "measured": render(runbooks.measured(one, language, limits, settings.currency.code)),
        "graph": links.graph(settings, one.record) if isinstance(one, Signal) else "",
        "sections": [
            (section.anchor, section.title, render(section.markdown))
            for section in runbooks.sections(one, language)
        ],
    }
    return sheet(request, "runbook.html", values)


def _markdown(settings: Settings, language: str) -> Any:
    """Makes HTML of the catalogue's Markdown; each query has a link that draws it."""
    parser = MarkdownIt("commonmark", {"html": False})
    drawn = escape(said(WORDS["open_graph"], language))

    def fence(
        _self: RendererProtocol,
        tokens: Sequence[Token],
        index: int,
        _options: OptionsDict,
        _env: Any,
    ) -> str:
        code, kind = tokens[index].content.rstrip("\n"), tokens[index].info.strip()
        # A keyboard scrolls what is wider than the page, if it can get there.
        html = f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'
        if kind == "promql":
            html += f'<p><a href="{escape(links.graph(settings, code))}">{drawn}</a></p>\n'
        return html

    parser.add_render_rule("fence", fence)
    return lambda text: Markup(parser.render(text))
