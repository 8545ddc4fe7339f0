"""Vigie's settings in Django's: what they are by default, and what is said of a wrong one."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from vigie.catalogue.signals import BY_NAME
from vigie.instrument.django.options import options


def test_a_request_is_slow_from_where_its_signal_warns() -> None:
    assert options().slow_request_seconds == BY_NAME["django_response_time"].warning
    assert options().slow_statement_seconds == BY_NAME["django_response_time"].warning
    assert options().trusted_proxies == ()


def test_options_are_read() -> None:
    with override_settings(
        VIGIE_SLOW_REQUEST_SECONDS=2,
        VIGIE_SLOW_STATEMENT_SECONDS=0.1,
        VIGIE_TRUSTED_PROXIES=("10.0.0.0/8", "::1"),
    ):
        found = options()
    assert (found.slow_request_seconds, found.slow_statement_seconds) == (2.0, 0.1)
    assert found.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize("value", ["1", -1, True, None, float("nan")])
def test_a_time_that_is_none_is_refused(value: object) -> None:
    with (
        override_settings(VIGIE_SLOW_REQUEST_SECONDS=value),
        pytest.raises(ImproperlyConfigured) as raised,
    ):
        options()
    assert str(raised.value) == (
        f"settings.VIGIE_SLOW_REQUEST_SECONDS is {value!r}: write a number of seconds, e.g. 0.5"
    )


def test_proxies_that_are_no_list_are_refused() -> None:
    with (
        override_settings(VIGIE_TRUSTED_PROXIES="10.0.0.1"),
        pytest.raises(ImproperlyConfigured) as raised,
    ):
        options()
    assert str(raised.value) == (
        "settings.VIGIE_TRUSTED_PROXIES is '10.0.0.1': write a list of addresses and networks, "
        'e.g. ["10.0.0.0/8", "::1"]'
    )


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with (
        override_settings(VIGIE_TRUSTED_PROXIES=["10.0.0.1", "proxy.local"]),
        pytest.raises(ImproperlyConfigured) as raised,
    ):
        options()
    assert str(raised.value) == (
        "settings.VIGIE_TRUSTED_PROXIES has 'proxy.local' in it ('proxy.local' does not appear to "
        'be an IPv4 or IPv6 network): write an address or a network, e.g. "10.0.0.0/8"'
    )
