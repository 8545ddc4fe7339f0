"""Why a query is refused."""

from __future__ import annotations


class TraceQLError(ValueError):
    """A query that is wrong. `line` and `column` count from 1; both are 0 for the whole query."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        if self.line == 0 and self.column == 0:
            return self.message
        return f"parse error at line {self.line}, col {self.column}: {self.message}"
