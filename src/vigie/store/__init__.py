"""The embedded store: Loki's HTTP API and LogQL, Tempo's HTTP API and TraceQL, on columnar files.

`logql` and `traceql` are the languages: pure, no files and no clock. `segments` keeps lines: an
append-only log for the acknowledgement, Parquet files by day behind it, which DuckDB reads. `query`
answers a LogQL tree from the segments. A span is a line in a store of its own: `spans` says how,
and answers a TraceQL tree. `wire` speaks HTTP. What the store answers is what Loki and Tempo
answer, so that moving to them changes nothing.
"""
