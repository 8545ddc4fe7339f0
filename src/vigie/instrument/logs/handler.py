"""Where `logging` hands its records over, and where they go from there."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from vigie.catalogue import telemetry
from vigie.instrument.guard import count_failure
from vigie.instrument.logs.destinations import destination
from vigie.instrument.logs.line import Entry, Writer
from vigie.instrument.logs.records import line_of_record, text_of_record
from vigie.instrument.meters import Meters
from vigie.instrument.service import service_name
from vigie.instrument.shipping import Shipper, is_sending

NAME = "logs"
"""What this instrument is called where its failures and losses are counted."""

Form: TypeAlias = Literal["json", "text"]

_FLUSH_SECONDS = 1.0
_DEEPEST = 3


class JsonFormatter(logging.Formatter):
    """For handlers of one's own: a record as one line of JSON, with ids and without secrets."""

    def __init__(self, service: str | None = None, *, redact_mail: bool = False) -> None:
        """`service` is by default what the environment says: $VIGIE_SERVICE."""
        super().__init__()
        self._writer = Writer(service or service_name(), redact_mail=redact_mail)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return line_of_record(self._writer, record).line


class TextFormatter(logging.Formatter):
    """For people: a record as one line of text, without secrets."""

    def __init__(self, *, redact_mail: bool = False) -> None:
        super().__init__()
        self._mail = redact_mail

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return text_of_record(record, redact_mail=self._mail)


class Handler(logging.Handler):
    """Writes each record to standard output, ships it, or both.

    It never raises into whoever logs. What is logged while it works, by its own sender or by the
    host's objects that it writes out, is not shipped in turn.
    """

    def __init__(
        self,
        service: str,
        *,
        to: str | None,
        form: Form | None,
        headers: Mapping[str, str],
        redact_mail: bool,
        meters: Meters,
    ) -> None:
        super().__init__()
        self.writer = Writer(service, redact_mail=redact_mail)
        self._form = form
        self._mail = redact_mail
        self._meters = meters
        self._inside = threading.local()
        self._one_at_a_time = threading.RLock()
        self._latest_ns = 0
        self._shipper: Shipper[Entry] | None = None
        if to is not None:
            place = destination(to, service, headers)
            self._shipper = Shipper(
                place.receiver,
                place.body,
                rejected=place.rejected,
                failed=self._failed,
                dropped=meters[telemetry.DROPPED_RECORDS].child(NAME).inc,
            )

    def emit(self, record: logging.LogRecord) -> None:
        """Write it and have it shipped."""
        self._guarded(lambda: self._emit(record))

    def ship(self, entry: Entry) -> None:
        """Have a line shipped that is written elsewhere."""
        with self._one_at_a_time:
            self._guarded(lambda: self._ship(entry))

    def flush(self) -> None:
        """Have what waits sent now."""
        if self._shipper is not None:
            self._shipper.flush(_FLUSH_SECONDS)

    def close(self) -> None:
        """Send what waits; what comes afterwards is written, and not shipped."""
        if self._shipper is not None:
            self._shipper.close()
        super().close()

    def _emit(self, record: logging.LogRecord) -> None:
        entry = None
        if self._form == "json" or self._shipper is not None:
            entry = line_of_record(self.writer, record)
            self._ship(entry)
        if self._form == "json" and entry is not None:
            _print(entry.line, as_json=True)
        elif self._form == "text":
            _print(text_of_record(record, redact_mail=self._mail), as_json=False)

    def _ship(self, entry: Entry) -> None:
        if self._shipper is None or is_sending():
            return
        # Loki keeps one of two lines that are the same to the nanosecond.
        time_ns = entry.time_ns
        if 0 <= self._latest_ns - time_ns < 1_000_000:
            time_ns = self._latest_ns + 1
        self._latest_ns = time_ns
        self._shipper.put(entry._replace(time_ns=time_ns), len(entry.line))

    def _guarded(self, work: Callable[[], None]) -> None:
        depth = getattr(self._inside, "depth", 0)
        if depth == _DEEPEST:  # what is written out logs in turn, and again
            return
        self._inside.depth = depth + 1
        failure = None
        try:
            work()
        except Exception as error:
            failure = error
        finally:
            self._inside.depth = depth
        if failure is not None:
            self._failed(failure)

    def _failed(self, error: Exception) -> None:
        count_failure(NAME, error, self._meters)


def _print(line: str, *, as_json: bool) -> None:
    stream = sys.stdout  # as it is now: it may have been replaced
    if stream is None:
        return
    try:
        stream.write(f"{line}\n")
    except UnicodeEncodeError:  # an old locale
        plain = json.dumps(json.loads(line)) if as_json else ascii(line)[1:-1]
        stream.write(f"{plain}\n")
    except ValueError:  # closed, at the very end
        return
    stream.flush()
