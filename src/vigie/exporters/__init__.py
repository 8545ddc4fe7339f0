"""Exporters: figures that no watched service has alone, and no engine tells by itself."""
