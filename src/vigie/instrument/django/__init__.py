"""Django: requests, databases, logins and refusals, active users, and `/metrics`.

    MIDDLEWARE = [
        ...,
        "vigie.instrument.django.PrometheusMiddleware",
        "vigie.instrument.django.AuthFailureMiddleware",
    ]
    urlpatterns = [..., path("metrics/", metrics_view)]

The middlewares work in either order and each without the other, under WSGI and ASGI.
Django's settings may hold VIGIE_SLOW_REQUEST_SECONDS, VIGIE_SLOW_STATEMENT_SECONDS and
VIGIE_TRUSTED_PROXIES; `options` tells what they mean.
"""

from vigie.instrument.django.authentication import AuthFailureMiddleware
from vigie.instrument.django.requests import PrometheusMiddleware
from vigie.instrument.django.scrape import metrics_view

__all__ = ["AuthFailureMiddleware", "PrometheusMiddleware", "metrics_view"]
