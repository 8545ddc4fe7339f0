"""Which route answered: its template, from the root of the application.

Routers tell the scope which endpoint they chose, but not by what prefixes they came to it. So the
routes are walked once, through mounts and included routers, and each endpoint is remembered with
its whole template; from then on a look-up is one step. The path is matched against templates only
where an endpoint serves several routes, and where no endpoint was chosen because something answered
before the router: a CORS preflight, a refusal, a redirect, a 404.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.convertors import CONVERTOR_TYPES
from starlette.routing import Host, Mount, WebSocketRoute

from vigie.catalogue.http import UNMATCHED

# `{name}` or `{name:convertor}`, as Starlette writes path parameters.
_PARAMETER = re.compile(r"\{([a-zA-Z_]\w*)(?::([a-zA-Z_]\w*))?\}")
_WHATEVER_FOLLOWS = "/{path:path}"
_UNKNOWN_CAP = 1000


class Routes:
    """The templates of one application's routes.

    `app` is a Starlette or FastAPI application, or a router; it may get more routes later.
    """

    def __init__(self, app: object) -> None:
        self._app = app
        self._unknown: dict[object, object] = {}
        self._walk()

    def template(self, scope: Mapping[str, Any], root_path: str) -> tuple[str, bool]:
        """The template of the route that a scope went to, or UNMATCHED.

        `root_path` is the scope's own from before it was routed. The second value tells whether
        every request to the scope's endpoint gets this answer.
        """
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return _matching(self._places, scope, root_path) or UNMATCHED, False
        known = self._known(endpoint)
        if known is None:
            # An endpoint that the walk did not come by: its route's own path, without prefixes.
            path = getattr(scope.get("route"), "path", None)
            return (_without_convertors(path) if isinstance(path, str) else UNMATCHED), False
        if isinstance(known, _Mounted):
            return _matching(known.places, scope, root_path) or UNMATCHED, False
        if len(known) == 1:
            return known[0].template, True
        return _matching(known, scope, root_path) or known[0].template, False

    def _known(self, endpoint: object) -> list[_Place] | _Mounted | None:
        key = _key(endpoint)
        found = self._by_endpoint.get(key)
        if found is None and key not in self._unknown and len(self._unknown) < _UNKNOWN_CAP:
            self._walk()
            found = self._by_endpoint.get(key)
            if found is None:
                self._unknown[key] = endpoint  # kept, or its id might become another's
        return found

    def _walk(self) -> None:
        places: list[_Place] = []
        by_endpoint: dict[object, list[_Place] | _Mounted] = {}
        for found in _places_of(self._app, ""):
            key = _key(found.endpoint)
            known = by_endpoint.get(key)
            if isinstance(found, _Mounted):
                elsewhere = known.places if isinstance(known, _Mounted) else ()
                by_endpoint[key] = _Mounted(found.endpoint, (*elsewhere, *found.places))
                continue
            places.append(found)
            if isinstance(known, list):
                known.append(found)
            elif known is None:
                by_endpoint[key] = [found]
        self._places, self._by_endpoint = places, by_endpoint


@dataclass(frozen=True)
class _Place:
    """One route: its template, and the pattern of its paths below the application's root path."""

    template: str
    pattern: re.Pattern[str]
    endpoint: object


@dataclass(frozen=True)
class _Mounted:
    """An application with routes of its own: what the scope names where none of them was chosen."""

    endpoint: object
    places: tuple[_Place, ...]


def _key(endpoint: object) -> object:
    # By equality: one method of one object is a new object for each route that it serves.
    try:
        hash(endpoint)
    except TypeError:
        return id(endpoint)
    return endpoint


def _places_of(app: object, prefix: str) -> Iterator[_Place | _Mounted]:
    for route in _opened(getattr(app, "routes", ())):
        kind = getattr(route, "original_route", route)
        own_path = getattr(route, "path", "" if isinstance(kind, Host) else None)
        if own_path is None or isinstance(kind, WebSocketRoute):
            continue
        path = prefix + own_path
        if not isinstance(kind, Mount | Host):
            yield _place(path, getattr(route, "endpoint", None))
        elif getattr(route, "routes", None):
            yield from _mounted(route, path)
        else:
            yield _place(path + _WHATEVER_FOLLOWS, getattr(route, "app", None))
    yield from _frontends_of(app, prefix)


def _mounted(route: Any, prefix: str) -> Iterator[_Place | _Mounted]:
    # A mount with middleware of its own has the routes, and its app has not.
    below = list(_places_of(route.app if hasattr(route.app, "routes") else route, prefix))
    yield from below
    yield _Mounted(route.app, tuple(place for place in below if isinstance(place, _Place)))


def _opened(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes with included routers replaced by what they include, under its whole path.

    Older FastAPIs copy the routes that they include, with their whole path: nothing to open.
    """
    open_ = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return open_(routes) if open_ else iter(routes)


def _frontends_of(app: object, prefix: str) -> Iterator[_Place]:
    """Folders that FastAPI serves where no route matches; it names no endpoint for them."""
    # There is no public way to list them. Where this one goes, their files count as unmatched.
    router = getattr(app, "router", app)
    for found in getattr(router, "_iter_low_priority_routes", tuple)():
        group = getattr(found, "original_route", found)
        for route in getattr(group, "routes", ()):
            path = prefix + getattr(found, "frontend_prefix", "") + route.path.rstrip("/")
            yield _place(path + _WHATEVER_FOLLOWS, None)


def _place(path: str, endpoint: object) -> _Place:
    return _Place(_without_convertors(path), re.compile(_pattern(path)), endpoint)


def _without_convertors(path: str) -> str:
    return _PARAMETER.sub(r"{\1}", path)


def _pattern(path: str) -> str:
    pattern, end = "", 0
    for parameter in _PARAMETER.finditer(path):
        convertor = CONVERTOR_TYPES.get(parameter[2] or "str", CONVERTOR_TYPES["str"])
        pattern += re.escape(path[end : parameter.start()]) + f"(?:{convertor.regex})"
        end = parameter.end()
    return pattern + re.escape(path[end:])


def _matching(places: Iterable[_Place], scope: Mapping[str, Any], root_path: str) -> str | None:
    path = str(scope["path"])
    # Some servers put the root path before the path, others leave it to the scope alone.
    if root_path and path.startswith(root_path) and path[len(root_path) :][:1] in ("", "/"):
        path = path[len(root_path) :]
    return next((place.template for place in places if place.pattern.fullmatch(path)), None)
