"""How long people and services wait for an answer, and how often they get an error instead."""

from datetime import timedelta

from vigie.catalogue import django, fastapi, interservice, streamlit
from vigie.catalogue.http import HttpMetrics
from vigie.catalogue.promql import (
    call,
    either,
    grouped,
    increase,
    like,
    observations,
    other_than,
    quantile,
    select,
    share,
    total,
)
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import UP
from vigie.catalogue.signal import (
    Comparator,
    Dashboard,
    Floor,
    Presence,
    Signal,
    Unit,
    events_of,
)
from vigie.catalogue.words import Words

_WINDOW = "5m"
_OVER = Words("95th percentile over 5 minutes", "95e centile sur 5 minutes")
_REQUESTS = Words("requests", "requêtes")


def _requests(metrics: HttpMetrics, **status: str) -> str:
    """The requests of the window that ended so, per service."""
    matchers = {name: like(value) for name, value in status.items()}
    return total(increase(metrics.requests, _WINDOW, **matchers))


DJANGO_RESPONSE_TIME = Signal(
    name="django_response_time",
    title=Words("Django response time", "Temps de réponse de Django"),
    measured_as=_OVER,
    unit=Unit.SECONDS,
    bad_when=Comparator.ABOVE,
    warning=0.5,
    critical=1.0,
    expression=quantile(0.95, django.HTTP.duration, _WINDOW),
    hold=timedelta(minutes=2),
    floor=Floor(total(observations(django.HTTP.duration, _WINDOW)), 20, _REQUESTS),
    presence=Presence(select(UP, framework="django"), total(select(django.HTTP.in_progress))),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "One request in twenty to Django took longer than the limit, over the last 5 minutes.",
            "Une requête à Django sur vingt a dépassé le seuil, sur les 5 dernières minutes.",
        ),
        impact=Words(
            "Login, profile, sessions and plans feel slow. FastAPI asks Django who a user is, so "
            "the coach slows down too. The usual cause is the database: overload, or slow "
            "statements.",
            "Connexion, profil, séances et plans paraissent lents. FastAPI demande à Django qui "
            "est l'utilisateur : le coach ralentit aussi. La cause habituelle est la base de "
            "données : surcharge, ou requêtes SQL lentes.",
        ),
        diagnosis=steps(
            Step(
                "Which endpoints are slow. (The bare name `django_request_duration_seconds_bucket` "
                "answers with every bucket since the start, which says nothing; ask for a "
                "quantile of their rates.)",
                "Quels points d'accès sont lents. (Le nom seul "
                "`django_request_duration_seconds_bucket` renvoie tous les intervalles depuis le "
                "démarrage, ce qui n'apprend rien ; demandez un quantile de leurs taux.)",
                promql=call("sort_desc", quantile(0.95, django.HTTP.duration, _WINDOW, "endpoint")),
            ),
            Step(
                "What each slow request did: its line tells the number of statements, their "
                "seconds, and the slowest.",
                "Ce qu'a fait chaque requête lente : sa ligne donne le nombre d'instructions SQL, "
                "leurs secondes, et la plus lente.",
                shell='vigie logs django | grep "Slow request"',
            ),
            Step(
                "Whether the database is what is waited for: seconds in statements, per second.",
                "Si c'est la base que l'on attend : secondes passées en SQL, par seconde.",
                promql=f"sum by (service, operation) "
                f"(rate({django.DB_QUERY_DURATION.name}_sum[{_WINDOW}]))",
            ),
            Step(
                "Whether connections are short.",
                "Si les connexions manquent.",
                promql=f"{select(django.DB_CONNECTIONS_ACTIVE)} "
                f"/ {select(django.DB_CONNECTIONS_MAX)}",
            ),
        ),
        mitigation=Words(
            "- Rewrite the statements that the log names, or add the index that they lack.\n"
            "- Enlarge the connection pool if it is full.\n"
            "- If a deployment started it, roll that back first and look afterwards.",
            "- Réécrire les instructions SQL que nomme le journal, ou ajouter l'index qui manque.\n"
            "- Agrandir le pool de connexions s'il est plein.\n"
            "- Si un déploiement en est l'origine, revenir en arrière d'abord, chercher ensuite.",
        ),
    ),
)

STREAMLIT_PAGE_LOAD = Signal(
    name="streamlit_page_load",
    title=Words("Streamlit page load", "Chargement des pages Streamlit"),
    measured_as=_OVER,
    unit=Unit.SECONDS,
    bad_when=Comparator.ABOVE,
    warning=2.0,
    critical=5.0,
    expression=quantile(0.95, streamlit.PAGE_LOAD, _WINDOW),
    hold=timedelta(minutes=2),
    floor=Floor(
        total(observations(streamlit.PAGE_LOAD, _WINDOW)), 10, Words("page loads", "chargements")
    ),
    presence=Presence(select(UP, framework="streamlit"), total(select(streamlit.ACTIVE_SESSIONS))),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "One run of a page in twenty took longer than the limit, over the last 5 minutes. "
            "Streamlit runs the whole page again on each click.",
            "Une exécution de page sur vingt a dépassé le seuil, sur les 5 dernières minutes. "
            "Streamlit réexécute toute la page à chaque clic.",
        ),
        impact=Words(
            "The screen stays grey after a click; people click again, which makes it worse.",
            "L'écran reste gris après un clic ; les gens cliquent de nouveau, ce qui aggrave.",
        ),
        diagnosis=steps(
            Step(
                "Which page.",
                "Quelle page.",
                promql=call("sort_desc", quantile(0.95, streamlit.PAGE_LOAD, _WINDOW, "page")),
            ),
            Step(
                "Whether it waits for Django or FastAPI.",
                "Si elle attend Django ou FastAPI.",
                promql=quantile(0.95, interservice.REQUEST_DURATION, _WINDOW, "source", "target"),
            ),
            Step(
                "Whether the process is out of breath: sessions and memory.",
                "Si le processus s'essouffle : sessions et mémoire.",
                promql=f"{select(streamlit.ACTIVE_SESSIONS)} or {select(streamlit.MEMORY)}",
            ),
        ),
        mitigation=Words(
            "- Follow the alert of the service that is waited for, if there is one.\n"
            "- Cache what a page computes anew on each run (`st.cache_data`).\n"
            "- `vigie restart streamlit` if its memory has grown without end.",
            "- Suivre l'alerte du service attendu, s'il y en a une.\n"
            "- Mettre en cache ce qu'une page recalcule à chaque exécution (`st.cache_data`).\n"
            "- `vigie restart streamlit` si sa mémoire a grandi sans fin.",
        ),
    ),
)

HTTP_ERROR_RATE = Signal(
    name="http_error_rate",
    title=Words("HTTP errors", "Erreurs HTTP"),
    measured_as=Words(
        "share of requests answered with 5xx over 5 minutes",
        "part des requêtes en 5xx sur 5 minutes",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=0.02,
    critical=0.10,
    expression=share(
        grouped(
            either(_requests(django.HTTP, status="5.."), _requests(fastapi.HTTP, status="5.."))
        ),
        events_of("http_error_rate"),
    ),
    hold=timedelta(minutes=2),
    floor=Floor(
        either(_requests(django.HTTP), _requests(fastapi.HTTP)), 50, _REQUESTS, shared=True
    ),
    presence=Presence(select(UP, framework="fastapi"), total(select(fastapi.HTTP.in_progress))),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "The service answered more requests than usual with an error of its own (5xx). "
            "What clients do wrong (4xx) does not count.",
            "Le service a répondu plus souvent que d'habitude par une erreur qui est la sienne "
            "(5xx). Les fautes des clients (4xx) ne comptent pas.",
        ),
        impact=Words(
            "That share of what people try fails.",
            "Cette part de ce que tentent les gens échoue.",
        ),
        diagnosis=steps(
            Step(
                "Which endpoint, with which status.",
                "Quel point d'accès, avec quel statut.",
                promql="sort_desc(sum by (endpoint, status) (\n"
                f"  increase({select(django.HTTP.requests, status=like('5..'))}[15m])\n"
                f"  or increase({select(fastapi.HTTP.requests, status=like('5..'))}[15m])\n))",
            ),
            Step(
                "Which exceptions left the code unhandled.",
                "Quelles exceptions le code n'a pas rattrapées.",
                promql="sum by (service, endpoint, exception) (\n"
                f"  increase({select(django.HTTP.exceptions)}[15m])\n"
                f"  or increase({select(fastapi.HTTP.exceptions)}[15m])\n) > 0",
            ),
            Step(
                "Their tracebacks.",
                "Leurs traces d'exécution.",
                shell="vigie logs django | grep -A30 Traceback\n"
                "vigie logs fastapi | grep -A30 Traceback",
            ),
        ),
        mitigation=Words(
            "- If a deployment started it, roll that back.\n"
            "- If a dependency fails (database, OpenAI), its own alert says what to do.\n"
            "- Mend the exception, with a test that had failed.",
            "- Si un déploiement en est l'origine, revenir en arrière.\n"
            "- Si une dépendance est en panne (base, OpenAI), son alerte dit quoi faire.\n"
            "- Corriger l'exception, avec un test qui échouait.",
        ),
    ),
)

_CALLS = total(increase(interservice.REQUESTS, _WINDOW), "target")
_TIMEOUTS = total(increase(interservice.REQUESTS, _WINDOW, status="timeout"), "target")

INTERSERVICE_TIMEOUTS = Signal(
    name="interservice_timeouts",
    title=Words("Timeouts between services", "Délais dépassés entre services"),
    measured_as=Words(
        "share of calls to another service that timed out over 5 minutes",
        "part des appels à un autre service restés sans réponse à temps sur 5 minutes",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=0.05,
    critical=0.20,
    expression=share(_TIMEOUTS, events_of("interservice_timeouts", "target")),
    hold=timedelta(minutes=2),
    where=("target",),
    floor=Floor(_CALLS, 20, Words("calls", "appels"), by=("target",), shared=True),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "`service` called `target`, and gave up waiting for that share of its answers.",
            "`service` a appelé `target`, et a renoncé à attendre cette part des réponses.",
        ),
        impact=Words(
            "Whatever needed the answer failed, after the whole time-out: people waited for "
            "nothing.",
            "Ce qui avait besoin de la réponse a échoué, après tout le délai : les gens ont "
            "attendu pour rien.",
        ),
        diagnosis=steps(
            Step(
                "Outcomes by caller and called.",
                "Issues par appelant et appelé.",
                promql="sum by (source, target, status) "
                f"(rate({select(interservice.REQUESTS, status=other_than('ok'))}[{_WINDOW}])) > 0",
            ),
            Step(
                "How long the called service takes, as the caller waits.",
                "Combien de temps prend le service appelé, vu de l'appelant.",
                promql=quantile(0.95, interservice.REQUEST_DURATION, _WINDOW, "source", "target"),
            ),
            Step(
                "Whether the called service is busy: requests that it is answering now.",
                "Si le service appelé est débordé : requêtes en cours.",
                promql=f"{select(django.HTTP.in_progress)} or {select(fastapi.HTTP.in_progress)}",
            ),
        ),
        mitigation=Words(
            "- Follow the alert of the called service, if there is one.\n"
            "- `vigie restart SERVICE` if it answers nothing at all.\n"
            "- A time-out above what the called service usually takes, and below what a person "
            "waits for, is right; change it if it is not.",
            "- Suivre l'alerte du service appelé, s'il y en a une.\n"
            "- `vigie restart SERVICE` s'il ne répond plus du tout.\n"
            "- Un bon délai est au-dessus de ce que prend d'ordinaire le service appelé, et en "
            "dessous de ce qu'attend une personne ; le changer sinon.",
        ),
    ),
)
