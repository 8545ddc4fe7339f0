"""How far back somebody wants to look: `?since=7d`."""

from __future__ import annotations

import re
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request

from vigie.incidents.inbox import RETENTION
from vigie.settings.quantities import duration

USUAL = "24h"


def asked_period(request: Request, usual: str = USUAL) -> timedelta:
    """The period that was asked for, at most all that is kept. Answers 400 to what is none."""
    asked = request.query_params.get("since", usual)
    try:
        return min(duration(asked), RETENTION)
    except OverflowError:
        return RETENTION
    except ValueError as error:
        raise HTTPException(400, f'since is "{asked}": {error}') from None


def spoken_period(asked: str, language: str) -> str:
    """A period as a person writes it: 24 h, 7 d or 7 j."""
    french = {"d": "j", "w": "sem.", "mo": "mois"} if language == "fr" else {}
    return re.sub(r"\s*([a-z]+)$", lambda unit: f" {french.get(unit[1], unit[1])}", asked.strip())
