"""Whether what is measured and logged is kept, and no longer than it should be."""

from datetime import timedelta

from vigie.catalogue import engines, telemetry
from vigie.catalogue.promql import (
    aggregated,
    call,
    either,
    grouped,
    increase,
    labelled,
    select,
    total,
)
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import CONSOLE, UP
from vigie.catalogue.signal import Comparator, Dashboard, Presence, Signal, Unit
from vigie.catalogue.words import Words

DROPPED_TELEMETRY = Signal(
    name="dropped_telemetry",
    title=Words("Telemetry dropped", "Télémétrie perdue"),
    measured_as=Words("records lost in 5 minutes", "enregistrements perdus en 5 minutes"),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=1000.0,
    expression=call(
        "round",
        either(
            total(increase(telemetry.DROPPED_RECORDS, "5m")),
            total(increase(telemetry.UNSENT_LOGS, "5m")),
        ),
    ),
    hold=timedelta(minutes=1),
    dashboard=Dashboard.LOGS,
    runbook=Runbook(
        meaning=Words(
            "Log lines, spans or priced calls were discarded, because a queue was full. The "
            "watched requests themselves went on.",
            "Des lignes de journal, des traces ou des appels facturés ont été jetés, une file "
            "étant pleine. Les requêtes surveillées, elles, ont continué.",
        ),
        impact=Words(
            "What is searched for may be missing. A lost priced call is missing from the ledger.",
            "Ce que l'on cherche peut manquer. Un appel facturé perdu manque au registre.",
        ),
        diagnosis=steps(
            Step(
                "Which queue.",
                "Quelle file.",
                promql="sum by (service, where) "
                f"(increase({select(telemetry.DROPPED_RECORDS)}[15m])) > 0",
            ),
            Step(
                "Whether what it is sent to is up.",
                "Si le destinataire est debout.",
                shell="vigie status",
            ),
            Step(
                "What the sender says.",
                "Ce que dit l'expéditeur.",
                shell="vigie logs SERVICE | grep -i vigie",
            ),
        ),
        mitigation=Words(
            "- Restart the store that does not answer, or make room on its disk.\n"
            "- If there is simply too much: lower the log level of what talks most.",
            "- Relancer le magasin qui ne répond pas, ou faire de la place sur son disque.\n"
            "- S'il y en a simplement trop : baisser le niveau de ce qui parle le plus.",
        ),
    ),
)

RETENTION_NOT_APPLIED = Signal(
    name="retention_not_applied",
    title=Words("Retention not applied", "Conservation non appliquée"),
    measured_as=Words(
        "age of the oldest record, as a share of the retention that is set",
        "âge du plus ancien enregistrement, en part de la durée de conservation réglée",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    # Engines delete whole blocks, of a day or a tenth of the retention: some lag is no fault.
    warning=1.5,
    critical=2.0,
    expression=aggregated(
        "max",
        "time() - "
        + grouped(
            either(
                select(telemetry.OLDEST_RECORD),
                labelled(select(engines.OLDEST_SAMPLE), "kind", "metrics"),
            )
        ),
        "kind",
    )
    + f"\n/ on (kind) group_left () {select(telemetry.RETENTION)}",
    hold=timedelta(hours=1),
    where=("kind",),
    # Nothing that is kept has no age; only where nobody tells, nobody would be told.
    presence=Presence(
        select(UP, service=CONSOLE),
        f"({aggregated('max', select(telemetry.OLDEST_RECORD_FAILED_LOOKS))} == 0)",
    ),
    dashboard=Dashboard.LOGS,
    runbook=Runbook(
        meaning=Words(
            "Metrics, logs or traces are stored that should have been deleted long ago: the "
            "retention is set, but nothing applies it.",
            "Des métriques, journaux ou traces sont gardés alors qu'ils devraient être effacés "
            "depuis longtemps : la durée est réglée, mais rien ne l'applique.",
        ),
        impact=Words(
            "Personal data are kept longer than was promised, a leaked secret stays readable, and "
            "the disk fills.",
            "Des données personnelles sont gardées plus longtemps que promis, un secret échappé "
            "reste lisible, et le disque se remplit.",
        ),
        diagnosis=steps(
            Step(
                "How old the oldest is, in days, and what is set.",
                "L'âge du plus ancien, en jours, et ce qui est réglé.",
                promql=f"(time() - {select(telemetry.OLDEST_RECORD)}) / 86400\n"
                f"or (time() - {select(engines.OLDEST_SAMPLE)}) / 86400\n"
                f"or {select(telemetry.RETENTION)} / 86400",
            ),
            Step(
                "How many times in a row Loki or Tempo, or the store in their place, did not tell "
                "the console how old its oldest is; what it logged says why.",
                "Combien de fois de suite Loki ou Tempo, ou le magasin à leur place, n'a pas dit à "
                "la console l'âge de son plus ancien ; ce qu'elle a journalisé dit pourquoi.",
                promql=select(telemetry.OLDEST_RECORD_FAILED_LOOKS),
                shell="vigie logs console | grep 'oldest of the'",
            ),
            Step(
                "Prometheus: the retention that it runs with.",
                "Prometheus : la durée avec laquelle il tourne.",
                shell="curl -s http://localhost:9090/api/v1/status/runtimeinfo | "
                "grep -o 'storageRetention[^,]*'",
            ),
            Step(
                "Loki deletes only if all of these are set: `limits_config.retention_period`, "
                "`compactor.retention_enabled: true`, `compactor.delete_request_store`, and a "
                "`compactor.working_directory` that outlives restarts. `table_manager` is accepted "
                "and does nothing.",
                "Loki n'efface que si tout ceci est réglé : `limits_config.retention_period`, "
                "`compactor.retention_enabled: true`, `compactor.delete_request_store`, et un "
                "`compactor.working_directory` qui survit aux redémarrages. `table_manager` est "
                "accepté et ne fait rien.",
                shell="curl -s http://localhost:3100/config | grep -E "
                "'retention_(period|enabled)|delete_request_store|working_directory'",
            ),
        ),
        mitigation=Words(
            "- Run the engine with the configuration that `vigie render` writes, and restart it.\n"
            "- If it was never applied, say so to whoever answers for personal data.",
            "- Faire tourner le moteur avec la configuration qu'écrit `vigie render`, et le "
            "relancer.\n"
            "- Si elle n'a jamais été appliquée, le dire à qui répond des données personnelles.",
        ),
    ),
)
