"""One line for each event, on standard output."""

import logging


class OneLine(logging.Formatter):
    """A traceback becomes part of its event's line, so that a line is always a whole event."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")
