"""Exporters: figures that no watched service has alone, each served by a process of its own."""
