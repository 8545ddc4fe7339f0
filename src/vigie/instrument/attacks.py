"""Patterns of attack in refused logins, refused tokens and unmatched paths, in bounded memory.

Pure: times, clients and accounts are arguments. What is known lies in one process: of an attack
that is spread over several workers, each of them sees its part.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from typing import TypeAlias

from vigie.catalogue.django import SECURITY_EVENTS

BRUTE_FORCE, CREDENTIAL_STUFFING, TOKEN_REPLAY, PATH_SCAN = SECURITY_EVENTS.labels[1].values

Client: TypeAlias = IPv4Address | IPv6Address | None
"""Who asks, None where that is not known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The number of things in `window_seconds` that make a pattern, and how much is remembered.

    The numbers lie above what a person, or a page with broken links, does.
    """

    window_seconds: float = 300.0
    failures_on_an_account: int = 10
    failures_from_a_client: int = 30
    accounts_from_a_client: int = 10
    invalid_tokens_from_a_client: int = 10
    paths_from_a_client: int = 20
    suspects: int = 4096
    """How many accounts and clients are remembered; the one that was quiet for longest goes."""


class AttackDetector:
    """Tells which patterns a refusal completes; each once in a window for a client or account.

    Clients of one IPv6 /64 network are one client: that is what one customer gets.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._suspects: OrderedDict[Hashable, _Suspect] = OrderedDict()
        self._numbers = count()
        self._lock = threading.Lock()

    def login_failed(self, now: float, client: Client, account: Hashable | None) -> set[str]:
        """A client gave wrong credentials for an account."""
        limits, number = self._limits, next(self._numbers)
        found = set()
        if account is not None and self._completes(
            ("failures on", account), number, limits.failures_on_an_account, now
        ):
            found.add(BRUTE_FORCE)
        if client is not None:
            who = _customer(client)
            if self._completes(("failures by", who), number, limits.failures_from_a_client, now):
                found.add(BRUTE_FORCE)
            if account is not None and self._completes(
                ("accounts of", who), account, limits.accounts_from_a_client, now
            ):
                found.add(CREDENTIAL_STUFFING)
        return found

    def token_refused(self, now: float, client: Client, replayed: bool) -> set[str]:
        """A client gave an invalid token; `replayed`: a good one that had been used up."""
        if client is None:
            return {TOKEN_REPLAY} if replayed else set()
        limit = 1 if replayed else self._limits.invalid_tokens_from_a_client
        what = "replays by" if replayed else "invalid tokens by"
        done = self._completes((what, _customer(client)), next(self._numbers), limit, now)
        return {TOKEN_REPLAY} if done else set()

    def path_unmatched(self, now: float, client: Client, path: Hashable) -> set[str]:
        """A client asked for a path that is no route of the application."""
        if client is not None and self._completes(
            ("paths of", _customer(client)), path, self._limits.paths_from_a_client, now
        ):
            return {PATH_SCAN}
        return set()

    def _completes(self, suspect: Hashable, thing: Hashable, limit: int, now: float) -> bool:
        with self._lock:
            record = self._suspects.pop(suspect, None) or _Suspect()
            self._suspects[suspect] = record  # the most recent is last
            if len(self._suspects) > self._limits.suspects:
                self._suspects.popitem(last=False)
            return record.add(thing, limit, now, self._limits.window_seconds)


class _Suspect:
    """The distinct things that one client or account did within the window, at most a limit."""

    __slots__ = ("_quiet_until", "_things")

    def __init__(self) -> None:
        self._things: dict[Hashable, float] = {}
        self._quiet_until = float("-inf")

    def add(self, thing: Hashable, limit: int, now: float, window: float) -> bool:
        if now < self._quiet_until:
            return False
        self._things.pop(thing, None)
        self._things[thing] = now  # the most recent is last
        for old in self._older_than(now - window):
            del self._things[old]
        if len(self._things) < limit:
            return False
        self._things.clear()
        self._quiet_until = now + window
        return True

    def _older_than(self, time: float) -> list[Hashable]:
        return [thing for thing, seen in self._things.items() if seen < time]


def _customer(client: IPv4Address | IPv6Address) -> Hashable:
    return int(client) >> 64 if isinstance(client, IPv6Address) else client
