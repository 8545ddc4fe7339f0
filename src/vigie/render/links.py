"""Where messages lead: the one place that knows the addresses of runbooks and dashboards."""

from urllib.parse import quote, urlencode

from vigie.catalogue.signal import Dashboard
from vigie.settings import Settings

INBOX_PATH = "/api/webhook/alertmanager"
"""Where the console receives what Alertmanager tells."""
WATCHDOG_PATH = "/api/watchdog"
"""Where the console tells whether it still hears the watchdog."""
HEALTH_PATH = "/healthz"
"""Where the console tells whether it is ready."""


def runbook(settings: Settings, signal: str) -> str:
    """The page of a signal's runbook: the console's, unless `links.runbooks` says otherwise."""
    return f"{settings.links.runbooks or console(settings) + '/runbooks'}/{signal}"


def dashboard(settings: Settings, uid: Dashboard) -> str:
    """A dashboard: the console's, unless `links.dashboards` names a Grafana. Both have `/d/UID`."""
    return f"{settings.links.dashboards or console(settings)}/d/{uid}"


def silence(settings: Settings) -> str:
    """Alertmanager's page that makes a silence; its matchers are to follow, as a URL writes them:
    `{alertname="DjangoResponseTime",service="django"}`."""
    own = _for_people(settings, settings.ports.alertmanager)
    return f"{settings.links.alertmanager or own}/#/silences/new?filter="


def prometheus(settings: Settings) -> str:
    """Prometheus' own pages."""
    return _for_people(settings, settings.ports.prometheus)


def graph(settings: Settings, promql: str) -> str:
    """Prometheus' page that draws an expression over the last hour."""
    asked = {"g0.expr": promql, "g0.tab": "0", "g0.range_input": "1h"}
    return f"{prometheus(settings)}/graph?{urlencode(asked, quote_via=quote)}"


def alertmanager(settings: Settings) -> str:
    """Where processes of this machine reach Alertmanager."""
    return f"http://{_host(settings)}:{settings.ports.alertmanager}"


def logs(settings: Settings) -> str:
    """Where processes of this machine reach whoever keeps lines, by Loki's API."""
    return f"http://{_host(settings)}:{settings.ports.logs}"


def traces(settings: Settings) -> str:
    """Where processes of this machine reach whoever keeps traces, by Tempo's API."""
    return f"http://{_host(settings)}:{settings.ports.traces}"


def console(settings: Settings) -> str:
    """The console's address, for a person at this machine."""
    return _for_people(settings, settings.ports.console)


def inbox(settings: Settings) -> str:
    """Where Alertmanager on this machine tells the console of alerts."""
    return f"http://{_host(settings)}:{settings.ports.console}{INBOX_PATH}"


def _for_people(settings: Settings, port: int) -> str:
    host = "localhost" if settings.here == "127.0.0.1" else _host(settings)
    return f"http://{host}:{port}"


def _host(settings: Settings) -> str:
    return f"[{settings.here}]" if ":" in settings.here else settings.here
