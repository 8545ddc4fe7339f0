"""Why a query is refused, in Loki's words."""

from __future__ import annotations


class LogQLError(ValueError):
    """A query that is wrong. `line` and `column` count from 1; both are 0 for the whole query."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        if self.line == 0 and self.column == 0:
            return f"parse error : {self.message}"
        return f"parse error at line {self.line}, col {self.column}: {self.message}"


class StageError(LogQLError):
    """A stage that cannot be: a template, an expression or an address that is malformed."""

    def __init__(self, stage: str, why: str) -> None:
        super().__init__(f"stage '{stage}' : {why}")


class PipelineError(ValueError):
    """A line of a metric query that a parser or a conversion failed on."""

    def __init__(self, labels: dict[str, str]) -> None:
        kind = labels.get("__error__", "")
        pairs = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
        super().__init__(
            f"pipeline error: '{kind}' for series: '{{{pairs}}}'.\n"
            f'Use a label filter to intentionally skip this error. (e.g | __error__!="{kind}").\n'
            'To skip all potential errors you can match empty errors.(e.g __error__="")\n'
            "The label filter can also be specified after unwrap."
            ' (e.g | unwrap latency | __error__="" )\n'
        )


class LimitError(ValueError):
    """An answer that would be larger than a limit."""
