"""loki-config.yml: logs on one machine, compressed, and really deleted when their time is over."""

import math
from datetime import timedelta
from typing import Any

from vigie.render.header import HEADER
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings

_LEAST_HOURS = 24

_ABOUT = """\
#
# Loki deletes only where all of these are set: limits_config.retention_period,
# compactor.retention_enabled, compactor.delete_request_store, and a compactor.working_directory
# that outlives restarts. table_manager is accepted, and does nothing.
# There is no limits_config.max_query_lookback: it would hide what should have been deleted.
"""


def configuration(settings: Settings) -> str:
    """The text of loki-config.yml, for Loki 3.7 in one process."""
    kept = hours(settings.retention.logs, _LEAST_HOURS)
    document: dict[str, Any] = {
        "auth_enabled": False,
        "server": {"http_listen_port": 3100, "grpc_listen_port": 9096, "log_level": "warn"},
        "common": {
            "instance_addr": "127.0.0.1",
            "path_prefix": "/loki",
            "replication_factor": 1,
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {"filesystem": {"chunks_directory": "/loki/chunks"}},
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2026-01-01",
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "ingester": {"chunk_encoding": "zstd", "lifecycler": {"min_ready_duration": "0s"}},
        "limits_config": {
            "retention_period": kept,
            "reject_old_samples": True,
            "reject_old_samples_max_age": kept,
            "allow_structured_metadata": True,
            "volume_enabled": True,
            # The labels are ours: service and level, and nothing that Loki guesses.
            "discover_service_name": [],
            "discover_log_levels": False,
        },
        "compactor": {
            "working_directory": "/loki/compactor",
            "compaction_interval": "10m",
            "retention_enabled": True,
            "retention_delete_delay": "2h",
            "delete_request_store": "filesystem",
        },
        "analytics": {"reporting_enabled": False},
    }
    return HEADER + _ABOUT + yaml_text(document)


def hours(span: timedelta, least: int = 1) -> str:
    """A time span in whole hours, rounded up, as Loki and Tempo read it; they know no days."""
    return f"{max(math.ceil(span.total_seconds() / 3600), least)}h"
