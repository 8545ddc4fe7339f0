"""The embedded store's own figures."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge, histogram

LINES = counter(
    "vigie_store_lines_total",
    "Lines that were acknowledged, those among them that were there already too.",
    emitter=Emitter.EXPORTER,
)
BYTES = counter(
    "vigie_store_bytes_total",
    "Bytes of the lines that were acknowledged.",
    emitter=Emitter.EXPORTER,
)
REPEATED_LINES = counter(
    "vigie_store_repeated_lines_total",
    "Lines that were there already, to the nanosecond and the letter, and are kept once.",
    emitter=Emitter.EXPORTER,
)
COMMITS = counter(
    "vigie_store_commits_total",
    "Times that the log was brought to the disk, each for one push or several.",
    emitter=Emitter.EXPORTER,
)
REFUSED_PUSHES = counter(
    "vigie_store_refused_pushes_total",
    "Pushes that were refused for no fault of theirs.",
    Label("reason", values=("queue_full", "disk_full")),
    emitter=Emitter.EXPORTER,
)
FAILED_WRITES = counter(
    "vigie_store_failed_writes_total",
    "Times that a file could not be written.",
    emitter=Emitter.EXPORTER,
)
DROPPED_SEGMENTS = counter(
    "vigie_store_dropped_segments_total",
    "Segments that were dropped, because of their age or to keep below retention.max_bytes.",
    Label("reason", values=("age", "size")),
    emitter=Emitter.EXPORTER,
)
SEGMENTS = gauge(
    "vigie_store_segments",
    "Files of lines that are there.",
    emitter=Emitter.EXPORTER,
)
STREAMS = gauge(
    "vigie_store_streams",
    "Streams that there are lines of.",
    emitter=Emitter.EXPORTER,
)
DISK_BYTES = gauge(
    "vigie_store_disk_bytes",
    "Bytes of the store's files.",
    emitter=Emitter.EXPORTER,
)
HEAD_LINES = gauge(
    "vigie_store_head_lines",
    "Lines that are in the log, and in no segment yet.",
    emitter=Emitter.EXPORTER,
)
QUEUE_BYTES = gauge(
    "vigie_store_queue_bytes",
    "Bytes of lines that wait to be written.",
    emitter=Emitter.EXPORTER,
)
SPANS = counter(
    "vigie_store_spans_total",
    "Spans that were acknowledged, those among them that were there already too.",
    emitter=Emitter.EXPORTER,
)
SPAN_BYTES = counter(
    "vigie_store_span_bytes_total",
    "Bytes of the spans that were acknowledged, as the log has them.",
    emitter=Emitter.EXPORTER,
)
REPEATED_SPANS = counter(
    "vigie_store_repeated_spans_total",
    "Spans that were there already, and are kept once.",
    emitter=Emitter.EXPORTER,
)
INVALID_SPANS = counter(
    "vigie_store_invalid_spans_total",
    "Spans that were refused for a fault of theirs: an id that is none, or a time out of range.",
    emitter=Emitter.EXPORTER,
)
REFUSED_SPAN_PUSHES = counter(
    "vigie_store_refused_span_pushes_total",
    "Requests with spans that were refused for no fault of theirs.",
    Label("reason", values=("queue_full", "disk_full")),
    emitter=Emitter.EXPORTER,
)
FAILED_SPAN_WRITES = counter(
    "vigie_store_failed_span_writes_total",
    "Times that a file of spans could not be written.",
    emitter=Emitter.EXPORTER,
)
DROPPED_SPAN_SEGMENTS = counter(
    "vigie_store_dropped_span_segments_total",
    "Segments of spans dropped, because of their age or to keep below retention.max_bytes.",
    Label("reason", values=("age", "size")),
    emitter=Emitter.EXPORTER,
)
SPAN_SEGMENTS = gauge(
    "vigie_store_span_segments",
    "Files of spans that are there.",
    emitter=Emitter.EXPORTER,
)
SPAN_RESOURCES = gauge(
    "vigie_store_span_resources",
    "Resources, with instrumentation scopes, that there are spans of.",
    emitter=Emitter.EXPORTER,
)
SPAN_DISK_BYTES = gauge(
    "vigie_store_span_disk_bytes",
    "Bytes of the files of spans.",
    emitter=Emitter.EXPORTER,
)
HEAD_SPANS = gauge(
    "vigie_store_head_spans",
    "Spans that are in the log, and in no segment yet.",
    emitter=Emitter.EXPORTER,
)
REQUEST_DURATION = histogram(
    "vigie_store_request_duration_seconds",
    "How long requests took.",
    Label("route", cap=30),
    Label("status", cap=20),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    emitter=Emitter.EXPORTER,
)
