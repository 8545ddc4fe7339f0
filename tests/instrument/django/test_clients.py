"""The client's address, also behind proxies."""

from ipaddress import ip_address, ip_network

import pytest
from django.http import HttpRequest

from vigie.instrument.django.clients import client_address


def asked_from(remote: str | None, forwarded: str | None = None) -> HttpRequest:
    request = HttpRequest()
    if remote is not None:
        request.META["REMOTE_ADDR"] = remote
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return request


PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0 Auth", "fe80::1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("", None),
        (None, None),
        ("unix:", None),
        ("1.2.3.4\nAuth failure", None),
    ],
)
def test_the_address_is_that_of_the_connection(remote: str | None, address: str | None) -> None:
    found = client_address(asked_from(remote, forwarded="6.6.6.6"))
    assert found == (address and ip_address(address))
    assert "\n" not in str(found)
    assert " " not in str(found)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.9", "6.6.6.6", "192.0.2.9"),  # not one of our proxies
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),  # what the client says is not believed
        ("10.0.0.1", "192.0.2.1, 10.0.0.2,10.0.0.3", "192.0.2.1"),
        ("::1", "[2001:db8::1]:80", "2001:db8::1"),
        ("10.0.0.1", "192.0.2.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("", "192.0.2.1", "192.0.2.1"),  # a Unix socket
        ("", None, None),
    ],
)
def test_behind_a_trusted_proxy_it_is_the_last_that_is_none(
    remote: str, forwarded: str | None, address: str | None
) -> None:
    found = client_address(asked_from(remote, forwarded), PROXIES)
    assert found == (address and ip_address(address))
