"""Where records are sent: one HTTP connection, kept open, and what an answer means for a batch."""

from __future__ import annotations

import base64
import email.utils
import gzip
import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_LONGEST_WAIT_SECONDS = 300.0
_USUAL_WAIT_SECONDS = 0.2
_MOST_OF_AN_ANSWER_BYTES = 64 * 1024
_QUOTED_CHARACTERS = 200
_CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_PORTS = {"http": 80, "https": 443}


class NotNowError(Exception):
    """The receiver cannot take the batch now; it may later.

    `wait_seconds` is how long to leave it alone; None where there was no answer.
    """

    def __init__(self, words: str, wait_seconds: float | None = None) -> None:
        super().__init__(words)
        self.wait_seconds = wait_seconds


class TooLargeError(Exception):
    """The receiver takes no batch of this size."""


class RefusedError(Exception):
    """The receiver will not take the batch, however often it is sent."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: where to connect, the path, and what its user and password come to."""

    scheme: str
    host: str
    port: int
    path: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError for what is no http or https address."""
        parts = urlsplit(url)
        try:
            sound = parts.scheme in _CONNECTIONS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.query or parts.fragment:
            shown = url.rpartition("@")[2]  # without the password that it may hold
            raise ValueError(f'the address is "{shown}": write one such as http://127.0.0.1:3100')
        headers = {}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        port = parts.port or _PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"), headers)


class Receiver:
    """Posts JSON to one path of a server. Used by one thread at a time."""

    def __init__(self, address: Address, path: str, headers: Mapping[str, str]) -> None:
        self._address = address
        self._path = path
        self._headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": "vigie",
            **address.headers,
            **headers,
        }
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, timeout_seconds: float) -> bytes:
        """Send it; returns the answer's body.

        Raises NotNowError, TooLargeError or RefusedError.
        """
        # Fast rather than small: it is the application's processor.
        packed = gzip.compress(body, compresslevel=1, mtime=0)
        kept_open = self._connection is not None
        try:
            status, answer, wait = self._exchange(packed, timeout_seconds)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept_open or isinstance(error, TimeoutError):
                raise NotNowError(f"{type(error).__name__}: {error}") from error
            # Servers close connections that rest; this one had.
            return self.post(body, timeout_seconds)
        if 200 <= status < 300:
            return answer
        told = answer[:_QUOTED_CHARACTERS].decode("utf-8", "replace").strip()
        words = f"{status} from {self._address.host}{self._path}: {told}"
        if status == 413:
            raise TooLargeError(words)
        if status in (408, 425, 429) or status >= 500:
            raise NotNowError(words, _seconds(wait))
        raise RefusedError(words)

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, packed: bytes, timeout_seconds: float) -> tuple[int, bytes, str]:
        connection = self._connection
        if connection is None:
            connection = _CONNECTIONS[self._address.scheme](
                self._address.host, self._address.port, timeout=timeout_seconds
            )
            connection.connect()
            self._connection = connection
        if connection.sock is not None:
            connection.sock.settimeout(timeout_seconds)
        connection.request("POST", self._path, packed, self._headers)
        response = connection.getresponse()
        answer = response.read(_MOST_OF_AN_ANSWER_BYTES)
        if not response.isclosed() or response.will_close:
            self.close()
        return response.status, answer, response.getheader("Retry-After") or ""


def _seconds(retry_after: str) -> float:
    """What a Retry-After asks for, in seconds or until a date; without one, a short while."""
    if retry_after.isdecimal():
        seconds = float(retry_after[:9])
    else:
        try:
            until = email.utils.parsedate_to_datetime(retry_after).timestamp()
        except (TypeError, ValueError):
            return _USUAL_WAIT_SECONDS
        seconds = until - time.time()
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
