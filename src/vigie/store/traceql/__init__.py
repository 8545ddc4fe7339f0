"""TraceQL: text to tree and back, as Tempo reads it. Pure: no spans, no SQL, no clock.

What is here of the language is what picks spans and traces: filters in braces with `&&`, `||`, `!`
and comparisons, spansets joined by `&&` and `||`, pipelines, `count() > 2` and its kind, `select`,
and hints. Structural operators, arithmetic, `by` and metrics are refused by name.
"""

from vigie.store.traceql.errors import TraceQLError
from vigie.store.traceql.parser import parse, parse_field
from vigie.store.traceql.printer import printed

__all__ = ["TraceQLError", "parse", "parse_field", "printed"]
