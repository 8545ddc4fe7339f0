"""Spans: what they are, where they are kept, and how they are found again."""

from vigie.store.spans.keeper import SpanStore
from vigie.store.spans.span import Event, Link, Source, Span

__all__ = ["Event", "Link", "Source", "Span", "SpanStore"]
