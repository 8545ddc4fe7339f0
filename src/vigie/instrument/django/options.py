"""What a project may set about its instruments in Django's settings; each has a default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Network: TypeAlias = IPv4Network | IPv6Network

# From where the signal django_response_time warns: a test holds the two together. The signals, with
# all that they say to people, are not for a web worker to load.
_SLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """The options, as they are read when a middleware is loaded."""

    slow_request_seconds: float = _SLOW_SECONDS
    """VIGIE_SLOW_REQUEST_SECONDS: a request that takes longer is logged."""
    slow_statement_seconds: float = _SLOW_SECONDS
    """VIGIE_SLOW_STATEMENT_SECONDS: a statement that takes longer is logged."""
    trusted_proxies: tuple[Network, ...] = ()
    """VIGIE_TRUSTED_PROXIES: addresses and networks whose X-Forwarded-For is believed."""


def options() -> Options:
    """Read the options from Django's settings.

    Raises ImproperlyConfigured, when the server starts, for a value that means nothing.
    """
    return Options(
        slow_request_seconds=_seconds("VIGIE_SLOW_REQUEST_SECONDS"),
        slow_statement_seconds=_seconds("VIGIE_SLOW_STATEMENT_SECONDS"),
        trusted_proxies=_networks("VIGIE_TRUSTED_PROXIES"),
    )


def _seconds(name: str) -> float:
    value = getattr(settings, name, _SLOW_SECONDS)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ImproperlyConfigured(
            f"settings.{name} is {value!r}: write a number of seconds, e.g. {_SLOW_SECONDS}"
        )
    return float(value)


def _networks(name: str) -> tuple[Network, ...]:
    value = getattr(settings, name, ())
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ImproperlyConfigured(
            f"settings.{name} is {value!r}: write a list of addresses and networks, e.g. "
            '["10.0.0.0/8", "::1"]'
        )
    return tuple(_network(name, item) for item in value)


def _network(name: str, item: object) -> Network:
    try:
        return ip_network(str(item))
    except ValueError as error:
        raise ImproperlyConfigured(
            f"settings.{name} has {item!r} in it ({error}): write an address or a network, e.g. "
            '"10.0.0.0/8"'
        ) from None
