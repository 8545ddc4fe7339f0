"""Traces over HTTP: OTLP in, and Tempo's API out, in its shapes and with its refusals."""
