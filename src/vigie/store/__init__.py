"""The embedded store for logs: Loki's HTTP API and LogQL, on columnar files that DuckDB reads.

`logql` is the language: pure, no files and no clock. `segments` keeps the lines: an append-only log
for the acknowledgement, Parquet files by day behind it. `query` answers a LogQL tree from the
segments. `wire` speaks HTTP. What it answers is what Loki answers, so that moving to Loki changes
nothing.
"""
