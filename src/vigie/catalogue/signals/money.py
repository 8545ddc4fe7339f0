"""What the AI costs today, what it will have cost by midnight, and how much of that is unknown."""

from datetime import timedelta

from vigie.catalogue import costs, openai
from vigie.catalogue.promql import either, labelled, like, select, share, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.signal import Comparator, Dashboard, Floor, Presence, Signal, Unit
from vigie.catalogue.signals.ai import WHOLE_TOKENS
from vigie.catalogue.words import Words

PROVIDER = "openai"
"""Money is spent at the provider, whichever service asks."""

_SPENDERS = Step(
    "Who spends, and what for.",
    "Qui dépense, et pour quoi.",
    shell="vigie costs --since 1d --by model\nvigie costs --since 1d --by feature\n"
    "vigie costs --since 1d --by user",
)

OPENAI_DAILY_COST = Signal(
    name="openai_daily_cost",
    title=Words("OpenAI daily cost", "Coût OpenAI du jour"),
    measured_as=Words("spent since midnight", "dépensé depuis minuit"),
    unit=Unit.MONEY,
    bad_when=Comparator.ABOVE,
    warning=50.0,
    critical=100.0,
    expression=f"sum by (currency) ({select(costs.COST_TODAY)})",
    hold=timedelta(minutes=1),
    about=PROVIDER,
    # Before the first call there is no ledger to read, and no cost: that is no fault.
    presence=Presence(select(costs.LEDGER_READ_ERRORS)),
    dashboard=Dashboard.COSTS,
    runbook=Runbook(
        meaning=Words(
            "The calls to OpenAI since midnight, in the configured time zone, have cost more than "
            "the limit. The figure comes from the ledger and falls to 0 at midnight.",
            "Les appels à OpenAI depuis minuit, dans le fuseau configuré, ont coûté plus que le "
            "seuil. Le chiffre vient du registre et retombe à 0 à minuit.",
        ),
        impact=Words(
            "The day's budget is spent, or half of it. Nothing stops by itself, unless a "
            '`Budget` with `on_exceeded="raise"` is set.',
            "Le budget du jour est dépensé, ou à moitié. Rien ne s'arrête tout seul, sauf si un "
            '`Budget` avec `on_exceeded="raise"` est posé.',
        ),
        diagnosis=steps(
            _SPENDERS,
            Step(
                "How fast it goes: per hour, by model.",
                "À quelle vitesse : par heure, par modèle.",
                promql=f"sum by (model, currency) (increase({select(openai.COST)}[1h]))",
            ),
            Step(
                "How the figure is known: told by the provider, computed, or estimated.",
                "D'où vient le chiffre : donné par le fournisseur, calculé, ou estimé.",
                promql=f"sum by (source) ({select(costs.COST_TODAY)})",
            ),
        ),
        mitigation=Words(
            "- A loop or a script: stop it.\n"
            "- One feature: give it a cheaper model, shorter prompts, a cache.\n"
            "- A good day: raise `thresholds.openai_daily_cost` in vigie.yml.",
            "- Une boucle ou un script : l'arrêter.\n"
            "- Une fonction : lui donner un modèle moins cher, des invites plus courtes, un "
            "cache.\n"
            "- Une bonne journée : relever `thresholds.openai_daily_cost` dans vigie.yml.",
        ),
    ),
)

OPENAI_PROJECTED_COST = Signal(
    name="openai_projected_cost",
    title=Words("OpenAI projected cost", "Coût OpenAI projeté"),
    measured_as=Words(
        "likely cost of the whole day, as a share of its budget",
        "coût probable de la journée, en part de son budget",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=1.0,
    critical=None,
    expression=f"max({select(costs.COST_PROJECTED_TODAY, quantile='0.5')})\n"
    f"/ max({select(costs.BUDGET, level='critical')} > 0)",
    hold=timedelta(minutes=15),
    about=PROVIDER,
    dashboard=Dashboard.COSTS,
    runbook=Runbook(
        meaning=Words(
            "If the day goes on as days of its kind do, it will cost more than the critical limit "
            "of the daily cost. An even chance is meant: the 50 % quantile.",
            "Si la journée continue comme les journées de son genre, elle coûtera plus que le "
            "seuil critique du coût du jour. Une chance sur deux : le quantile à 50 %.",
        ),
        impact=Words(
            "Nothing yet. It is the warning that leaves time to act.",
            "Aucun encore. C'est l'alerte qui laisse le temps d'agir.",
        ),
        diagnosis=steps(
            Step(
                "How sure it is: the three quantiles beside the budget.",
                "À quel point c'est sûr : les trois quantiles à côté du budget.",
                promql=f"{select(costs.COST_PROJECTED_TODAY)} or {select(costs.BUDGET)}",
            ),
            _SPENDERS,
        ),
        mitigation=Words(
            "- What the daily cost's runbook says, before it is needed.\n"
            "- If today is special (a launch, a test), let it be, and look again at noon.",
            "- Ce que dit la fiche du coût du jour, avant d'en avoir besoin.\n"
            "- Si la journée est particulière (lancement, essai), laisser, et revoir à midi.",
        ),
    ),
)

_HOUR = "1h"


def _rise(metric_series: str) -> str:
    return total(f"increase({metric_series}[{_HOUR}])")


OPENAI_COST_BLIND = Signal(
    name="openai_cost_blind",
    title=Words("OpenAI cost that is not known", "Coût OpenAI inconnu"),
    measured_as=Words(
        "share of tokens without a price, or of cost that is estimated, over 1 hour",
        "part des jetons sans prix, ou du coût estimé, sur 1 heure",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=0.05,
    critical=0.25,
    expression=either(
        labelled(
            share(
                _rise(select(openai.UNPRICED_TOKENS, type=WHOLE_TOKENS)),
                _rise(select(openai.TOKENS, type=WHOLE_TOKENS)),
            ),
            "because",
            "unpriced",
        ),
        labelled(
            share(_rise(select(openai.COST, source="estimated")), _rise(select(openai.COST))),
            "because",
            "estimated",
        ),
    ),
    hold=timedelta(minutes=5),
    where=("because",),
    floor=Floor(_rise(select(openai.REQUESTS, status="ok")), 20, Words("calls", "appels")),
    dashboard=Dashboard.COSTS,
    runbook=Runbook(
        meaning=Words(
            "`unpriced`: that share of the tokens belongs to models for which no price is known; "
            "their cost is missing from every figure. `estimated`: that share of the cost is our "
            "own guess, because the provider's count never came.",
            "`unpriced` : cette part des jetons vient de modèles sans prix connu ; leur coût "
            "manque dans tous les chiffres. `estimated` : cette part du coût est notre "
            "estimation, le décompte du fournisseur n'étant jamais arrivé.",
        ),
        impact=Words(
            "The cost shown is lower than the invoice will be, or less certain. Budgets and their "
            "alerts cannot be trusted.",
            "Le coût affiché est inférieur à la future facture, ou moins sûr. On ne peut se fier "
            "aux budgets ni à leurs alertes.",
        ),
        diagnosis=steps(
            Step(
                "Which models have no price.",
                "Quels modèles n'ont pas de prix.",
                promql=f"sum by (model) (increase({select(openai.UNPRICED_TOKENS)}[1h])) > 0",
            ),
            Step(
                "Which models are estimated, and whether their streams are interrupted.",
                "Quels modèles sont estimés, et si leurs flux sont interrompus.",
                promql="sum by (model) "
                f"(increase({select(openai.COST, source='estimated')}[1h])) > 0\n"
                "or sum by (model) "
                f"(increase({select(openai.REQUESTS, status=like('cancelled|timeout'))}[1h])) > 0",
            ),
        ),
        mitigation=Words(
            "- Unpriced: give the model a price (`prices`) or its real name (`aliases`) in "
            "vigie.yml; the provider's page of prices has it.\n"
            "- Estimated: let streams end, or ask for a shorter answer, instead of closing them.",
            "- Sans prix : donner au modèle un prix (`prices`) ou son vrai nom (`aliases`) dans "
            "vigie.yml ; la page de tarifs du fournisseur l'indique.\n"
            "- Estimé : laisser finir les flux, ou demander une réponse plus courte, au lieu de "
            "les fermer.",
        ),
    ),
)
