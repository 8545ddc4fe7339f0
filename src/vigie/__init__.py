"""Vigie: monitoring for Python AI applications.

The rooms, and the one direction in which they import each other, are in docs/architecture.md.
"""

__version__ = "0.1.0"
