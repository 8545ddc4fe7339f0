"""In which language a page is: as its address asks, else as was chosen before, else as the browser
prefers, else as the settings have it."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from vigie.catalogue.words import Words

LANGUAGES = ("en", "fr")
_COOKIE = "lang"
_YEAR_SECONDS = 365 * 86400


def language_of(request: Request, usual: Literal["en", "fr"]) -> str:
    """`en` or `fr`."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(_COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return _preferred(request.headers.get("accept-language", "")) or usual


def remember(request: Request, response: Response) -> None:
    """Keep the choice that the address made, for the next pages."""
    if (chosen := request.query_params.get("lang")) in LANGUAGES:
        response.set_cookie(_COOKIE, chosen, _YEAR_SECONDS, samesite="lax", httponly=True)


def said(words: Words, language: str) -> str:
    """Words in one of the languages."""
    return words.fr if language == "fr" else words.en


def _preferred(header: str) -> str | None:
    """The one that Accept-Language weighs most: `fr-CH, fr;q=0.9, en;q=0.8`."""
    best, best_weight = None, 0.0
    for part in header.split(","):
        tag, *parameters = part.split(";")
        language = tag.strip().lower().partition("-")[0]
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _number(value)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
