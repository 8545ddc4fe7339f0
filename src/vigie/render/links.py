"""Where messages lead: the one place that knows the addresses of runbooks and dashboards."""

from vigie.catalogue.signal import Dashboard
from vigie.settings import Settings

INBOX_PATH = "/api/webhook/alertmanager"
"""Where the console receives what Alertmanager tells."""


def runbook(settings: Settings, signal: str) -> str:
    """The page of a signal's runbook: the console's, unless `links.runbooks` says otherwise."""
    return f"{settings.links.runbooks or console(settings) + '/runbooks'}/{signal}"


def dashboard(settings: Settings, uid: Dashboard) -> str:
    """A dashboard: the console's, unless `links.dashboards` names a Grafana. Both have `/d/UID`."""
    return f"{settings.links.dashboards or console(settings)}/d/{uid}"


def console(settings: Settings) -> str:
    """The console's address, for a person at this machine."""
    here = settings.here
    host = f"[{here}]" if ":" in here else here
    return f"http://{'localhost' if here == '127.0.0.1' else host}:{settings.ports.console}"
