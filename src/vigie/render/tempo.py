"""tempo.yml: traces on one machine, searchable, for as long as they are to be kept."""

from typing import Any

from vigie.render.header import HEADER
from vigie.render.loki import hours
from vigie.render.yaml_text import yaml_text
from vigie.settings import Settings

_FOLDER = "/var/tempo"


def configuration(settings: Settings) -> str:
    """The text of tempo.yml, for Tempo 3 in one process: no Kafka, no compactor."""
    # The scheduler decides what is deleted, the worker deletes: both have to know.
    kept = {"block_retention": hours(settings.retention.traces)}
    document: dict[str, Any] = {
        "stream_over_http_enabled": True,  # Grafana shows what is found while it searches
        "server": {"http_listen_port": 3200, "log_level": "warn"},
        "distributor": {
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": "0.0.0.0:4317"},
                        "http": {"endpoint": "0.0.0.0:4318"},
                    }
                }
            }
        },
        "live_store": {
            "shutdown_marker_dir": f"{_FOLDER}/live-store/shutdown-marker",
            "wal": {"path": f"{_FOLDER}/live-store/traces"},
        },
        "backend_scheduler": {
            "local_work_path": f"{_FOLDER}/work",
            "provider": {"compaction": {"compaction": kept}},
        },
        "backend_worker": {"compaction": dict(kept)},
        "storage": {
            "trace": {
                "backend": "local",
                "wal": {"path": f"{_FOLDER}/wal"},
                "local": {"path": f"{_FOLDER}/blocks"},
            }
        },
        "usage_report": {"reporting_enabled": False},
    }
    return HEADER + yaml_text(document)
