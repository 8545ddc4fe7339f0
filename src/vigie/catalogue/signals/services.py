"""Whether each service answers at all."""

from datetime import timedelta

from vigie.catalogue.promql import aggregated, select, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import APPLICATION, UP
from vigie.catalogue.signal import Comparator, Dashboard, Floor, Signal, Unit
from vigie.catalogue.words import Words

_APPLICATIONS = select(UP, role=APPLICATION)

SERVICE_DOWN = Signal(
    name="service_down",
    title=Words("Service down", "Service arrêté"),
    measured_as=Words("targets that answer", "cibles qui répondent"),
    unit=Unit.COUNT,
    bad_when=Comparator.BELOW,
    warning=None,
    critical=1.0,
    expression=total(select(UP)),
    hold=timedelta(minutes=1),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "For a minute, Prometheus has had no answer from any target of this service.",
            "Depuis une minute, Prometheus n'a eu de réponse d'aucune cible de ce service.",
        ),
        impact=Words(
            "The service is stopped, hangs, or cannot be reached. All that is measured in it is "
            "unknown meanwhile: its other alerts are muted.",
            "Le service est arrêté, bloqué ou injoignable. Tout ce qui y est mesuré est inconnu "
            "pendant ce temps : ses autres alertes sont tues.",
        ),
        diagnosis=steps(
            Step(
                "Whether it runs, and how often it was restarted.",
                "S'il tourne, et combien de fois il a redémarré.",
                shell="vigie status",
            ),
            Step("Its last words.", "Ses derniers mots.", shell="vigie logs SERVICE"),
            Step(
                "Since when it has been silent.",
                "Depuis quand il se tait.",
                promql=f"{select(UP)}",
            ),
            Step(
                "Why the scrape fails: refused (not running), timeout (hangs), 404 or 500 (its "
                "/metrics page).",
                "Pourquoi la collecte échoue : refused (ne tourne pas), timeout (bloqué), 404 ou "
                "500 (sa page /metrics).",
                shell="curl -s http://localhost:9090/api/v1/targets | grep -o "
                '\'"lastError":"[^"]*"\'',
            ),
        ),
        mitigation=Words(
            "- `vigie restart SERVICE`.\n"
            "- If it dies again at once, its log says why: a port that is taken, a setting, a "
            "database that is down.\n"
            "- If it came with a deployment, roll that back.",
            "- `vigie restart SERVICE`.\n"
            "- S'il meurt aussitôt, son journal dit pourquoi : port occupé, réglage, base "
            "arrêtée.\n"
            "- Si un déploiement en est l'origine, revenir en arrière.",
        ),
    ),
)

SERVICE_UPTIME = Signal(
    name="service_uptime",
    title=Words("Service uptime", "Disponibilité du service"),
    measured_as=Words(
        "share of successful scrapes over 1 hour", "part des collectes réussies sur 1 heure"
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.BELOW,
    warning=0.99,
    critical=0.95,
    expression=aggregated("avg", f"avg_over_time({_APPLICATIONS}[1h])"),
    hold=timedelta(minutes=1),
    # In minutes and not in scrapes, so that it means the same however often is scraped.
    floor=Floor(
        aggregated("max", f"count_over_time({_APPLICATIONS}[1h:1m])"),
        30,
        Words("minutes", "minutes"),
    ),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "Over the last hour, that share only of Prometheus' visits to the service succeeded. "
            "It may answer now: it did not always.",
            "Sur la dernière heure, cette part seulement des passages de Prometheus a réussi. Le "
            "service répond peut-être à présent : il ne l'a pas toujours fait.",
        ),
        impact=Words(
            "People met a service that was stopped, restarting, or too busy to answer.",
            "Des gens ont trouvé un service arrêté, en redémarrage ou débordé.",
        ),
        diagnosis=steps(
            Step(
                "When it was away: once for long, or often and short.",
                "Quand il a manqué : une fois longtemps, ou souvent et brièvement.",
                promql=f"{_APPLICATIONS} == 0",
            ),
            Step(
                "Whether it restarts by itself.",
                "S'il redémarre tout seul.",
                shell="vigie status",
            ),
            Step(
                "What it says before it goes.",
                "Ce qu'il dit avant de partir.",
                shell="vigie logs SERVICE",
            ),
        ),
        mitigation=Words(
            "- Many restarts: mend what kills it (memory, an exception at start).\n"
            "- No restarts, but scrapes fail: it is too busy; give it more workers.\n"
            "- The alert clears when an hour has gone better; it needs no further action.",
            "- Beaucoup de redémarrages : corriger ce qui le tue (mémoire, exception au "
            "démarrage).\n"
            "- Aucun redémarrage, mais des collectes échouent : il est débordé ; lui donner plus "
            "de processus.\n"
            "- L'alerte s'éteint après une heure meilleure ; rien d'autre à faire.",
        ),
    ),
)
