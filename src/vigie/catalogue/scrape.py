"""What Prometheus itself adds to what it scrapes: whether a target answered, and whose series.

Every scraped target has the label `service`, by which rules, panels and people speak of it, and
`role`: the applications that are watched, or the engines that watch them. An application also has
the label `framework`.
"""

from vigie.catalogue.metric import Emitter, gauge

APPLICATION = "application"
ENGINE = "engine"
"""The values of the label `role`."""

NODE = "node"
PROMETHEUS = "prometheus"
ALERTMANAGER = "alertmanager"
COSTS = "costs"
CONSOLE = "console"
STORE = "store"
LOKI = "loki"
TEMPO = "tempo"
ALLOY = "alloy"
GRAFANA = "grafana"
CADVISOR = "cadvisor"
"""The `service` of each engine; the last five run on Docker only, where there is no store."""

TARGET_LABELS = ("job", "instance", "service", "role", "framework")

UP = gauge("up", "1 if the last scrape of the target succeeded.", emitter=Emitter.EXPORTER)
