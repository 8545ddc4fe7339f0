from django.urls import include, path

import monitoring_middleware
from coaching import environment
from coaching.health import health
from coaching.stats import StatsView

urlpatterns = [
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("training.urls")),
    path("api/v1/stats/", StatsView.as_view()),
    path("health/", health),
    path("metrics/", monitoring_middleware.metrics_view),
]
if environment.faults_switched_on():
    import faults

    urlpatterns.append(path("faults", faults.faults_view))
