"""`/d/UID`, where alerts lead for figures: the Grafana that is set, else Prometheus' graphs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import SIGNALS
from vigie.console.desk import desk
from vigie.console.language import said
from vigie.console.pages import errors
from vigie.console.pages.sheet import reader, sheet
from vigie.console.words import DASHBOARDS
from vigie.render import links


def page(request: Request) -> Response:
    """One dashboard, `?var-service=django`."""
    settings, language, uid = desk(request).settings, reader(request), request.path_params["uid"]
    if uid not in set(Dashboard):
        return errors.missing(request, "/")
    if settings.links.dashboards:
        asked = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(links.dashboard(settings, Dashboard(uid)) + asked)
    if uid == Dashboard.INCIDENTS:
        return RedirectResponse("/")
    service = request.query_params.get("var-service", "")
    graphs = [
        (
            said(one.title, language),
            said(one.measured_as, language),
            links.graph(settings, _of_service(one.record, "" if one.about else service)),
            f"/runbooks/{one.name}",
        )
        for one in SIGNALS
        if one.dashboard == uid
    ]
    values = {"title": said(DASHBOARDS[uid], language), "service": service, "graphs": graphs}
    return sheet(request, "dashboard.html", values)


def _of_service(record: str, service: str) -> str:
    quoted = service.replace("\\", r"\\").replace('"', r"\"")
    return f'{record}{{service="{quoted}"}}' if service else record
