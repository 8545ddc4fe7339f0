"""What a watched service is called."""

import os
from collections.abc import Mapping

VARIABLES = ("VIGIE_SERVICE", "OTEL_SERVICE_NAME")
UNKNOWN = "unknown_service"


def service_name(environ: Mapping[str, str] = os.environ) -> str:
    """The name in the environment; OpenTelemetry's word for none where there is none."""
    return next((name for each in VARIABLES if (name := environ.get(each))), UNKNOWN)
