"""LogQL trees answered from the segments."""

from vigie.store.query.logs import Extract, LogAnswer, log_query
from vigie.store.query.metrics import Grid, metric_query
from vigie.store.query.series import Series

__all__ = ["Extract", "Grid", "LogAnswer", "Series", "log_query", "metric_query"]
