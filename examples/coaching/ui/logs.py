"""One line for each event, on standard output."""

import logging
import logging.config

from streamlit import config


class OneLine(logging.Formatter):
    """A traceback becomes part of its event's line, so that a line is always a whole event."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def to_stdout() -> None:
    """Send every logger there, uvicorn's and Streamlit's too; call it once both are imported."""
    # Once its configuration is read, Streamlit gives these loggers handlers of its own.
    config.get_config_options()
    noisy = [name for name in logging.root.manager.loggerDict if name.startswith("streamlit")]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"one_line": {"()": OneLine}},
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "one_line",
                }
            },
            "root": {"handlers": ["stdout"], "level": "INFO"},
            "loggers": {
                **{
                    name: {"handlers": [], "propagate": True}
                    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "websockets", *noisy)
                },
                "uvicorn.access": {"handlers": [], "propagate": False},
                # Requests are counted, not written down.
                "httpx": {"level": "WARNING"},
            },
        }
    )
