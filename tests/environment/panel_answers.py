"""What panels of logs and traces show, asked of their seats as Grafana asks: the last hour."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from typing import Any

from vigie.catalogue.panel import Drawing, Panel, Store, filled


def answer_of_seat(url: str, panel: Panel, **chosen: str) -> list[Any]:
    """The streams, series or traces of a panel. Raises HTTPError where a query is refused."""
    found: list[Any] = []
    now = int(time.time())
    for query in panel.queries:
        expression = filled(query.expression, chosen)
        if panel.store is Store.TRACES:
            asked = {"q": expression, "start": str(now - 3600), "end": str(now + 60)}
            found += _get(f"{url}/api/search", asked)["traces"]
        elif panel.drawing.over_time or panel.drawing is Drawing.LINES:
            asked = {"query": expression, "start": str(now - 3600), "step": "15"}
            found += _get(f"{url}/loki/api/v1/query_range", asked)["data"]["result"]
        else:
            asked = {"query": expression}
            found += _get(f"{url}/loki/api/v1/query", asked)["data"]["result"]
    return found


def _get(address: str, asked: dict[str, str]) -> Any:
    url = f"{address}?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)
