"""FastAPI: its requests. What it does with the AI is in `openai` and `coaching`."""

from vigie.catalogue.http import http_metrics

HTTP = http_metrics("fastapi", "FastAPI")
