"""Logs: the labels of their streams, the fields of their lines, and the events that are sought.

A line is one JSON object. A stream has the two labels only; a client's address, which is personal
data and has no bound, is a field of single lines, which are kept for days.
"""

from dataclasses import dataclass

LABELS = ("service", "level")
"""The labels of a stream of logs."""

LEVELS = ("debug", "info", "warning", "error", "critical")
"""The values of the label `level`, from the mildest."""

FIELDS = (
    *("ts", "level", "service", "logger", "event", "message"),
    *("trace_id", "span_id", "request_id"),
)
"""What every line may have; the event's own fields come behind."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that services log: the text by which its lines are found, and its own fields.

    The fields are in the line's message, in this order, as `name=value`.
    """

    text: str
    fields: tuple[str, ...]


AUTH_FAILURE = Event("Auth failure", ("reason", "ip"))
ATTACK = Event("Attack pattern", ("pattern", "ip"))
SLOW_REQUEST = Event("Slow request", ("seconds", "request_id"))
OPENAI_CALL = Event("OpenAI call", ("model", "outcome", "seconds"))

EVENTS = (AUTH_FAILURE, ATTACK, SLOW_REQUEST, OPENAI_CALL)


def lines(of: Event | None = None, search: bool = False) -> str:
    """LogQL: the lines of an event, or all, of the chosen services and levels.

    With `search`, those that hold the text that the reader of the board looks for.
    """
    stream = '{service=~"$service", level=~"$level"}'
    found = f'{stream} |= "{of.text}"' if of else stream
    return f'{found} |= "$search"' if search else found


def taken_apart(of: Event) -> str:
    """LogQL: the lines of an event with its own fields as labels, whatever wraps the message."""
    fields = r".*\b".join(rf"{name}=(?P<{name}>[\w.:-]+)" for name in of.fields)
    return f'{{service=~"$service"}} |= "{of.text}" | regexp `{fields}`'
