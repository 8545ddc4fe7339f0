"""The machine, in the node exporter's names."""

from vigie.catalogue.metric import Emitter, Label, counter, gauge

FILESYSTEM = (
    Label("device", cap=100),
    Label("fstype", cap=20),
    Label("mountpoint", cap=100),
)

CPU = counter(
    "node_cpu_seconds_total",
    "Seconds that each processor spent in each mode; `idle` is when it had nothing to do.",
    *(Label("cpu", cap=200), Label("mode", cap=20)),
    emitter=Emitter.EXPORTER,
)
MEMORY_AVAILABLE = gauge(
    "node_memory_MemAvailable_bytes",
    "Memory that programs can still get without swapping, in the kernel's own estimate.",
    emitter=Emitter.EXPORTER,
)
MEMORY_TOTAL = gauge(
    "node_memory_MemTotal_bytes", "Memory of the machine.", emitter=Emitter.EXPORTER
)
DISK_AVAILABLE = gauge(
    "node_filesystem_avail_bytes",
    "Space of a file system that ordinary users can still fill.",
    *FILESYSTEM,
    emitter=Emitter.EXPORTER,
)
DISK_SIZE = gauge(
    "node_filesystem_size_bytes", "Size of a file system.", *FILESYSTEM, emitter=Emitter.EXPORTER
)
DISK_READ_ONLY = gauge(
    "node_filesystem_readonly",
    "1 if a file system is mounted read-only: it cannot fill up.",
    *FILESYSTEM,
    emitter=Emitter.EXPORTER,
)
