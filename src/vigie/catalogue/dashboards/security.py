"""Security and authentication: who fails to get in, from where, why, and whether it is an attack.

No metric has a client's address: as a label it would be personal data, kept for as long as metrics
are, without a bound on their number. Addresses come from the logs, which are deleted sooner.
"""

from vigie.catalogue import django, fastapi, logs
from vigie.catalogue.metric import Metric
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
from vigie.catalogue.promql import Matcher, either, like, select, total
from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import BY_NAME
from vigie.catalogue.words import Words


def _a_minute(metric: Metric, *by: str, **matchers: str | Matcher) -> str:
    series = select(metric, service=like("$service"), **matchers)
    return f"60 * {total(f'rate({series}[5m])', *by)}"


def _addresses(of: logs.Event) -> Query:
    taken_apart = logs.taken_apart(of)
    return Query(
        f"topk(10, sum by (ip) (count_over_time({taken_apart} [1h])))", "{{ip}}", Store.LOGS
    )


_REFUSED = like("401|403")

_FAILURES = Row(
    Words("Refused", "Refusés"),
    (
        measured(BY_NAME["auth_failure_rate"]),
        Panel(
            title=Words("Why they are refused", "Pourquoi ils sont refusés"),
            description=Words(
                "Refused logins, tokens and requests a minute, by reason. `expired_token` from "
                "everywhere is a fault of ours; `bad_credentials` from one address is an attack.",
                "Connexions, jetons et requêtes refusés par minute, selon la raison. Des "
                "`expired_token` de partout sont une panne ; des `bad_credentials` d'une seule "
                "adresse, une attaque.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(Query(_a_minute(django.AUTH_FAILURES, "reason"), "{{reason}}"),),
        ),
        Panel(
            title=Words("Logins that succeeded", "Connexions réussies"),
            description=Words(
                "Successful logins a minute, by way: many failures that end in a success are worth "
                "a look.",
                "Connexions réussies par minute, selon la voie : beaucoup d'échecs qui finissent "
                "en réussite méritent un regard.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(Query(_a_minute(django.AUTH_SUCCESSES, "method"), "{{method}}"),),
        ),
        Panel(
            title=Words("Refused tokens", "Jetons refusés"),
            description=Words(
                "Tokens of 24 hours that were missing, expired, invalid, or of a user who is no "
                "longer active.",
                "Jetons de 24 heures manquants, expirés, invalides, ou d'un utilisateur désactivé.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(
                Query(
                    total(
                        "increase("
                        + select(
                            django.AUTH_FAILURES,
                            service=like("$service"),
                            reason=like(".*_token|inactive_user"),
                        )
                        + "[24h])",
                        "reason",
                    ),
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            title=Words("Answers of 401 and 403", "Réponses en 401 et 403"),
            description=Words(
                "Requests a minute that were answered with 401 (who are you?) or 403 (not you), "
                "by route.",
                "Requêtes par minute ayant reçu 401 (qui êtes-vous ?) ou 403 (pas vous), par "
                "route.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(
                    either(
                        *(
                            _a_minute(http.requests, "endpoint", "status", status=_REFUSED)
                            for http in (django.HTTP, fastapi.HTTP)
                        )
                    ),
                    "{{service}} {{endpoint}} {{status}}",
                ),
            ),
        ),
        Panel(
            title=Words("Users at work", "Utilisateurs actifs"),
            description=Words(
                "Distinct users seen in the last 5 minutes.",
                "Utilisateurs distincts vus ces 5 dernières minutes.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(Query(total(select(django.ACTIVE_USERS)), "{{service}}"),),
        ),
    ),
)
_ATTACKS = Row(
    Words("Attacks", "Attaques"),
    (
        measured(BY_NAME["security_events"]),
        Panel(
            title=Words("Refusals by source address", "Refus par adresse source"),
            description=Words(
                "The ten addresses with the most refused authentications in the last hour. They "
                "come from the logs: metrics hold no address, which is personal data.",
                "Les dix adresses ayant le plus de refus d'authentification sur la dernière heure. "
                "Elles viennent des journaux : les métriques ne gardent aucune adresse, qui est "
                "une donnée personnelle.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(_addresses(logs.AUTH_FAILURE),),
        ),
        Panel(
            title=Words("Attacks by source address", "Attaques par adresse source"),
            description=Words(
                "The ten addresses of which the most patterns of attack were seen in the last "
                "hour, from the logs.",
                "Les dix adresses dont on a vu le plus de motifs d'attaque sur la dernière heure, "
                "d'après les journaux.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(_addresses(logs.ATTACK),),
        ),
        Panel(
            title=Words("Attacks, line by line", "Attaques, ligne à ligne"),
            description=Words(
                "What was taken for an attack, with its address.",
                "Ce qui a été pris pour une attaque, avec son adresse.",
            ),
            drawing=Drawing.LINES,
            scale=Scale.COUNT,
            queries=(Query(f'{{service=~"$service"}} |= "{logs.ATTACK.text}"', store=Store.LOGS),),
            width=12,
            height=10,
        ),
        Panel(
            title=Words("Refusals, line by line", "Refus, ligne à ligne"),
            description=Words(
                "Each refused authentication, with its reason and address.",
                "Chaque authentification refusée, avec sa raison et son adresse.",
            ),
            drawing=Drawing.LINES,
            scale=Scale.COUNT,
            queries=(
                Query(f'{{service=~"$service"}} |= "{logs.AUTH_FAILURE.text}"', store=Store.LOGS),
            ),
            width=12,
            height=10,
        ),
    ),
)

BOARD = Board(
    uid=Dashboard.SECURITY,
    title=Words("Security and authentication", "Sécurité et authentification"),
    description=Words(
        "Who fails to get in, from where and why, and whether it is an attack.",
        "Qui échoue à entrer, d'où et pourquoi, et si c'est une attaque.",
    ),
    variables=(SERVICE,),
    rows=(_FAILURES, _ATTACKS),
)
