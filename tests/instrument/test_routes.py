from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from asgi_client import call
from vigie.instrument.asgi import PrometheusMiddleware
from vigie.instrument.routes import Routes

Endpoint = Callable[..., str]


async def endpoint(request: Request) -> Response:
    return PlainTextResponse("here")


async def another(request: Request) -> Response:
    return PlainTextResponse("there")


@pytest.fixture
def endpoint_of(
    registry: CollectorRegistry, exposed: Callable[..., dict[str, float]]
) -> Callable[..., str]:
    """A function: the `endpoint` label that one request to an application gets."""
    seen: dict[str, float] = {}

    def ask(app: Any, path: str, **more: Any) -> str:
        call(app, path, **more)
        series = exposed("fastapi_requests_total")
        (new,) = [name for name, value in series.items() if value != seen.get(name)]
        seen.update(series)
        return new.split("endpoint=")[1].split(",method=")[0]

    return ask


@pytest.fixture
def measured(registry: CollectorRegistry) -> Callable[[Any], Any]:
    """A function: the application with the middleware."""

    def add(app: Any) -> Any:
        app.add_middleware(PrometheusMiddleware, registry=registry)
        return app

    return add


def router_with(path: str, **more: Any) -> APIRouter:
    router = APIRouter(**more)
    router.add_api_route(path, lambda: "found")
    return router


def test_a_route_is_called_after_its_template(measured: Any, endpoint_of: Endpoint) -> None:
    app = measured(FastAPI())
    app.add_api_route("/plans/{plan}/weeks/{week:int}", lambda plan, week: plan)
    assert endpoint_of(app, "/plans/marathon/weeks/3") == "/plans/{plan}/weeks/{week}"
    assert endpoint_of(app, "/plans/5k/weeks/1") == "/plans/{plan}/weeks/{week}"


def test_an_included_router_keeps_its_prefix(measured: Any, endpoint_of: Endpoint) -> None:
    app = measured(FastAPI())
    app.include_router(router_with("/chat", prefix="/ai"), prefix="/v1")
    assert endpoint_of(app, "/v1/ai/chat") == "/v1/ai/chat"


def test_routers_included_in_included_routers_keep_all_prefixes(
    measured: Any, endpoint_of: Endpoint
) -> None:
    middle = APIRouter(prefix="/users/{user}")
    middle.include_router(router_with("/plans/{plan}"), prefix="/coaching")
    outer = APIRouter()
    outer.include_router(middle, prefix="/v1")
    app = measured(FastAPI())
    app.include_router(outer, prefix="/api")
    assert (
        endpoint_of(app, "/api/v1/users/7/coaching/plans/8")
        == "/api/v1/users/{user}/coaching/plans/{plan}"
    )


def test_a_router_included_twice_is_told_apart_by_its_prefixes(
    measured: Any, endpoint_of: Endpoint
) -> None:
    app, twice = measured(FastAPI()), router_with("/chat")
    app.include_router(twice, prefix="/v1")
    app.include_router(twice, prefix="/v2")
    assert endpoint_of(app, "/v2/chat") == "/v2/chat"
    assert endpoint_of(app, "/v1/chat") == "/v1/chat"


def test_one_function_behind_two_routes_is_told_apart_by_the_path(
    measured: Any, endpoint_of: Endpoint
) -> None:
    app = measured(FastAPI())
    app.get("/one/{number:int}")(app.get("/two/{name}")(lambda: "found"))
    assert endpoint_of(app, "/two/x") == "/two/{name}"
    assert endpoint_of(app, "/one/4") == "/one/{number}"


def test_one_method_of_an_object_behind_two_routes_is_told_apart_by_the_path(
    measured: Any, endpoint_of: Endpoint
) -> None:
    class Plans:
        async def show(self, request: Request) -> Response:
            return PlainTextResponse("found")

    plans = Plans()
    app = measured(Starlette(routes=[Route("/one", plans.show), Route("/two", plans.show)]))
    assert endpoint_of(app, "/one") == "/one"
    assert endpoint_of(app, "/two") == "/two"
    assert endpoint_of(app, "/one") == "/one"


def test_a_mounted_application_keeps_its_prefix(measured: Any, endpoint_of: Endpoint) -> None:
    inner, app = FastAPI(), measured(FastAPI())
    inner.include_router(router_with("/plans/{plan}"), prefix="/v1")
    app.mount("/tenants/{tenant}", inner)
    assert endpoint_of(app, "/tenants/acme/v1/plans/3") == "/tenants/{tenant}/v1/plans/{plan}"


def test_an_application_mounted_twice_is_told_apart_by_its_prefixes(
    measured: Any, endpoint_of: Endpoint
) -> None:
    inner, app = FastAPI(), measured(FastAPI())
    inner.add_api_route("/plans", lambda: "found")
    app.mount("/a", inner)
    app.mount("/b", inner)
    assert endpoint_of(app, "/b/plans") == "/b/plans"
    assert endpoint_of(app, "/a/plans") == "/a/plans"
    assert endpoint_of(app, "/a/nothing") == "unmatched"


def test_a_mount_inside_an_included_router_keeps_both_prefixes(
    measured: Any, endpoint_of: Endpoint
) -> None:
    inner, router, app = FastAPI(), APIRouter(), measured(FastAPI())
    inner.add_api_route("/plans", lambda: "found")
    router.mount("/inner", inner)
    app.include_router(router, prefix="/v1")
    assert endpoint_of(app, "/v1/inner/plans") == "/v1/inner/plans"


def test_a_parameter_of_the_same_name_in_mount_and_route_is_no_obstacle(
    measured: Any, endpoint_of: Endpoint
) -> None:
    inner, app = FastAPI(), measured(FastAPI())
    inner.add_api_route("/{id}", lambda: "found")
    app.mount("/{id}", inner)
    assert endpoint_of(app, "/1/2") == "/{id}/{id}"


def test_static_files_are_one_endpoint_with_their_prefix(
    measured: Any, endpoint_of: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "here.css").write_text("p {}")
    app = measured(FastAPI())
    app.mount("/static", StaticFiles(directory=tmp_path))
    assert endpoint_of(app, "/static/here.css") == "/static/{path}"
    assert endpoint_of(app, "/static/not/here.css") == "/static/{path}"


def test_a_frontend_folder_is_one_endpoint(
    measured: Any, endpoint_of: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "app.js").write_text("1")
    router, app = APIRouter(), measured(FastAPI())
    router.frontend("/screen", directory=tmp_path)
    app.include_router(router, prefix="/v1")
    assert endpoint_of(app, "/v1/screen/app.js") == "/v1/screen/{path}"


def test_a_mounted_application_without_routes_is_one_endpoint(
    measured: Any, endpoint_of: Endpoint
) -> None:
    app = measured(Starlette())
    app.mount("/old", PlainTextResponse("found"))
    assert endpoint_of(app, "/old/whatever/it/is") == "/old/{path}"


def test_documentation_pages_have_their_own_paths(measured: Any, endpoint_of: Endpoint) -> None:
    assert endpoint_of(measured(FastAPI()), "/docs") == "/docs"


def test_routes_of_a_host_are_found_behind_it(measured: Any, endpoint_of: Endpoint) -> None:
    app = measured(Starlette(routes=[Host("api.example.org", Router([Route("/p/{x}", endpoint)]))]))
    assert endpoint_of(app, "/p/1", headers=[("Host", "api.example.org")]) == "/p/{x}"


def test_plain_starlette_routes_and_nested_mounts(measured: Any, endpoint_of: Endpoint) -> None:
    class Page(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("found")

    inner = [Route("/pages/{page}", Page), Mount("/{deep}", routes=[Route("/end", endpoint)])]
    app = measured(Starlette(routes=[Route("/{id:uuid}", endpoint), Mount("/m", routes=inner)]))
    uuid = "/0b0fd1a8-0000-4000-8000-000000000000"
    assert endpoint_of(app, uuid) == "/{id}"
    assert endpoint_of(app, "/m/pages/3") == "/m/pages/{page}"
    assert endpoint_of(app, "/m/any/end") == "/m/{deep}/end"
    assert endpoint_of(app, "/m/any/other") == "unmatched"


def test_a_mount_with_middleware_of_its_own(measured: Any, endpoint_of: Endpoint) -> None:
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    mount = Mount("/m", routes=[Route("/p/{x}", endpoint)], middleware=[cors])
    assert endpoint_of(measured(Starlette(routes=[mount])), "/m/p/1") == "/m/p/{x}"


@pytest.mark.parametrize("path_of_server", ["/proxy/plans/3", "/plans/3"])
def test_the_root_path_is_no_part_of_the_template(
    measured: Any, endpoint_of: Endpoint, path_of_server: str
) -> None:
    app = measured(FastAPI())
    app.get("/other")(app.get("/plans/{plan}")(lambda: "found"))
    assert endpoint_of(app, path_of_server, root_path="/proxy") == "/plans/{plan}"


def test_a_measured_application_below_one_that_is_not_has_its_own_templates(
    measured: Any, endpoint_of: Endpoint
) -> None:
    inner, outer = measured(FastAPI()), FastAPI()
    inner.get("/one")(inner.get("/two/{x}")(lambda: "found"))
    outer.mount("/inner", inner)
    assert endpoint_of(outer, "/inner/two/2") == "/two/{x}"


def test_routes_added_after_the_first_request_are_found(
    measured: Any, endpoint_of: Endpoint
) -> None:
    app, later = measured(FastAPI()), APIRouter()
    app.add_api_route("/early", lambda: "found")
    app.include_router(later, prefix="/v1")
    assert endpoint_of(app, "/early") == "/early"
    app.add_api_route("/late", lambda: "found")
    later.add_api_route("/later/{x}", lambda: "found")
    assert endpoint_of(app, "/late") == "/late"
    assert endpoint_of(app, "/v1/later/1") == "/v1/later/{x}"


def test_an_endpoint_that_no_walk_finds_is_called_after_its_own_route() -> None:
    class Remote(BaseRoute):
        """A route of somebody else's making, which leads to routes that it does not show."""

        inner = Route("/own/{x:int}", another)

        def matches(self, scope: Any) -> tuple[Match, Any]:
            return Match.FULL, {"endpoint": another, "route": self.inner}

    routes = Routes(Starlette(routes=[Remote()]))
    scope: dict[str, Any] = {"path": "/hidden/own/3"}
    scope.update(Remote().matches(scope)[1])
    assert routes.template(scope, "") == ("/own/{x}", False)
    del scope["route"]
    assert routes.template(scope, "") == ("unmatched", False)


def test_endpoints_made_up_for_each_request_are_not_kept_for_ever() -> None:
    routes = Routes(Starlette(routes=[Route("/here", endpoint)]))
    for _ in range(3000):
        assert routes.template({"path": "/x", "endpoint": object()}, "") == ("unmatched", False)
    assert len(routes._unknown) == 1000


def test_a_path_that_only_a_websocket_has_is_unmatched(
    measured: Any, endpoint_of: Endpoint
) -> None:
    async def chat(websocket: Any) -> None: ...

    assert endpoint_of(measured(Starlette(routes=[WebSocketRoute("/ws", chat)])), "/ws") == (
        "unmatched"
    )
