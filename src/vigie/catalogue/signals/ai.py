"""The AI provider: how long it takes, how often it fails, how much it is asked."""

from datetime import timedelta

from vigie.catalogue import openai
from vigie.catalogue.promql import (
    increase,
    like,
    observations,
    other_than,
    per_minute,
    quantile,
    select,
    share,
    total,
    unlike,
)
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.signal import Comparator, Dashboard, Floor, Signal, Unit, events_of
from vigie.catalogue.words import Words

_WINDOW = "5m"
_CALLS = Words("calls", "appels")

WHOLE_TOKENS = like("input|output")
"""The types that add up: the others are parts of these."""

FASTAPI_OPENAI_LATENCY = Signal(
    name="fastapi_openai_latency",
    title=Words("OpenAI latency", "Latence d'OpenAI"),
    measured_as=Words("95th percentile over 5 minutes", "95e centile sur 5 minutes"),
    unit=Unit.SECONDS,
    bad_when=Comparator.ABOVE,
    warning=3.0,
    critical=10.0,
    expression=quantile(0.95, openai.REQUEST_DURATION, _WINDOW),
    hold=timedelta(minutes=2),
    floor=Floor(total(observations(openai.REQUEST_DURATION, _WINDOW)), 10, _CALLS),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "One call to OpenAI in twenty took longer than the limit, to the last byte of its "
            "answer, over the last 5 minutes.",
            "Un appel à OpenAI sur vingt a dépassé le seuil, jusqu'au dernier octet de sa "
            "réponse, sur les 5 dernières minutes.",
        ),
        impact=Words(
            "The coach answers late. Requests pile up in FastAPI while they wait. The usual cause "
            "lies with OpenAI, or in longer questions and answers.",
            "Le coach répond tard. Les requêtes s'accumulent dans FastAPI en attendant. La cause "
            "habituelle est chez OpenAI, ou dans des questions et réponses plus longues.",
        ),
        diagnosis=steps(
            Step(
                "Which model. (`openai_request_duration_seconds` is a histogram: no series has "
                "that bare name, and a query for it answers nothing. Ask for a quantile of its "
                "buckets.)",
                "Quel modèle. (`openai_request_duration_seconds` est un histogramme : aucune "
                "série ne porte ce nom seul, et la requête ne renvoie rien. Demandez un quantile "
                "de ses intervalles.)",
                promql=quantile(0.95, openai.REQUEST_DURATION, _WINDOW, "model"),
            ),
            Step(
                "Whether the provider is slow to begin, or the answers are long.",
                "Si le fournisseur tarde à commencer, ou si les réponses sont longues.",
                promql=quantile(0.95, openai.TIME_TO_FIRST_TOKEN, _WINDOW, "model"),
            ),
            Step(
                "Whether calls are retried because the rate limit is reached.",
                "Si des appels sont répétés parce que la limite de débit est atteinte.",
                promql=f"sum by (model, status) (rate({select(openai.REQUESTS)}[{_WINDOW}]))",
            ),
            Step(
                "Each call in FastAPI's log, with its seconds.",
                "Chaque appel dans le journal de FastAPI, avec ses secondes.",
                shell='vigie logs fastapi | grep "OpenAI call"',
            ),
            Step(
                "Whether the provider can be reached at all; its own page tells of disturbances: "
                "<https://status.openai.com>.",
                "Si le fournisseur est joignable ; sa page annonce les perturbations : "
                "<https://status.openai.com>.",
                shell="curl -sI https://api.openai.com/v1/models | head -1",
            ),
        ),
        mitigation=Words(
            "- Use a faster model for a while.\n"
            "- Cache the answers to frequent questions; shorten prompts and `max_tokens`.\n"
            "- Retry with back-off, and give up before people do.",
            "- Basculer un temps sur un modèle plus rapide.\n"
            "- Mettre en cache les réponses fréquentes ; raccourcir les invites et `max_tokens`.\n"
            "- Réessayer avec un délai croissant, et renoncer avant les gens.",
        ),
    ),
)

_ANSWERABLE = other_than("cancelled")

OPENAI_ERROR_RATE = Signal(
    name="openai_error_rate",
    title=Words("OpenAI errors", "Erreurs d'OpenAI"),
    measured_as=Words(
        "share of calls that failed over 5 minutes", "part des appels en échec sur 5 minutes"
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=0.05,
    critical=0.20,
    expression=share(
        total(increase(openai.REQUESTS, _WINDOW, status=unlike("ok|cancelled"))),
        events_of("openai_error_rate"),
    ),
    hold=timedelta(minutes=2),
    floor=Floor(
        total(increase(openai.REQUESTS, _WINDOW, status=_ANSWERABLE)), 20, _CALLS, shared=True
    ),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "That share of the calls to OpenAI failed: refused for the rate limit, timed out, or "
            "answered with an error. Calls that our own users gave up do not count.",
            "Cette part des appels à OpenAI a échoué : refusés pour la limite de débit, sans "
            "réponse à temps, ou en erreur. Les appels abandonnés par nos utilisateurs ne "
            "comptent pas.",
        ),
        impact=Words(
            "The coach does not answer, or only after retries. Each attempt counts here, so the "
            "share that people notice is smaller.",
            "Le coach ne répond pas, ou seulement après plusieurs essais. Chaque essai compte "
            "ici : la part que remarquent les gens est plus petite.",
        ),
        diagnosis=steps(
            Step(
                "How they fail: `rate_limited` is ours to slow down, `client_error` is ours to "
                "mend (key, model, request), `server_error` and `timeout` are the provider's.",
                "Comment ils échouent : `rate_limited`, c'est à nous de ralentir ; "
                "`client_error`, à nous de corriger (clé, modèle, requête) ; `server_error` et "
                "`timeout` viennent du fournisseur.",
                promql="sum by (model, status) "
                f"(increase({select(openai.REQUESTS, status=unlike('ok|cancelled'))}[15m])) > 0",
            ),
            Step(
                "What is left of the rate limit.",
                "Ce qui reste de la limite de débit.",
                promql=f"min by (model, kind) ({select(openai.RATE_LIMIT_REMAINING)})",
            ),
            Step(
                "The calls themselves.",
                "Les appels eux-mêmes.",
                shell='vigie logs fastapi | grep "OpenAI call" | grep -v outcome=ok',
            ),
        ),
        mitigation=Words(
            "- `rate_limited`: spread calls, use a smaller model, ask for a higher limit.\n"
            "- `client_error`: check the key and the model's name; roll back what changed them.\n"
            "- `server_error`, `timeout`: switch to another model or tell people that the coach "
            "is away; see <https://status.openai.com>.",
            "- `rate_limited` : étaler les appels, prendre un modèle plus petit, demander une "
            "limite plus haute.\n"
            "- `client_error` : vérifier la clé et le nom du modèle ; annuler ce qui les a "
            "changés.\n"
            "- `server_error`, `timeout` : changer de modèle ou prévenir que le coach est absent ; "
            "voir <https://status.openai.com>.",
        ),
    ),
)

OPENAI_TOKEN_RATE = Signal(
    name="openai_token_rate",
    title=Words("OpenAI token rate", "Débit de jetons OpenAI"),
    measured_as=Words("tokens per minute over 5 minutes", "jetons par minute sur 5 minutes"),
    unit=Unit.PER_MINUTE,
    bad_when=Comparator.ABOVE,
    warning=1000.0,
    critical=2000.0,
    expression=per_minute(openai.TOKENS, _WINDOW, type=WHOLE_TOKENS),
    hold=timedelta(minutes=2),
    dashboard=Dashboard.COSTS,
    runbook=Runbook(
        meaning=Words(
            "More tokens than planned go to and come from OpenAI. Input and output count; cached "
            "and reasoning tokens are part of them and do not count twice.",
            "Plus de jetons que prévu vont vers OpenAI et en reviennent. L'entrée et la sortie "
            "comptent ; les jetons en cache et de raisonnement en font partie et ne comptent pas "
            "deux fois.",
        ),
        impact=Words(
            "Tokens are money, and the provider's rate limit: calls will be refused when it is "
            "reached.",
            "Les jetons sont de l'argent, et la limite du fournisseur : au-delà, les appels seront "
            "refusés.",
        ),
        diagnosis=steps(
            Step(
                "Which model, and input or output.",
                "Quel modèle, en entrée ou en sortie.",
                promql=f"60 * sum by (model, type) (rate({select(openai.TOKENS)}[{_WINDOW}]))",
            ),
            Step(
                "More calls, or longer ones: tokens per call.",
                "Plus d'appels, ou plus longs : jetons par appel.",
                promql=f"sum(rate({select(openai.TOKENS, type=WHOLE_TOKENS)}[{_WINDOW}]))\n"
                f"/ sum(rate({select(openai.REQUESTS, status='ok')}[{_WINDOW}]))",
            ),
            Step(
                "Who and what for.",
                "Pour qui et pour quoi.",
                shell="vigie costs --since 1h --by feature\nvigie costs --since 1h --by user",
            ),
        ),
        mitigation=Words(
            "- Expected growth: raise `thresholds.openai_token_rate` in vigie.yml.\n"
            "- One user or script: limit it.\n"
            "- Long prompts: send less history, fewer documents, a smaller `max_tokens`.",
            "- Croissance attendue : relever `thresholds.openai_token_rate` dans vigie.yml.\n"
            "- Un seul utilisateur ou script : le limiter.\n"
            "- Invites longues : moins d'historique, moins de documents, `max_tokens` plus petit.",
        ),
    ),
)
