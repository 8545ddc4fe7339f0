"""gunicorn reads this file when it starts in this folder; the command line has the last word.

For more than one worker, begin it with `from vigie.instrument.gunicorn import *`: the workers then
share their figures, and /metrics/ is exact whichever of them answers.
"""

bind = "127.0.0.1:8002"
workers = 1
threads = 8
# Longer than any client keeps an idle connection, so that the client is the one who closes it:
# a request sent just as the server closes would be lost.
keepalive = 75
graceful_timeout = 10
# One file less to clean up; the workers are told what to do by signals.
control_socket_disable = True

# Its own lines go where Django's go, in the same form. Requests are counted, not written down.
logconfig_dict = {
    "formatters": {"json": {"()": "vigie.instrument.logs.JsonFormatter", "service": "django"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "json",
        }
    },
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}
