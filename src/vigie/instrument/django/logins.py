"""Logins: why Django's own refuse somebody, and which views have let somebody in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, router, transaction

from vigie.instrument.django.refusals import BAD_CREDENTIALS, FORBIDDEN, INACTIVE_USER, given_data

SESSION, TOKEN, REFRESH = "session", "token", "refresh"


def account_in(credentials: Mapping[str, Any]) -> int | None:
    """A hash of the account's name in refused credentials, salted anew in each process."""
    name = _name_in(credentials)
    return None if name is None else hash(str(name).casefold())


def login_reason(credentials: Mapping[str, Any]) -> str:
    """Why Django's `authenticate()` refused these credentials.

    Django does not say whether the account is inactive, so the account is looked up: one query
    beside the hashing of the password, and the same one whether or not there is such an account.
    """
    name = _name_in(credentials)
    if name is None:
        return BAD_CREDENTIALS
    model = get_user_model()
    database = router.db_for_read(model)
    try:
        # In a transaction of the view, a savepoint: a failing query must not spoil it.
        if connections[database].in_atomic_block:
            with transaction.atomic(using=database):
                active = _is_active(model, name)
        else:
            active = _is_active(model, name)
    except SynchronousOnlyOperation:  # asked inside an event loop, where no query can be sent
        active = True
    return BAD_CREDENTIALS if active else INACTIVE_USER


def form_reason(response: Any) -> str | None:
    """Why Django's login form refused somebody although the credentials were right, if it did."""
    forms = sys.modules.get("django.contrib.auth.forms")
    form = (getattr(response, "context_data", None) or {}).get("form")
    if forms is None or not isinstance(form, forms.AuthenticationForm) or not form.is_bound:
        return None
    codes = {error.code for error in form.non_field_errors().as_data()}
    if "inactive" in codes:
        return INACTIVE_USER
    return FORBIDDEN if "invalid_login" in codes else None  # the admin's, for who is no staff


def tokens_issued(response: Any) -> str | None:
    """The method of a login whose answer is a token: that of simplejwt, of REST framework's
    `authtoken`, or of a view that answers alike; None for any other response.
    """
    data = getattr(response, "data", None)
    if not isinstance(data, Mapping):
        return None
    if "access" in data:
        if "refresh" in given_data(response):
            return REFRESH
        return TOKEN if "refresh" in data or "password" in given_data(response) else None
    if "token" in data:
        given = given_data(response)
        return REFRESH if "token" in given else TOKEN if "password" in given else None
    return None


def _name_in(credentials: Mapping[str, Any]) -> Any:
    name = credentials.get("username")
    return credentials.get(get_user_model().USERNAME_FIELD) if name is None else name


def _is_active(model: Any, name: Any) -> bool:
    try:
        user = model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        return True
    return bool(getattr(user, "is_active", True))
