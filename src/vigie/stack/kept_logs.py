"""The lines that whatever sits in Loki's seat has kept, asked for in Loki's own words.

https://grafana.com/docs/loki/latest/reference/loki-http-api/
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from vigie.catalogue.logs import LEVELS
from vigie.stack.errors import StackError
from vigie.stack.state import SUPERVISOR

PAGE = 5000
"""Lines; Loki answers no more at once."""
ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 3.0
LONGEST_SECONDS = 29 * 86_400
"""Loki looks at no more than 30 days at once."""

_API = "/loki/api/v1"


class UnansweredError(StackError):
    """Nobody answers at the logs' port, or nobody who speaks as Loki does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One line: Unix time in nanoseconds, its labels, and its text."""

    time_ns: int
    labels: dict[str, str]
    text: str

    @property
    def service(self) -> str:
        """Whose line it is."""
        return self.labels.get("service", "")

    @property
    def level(self) -> str:
        """One of `catalogue.logs.LEVELS`; empty where it has none."""
        return self.labels.get("level", "")


@dataclass(frozen=True, slots=True)
class Sought:
    """Which lines: from `start_ns` on, of this level or a worse one, with this text in them,
    whatever its capitals. Nothing given, all."""

    start_ns: int
    level: str = ""
    text: str = ""

    def query(self, services: Sequence[str] = ()) -> str:
        """In LogQL; without `services`, everybody's lines but the supervisor's."""
        names = "|".join(_literal(name) for name in services)
        everybody = ['service=~".+"', f'service!="{SUPERVISOR}"']
        stream = [f"service=~{_quoted(names)}"] if services else everybody
        if self.level:
            stream.append(f'level=~"{"|".join(LEVELS[LEVELS.index(self.level) :])}"')
        found = f" |~ {_quoted('(?i)' + _literal(self.text))}" if self.text else ""
        return f"{{{', '.join(stream)}}}{found}"

    def holds(self, level: str, text: str) -> bool:
        """Whether a line with this level and text is sought, whenever it was."""
        if self.level and (level not in LEVELS or LEVELS.index(level) < LEVELS.index(self.level)):
            return False
        return self.text.lower() in text.lower()


class KeptLogs:
    """Asks Loki, or the store, at `url`, for so many lines at once. Each question may raise
    UnansweredError."""

    def __init__(self, url: str, page: int = PAGE) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = parts.path.rstrip("/") + _API
        self._page_lines = page
        self.url = url

    def services(self, start_ns: int) -> list[str]:
        """Whose lines there are."""
        asked = {"start": str(_not_before(start_ns)), "end": str(_end_ns())}
        found = self._get("/label/service/values", asked)
        return [str(name) for name in found or []]

    def last(self, services: Sequence[str], sought: Sought, count: int | None = None) -> list[Kept]:
        """The last `count` lines of these services together, or all, oldest first."""
        query = sought.query(services)
        found: list[Kept] = []
        end_ns = _end_ns()
        while count is None or len(found) < count:
            # Several lines may be of the moment at which a page ends.
            edge = [line for line in found if line.time_ns == end_ns - 1]
            most = self._page_lines
            if count is not None:
                most = min(most, count - len(found) + len(edge))
            page = self._page(query, sought.start_ns, end_ns, most)
            new = [line for line in page if line not in edge]
            found += new
            if len(page) < most or not new:
                break
            end_ns = new[-1].time_ns + 1
        return found[::-1]

    def follow(
        self, services: Sequence[str], sought: Sought, go_on: Callable[[], bool]
    ) -> Iterator[Kept]:
        """What comes, from `sought.start_ns` on, until `go_on` (asked at least each second) says
        no. Lines that are later than their neighbours are told when they come."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        asked = {
            "query": sought.query(services),
            "start": str(sought.start_ns),
            "limit": str(self._page_lines),
        }
        where = f"ws://{_written(self._host)}:{self._port}{self._path}/tail?{urlencode(asked)}"
        try:
            # A socket of its own: no proxy stands between this machine and itself.
            plain = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
            with connect(where, sock=plain, max_size=None, open_timeout=ANSWER_SECONDS) as told:
                while go_on():
                    try:
                        message = told.recv(timeout=0.2)
                    except TimeoutError:
                        continue
                    yield from sorted(_lines(json.loads(message)["streams"]), key=_when)
        except (OSError, WebSocketException, ValueError, KeyError) as error:
            raise UnansweredError(f"{self.url} does not answer: {error}") from error

    def _page(self, query: str, start_ns: int, end_ns: int, count: int) -> list[Kept]:
        """Newest first."""
        asked = {
            "query": query,
            "start": str(_not_before(start_ns)),
            "end": str(end_ns),
            "limit": str(count),
            "direction": "backward",
        }
        found = self._get("/query_range", asked)
        return sorted(_lines(found["result"]), key=_when, reverse=True)

    def _get(self, path: str, asked: dict[str, str]) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.request("GET", f"{self._path}{path}?{urlencode(asked)}")
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                words = body[:200].decode(errors="replace").strip()
                raise UnansweredError(f"{self.url} answers {response.status}: {words}")
            return json.loads(body).get("data")
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            raise UnansweredError(f"{self.url} does not answer: {error}") from error
        finally:
            connection.close()


def _lines(streams: Any) -> Iterator[Kept]:
    for stream in streams:
        for value in stream["values"]:
            yield Kept(int(value[0]), stream["stream"], value[1])


def _when(line: Kept) -> int:
    return line.time_ns


def _not_before(start_ns: int) -> int:
    return max(start_ns, time.time_ns() - LONGEST_SECONDS * 10**9)


def _end_ns() -> int:
    # Loki takes lines of up to ten minutes ahead, from clocks that go before.
    return time.time_ns() + 600 * 10**9


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _literal(text: str) -> str:
    """A text as a regular expression of RE2's."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _quoted(text: str) -> str:
    """A text as a string of LogQL's, whose escapes are Go's."""
    return json.dumps(text, ensure_ascii=False)
