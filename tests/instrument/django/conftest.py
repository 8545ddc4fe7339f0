"""A Django project, and for each test a registry, a clock, and a browser under WSGI or ASGI."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import watched_site
from vigie.catalogue.metric import OTHER
from vigie.instrument.exposition import exposition
from vigie.instrument.meters import meters

Samples = Callable[[str], dict[tuple[tuple[str, str], ...], float]]

MIDDLEWARE = {
    "requests": "watched_site.middleware.Requests",
    "authentication": "watched_site.middleware.Authentication",
    "rescue": "watched_site.middleware.Rescue",
    "shortcut": "watched_site.middleware.Shortcut",
    "broken": "watched_site.middleware.Broken",
    "common": "django.middleware.common.CommonMiddleware",
    "conditional": "django.middleware.http.ConditionalGetMiddleware",
    "gzip": "django.middleware.gzip.GZipMiddleware",
    "locale": "django.middleware.locale.LocaleMiddleware",
    "session": "django.contrib.sessions.middleware.SessionMiddleware",
    "user": "django.contrib.auth.middleware.AuthenticationMiddleware",
    "login_required": "django.contrib.auth.middleware.LoginRequiredMiddleware",
}


@pytest.fixture(scope="session", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Django, set up with its tables."""
    watched_site.set_up(tmp_path_factory.mktemp("site"))


@pytest.fixture
def registry(site: None) -> Iterator[CollectorRegistry]:
    """The registry of the middlewares that this test loads."""
    from vigie.instrument.django.authentication import watch_logins
    from vigie.instrument.django.database import watch_databases
    from watched_site.middleware import Now

    Now.registry = CollectorRegistry()
    Now.time = 1_800_000_000.0
    yield Now.registry
    with suppress(ValueError):  # a test may have given a metric's name away
        watch_databases(meters(Now.registry), slow_seconds=0).stop()
        watch_logins(meters(Now.registry), clock=float).stop()


@pytest.fixture
def pass_seconds(registry: CollectorRegistry) -> Callable[[float], None]:
    """A function that moves the middlewares' clock on."""
    from watched_site.middleware import Now

    def move(seconds: float) -> None:
        Now.time += seconds

    return move


@pytest.fixture
def samples(registry: CollectorRegistry) -> Samples:
    """A function that gives all samples of a name, by their labels, as a scrape reads them.

    Without the series of rare metrics that nothing has happened to.
    """

    def read(name: str) -> dict[tuple[tuple[str, str], ...], float]:
        text, _ = exposition(registry=registry)
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if sample.name == name
            if sample.value or set(sample.labels.values()) != {OTHER}
        }

    return read


@pytest.fixture
def metric(samples: Samples) -> Callable[..., float | None]:
    """A function that gives one sample, or None where there is no such series."""

    def read(name: str, **labels: str) -> float | None:
        return samples(name).get(tuple(sorted(labels.items())))

    return read


class Browser:
    """Django's test client, under WSGI or ASGI, with a site that has the given middlewares."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self._overrides: list[Any] = []
        self.use()

    def use(self, *middleware: str, **settings: Any) -> "Browser":
        """Load the middlewares of these short names anew, with these settings."""
        from django.test import AsyncClient, Client, override_settings

        override = override_settings(MIDDLEWARE=[MIDDLEWARE[m] for m in middleware], **settings)
        override.enable()
        self._overrides.append(override)
        kind = AsyncClient if self.asynchronous else Client
        self.client: Any = kind(raise_request_exception=False)
        return self

    def __call__(
        self, path: str, json: Any = None, form: Any = None, method: str = "", **options: Any
    ) -> Any:
        """Ask for `path`: GET, or POST `json` or a `form`; options are Django's client's."""
        method = method or ("GET" if json is None and form is None else "POST")
        if json is not None:
            options |= {"data": json, "content_type": "application/json"}
        elif form is not None:
            options["data"] = form
        ask = getattr(self.client, method.lower(), None)
        asked = ask(path, **options) if ask else self.client.generic(method, path, **options)
        return asyncio.run(_in_own_thread(asked)) if self.asynchronous else asked

    def end(self) -> None:
        for override in reversed(self._overrides):
            override.disable()


async def _in_own_thread(asked: Awaitable[Any]) -> Any:
    """As Django's ASGI handler does: what is synchronous in a request has a thread of its own."""
    from django.db import connections

    async with ThreadSensitiveContext():
        try:
            return await asked
        finally:
            await sync_to_async(connections.close_all)()


@pytest.fixture(params=["wsgi", "asgi"])
def browse(request: pytest.FixtureRequest, registry: CollectorRegistry) -> Iterator[Browser]:
    """A browser; the test runs under WSGI and under ASGI."""
    browser = Browser(asynchronous=request.param == "asgi")
    yield browser
    browser.end()


@pytest.fixture
def browse_wsgi(registry: CollectorRegistry) -> Iterator[Browser]:
    """A browser under WSGI only."""
    browser = Browser(asynchronous=False)
    yield browser
    browser.end()


@pytest.fixture
def browse_asgi(registry: CollectorRegistry) -> Iterator[Browser]:
    """A browser under ASGI only."""
    browser = Browser(asynchronous=True)
    yield browser
    browser.end()


@pytest.fixture
def alice(site: None) -> Iterator[Any]:
    """A user with the password `correct`."""
    from django.contrib.auth.models import User

    user = User.objects.create_user("alice", password="correct")
    yield user
    User.objects.filter(pk=user.pk).delete()
