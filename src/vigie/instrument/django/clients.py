"""Who asks: the client's IP address, also behind proxies."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeAlias

from vigie.instrument.django.options import Network

Address: TypeAlias = IPv4Address | IPv6Address


def client_address(request: Any, trusted_proxies: tuple[Network, ...] = ()) -> Address | None:
    """The address that a request comes from; None if that cannot be told.

    It is REMOTE_ADDR, unless that is a trusted proxy: then the last address of X-Forwarded-For that
    is none, for whatever stands further left was written by the client itself. A Unix socket has no
    REMOTE_ADDR; what speaks through it is on this machine, and trusted where any proxy is.
    """
    address = _address(request.META.get("REMOTE_ADDR") or "")
    if not trusted_proxies:
        return address
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while forwarded and (address is None or any(address in network for network in trusted_proxies)):
        before = _address(forwarded.pop().strip())
        if before is None:
            break
        address = before
    return address


def _address(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; IPv4 in IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # A scope (`fe80::1%eth0`) is free text: what stands behind the percent sign is dropped.
        address = address.ipv4_mapped or IPv6Address(int(address))
    return address
