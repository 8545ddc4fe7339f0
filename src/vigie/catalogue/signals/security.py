"""Who is refused, and who attacks."""

from datetime import timedelta

from vigie.catalogue import django
from vigie.catalogue.promql import call, increase, per_minute, select, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import UP
from vigie.catalogue.signal import Comparator, Dashboard, Presence, Signal, Unit
from vigie.catalogue.words import Words

AUTH_FAILURE_RATE = Signal(
    name="auth_failure_rate",
    title=Words("Authentication failures", "Échecs d'authentification"),
    measured_as=Words("failures per minute over 5 minutes", "échecs par minute sur 5 minutes"),
    unit=Unit.PER_MINUTE,
    bad_when=Comparator.ABOVE,
    warning=10.0,
    critical=50.0,
    expression=per_minute(django.AUTH_FAILURES, "5m"),
    hold=timedelta(minutes=2),
    presence=Presence(select(UP, framework="django")),
    dashboard=Dashboard.SECURITY,
    runbook=Runbook(
        meaning=Words(
            "Django refused more logins, tokens and requests than usual.",
            "Django a refusé plus de connexions, de jetons et de requêtes que d'habitude.",
        ),
        impact=Words(
            "Either somebody tries passwords or stolen tokens, or everybody's tokens expired or "
            "became invalid at once: then people are thrown out.",
            "Soit quelqu'un essaie des mots de passe ou des jetons volés, soit les jetons de tous "
            "ont expiré ou sont devenus invalides d'un coup : les gens sont alors déconnectés.",
        ),
        diagnosis=steps(
            Step(
                "Why they are refused. (`django_auth_failures_total by (reason)` is not PromQL, "
                "and its blanks end the address that curl asks for; `by` belongs to `sum`, and a "
                "counter is asked for its increase.)",
                "Pourquoi ils sont refusés. (`django_auth_failures_total by (reason)` n'est pas du "
                "PromQL, et ses blancs coupent l'adresse donnée à curl ; `by` va avec `sum`, et à "
                "un compteur on demande son accroissement.)",
                promql=f"sum by (reason) (increase({select(django.AUTH_FAILURES)}[5m]))",
            ),
            Step(
                "From which addresses: they are in the log and in no metric.",
                "De quelles adresses : elles sont dans le journal et dans aucune métrique.",
                shell='vigie logs django | grep "Auth failure" | grep -o "ip=[^ ]*" '
                "| sort | uniq -c | sort -rn | head",
            ),
            Step(
                "Which patterns were recognised.",
                "Quels motifs ont été reconnus.",
                promql=f"sum by (pattern) (increase({select(django.SECURITY_EVENTS)}[1h])) > 0",
            ),
            Step(
                "Whether honest people still get in.",
                "Si les gens honnêtes entrent encore.",
                promql=f"sum by (method) (increase({select(django.AUTH_SUCCESSES)}[5m]))",
            ),
        ),
        mitigation=Words(
            "- A few addresses: block them in front of Django, and limit the rate of the login "
            "endpoints.\n"
            "- `expired_token` from everywhere: refresh fails; look at `/api/v1/` refresh and at "
            "the clocks.\n"
            "- `invalid_token` from everywhere: the signing key changed; put it back, or have "
            "everybody log in again.",
            "- Quelques adresses : les bloquer devant Django, et limiter le débit des points "
            "d'accès de connexion.\n"
            "- `expired_token` de partout : le renouvellement échoue ; voir celui de `/api/v1/` et "
            "les horloges.\n"
            "- `invalid_token` de partout : la clé de signature a changé ; la remettre, ou faire "
            "se reconnecter tout le monde.",
        ),
    ),
)

SECURITY_EVENTS = Signal(
    name="security_events",
    title=Words("Attack patterns", "Motifs d'attaque"),
    measured_as=Words("patterns seen in 15 minutes", "motifs vus en 15 minutes"),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=5.0,
    expression=call("round", total(increase(django.SECURITY_EVENTS, "15m"), "pattern")),
    hold=timedelta(0),
    where=("pattern",),
    dashboard=Dashboard.SECURITY,
    runbook=Runbook(
        meaning=Words(
            "`brute_force`: many passwords for one account, or many failures from one address. "
            "`credential_stuffing`: many accounts from one address. `token_replay`: a refresh "
            "token was used again, or many invalid tokens came. `path_scan`: one address asks for "
            "many paths that do not exist. Each counts once per client and 5 minutes.",
            "`brute_force` : beaucoup de mots de passe pour un compte, ou beaucoup d'échecs d'une "
            "adresse. `credential_stuffing` : beaucoup de comptes d'une adresse. `token_replay` : "
            "un jeton de renouvellement réutilisé, ou beaucoup de jetons invalides. `path_scan` : "
            "une adresse demande beaucoup de chemins qui n'existent pas. Chacun compte une fois "
            "par client et par 5 minutes.",
        ),
        impact=Words(
            "Somebody looks for a way in. A single pattern is everyday weather on the internet; "
            "many of them, or a replayed token, are not.",
            "Quelqu'un cherche une entrée. Un motif isolé est le lot quotidien d'internet ; "
            "beaucoup, ou un jeton rejoué, ne le sont pas.",
        ),
        diagnosis=steps(
            Step(
                "From which addresses.",
                "De quelles adresses.",
                shell='vigie logs django | grep "Attack pattern"',
            ),
            Step(
                "Whether logins succeeded meanwhile.",
                "Si des connexions ont réussi entre-temps.",
                promql=f"sum by (method) (increase({select(django.AUTH_SUCCESSES)}[15m]))",
            ),
        ),
        mitigation=Words(
            "- Block the addresses.\n"
            "- `token_replay`: end the sessions of the account, and have its password changed.\n"
            "- `credential_stuffing` with a success among the failures: treat that account as "
            "taken over.",
            "- Bloquer les adresses.\n"
            "- `token_replay` : fermer les sessions du compte, et faire changer son mot de passe.\n"
            "- `credential_stuffing` avec une réussite parmi les échecs : tenir ce compte pour "
            "compromis.",
        ),
    ),
)
