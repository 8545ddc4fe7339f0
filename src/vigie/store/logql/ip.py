"""Addresses in a text: `ip("10.0.0.0/8")` as a line filter and as a label filter."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_V4 = re.compile(r"[0-9.]*")
_V6 = re.compile(r"[0-9a-fA-F:.]*")
_HINT = re.compile(
    r"(?P<v4>[0-9](?=.?.?\.).{3})|(?P<v6>::[0-9a-fA-F]|[0-9a-fA-F]{1,4}:)", re.DOTALL
)

Address = IPv4Address | IPv6Address


class IpPatternError(ValueError):
    """What is neither an address, nor a network, nor a range of addresses."""


@lru_cache(maxsize=1000)
def holds_address(pattern: str) -> Callable[[str], bool]:
    """Whether a text has an address in it that the pattern means; raises `IpPatternError`."""
    means = _matcher(pattern)

    def check(text: str) -> bool:
        at = 0
        while (found := _HINT.search(text, at)) is not None:
            span = (_V4 if found["v4"] else _V6).match(text, found.start())
            assert span is not None  # both match the empty text
            address = _address(span[0])
            if address is not None and means(address):
                return True
            at = span.end() + 1
        return False

    return check


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _matcher(pattern: str) -> Callable[[Address], bool]:
    single = _address(pattern)
    if single is not None:
        return single.__eq__
    if "/" in pattern:
        try:
            network = ip_network(pattern, strict=False)
        except ValueError:
            raise _refused(pattern) from None
        return lambda address: address.version == network.version and address in network
    low, _, high = pattern.partition("-")
    first, last = _address(low), _address(high)
    if first is None or last is None or first.version != last.version:
        raise _refused(pattern)
    if int(first) > int(last):
        raise _refused(pattern)
    version, lowest, highest = first.version, int(first), int(last)
    return lambda address: address.version == version and lowest <= int(address) <= highest


def _refused(pattern: str) -> IpPatternError:
    return IpPatternError(f'ip: invalid pattern: "{pattern}"')
