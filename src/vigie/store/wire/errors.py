"""What a client did wrong, as the answer that it gets."""

from __future__ import annotations


class RequestError(Exception):
    """An answer with a status above 399 and a text."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        """Seconds, for the header Retry-After."""


def bad(message: str) -> RequestError:
    """400 with a text."""
    return RequestError(400, message)
