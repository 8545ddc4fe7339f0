"""What the stages of a pipeline do to one line and its labels."""

from vigie.store.logql.stages.compile import Pipeline, compiled_pipeline, metric_pipeline
from vigie.store.logql.stages.entry import ERROR, ERROR_DETAILS, Entry

__all__ = [
    "ERROR",
    "ERROR_DETAILS",
    "Entry",
    "Pipeline",
    "compiled_pipeline",
    "metric_pipeline",
]
