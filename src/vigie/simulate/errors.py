"""What the provider says when it refuses: OpenAI's error shape.

https://developers.openai.com/api/docs/guides/error-codes
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """A refusal: `status` is HTTP's, `kind`, `param` and `code` are OpenAI's own fields."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON of the refusal."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def missing_key() -> ApiError:
    """Return the refusal of a request without a key."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def unknown_model(name: str) -> ApiError:
    """Return the refusal of a model that is not sold."""
    return ApiError(
        404,
        f"The model `{name}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def injected(status: int, retry_after_seconds: float) -> ApiError:
    """Return the error of a fault: what the real service says with this status."""
    if status == 429:
        return rate_limited("Rate limit reached for requests.", "requests", retry_after_seconds)
    if status == 401:
        return ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
    if status == 500:
        message = "The server had an error while processing your request. Sorry about that!"
    elif status == 503:
        message = "The engine is currently overloaded, please try again later."
    else:
        message = HTTPStatus(status).phrase
    return ApiError(status, message, kind="server_error")


def rate_limited(message: str, kind: str, retry_after_seconds: float) -> ApiError:
    """Return the refusal of a request over its limit; `kind` is requests or tokens."""
    return ApiError(
        429,
        message,
        kind=kind,
        code="rate_limit_exceeded",
        headers={
            # Whole seconds, as HTTP has it; the SDK prefers the exact milliseconds.
            "retry-after": str(math.ceil(retry_after_seconds) or 1),
            "retry-after-ms": str(max(1, round(retry_after_seconds * 1000))),
        },
    )
