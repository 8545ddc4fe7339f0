"""Loki's HTTP API, and OTLP for logs."""
