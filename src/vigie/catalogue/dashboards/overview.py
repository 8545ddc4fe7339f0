"""Overview: are the services up, fast and without errors, and what do they stand on."""

from vigie.catalogue import coaching, django, fastapi, interservice, streamlit
from vigie.catalogue.dashboards.resources import RESOURCES
from vigie.catalogue.http import HttpMetrics
from vigie.catalogue.metric import Metric
from vigie.catalogue.panel import SERVICE, Board, Drawing, Panel, Query, Row, Scale, measured
from vigie.catalogue.promql import call, either, like, quantile, select, total
from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import BY_NAME, SERVICE_DOWN
from vigie.catalogue.words import Words

_CHOSEN = like("$service")
_HTTP = (django.HTTP, fastapi.HTTP)


def _rate(metric: Metric, *by: str) -> str:
    """Events a second, of the chosen services."""
    return total(f"rate({select(metric, service=_CHOSEN)}[5m])", *by)


def _of_both(family: str, *by: str) -> str:
    """The same of Django and FastAPI."""
    metrics = (getattr(http, family) for http in _HTTP)
    return either(*(_rate(metric, *by) for metric in metrics))


def _errors(http: HttpMetrics) -> str:
    refused = select(http.requests, service=_CHOSEN, status=like("[45].."))
    return total(f"rate({refused}[5m])", "status")


def _share_of(part: Metric, **matchers: str) -> str:
    return f"sum(rate({select(part, **matchers)}[15m]))\n/ (sum(rate({select(part)}[15m])) > 0)"


_SERVICES = Row(
    Words("The services", "Les services"),
    (
        Panel(
            title=Words("Up", "En marche"),
            description=Words(
                "Targets of each service that answered Prometheus' last visit; the alert comes "
                "after a minute without any.",
                "Cibles de chaque service qui ont répondu au dernier passage de Prometheus ; "
                "l'alerte vient après une minute sans aucune.",
            ),
            drawing=Drawing.NUMBERS,
            scale=Scale.COUNT,
            queries=(Query(f'{SERVICE_DOWN.record}{{service=~"$service"}}', "{{service}}"),),
            height=5,
            signal=SERVICE_DOWN,
            names=((0, Words("down", "arrêté")), (1, Words("up", "en marche"))),
        ),
        measured(BY_NAME["service_uptime"], Drawing.NUMBERS, height=5),
        measured(BY_NAME["http_error_rate"], Drawing.NUMBERS, height=5),
    ),
)
_LATENCY = Row(
    Words("Latency", "Latence"),
    (
        measured(BY_NAME["django_response_time"]),
        measured(BY_NAME["fastapi_openai_latency"]),
        measured(BY_NAME["streamlit_page_load"]),
    ),
)
_REQUESTS = Row(
    Words("Requests and errors", "Requêtes et erreurs"),
    (
        Panel(
            title=Words("Requests", "Requêtes"),
            description=Words(
                "Requests that Django and FastAPI answered, a second.",
                "Requêtes auxquelles Django et FastAPI ont répondu, par seconde.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_SECOND,
            queries=(Query(_of_both("requests"), "{{service}}"),),
        ),
        Panel(
            title=Words("Requests by endpoint", "Requêtes par point d'accès"),
            description=Words(
                "The ten routes that are asked for most, a second.",
                "Les dix routes les plus demandées, par seconde.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.PER_SECOND,
            queries=(
                Query(
                    call("topk", f"10, {_of_both('requests', 'endpoint')}"),
                    "{{service}} {{endpoint}}",
                ),
            ),
        ),
        Panel(
            title=Words("Answers of 4xx and 5xx", "Réponses en 4xx et 5xx"),
            description=Words(
                "Requests that were refused (4xx) or failed (5xx), a second, by status code. 499: "
                "the client left before the answer was whole.",
                "Requêtes refusées (4xx) ou en échec (5xx), par seconde et par code. 499 : le "
                "client est parti avant la fin de la réponse.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_SECOND,
            queries=(Query(either(*map(_errors, _HTTP)), "{{service}} {{status}}"),),
        ),
        measured(BY_NAME["http_error_rate"]),
        Panel(
            title=Words("Unhandled exceptions", "Exceptions non gérées"),
            description=Words(
                "Exceptions that left a service's own code, a second, by class.",
                "Exceptions sorties du code d'un service, par seconde et par classe.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_SECOND,
            queries=(
                Query(_of_both("exceptions", "exception"), "{{service}} {{exception}}"),
                Query(_rate(streamlit.UI_ERRORS, "exception"), "{{service}} {{exception}}"),
            ),
        ),
        Panel(
            title=Words("In progress", "En cours"),
            description=Words(
                "Requests that are being answered now: where they pile up, something is waited "
                "for.",
                "Requêtes en cours de réponse : si elles s'accumulent, quelque chose se fait "
                "attendre.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(
                    either(
                        *(total(select(http.in_progress, service=_CHOSEN)) for http in _HTTP),
                    ),
                    "{{service}}",
                ),
            ),
        ),
    ),
)
_COACHING = Row(
    Words("Coaching", "Coaching"),
    (
        Panel(
            title=Words("Coaching sessions", "Sessions de coaching"),
            description=Words(
                "Sessions that came to their end, a minute, by kind of user.",
                "Sessions arrivées à leur terme, par minute et par type d'utilisateur.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    f"60 * sum by (user_type) (rate({select(coaching.SESSIONS)}[15m]))",
                    "{{user_type}}",
                ),
            ),
        ),
        Panel(
            title=Words("Length of a session", "Durée d'une session"),
            description=Words(
                "From a session's first message to its end: half are shorter than p50, one in "
                "twenty is longer than p95.",
                "Du premier message d'une session à sa fin : la moitié dure moins que p50, une "
                "sur vingt plus que p95.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=tuple(
                Query(quantile(q, coaching.SESSION_DURATION, "15m"), f"p{q:.0%}".rstrip("%"))
                for q in (0.5, 0.95)
            ),
        ),
        Panel(
            title=Words("Training plans", "Plans d'entraînement"),
            description=Words(
                "95th percentile of the time to write a training plan, by outcome.",
                "95e centile du temps d'écriture d'un plan d'entraînement, selon l'issue.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(
                Query(
                    quantile(0.95, coaching.TRAINING_PLAN_GENERATION, "15m", "status"),
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            title=Words("Retrieval finds something", "La recherche trouve"),
            description=Words(
                "Share of the searches in the training documents that found something.",
                "Part des recherches dans les documents d'entraînement qui ont trouvé.",
            ),
            drawing=Drawing.NUMBERS,
            scale=Scale.RATIO,
            queries=(Query(_share_of(coaching.RAG_QUERIES, status="hit"), "hit"),),
            width=4,
        ),
        Panel(
            title=Words("Retrieval", "Recherche documentaire"),
            description=Words(
                "Searches in the training documents a minute, by outcome, for the AI's answers.",
                "Recherches dans les documents d'entraînement par minute, selon l'issue, pour les "
                "réponses de l'IA.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    f"60 * sum by (status) (rate({select(coaching.RAG_QUERIES)}[5m]))",
                    "{{status}}",
                ),
            ),
            width=6,
        ),
        Panel(
            title=Words("Time of a search", "Temps d'une recherche"),
            description=Words(
                "95th percentile of a search in the training documents.",
                "95e centile d'une recherche dans les documents d'entraînement.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(Query(quantile(0.95, coaching.RAG_QUERY_DURATION, "5m"), "p95"),),
            width=6,
        ),
        measured(BY_NAME["openai_error_rate"]),
    ),
)
_SCREEN = Row(
    Words("The screen: Streamlit", "L'écran : Streamlit"),
    (
        Panel(
            title=Words("Sessions and websockets", "Sessions et WebSocket"),
            description=Words(
                "Open browser sessions, and the websockets that are connected: a session outlives "
                "a lost connection.",
                "Sessions de navigateur ouvertes, et WebSocket connectés : une session survit à "
                "une connexion perdue.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(f"sum({select(streamlit.ACTIVE_SESSIONS)})", "sessions"),
                Query(f"sum({select(streamlit.WEBSOCKET_CONNECTIONS)})", "websockets"),
            ),
            width=6,
        ),
        Panel(
            title=Words("Chat messages", "Messages du chat"),
            description=Words(
                "Messages a minute, by who wrote them.",
                "Messages par minute, selon leur auteur.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    f"60 * sum by (role) (rate({select(streamlit.CHAT_MESSAGES)}[5m]))", "{{role}}"
                ),
            ),
            width=6,
        ),
        Panel(
            title=Words("Page errors", "Erreurs de page"),
            description=Words(
                "Exceptions that a page showed to its user, a minute.",
                "Exceptions qu'une page a montrées à son utilisateur, par minute.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(f"60 * sum by (page) (rate({select(streamlit.UI_ERRORS)}[5m]))", "{{page}}"),
            ),
            width=6,
        ),
        Panel(
            title=Words("Memory of Streamlit", "Mémoire de Streamlit"),
            description=Words(
                "Memory that the process holds; it holds each session's state.",
                "Mémoire tenue par le processus ; il tient l'état de chaque session.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.BYTES,
            queries=(Query(select(streamlit.MEMORY), "{{service}}"),),
            width=6,
        ),
    ),
)
_BETWEEN = Row(
    Words("Between services", "Entre services"),
    (
        Panel(
            title=Words("Calls between services", "Appels entre services"),
            description=Words(
                "Calls a second from one service to another, by outcome, as the caller saw it: "
                "authentication of FastAPI's users by Django is among them.",
                "Appels par seconde d'un service à l'autre, selon l'issue vue par l'appelant : "
                "l'authentification des utilisateurs de FastAPI par Django en fait partie.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_SECOND,
            queries=(
                Query(
                    f"sum by (source, target, status) (rate({select(interservice.REQUESTS)}[5m]))",
                    "{{source}} → {{target}} {{status}}",
                ),
            ),
        ),
        Panel(
            title=Words("Latency between services", "Latence entre services"),
            description=Words(
                "95th percentile of a call, from its start to the last byte of its answer.",
                "95e centile d'un appel, de son début au dernier octet de sa réponse.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(
                Query(
                    quantile(0.95, interservice.REQUEST_DURATION, "5m", "source", "target"),
                    "{{source}} → {{target}}",
                ),
            ),
        ),
        measured(BY_NAME["interservice_timeouts"], everywhere=True),
    ),
)

BOARD = Board(
    uid=Dashboard.OVERVIEW,
    title=Words("Coaching AI: overview", "Coaching IA : vue d'ensemble"),
    description=Words(
        "Whether the services are up, fast and without errors, and what they stand on.",
        "Si les services sont debout, rapides et sans erreur, et ce sur quoi ils reposent.",
    ),
    variables=(SERVICE,),
    rows=(
        _SERVICES,
        _LATENCY,
        _REQUESTS,
        _COACHING,
        _SCREEN,
        _BETWEEN,
        *RESOURCES,
    ),
)
