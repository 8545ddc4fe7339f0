"""What the services stand on, as rows of the overview: database, machine, containers."""

from vigie.catalogue import container, database, django, host
from vigie.catalogue.panel import Drawing, Panel, Query, Row, Scale, measured
from vigie.catalogue.promql import other_than, quantile, select, total
from vigie.catalogue.signals import BY_NAME
from vigie.catalogue.words import Words

_DATABASE = Row(
    Words("Database", "Base de données"),
    (
        measured(BY_NAME["database_connections"], everywhere=True),
        Panel(
            title=Words("Open connections", "Connexions ouvertes"),
            description=Words(
                "Connections that Django holds open, and those that the server has open in all.",
                "Connexions tenues par Django, et celles ouvertes en tout sur le serveur.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(total(select(django.DB_CONNECTIONS_ACTIVE), "alias"), "django {{alias}}"),
                Query(
                    f"sum by (database, engine) ({select(database.CONNECTIONS_ACTIVE)})",
                    "{{engine}} {{database}}",
                ),
            ),
        ),
        Panel(
            title=Words("Time of a statement", "Temps d'une requête SQL"),
            description=Words(
                "95th percentile of what Django waited for a statement, by kind, and of what the "
                "server spent on one.",
                "95e centile de l'attente de Django pour une requête SQL, par nature, et du temps "
                "que le serveur y a passé.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.SECONDS,
            queries=(
                Query(quantile(0.95, django.DB_QUERY_DURATION, "5m", "operation"), "{{operation}}"),
                Query(
                    quantile(0.95, database.QUERY_DURATION, "5m", "database", "engine"),
                    "{{engine}} {{database}}",
                ),
            ),
        ),
        Panel(
            title=Words("Database errors", "Erreurs de base de données"),
            description=Words(
                "Statements that the database refused or lost, a minute, by kind.",
                "Requêtes SQL que la base a refusées ou perdues, par minute et par nature.",
            ),
            drawing=Drawing.AREAS,
            scale=Scale.PER_MINUTE,
            queries=(
                Query(f"60 * sum by (kind) (rate({select(django.DB_ERRORS)}[5m]))", "{{kind}}"),
            ),
        ),
        measured(BY_NAME["database_deadlocks"], everywhere=True),
    ),
)
_MACHINE = Row(
    Words("The machine", "La machine"),
    (
        measured(BY_NAME["memory_available"], everywhere=True),
        measured(BY_NAME["disk_space"], everywhere=True),
        Panel(
            title=Words("Processors in use", "Processeurs occupés"),
            description=Words(
                "Share of the machine's processor time that was used.",
                "Part du temps de processeur de la machine qui a servi.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.RATIO,
            queries=(
                Query(
                    f"1 - avg by (service) (rate({select(host.CPU, mode='idle')}[5m]))",
                    "{{service}}",
                ),
            ),
        ),
    ),
)
_NAMED = other_than("")
_CONTAINERS = Row(
    Words("Containers", "Conteneurs"),
    (
        Panel(
            title=Words("State of the containers", "État des conteneurs"),
            description=Words(
                "The state that each container is in. Without Docker there are none.",
                "L'état de chaque conteneur. Sans Docker, il n'y en a pas.",
            ),
            drawing=Drawing.TABLE,
            scale=Scale.COUNT,
            queries=(Query(f"max by (name, state) ({select(container.STATE)} == 1)"),),
            columns=("name", "state"),
        ),
        Panel(
            title=Words("Processors of the containers", "Processeurs des conteneurs"),
            description=Words(
                "Processors that each container keeps busy: 1 is one whole.",
                "Processeurs qu'occupe chaque conteneur : 1 en vaut un entier.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.COUNT,
            queries=(
                Query(
                    f"sum by (name) (rate({select(container.CPU, name=_NAMED)}[5m]))", "{{name}}"
                ),
            ),
        ),
        Panel(
            title=Words("Memory of the containers", "Mémoire des conteneurs"),
            description=Words(
                "Memory of each container that cannot be reclaimed: what its limit is held "
                "against.",
                "Mémoire de chaque conteneur qui ne peut être reprise : ce que l'on compare à sa "
                "limite.",
            ),
            drawing=Drawing.CURVES,
            scale=Scale.BYTES,
            queries=(
                Query(f"sum by (name) ({select(container.MEMORY, name=_NAMED)})", "{{name}}"),
            ),
        ),
        measured(BY_NAME["container_restarts"], everywhere=True),
        measured(BY_NAME["containers_without_names"], Drawing.NUMBERS, everywhere=True),
    ),
)

RESOURCES = (_DATABASE, _MACHINE, _CONTAINERS)
