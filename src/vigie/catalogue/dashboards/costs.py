"""Costs and usage: what the AI costs today and will have cost tonight, by model, and its limits."""

from vigie.catalogue import costs, openai
from vigie.catalogue.metric import Metric
from vigie.catalogue.panel import MODEL, SERVICE, Board, Drawing, Panel, Query, Row, Scale, measured
from vigie.catalogue.promql import Matcher, like, quantile, select
from vigie.catalogue.signal import Dashboard
from vigie.catalogue.signals import BY_NAME
from vigie.catalogue.signals.ai import WHOLE_TOKENS
from vigie.catalogue.words import Words

_DAILY = BY_NAME["openai_daily_cost"]


def _rate(metric: Metric, *by: str, window: str = "5m", **matchers: str | Matcher) -> str:
    """Per second, of the chosen services and models."""
    series = select(metric, service=like("$service"), model=like("$model"), **matchers)
    return f"sum by ({', '.join(by)}) (rate({series}[{window}]))"


def _number(
    title: Words,
    description: Words,
    scale: Scale,
    expression: str,
    legend: str = "",
    *,
    width: int = 4,
) -> Panel:
    return Panel(
        title=title,
        description=description,
        drawing=Drawing.NUMBERS,
        scale=scale,
        queries=(Query(expression, legend or title.en),),
        width=width,
        height=5,
    )


_TODAY = Row(
    Words("Today", "Aujourd'hui"),
    (
        measured(_DAILY, Drawing.NUMBERS, width=4, height=5),
        _number(
            Words("Likely at the day's end", "Probable en fin de journée"),
            Words(
                "What the calls of the whole day will have cost, if it goes on as days of its kind "
                "do: as likely more as less. Absent while the ledger has no days to compare with.",
                "Ce que les appels de la journée auront coûté si elle continue comme les jours de "
                "son genre : autant de chances de plus que de moins. Absent tant que le registre "
                "n'a pas de jours à comparer.",
            ),
            Scale.MONEY,
            f"max by (currency) ({select(costs.COST_PROJECTED_TODAY, quantile='0.5')})",
            "{{currency}}",
        ),
        _number(
            Words("Budget is spent at", "Budget épuisé à"),
            Words(
                "When today's budget was, or by the projection will be, spent. Absent where it "
                "will last.",
                "Quand le budget du jour a été, ou selon la projection sera, dépensé. Absent s'il "
                "suffit.",
            ),
            Scale.MOMENT,
            f"min by (level) ({select(costs.BUDGET_EXHAUSTION)})",
            "{{level}}",
        ),
        _number(
            Words("Estimated share", "Part estimée"),
            Words(
                "Share of today's cost that is estimated, since the provider did not tell how "
                "many tokens it counted.",
                "Part du coût du jour qui est estimée, le fournisseur n'ayant pas dit combien de "
                "jetons il a comptés.",
            ),
            Scale.RATIO,
            f"max({select(costs.ESTIMATED_RATIO)})",
        ),
        _number(
            Words("Tokens without a price", "Jetons sans prix"),
            Words(
                "Share of today's tokens for which no price is known: cost that is missing from "
                "all other figures.",
                "Part des jetons du jour dont aucun prix n'est connu : un coût qui manque à tous "
                "les autres chiffres.",
            ),
            Scale.RATIO,
            f"max({select(costs.UNPRICED_TOKENS_RATIO)})",
        ),
        _number(
            Words("Calls without a price", "Appels sans prix"),
            Words(
                "Today's calls of models for which no price is known.",
                "Appels du jour à des modèles dont aucun prix n'est connu.",
            ),
            Scale.COUNT,
            f"max({select(costs.UNPRICED_CALLS)})",
        ),
        Panel(
            title=Words("Cost of the day, and where it leads", "Coût du jour, et où il mène"),
            description=Words(
                "Spent since midnight in the configured time zone, and between which amounts (0.1 "
                "and 0.9: one chance in ten each of less and of more) the day will probably end.",
                "Dépensé depuis minuit dans le fuseau réglé, et entre quels montants (0.1 et 0.9 : "
                "une chance sur dix de moins, et de plus) la journée finira probablement.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.MONEY,
            queries=(
                Query(_DAILY.record, "{{currency}}"),
                Query(
                    f"max by (currency, quantile) ({select(costs.COST_PROJECTED_TODAY)})",
                    "→ {{quantile}}",
                ),
            ),
            width=12,
            signal=_DAILY,
        ),
        Panel(
            title=Words("Cost of the day by its confidence", "Coût du jour selon sa fiabilité"),
            description=Words(
                "Told by the provider, computed from its counts of tokens, or estimated.",
                "Dit par le fournisseur, calculé d'après ses jetons, ou estimé.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.MONEY,
            queries=(Query(f"sum by (source) ({select(costs.COST_TODAY)})", "{{source}}"),),
            width=6,
        ),
        Panel(
            title=Words("Budget", "Budget"),
            description=Words(
                "What may be spent in a day before the warning and before the critical alert.",
                "Ce qui peut être dépensé par jour avant l'avertissement et avant l'alerte "
                "critique.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.MONEY,
            queries=(Query(f"max by (currency, level) ({select(costs.BUDGET)})", "{{level}}"),),
            width=6,
        ),
    ),
)
_TOKENS = Row(
    Words("Tokens", "Jetons"),
    (
        measured(BY_NAME["openai_token_rate"]),
        Panel(
            title=Words("Tokens by model", "Jetons par modèle"),
            description=Words(
                "Tokens a minute that go to and come from each model.",
                "Jetons par minute envoyés à chaque modèle et reçus de lui.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(f"60 * {_rate(openai.TOKENS, 'model', type=WHOLE_TOKENS)}", "{{model}}"),
            ),
        ),
        Panel(
            title=Words("Tokens by kind", "Jetons par nature"),
            description=Words(
                "Tokens a minute by kind. `cached_input` is part of `input`, `reasoning` part of "
                "`output`: they do not add up.",
                "Jetons par minute et par nature. `cached_input` fait partie de `input`, "
                "`reasoning` de `output` : ils ne s'ajoutent pas.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.PER_MINUTE,
            queries=(Query(f"60 * {_rate(openai.TOKENS, 'type')}", "{{type}}"),),
        ),
        Panel(
            title=Words("Tokens of 24 hours by model", "Jetons de 24 heures par modèle"),
            description=Words(
                "Tokens of the last 24 hours, whatever the calendar says.",
                "Jetons des dernières 24 heures, quoi que dise le calendrier.",
            ),
            drawing=Drawing.BARS,
            scale=Scale.COUNT,
            queries=(
                Query(
                    "86400 * " + _rate(openai.TOKENS, "model", window="24h", type=WHOLE_TOKENS),
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            title=Words("Tokens of a call", "Jetons d'un appel"),
            description=Words(
                "Tokens of an answered call, on average: prompts that grow show here first.",
                "Jetons d'un appel répondu, en moyenne : des invites qui s'allongent se voient "
                "d'abord ici.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(
                    f"{_rate(openai.TOKENS, 'model', type=WHOLE_TOKENS)}\n"
                    f"/ ({_rate(openai.REQUESTS, 'model', status='ok')} > 0)",
                    "{{model}}",
                ),
            ),
        ),
        Panel(
            title=Words("Tokens without a price, by model", "Jetons sans prix, par modèle"),
            description=Words(
                "Tokens a minute of models for which no price is known.",
                "Jetons par minute de modèles dont aucun prix n'est connu.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(Query(f"60 * {_rate(openai.UNPRICED_TOKENS, 'model')}", "{{model}}"),),
        ),
    ),
)
_COST = Row(
    Words("Cost as it runs", "Le coût en temps réel"),
    (
        Panel(
            title=Words("Cost by model", "Coût par modèle"),
            description=Words(
                "What each model costs an hour, at the pace of the last 15 minutes.",
                "Ce que coûte chaque modèle par heure, au rythme des 15 dernières minutes.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.MONEY_PER_HOUR,
            queries=(
                Query(
                    f"3600 * {_rate(openai.COST, 'model', 'currency', window='15m')}",
                    "{{model}} {{currency}}",
                ),
            ),
        ),
        measured(BY_NAME["openai_projected_cost"]),
        measured(BY_NAME["openai_cost_blind"]),
    ),
)
_LIMITS = Row(
    Words("Limits and failures", "Limites et échecs"),
    (
        Panel(
            title=Words("Left of the rate limit", "Reste de la limite de débit"),
            description=Words(
                "Requests and tokens that the provider last said are left in its present window; "
                "at 0 it refuses calls.",
                "Requêtes et jetons qui restent, d'après le fournisseur, dans sa fenêtre en "
                "cours ; à 0 il refuse les appels.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(
                    "min by (model, kind) "
                    f"({select(openai.RATE_LIMIT_REMAINING, model=like('$model'))})",
                    "{{model}} {{kind}}",
                ),
            ),
        ),
        Panel(
            title=Words("Calls by outcome", "Appels selon l'issue"),
            description=Words(
                "Attempted calls a minute, by outcome; each retry is one of its own.",
                "Appels tentés par minute, selon l'issue ; chaque nouvel essai compte.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(Query(f"60 * {_rate(openai.REQUESTS, 'status')}", "{{status}}"),),
        ),
        measured(BY_NAME["openai_error_rate"]),
        Panel(
            title=Words("Latency by model", "Latence par modèle"),
            description=Words(
                "95th percentile of a call, to the last byte of its answer.",
                "95e centile d'un appel, jusqu'au dernier octet de sa réponse.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(
                Query(
                    quantile(0.95, openai.REQUEST_DURATION, "5m", "model", model=like("$model")),
                    "{{model}}",
                    exemplars=True,
                ),
            ),
            width=12,
        ),
        Panel(
            title=Words("Time to the first token", "Temps du premier jeton"),
            description=Words(
                "95th percentile of what a person waits for the first word of a streamed answer.",
                "95e centile de l'attente du premier mot d'une réponse au fil de l'eau.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(
                Query(
                    quantile(0.95, openai.TIME_TO_FIRST_TOKEN, "5m", "model", model=like("$model")),
                    "{{model}}",
                    exemplars=True,
                ),
            ),
            width=12,
        ),
    ),
)
_LEDGER = Row(
    Words("The ledger", "Le registre"),
    (
        _number(
            Words("Calls in the ledger", "Appels au registre"),
            Words("Priced calls that are kept.", "Appels facturés qui sont gardés."),
            Scale.COUNT,
            f"max({select(costs.LEDGER_ROWS)})",
            width=6,
        ),
        _number(
            Words("Oldest call", "Appel le plus ancien"),
            Words(
                "When the oldest call in the ledger ended.",
                "Quand s'est terminé l'appel le plus ancien du registre.",
            ),
            Scale.MOMENT,
            f"min({select(costs.LEDGER_OLDEST)})",
            width=6,
        ),
        _number(
            Words("Times it could not be read", "Lectures impossibles"),
            Words(
                "Scrapes in 24 hours at which the ledger could not be read: the figures of today "
                "were absent then.",
                "Collectes en 24 heures où le registre n'a pu être lu : les chiffres du jour "
                "manquaient alors.",
            ),
            Scale.COUNT,
            f"sum(increase({select(costs.LEDGER_READ_ERRORS)}[24h]))",
            width=6,
        ),
        _number(
            Words("Age of the currency's rate", "Âge du taux de change"),
            Words(
                "Since the day on which the currency's rate was looked up: an old one is a wrong "
                "one.",
                "Depuis le jour où le taux de change a été relevé : un vieux taux est un taux "
                "faux.",
            ),
            Scale.SECONDS,
            f"max by (currency) ({select(costs.CURRENCY_RATE_AGE)})",
            "{{currency}}",
            width=3,
        ),
        _number(
            Words("One US dollar", "Un dollar américain"),
            Words(
                "What one US dollar is worth in the configured currency.",
                "Ce que vaut un dollar américain dans la monnaie réglée.",
            ),
            Scale.MONEY,
            f"max by (currency) ({select(costs.CURRENCY_RATE)})",
            "{{currency}}",
            width=3,
        ),
    ),
)

BOARD = Board(
    uid=Dashboard.COSTS,
    title=Words("OpenAI: costs and usage", "OpenAI : coûts et usage"),
    description=Words(
        "What the AI costs today and will have cost tonight, by model, and how near its limits "
        "are.",
        "Ce que coûte l'IA aujourd'hui et aura coûté ce soir, par modèle, et où en sont ses "
        "limites.",
    ),
    variables=(SERVICE, MODEL),
    rows=(_TODAY, _TOKENS, _COST, _LIMITS, _LEDGER),
)
