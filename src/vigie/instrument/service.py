"""What a watched service is called."""

import os
from collections.abc import Mapping

VARIABLES = ("VIGIE_SERVICE", "OTEL_SERVICE_NAME")
UNKNOWN = "unknown_service"


def service_name(environ: Mapping[str, str] = os.environ, unknown: str = UNKNOWN) -> str:
    """The name in the environment; `unknown` (OpenTelemetry's word for it) where there is none."""
    return next((name for each in VARIABLES if (name := environ.get(each))), unknown)
