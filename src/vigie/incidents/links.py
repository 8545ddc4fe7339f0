"""Where to read on about an alert."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

from vigie.incidents.alert import Alert
from vigie.render import links
from vigie.settings import Settings


def of(alert: Alert, settings: Settings) -> dict[str, str]:
    """`runbook`, `dashboard`, `expression` (drawn by Prometheus) and, while it fires, `silence`:
    those of them that are known and are web addresses."""
    known = {
        "runbook": alert.annotations.get("runbook_url", ""),
        "dashboard": alert.annotations.get("dashboard_url", ""),
        "expression": _expression(alert.generator_url, settings),
        "silence": "",
    }
    if alert.ended is None:
        known["silence"] = links.silence(settings) + quote(alert.matchers)
    return {name: url for name, url in known.items() if _is_web_address(url)}


def _expression(generator_url: str, settings: Settings) -> str:
    """Prometheus names itself by its host's or container's name, which a person may not reach."""
    if not _is_web_address(generator_url):
        return ""
    parts = urlsplit(generator_url)
    asked = parse_qs(parts.query).get("g0.expr")
    if asked and parts.path.endswith("/graph"):
        return links.graph(settings, asked[0])
    return generator_url


def _is_web_address(url: str) -> bool:
    """Whoever can reach the inbox may tell it anything, `javascript:` too."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
