"""What the coach answers when something failed: a status, a code for programs, words for people."""

from fastapi import Request
from fastapi.responses import JSONResponse


class CoachError(Exception):
    """A failure with an answer. `detail` is shown to the user, in both languages."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    def body(self) -> dict[str, str]:
        return {"detail": self.detail, "code": self.code}


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    """The application's handler of `CoachError`."""
    assert isinstance(error, CoachError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(error.body(), status_code=error.status, headers=headers)
