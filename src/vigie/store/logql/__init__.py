"""LogQL: text to tree and back, and what each stage of a pipeline does to a line.

Pure: no files, no sockets, no clock. The language is Grafana Loki's; where this room knows of an
oddity of Loki's that answers depend on, a comment says so.
"""

from vigie.store.logql.errors import LogQLError
from vigie.store.logql.parser import parse, parse_matchers, parse_selector
from vigie.store.logql.printer import pretty, text

__all__ = ["LogQLError", "parse", "parse_matchers", "parse_selector", "pretty", "text"]
