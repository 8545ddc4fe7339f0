"""Containers, in cAdvisor's names, with what cAdvisor lacks."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

NAME = Label("name", cap=200)

CPU = counter(
    "container_cpu_usage_seconds_total", "CPU time consumed.", NAME, emitter=Emitter.EXPORTER
)
MEMORY = gauge(
    "container_memory_working_set_bytes",
    "Memory in use that cannot be reclaimed.",
    NAME,
    emitter=Emitter.EXPORTER,
)
RESTARTS = counter(
    "container_restarts_total", "Restarts since creation.", NAME, emitter=Emitter.EXPORTER
)
STATE = gauge(
    "container_state",
    "1 for the state that the container is in.",
    NAME,
    Label("state", values=("created", "running", "paused", "restarting", "exited", "dead")),
    emitter=Emitter.EXPORTER,
)
CADVISOR = gauge(
    "cadvisor_version_info",
    "1: cAdvisor is there, whatever containers it sees.",
    emitter=Emitter.EXPORTER,
)
