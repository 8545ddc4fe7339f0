"""Network probes, in the blackbox exporter's names: `source` probes `target`."""

from vigie.catalogue.metric import Emitter, Label, gauge

LABELS = (Label("source", cap=20), Label("target", cap=20))

SUCCESS = gauge("probe_success", "1 if the probe succeeded.", *LABELS, emitter=Emitter.EXPORTER)
DURATION = gauge(
    "probe_duration_seconds", "Seconds that the probe took.", *LABELS, emitter=Emitter.EXPORTER
)
