"""Who watches the watchers: Prometheus and Alertmanager themselves."""

from datetime import timedelta

from vigie.catalogue import engines
from vigie.catalogue.metric import Metric
from vigie.catalogue.promql import call, either, increase, labelled, select, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import PROMETHEUS
from vigie.catalogue.signal import Comparator, Dashboard, Heartbeat, Signal, Unit
from vigie.catalogue.words import Words

_WINDOW = "5m"


def _by_failure(failures: dict[str, Metric]) -> str:
    """Counts of several counters, told apart by the label `failure`."""
    counts = (
        labelled(total(increase(metric, _WINDOW)), "failure", failure)
        for failure, metric in failures.items()
    )
    return call("round", either(*counts))


PROMETHEUS_RULE_FAILURES = Signal(
    name="prometheus_rule_failures",
    title=Words("Rules not evaluated", "Règles non évaluées"),
    measured_as=Words("failures in 5 minutes", "échecs en 5 minutes"),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=10.0,
    expression=_by_failure({"failed": engines.RULE_FAILURES, "missed": engines.RULES_MISSED}),
    hold=timedelta(minutes=1),
    where=("failure",),
    dashboard=Dashboard.INCIDENTS,
    runbook=Runbook(
        meaning=Words(
            "`failed`: Prometheus could not compute a rule. `missed`: a group of rules took so "
            "long that its next turn was left out.",
            "`failed` : Prometheus n'a pas pu calculer une règle. `missed` : un groupe de règles "
            "a pris si longtemps que son tour suivant a été sauté.",
        ),
        impact=Words(
            "The alerts of that group are blind or late.",
            "Les alertes de ce groupe sont aveugles ou en retard.",
        ),
        diagnosis=steps(
            Step(
                "Which group; it is called after its signal.",
                "Quel groupe ; il porte le nom de son signal.",
                promql=f"increase({select(engines.RULE_FAILURES)}[15m]) > 0\n"
                f"or increase({select(engines.RULES_MISSED)}[15m]) > 0",
            ),
            Step(
                "What the rule says: `lastError` in the page of rules.",
                "Ce que dit la règle : `lastError` dans la page des règles.",
                shell="curl -s http://localhost:9090/api/v1/rules | grep -o "
                '\'"lastError":"[^"]*"\' | sort | uniq -c',
            ),
            Step(
                "Whether Prometheus is short of CPU or memory.",
                "Si Prometheus manque de processeur ou de mémoire.",
                shell="vigie logs prometheus | tail -50",
            ),
        ),
        mitigation=Words(
            "- `failed`: usually a query that matches more than it should since a service exposes "
            "something new; mend the query or the service.\n"
            "- `missed`: too many series; find which with `topk(10, count by (__name__) "
            '({__name__!=""}))`, and drop what nobody asks for.',
            "- `failed` : souvent une requête qui attrape plus qu'il ne faut depuis qu'un service "
            "expose du nouveau ; corriger la requête ou le service.\n"
            "- `missed` : trop de séries ; trouver lesquelles avec `topk(10, count by (__name__) "
            '({__name__!=""}))`, et jeter ce que personne ne demande.',
        ),
    ),
)

PROMETHEUS_SCRAPE_FAILURES = Signal(
    name="prometheus_scrape_failures",
    title=Words("Samples refused", "Échantillons refusés"),
    measured_as=Words(
        "samples or scrapes refused in 5 minutes",
        "échantillons ou collectes refusés en 5 minutes",
    ),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=None,
    expression=_by_failure(
        {
            "duplicate": engines.SAMPLES_REPEATED,
            "out_of_bounds": engines.SAMPLES_OUT_OF_BOUNDS,
            "out_of_order": engines.SAMPLES_OUT_OF_ORDER,
            "too_many": engines.SCRAPES_TOO_LARGE,
        }
    ),
    hold=timedelta(minutes=1),
    where=("failure",),
    dashboard=Dashboard.INCIDENTS,
    runbook=Runbook(
        meaning=Words(
            "Targets answer, but Prometheus does not take what they say. `duplicate`: the same "
            "series twice. `out_of_bounds`, `out_of_order`: wrong times, as after a change of the "
            "clock. `too_many`: more series than are allowed.",
            "Les cibles répondent, mais Prometheus ne prend pas ce qu'elles disent. `duplicate` : "
            "la même série deux fois. `out_of_bounds`, `out_of_order` : des heures fausses, comme "
            "après un changement d'horloge. `too_many` : plus de séries que permis.",
        ),
        impact=Words(
            "Figures are missing or wrong, without the target being down.",
            "Des chiffres manquent ou sont faux, sans que la cible soit arrêtée.",
        ),
        diagnosis=steps(
            Step(
                "Which target: Prometheus' log names it.",
                "Quelle cible : le journal de Prometheus la nomme.",
                shell='vigie logs prometheus | grep -i "scrape\\|ingesting"',
            ),
            Step(
                "Whether the clocks agree.",
                "Si les horloges sont d'accord.",
                shell="timedatectl | grep -i synchronized",
            ),
        ),
        mitigation=Words(
            "- One target scraped by two jobs: remove one.\n"
            "- Wrong clock: let it be set by NTP.\n"
            "- Too many series: a label holds something without bound; find it in the target's "
            "/metrics page.",
            "- Une cible collectée par deux tâches : en retirer une.\n"
            "- Horloge fausse : la laisser à NTP.\n"
            "- Trop de séries : une étiquette n'est pas bornée ; la trouver dans la page /metrics "
            "de la cible.",
        ),
    ),
)

NOTIFICATION_FAILURES = Signal(
    name="notification_failures",
    title=Words("Notifications that failed", "Notifications en échec"),
    measured_as=Words(
        "notifications not delivered in 5 minutes", "notifications non remises en 5 minutes"
    ),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=5.0,
    expression=call(
        "round",
        either(
            total(increase(engines.NOTIFICATIONS_FAILED, _WINDOW), "integration"),
            labelled(
                total(increase(engines.ALERTS_UNSENT, _WINDOW)), "integration", "alertmanager"
            ),
        ),
    ),
    hold=timedelta(minutes=1),
    where=("integration",),
    dashboard=Dashboard.INCIDENTS,
    runbook=Runbook(
        meaning=Words(
            "A channel (Slack, e-mail, webhook) does not take notifications, or Alertmanager does "
            "not take alerts from Prometheus.",
            "Un canal (Slack, e-mail, webhook) ne prend pas les notifications, ou Alertmanager ne "
            "prend pas les alertes de Prometheus.",
        ),
        impact=Words(
            "Somebody who should be told is not. This message came by another channel.",
            "Quelqu'un qui devrait être prévenu ne l'est pas. Ce message est venu par un autre "
            "canal.",
        ),
        diagnosis=steps(
            Step(
                "Which channel.",
                "Quel canal.",
                promql="sum by (integration) "
                f"(increase({select(engines.NOTIFICATIONS_FAILED)}[15m])) > 0\n"
                f"or increase({select(engines.ALERTS_UNSENT)}[15m]) > 0",
            ),
            Step(
                "Why: Alertmanager's log has the receiver's answer.",
                "Pourquoi : le journal d'Alertmanager a la réponse du destinataire.",
                shell='vigie logs alertmanager | grep -i "notify"',
            ),
        ),
        mitigation=Words(
            "- 401, 403, 404: the URL or password in the secret file is old; write the new one and "
            "`vigie restart alertmanager`.\n"
            "- 429: too many messages; group more.\n"
            "- 5xx, timeout: the receiver's trouble; Alertmanager goes on trying.",
            "- 401, 403, 404 : l'URL ou le mot de passe du fichier secret a changé ; écrire le "
            "nouveau puis `vigie restart alertmanager`.\n"
            "- 429 : trop de messages ; grouper davantage.\n"
            "- 5xx, timeout : la panne est chez le destinataire ; Alertmanager continue d'essayer.",
        ),
    ),
)

WATCHDOG = Heartbeat(
    name="watchdog",
    title=Words("Watchdog", "Veilleur"),
    told=Words(
        "This alert always fires. If you stop hearing it, no other alert would reach you either.",
        "Cette alerte est toujours active. Si vous cessez de la recevoir, aucune autre ne vous "
        "parviendrait non plus.",
    ),
    about=PROMETHEUS,
    dashboard=Dashboard.INCIDENTS,
    runbook=Runbook(
        meaning=Words(
            "It fires on purpose, always. What matters is its absence: then Prometheus, "
            "Alertmanager or the way from there to you is broken.",
            "Elle est active exprès, toujours. C'est son absence qui compte : Prometheus, "
            "Alertmanager ou le chemin jusqu'à vous est alors rompu.",
        ),
        impact=Words(
            "While it is not heard, nobody is told of anything.",
            "Tant qu'elle ne s'entend pas, personne n'est prévenu de rien.",
        ),
        diagnosis=steps(
            Step("Whether both run.", "Si les deux tournent.", shell="vigie status"),
            Step(
                "Whether Prometheus has it, and whether Alertmanager does.",
                "Si Prometheus l'a, et si Alertmanager l'a.",
                shell="curl -s http://localhost:9090/api/v1/alerts | grep -c Watchdog\n"
                "curl -s http://localhost:9093/api/v2/alerts | grep -c Watchdog",
            ),
            Step(
                "Whether Alertmanager could deliver.",
                "Si Alertmanager a pu remettre.",
                promql=f"increase({select(engines.NOTIFICATIONS_FAILED)}[15m]) > 0",
            ),
        ),
        mitigation=Words(
            "- `vigie up` starts what is missing.\n"
            "- A full disk stops Prometheus: see `disk_space`.\n"
            "- Until it is heard again, look at the dashboards yourself.",
            "- `vigie up` démarre ce qui manque.\n"
            "- Un disque plein arrête Prometheus : voir `disk_space`.\n"
            "- Jusqu'à ce qu'elle s'entende de nouveau, regarder les tableaux soi-même.",
        ),
    ),
)
