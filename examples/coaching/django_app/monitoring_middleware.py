"""What Vigie adds to Django. `settings.MIDDLEWARE` and `urls.py` name these three."""

from vigie.instrument.django import AuthFailureMiddleware, PrometheusMiddleware, metrics_view

__all__ = ["AuthFailureMiddleware", "PrometheusMiddleware", "metrics_view"]
