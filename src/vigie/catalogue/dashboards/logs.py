"""Logs and debugging: every service's lines, by level, beside the metrics that they explain."""

from vigie.catalogue import django, fastapi, logs, telemetry
from vigie.catalogue.engines import OLDEST_SAMPLE
from vigie.catalogue.panel import (
    LEVEL,
    SEARCH,
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
from vigie.catalogue.promql import either, like, quantile, select, total
from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import BY_NAME
from vigie.catalogue.words import Words

_HTTP = (django.HTTP, fastapi.HTTP)
_CHOSEN = like("$service")
_WORST = "error|critical"


def _by_minute(selector: str, by: str) -> str:
    return f"sum by ({by}) (count_over_time({selector} [1m]))"


def _lines(title: Words, description: Words, expression: str, width: int, height: int) -> Panel:
    return Panel(
        title=title,
        description=description,
        drawing=Drawing.LINES,
        scale=Scale.COUNT,
        queries=(Query(expression, store=Store.LOGS),),
        width=width,
        height=height,
    )


_TOGETHER = Row(
    Words("Metrics and logs, one above the other", "Métriques et journaux, l'un sous l'autre"),
    (
        Panel(
            title=Words("Lines by level", "Lignes par niveau"),
            description=Words(
                "Log lines a minute by level, of the chosen services.",
                "Lignes de journal par minute et par niveau, des services choisis.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(Query(_by_minute(logs.lines(), "level"), "{{level}}", Store.LOGS),),
            width=12,
        ),
        Panel(
            title=Words("Errors by service, in the logs", "Erreurs par service, aux journaux"),
            description=Words(
                "Lines of level error or worse a minute, by service.",
                "Lignes de niveau erreur ou pire par minute, par service.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    _by_minute(f'{{service=~"$service", level=~"{_WORST}"}}', "service"),
                    "{{service}}",
                    Store.LOGS,
                ),
            ),
            width=12,
        ),
        Panel(
            title=Words("Latency, with single requests", "Latence, avec des requêtes isolées"),
            description=Words(
                "95th percentile by service; the points are single requests that lead to their "
                "traces.",
                "95e centile par service ; les points sont des requêtes isolées, qui mènent à "
                "leurs traces.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=tuple(
                Query(
                    quantile(0.95, http.duration, "5m", service=_CHOSEN),
                    "{{service}}",
                    exemplars=True,
                )
                for http in _HTTP
            ),
            width=12,
        ),
        Panel(
            title=Words("Answers of 5xx, in the metrics", "Réponses en 5xx, aux métriques"),
            description=Words(
                "Failed requests a minute, by route: click a moment, and read the lines below.",
                "Requêtes en échec par minute et par route : cliquez sur un instant, et lisez les "
                "lignes dessous.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    either(
                        *(
                            "60 * "
                            + total(
                                "rate("
                                + select(http.requests, service=_CHOSEN, status=like("5.."))
                                + "[5m])",
                                "endpoint",
                            )
                            for http in _HTTP
                        )
                    ),
                    "{{service}} {{endpoint}}",
                ),
            ),
            width=12,
        ),
    ),
)
_LINES = Row(
    Words("Lines", "Lignes"),
    (
        _lines(
            Words("Logs", "Journaux"),
            Words(
                "Lines of the chosen services and levels that hold the text; a line's trace id "
                "leads to its trace.",
                "Lignes des services et niveaux choisis qui contiennent le texte ; l'identifiant "
                "de trace d'une ligne mène à sa trace.",
            ),
            logs.lines(search=True),
            width=24,
            height=14,
        ),
        _lines(
            Words("Slow requests", "Requêtes lentes"),
            Words(
                "Requests to Django that took too long, with their slowest statement.",
                "Requêtes à Django trop longues, avec leur requête SQL la plus lente.",
            ),
            logs.lines(logs.SLOW_REQUEST),
            width=12,
            height=10,
        ),
        _lines(
            Words("Calls to OpenAI", "Appels à OpenAI"),
            Words(
                "Each call with its model, outcome and seconds.",
                "Chaque appel avec son modèle, son issue et sa durée.",
            ),
            logs.lines(logs.OPENAI_CALL),
            width=12,
            height=10,
        ),
        Panel(
            title=Words("Slow traces", "Traces lentes"),
            description=Words(
                "Requests of the chosen services that took more than a second, through all "
                "services.",
                "Requêtes des services choisis de plus d'une seconde, à travers tous les services.",
            ),
            drawing=Drawing.TRACES,
            scale=Scale.SECONDS,
            queries=(
                Query(
                    '{ resource.service.name =~ "$service" && duration > 1s }', store=Store.TRACES
                ),
            ),
            width=24,
            height=10,
        ),
    ),
)
_KEPT = Row(
    Words("Is everything kept, and no longer", "Tout est-il gardé, et pas plus longtemps"),
    (
        measured(BY_NAME["dropped_telemetry"]),
        Panel(
            title=Words("Lost, by where", "Perdus, par endroit"),
            description=Words(
                "Records an hour that were discarded because a queue was full, and failures of "
                "the instruments themselves.",
                "Enregistrements par heure jetés parce qu'une file était pleine, et échecs des "
                "instruments eux-mêmes.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.COUNT,
            queries=(
                Query(
                    total(f"increase({select(telemetry.DROPPED_RECORDS)}[1h])", "where"),
                    "{{service}} {{where}}",
                ),
                Query(
                    total(f"increase({select(telemetry.INTERNAL_ERRORS)}[1h])", "where"),
                    "{{service}} ✗ {{where}}",
                ),
                Query(
                    total(f"increase({select(telemetry.UNSENT_LOGS)}[1h])", "reason"),
                    "{{service}} {{reason}}",
                ),
            ),
        ),
        measured(BY_NAME["retention_not_applied"], everywhere=True),
        Panel(
            title=Words("Retention that is set", "Conservation réglée"),
            description=Words(
                "How long each kind of record is to be kept, as vigie.yml has it.",
                "Combien de temps chaque sorte d'enregistrement doit être gardée, selon vigie.yml.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.SECONDS,
            queries=(Query(select(telemetry.RETENTION), "{{kind}}"),),
            width=12,
            height=6,
        ),
        Panel(
            title=Words("Oldest record that is stored", "Plus ancien enregistrement gardé"),
            description=Words(
                "How old the oldest stored record of each kind is: beyond the retention that is "
                "set, it should not be there.",
                "L'âge du plus ancien enregistrement de chaque sorte : au-delà de la durée réglée, "
                "il ne devrait plus être là.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.SECONDS,
            queries=(
                Query(f"time() - min by (kind) ({select(telemetry.OLDEST_RECORD)})", "{{kind}}"),
                Query(f"time() - min({select(OLDEST_SAMPLE)})", "metrics"),
            ),
            width=12,
            height=6,
        ),
    ),
)

BOARD = Board(
    uid=Dashboard.LOGS,
    title=Words("Logs and debugging", "Journaux et débogage"),
    description=Words(
        "Every service's lines, by level and text, beside the metrics that they explain.",
        "Les lignes de tous les services, par niveau et par texte, à côté des métriques qu'elles "
        "expliquent.",
    ),
    variables=(SERVICE, LEVEL, SEARCH),
    rows=(_TOGETHER, _LINES, _KEPT),
)
