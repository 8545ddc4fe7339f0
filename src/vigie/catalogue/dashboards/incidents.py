"""Incidents: what is firing and since when, what was, and whether the alarm itself works."""

from vigie.catalogue import engines, inbox
from vigie.catalogue.panel import (
    SERVICE,
    Board,
    Drawing,
    Panel,
    Query,
    Row,
    Scale,
    Store,
    measured,
)
from vigie.catalogue.promql import like, select
from vigie.catalogue.scrape import ENGINE, UP
from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import BY_NAME, WATCHDOG
from vigie.catalogue.words import Words

_BAD = like("warning|critical")
_FIRING = select(engines.ALERTS, alertstate="firing", severity=_BAD, service=like("$service"))
_SINCE = select(engines.ALERTS_SINCE, severity=_BAD, service=like("$service"))

_NOW = Row(
    Words("Now", "Maintenant"),
    (
        Panel(
            title=Words("Firing", "En cours"),
            description=Words(
                "Alerts that are firing now, by severity.",
                "Alertes en cours, par gravité.",
            ),
            drawing=Drawing.NUMBERS,
            scale=Scale.COUNT,
            queries=tuple(
                Query(
                    f"count({select(engines.ALERTS, alertstate='firing', severity=severity)})\n"
                    "or vector(0)",
                    severity,
                )
                for severity in ("critical", "warning")
            ),
            width=8,
            height=6,
        ),
        Panel(
            title=Words("Watchdog", "Veilleur"),
            description=WATCHDOG.told,
            drawing=Drawing.NUMBERS,
            scale=Scale.COUNT,
            queries=(
                Query(
                    "count("
                    + select(engines.ALERTS, alertname=WATCHDOG.alert, alertstate="firing")
                    + ")\nor vector(0)",
                    WATCHDOG.alert,
                ),
            ),
            width=4,
            height=6,
            names=((0, Words("silent", "muet")), (1, Words("heard", "entendu"))),
        ),
        Panel(
            title=Words("Firing over time", "En cours, dans le temps"),
            description=Words(
                "How many alerts of each signal were firing.",
                "Combien d'alertes de chaque signal étaient en cours.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.COUNT,
            queries=(Query(f"count by (signal, severity) ({_FIRING})", "{{severity}} {{signal}}"),),
            width=12,
            height=6,
        ),
        Panel(
            title=Words("What is firing, and for how long", "Ce qui est en cours, et depuis quand"),
            description=Words(
                "Each firing alert, and how long its limit has been passed; silences and the "
                "people who are told are Alertmanager's.",
                "Chaque alerte en cours, et depuis combien de temps son seuil est dépassé ; les "
                "silences et les personnes prévenues sont chez Alertmanager.",
            ),
            drawing=Drawing.TABLE,
            scale=Scale.SECONDS,
            queries=(Query(f"time() - {_SINCE}\nand ignoring (alertstate) {_FIRING}"),),
            width=24,
            height=9,
            columns=("severity", "service", "signal", "alertname"),
            value_title=Words("for", "depuis"),
        ),
    ),
)
_BEFORE = Row(
    Words("Around it", "Autour"),
    (
        Panel(
            title=Words("Errors in the logs", "Erreurs aux journaux"),
            description=Words(
                "Lines of level error or worse, of the chosen services.",
                "Lignes de niveau erreur ou pire, des services choisis.",
            ),
            drawing=Drawing.LINES,
            scale=Scale.COUNT,
            queries=(Query('{service=~"$service", level=~"error|critical"}', store=Store.LOGS),),
            width=24,
            height=10,
        ),
    ),
)
_ALARM = Row(
    Words("Does the alarm work", "L'alarme marche-t-elle"),
    (
        Panel(
            title=Words("Engines that answer", "Moteurs qui répondent"),
            description=Words(
                "Prometheus, Alertmanager and those beside them.",
                "Prometheus, Alertmanager et ceux qui les entourent.",
            ),
            drawing=Drawing.NUMBERS,
            scale=Scale.COUNT,
            queries=(Query(f"min by (service) ({select(UP, role=ENGINE)})", "{{service}}"),),
            width=12,
            height=6,
            names=((0, Words("down", "arrêté")), (1, Words("up", "en marche"))),
        ),
        Panel(
            title=Words("Notifications", "Notifications"),
            description=Words(
                "Attempts to tell somebody in the last hour, by channel.",
                "Tentatives de prévenir quelqu'un sur la dernière heure, par canal.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(
                Query(
                    f"sum by (integration) (increase({select(engines.NOTIFICATIONS)}[1h])) > 0",
                    "{{integration}}",
                ),
            ),
            width=12,
            height=6,
        ),
        Panel(
            title=Words("Watchdog heard", "Veilleur entendu"),
            description=Words(
                "How long ago the inbox last heard the watchdog: it comes every minute, and after "
                "5 minutes without it people are told.",
                "Depuis combien de temps la boîte a entendu le veilleur : il vient chaque minute, "
                "et après 5 minutes sans lui on prévient les gens.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(Query(f"time() - ({select(inbox.WATCHDOG_HEARD)} > 0)", "{{service}}"),),
        ),
        Panel(
            title=Words("Deliveries to the inbox", "Livraisons à la boîte"),
            description=Words(
                "What Alertmanager told the inbox in the last hour, by what became of it.",
                "Ce qu'Alertmanager a dit à la boîte sur la dernière heure, et ce qu'il en est "
                "advenu.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(
                Query(f"sum by (result) (increase({select(inbox.DELIVERIES)}[1h]))", "{{result}}"),
            ),
        ),
        measured(BY_NAME["notification_failures"], everywhere=True),
        measured(BY_NAME["prometheus_rule_failures"], everywhere=True),
        measured(BY_NAME["prometheus_scrape_failures"], everywhere=True),
    ),
)

BOARD = Board(
    uid=Dashboard.INCIDENTS,
    title=Words("Incidents", "Incidents"),
    description=Words(
        "What is firing and since when, what was, and whether the alarm itself works.",
        "Ce qui est en cours et depuis quand, ce qui l'a été, et si l'alarme elle-même marche.",
    ),
    variables=(SERVICE,),
    rows=(_NOW, _BEFORE, _ALARM),
)
