"""Databases: whether connections run short, and whether transactions block each other."""

from datetime import timedelta

from vigie.catalogue import database, django
from vigie.catalogue.promql import aggregated, call, either, increase, relabelled, select, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.signal import Comparator, Dashboard, Signal, Unit
from vigie.catalogue.words import Words

DATABASE_CONNECTIONS = Signal(
    name="database_connections",
    title=Words("Database connections", "Connexions à la base"),
    measured_as=Words("share of the pool in use", "part du pool utilisée"),
    unit=Unit.RATIO,
    bad_when=Comparator.ABOVE,
    warning=0.80,
    critical=0.95,
    expression=aggregated(
        "max",
        either(
            relabelled(
                f"{select(django.DB_CONNECTIONS_ACTIVE)}"
                f" / ({select(django.DB_CONNECTIONS_MAX)} > 0)",
                "database",
                "alias",  # what Django calls it
            ),
            f"{select(database.CONNECTIONS_ACTIVE)} / ({select(database.CONNECTIONS_MAX)} > 0)",
        ),
        "database",
    ),
    hold=timedelta(minutes=2),
    where=("database",),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "Nearly all connections that Django's pool, or the database server, allows are in use.",
            "Presque toutes les connexions que permet le pool de Django, ou le serveur de base de "
            "données, sont prises.",
        ),
        impact=Words(
            "When the last one is taken, requests wait for one and then fail.",
            "Quand la dernière est prise, les requêtes en attendent une puis échouent.",
        ),
        diagnosis=steps(
            Step(
                "Connections and their limit.",
                "Les connexions et leur limite.",
                promql=f"{select(django.DB_CONNECTIONS_ACTIVE)} "
                f"/ {select(django.DB_CONNECTIONS_MAX)}",
            ),
            Step(
                "Whether slow statements hold them: the seconds of statements, by kind.",
                "Si des instructions lentes les retiennent : secondes de SQL, par genre.",
                promql=f"sum by (service, operation) "
                f"(rate({django.DB_QUERY_DURATION.name}_sum[5m]))",
            ),
            Step(
                "On PostgreSQL: who holds them, and for how long.",
                "Sur PostgreSQL : qui les tient, et depuis quand.",
                shell='psql -c "SELECT state, application_name, count(*), '
                'max(now() - state_change) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC"',
            ),
        ),
        mitigation=Words(
            "- Idle in transaction: find the code that begins and does not end; end those "
            "connections.\n"
            "- Slow statements: see `django_response_time`.\n"
            "- Honest load: a larger pool (`pool.max_size`), fewer workers, or PgBouncer.",
            "- « Idle in transaction » : trouver le code qui commence et ne finit pas ; fermer ces "
            "connexions.\n"
            "- Instructions lentes : voir `django_response_time`.\n"
            "- Charge légitime : un pool plus grand (`pool.max_size`), moins de processus, ou "
            "PgBouncer.",
        ),
    ),
)

DATABASE_DEADLOCKS = Signal(
    name="database_deadlocks",
    title=Words("Deadlocks", "Interblocages"),
    measured_as=Words("deadlocks in 15 minutes", "interblocages en 15 minutes"),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=0.0,
    critical=10.0,
    expression=call(
        "round",
        either(
            total(increase(django.DB_ERRORS, "15m", kind="deadlock")),
            total(increase(database.DEADLOCKS, "15m")),
        ),
    ),
    hold=timedelta(0),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "Transactions waited for each other in a circle; the database broke it by failing one.",
            "Des transactions s'attendaient en cercle ; la base l'a rompu en en faisant échouer "
            "une.",
        ),
        impact=Words(
            "The request whose transaction was chosen failed, unless it was tried again.",
            "La requête dont la transaction a été choisie a échoué, sauf nouvel essai.",
        ),
        diagnosis=steps(
            Step(
                "On which database, since when.",
                "Sur quelle base, depuis quand.",
                promql=f"sum by (service, alias, kind) (increase({select(django.DB_ERRORS)}[1h]))"
                " > 0",
            ),
            Step(
                "Which code: the traceback ends at the statement that failed.",
                "Quel code : la trace finit à l'instruction qui a échoué.",
                shell="vigie logs django | grep -i deadlock",
            ),
            Step(
                "On PostgreSQL, the server's log names both statements.",
                "Sur PostgreSQL, le journal du serveur nomme les deux instructions.",
                shell='psql -c "SHOW log_directory"',
            ),
        ),
        mitigation=Words(
            "- Take rows and tables in the same order everywhere (`order_by('pk')` before "
            "`select_for_update()`).\n"
            "- Keep transactions short: no call to another service within.\n"
            "- Try a failed transaction again; once is usually enough.",
            "- Prendre lignes et tables dans le même ordre partout (`order_by('pk')` avant "
            "`select_for_update()`).\n"
            "- Garder les transactions courtes : aucun appel à un autre service dedans.\n"
            "- Réessayer une transaction échouée ; une fois suffit d'ordinaire.",
        ),
    ),
)
