"""Who is refused and why, who logs in, how many users are active, and who attacks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.utils.functional import LazyObject, empty
from prometheus_client import REGISTRY, CollectorRegistry

from vigie.catalogue.django import ACTIVE_USERS, AUTH_FAILURES, AUTH_SUCCESSES, SECURITY_EVENTS
from vigie.instrument.active_users import ActiveUsers
from vigie.instrument.attacks import AttackDetector
from vigie.instrument.context import current
from vigie.instrument.django.answering import Answering, enter, now_answering
from vigie.instrument.django.clients import Address, client_address
from vigie.instrument.django.logins import (
    SESSION,
    account_in,
    form_reason,
    login_reason,
    tokens_issued,
)
from vigie.instrument.django.options import options
from vigie.instrument.django.refusals import (
    BAD_CREDENTIALS,
    INVALID_TOKEN,
    REFUSING,
    THROTTLED,
    Refusal,
    refusal,
)
from vigie.instrument.django.registered import one_for
from vigie.instrument.guard import count_failure, guarded
from vigie.instrument.meters import Meters, meters

log = logging.getLogger("vigie.security")

_USERS_FILE = "django_active_users.table"


class AuthFailureMiddleware:
    """Counts refused requests by reason, logins, active users, and patterns of attack.

    A refusal is counted once per request, whether a signal, an exception or a response tells of it.
    Each is a line `Auth failure reason=… ip=…` of the logger `vigie.security`: the address is in
    the log and in no label, names and tokens are nowhere. It never looks up a user or opens a
    session for a request that did not: who is not looked at is not active.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[Any], Any],
        registry: CollectorRegistry = REGISTRY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.get_response = get_response
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)
        self._proxies = options().trusted_proxies
        self._watch: AuthWatch | None = None
        with guarded("django_auth"):
            self._watch = watch_logins(meters(registry), clock)

    def __call__(self, request: Any) -> Any:
        """Answer the request; under ASGI, the coroutine that does."""
        if self._watch is None:  # the registry is broken: the site is not
            return self.get_response(request)
        if self._asynchronous:
            return self._answer(request, self._watch)
        context, before = enter(request)
        response = None
        try:
            response = self.get_response(request)
            return response
        finally:
            current.set(before)
            self._settle(context, response, self._watch)

    async def _answer(self, request: Any, watch: AuthWatch) -> Any:
        context, before = enter(request)
        response = None
        try:
            response = await self.get_response(request)
            return response
        finally:
            current.set(before)
            self._settle(context, response, watch)

    def _settle(self, context: Answering, response: Any | None, watch: AuthWatch) -> None:
        """The answer is there, or will never be: count what was noted and what it tells."""
        try:
            request = context.request
            status = 500 if response is None else response.status_code
            if status in REFUSING or context.notes is not None or request.method == "POST":
                self._count_login(context, response, status, watch)
            if status == 404 and request.resolver_match is None:
                watch.unmatched(client_address(request, self._proxies), request.path_info)
            user = _seen_user(request)
            if user is not None:
                watch.seen(user)
        except Exception as error:
            count_failure("django_auth", error)

    def _count_login(
        self, context: Answering, response: Any | None, status: int, watch: AuthWatch
    ) -> None:
        """A request may try several credentials: if one of them was right, it is a success."""
        method = _login_method(context, response, status)
        if method is not None:
            watch.logged_in(method)
            return
        refused = _refusal(context, response, status)
        if refused is not None:
            account = context.notes.account if context.notes else None
            watch.refuse(refused, client_address(context.request, self._proxies), account)


def watch_logins(meters: Meters, clock: Callable[[], float]) -> AuthWatch:
    """Watch every login of this process."""
    watch = one_for(meters, AuthWatch, lambda: AuthWatch(meters, clock))
    watch.start()
    return watch


class AuthWatch:
    """What the requests of all handlers of this process tell, counted in one registry."""

    def __init__(self, meters: Meters, clock: Callable[[], float]) -> None:
        self._meters = meters
        self._clock = clock
        self._failures = meters[AUTH_FAILURES]
        self._successes = meters[AUTH_SUCCESSES]
        self._active_users = meters[ACTIVE_USERS].child()
        self._events = {
            pattern: meters[SECURITY_EVENTS].child("django", pattern)
            for pattern in SECURITY_EVENTS.labels[1].values
        }
        self._users = _users(meters.storage.folder)
        self._detector = AttackDetector()

    def start(self) -> None:
        """Watch Django's logins, and count the users before each scrape."""
        user_login_failed.connect(self._note_login_failed)
        user_logged_in.connect(self._note_logged_in)
        self._meters.before_scrape(ACTIVE_USERS.name, self._count_users)

    def stop(self) -> None:
        """Watch no logins any more."""
        user_login_failed.disconnect(self._note_login_failed)
        user_logged_in.disconnect(self._note_logged_in)

    def logged_in(self, method: str) -> None:
        """Count a login."""
        self._successes.child(method).inc()

    def refuse(self, refused: Refusal, address: Address | None, account: int | None) -> None:
        """Count and log a refusal, and the patterns that it completes."""
        self._failures.child(refused.reason).inc()
        # An address object's text has no blank and no control character: no line can be forged.
        log.warning("Auth failure reason=%s ip=%s", refused.reason, address or "unknown")
        if account is not None or refused.reason == BAD_CREDENTIALS:
            self._found(self._detector.login_failed(self._clock(), address, account), address)
        elif refused.reason == INVALID_TOKEN:
            found = self._detector.token_refused(self._clock(), address, refused.replayed)
            self._found(found, address)

    def seen(self, user: object) -> None:
        """Note that this user (their id) asked for something."""
        self._users.see(user, self._clock())

    def unmatched(self, address: Address | None, path: str) -> None:
        """Note a request for what is no route."""
        self._found(self._detector.path_unmatched(self._clock(), address, hash(path)), address)

    def _found(self, patterns: set[str], address: Address | None) -> None:
        for pattern in patterns:
            self._events[pattern].inc()
            log.warning("Attack pattern=%s ip=%s", pattern, address or "unknown")

    def _note_login_failed(self, credentials: Mapping[str, Any], **_: Any) -> None:
        context = now_answering()
        if context is not None and context.note().refused is not None:
            return
        with guarded("django_auth", self._meters):
            account, reason = account_in(credentials), BAD_CREDENTIALS
            with guarded("django_login", self._meters):
                reason = login_reason(credentials)
            if context is not None:
                notes = context.note()
                notes.refused, notes.account = reason, account
            else:  # a command, a task, a websocket: no response will tell
                self.refuse(Refusal(reason), None, account)

    def _note_logged_in(self, **_: Any) -> None:
        context = now_answering()
        if context is not None:
            context.note().logged_in = True
        else:
            with guarded("django_auth", self._meters):
                self.logged_in(SESSION)

    def _count_users(self) -> None:
        self._active_users.set(self._users.count(self._clock()))


def _login_method(context: Answering, response: Any | None, status: int) -> str | None:
    """The way of the login that this request was, None if it was none."""
    if context.request.method == "POST" and status < 300:
        issued = tokens_issued(response)
        if issued is not None:
            return issued
    return SESSION if context.notes is not None and context.notes.logged_in else None


def _refusal(context: Answering, response: Any | None, status: int) -> Refusal | None:
    """Why this request was refused, None if it was not."""
    noted = context.notes.refused if context.notes else None
    if noted is not None:
        return Refusal(THROTTLED if status == 429 else noted)
    if status in REFUSING:
        return refusal(context.request, response)
    reason = form_reason(response)
    return None if reason is None else Refusal(reason)


def _seen_user(request: Any) -> object | None:
    """The id of the user whom this request has looked at; never looks itself."""
    attributes = request.__dict__
    user = attributes.get("user")
    if issubclass(type(user), LazyObject):
        user = user._wrapped
        if user is empty:
            user = attributes.get("_acached_user")  # `await request.auser()`
    # A project's own authentication may put anything there, for an API key, say.
    return getattr(user, "pk", None) if getattr(user, "is_authenticated", False) else None


def _users(folder: Path | None) -> ActiveUsers:
    key = str(settings.SECRET_KEY).encode()
    if folder is not None:
        try:
            return ActiveUsers.shared(key, folder / _USERS_FILE)
        except OSError as error:
            count_failure("django_auth", error)
    return ActiveUsers(key)
