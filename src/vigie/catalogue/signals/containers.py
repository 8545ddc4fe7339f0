"""Containers: whether they keep dying, and whether they can be told apart at all."""

from datetime import timedelta

from vigie.catalogue import container
from vigie.catalogue.promql import aggregated, call, either, increase, other_than, select, total
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.signal import Comparator, Dashboard, Signal, Unit
from vigie.catalogue.words import Words

CONTAINER_RESTARTS = Signal(
    name="container_restarts",
    title=Words("Container restarts", "Redémarrages de conteneur"),
    measured_as=Words("restarts in 15 minutes", "redémarrages en 15 minutes"),
    unit=Unit.COUNT,
    bad_when=Comparator.ABOVE,
    warning=2.0,
    critical=5.0,
    expression=call("round", total(increase(container.RESTARTS, "15m"), "name")),
    hold=timedelta(0),
    where=("name",),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "The container ends and is started again, over and over.",
            "Le conteneur s'arrête et est relancé, encore et encore.",
        ),
        impact=Words(
            "Between two starts its service is away, and what it held in memory is lost.",
            "Entre deux démarrages son service est absent, et ce qu'il tenait en mémoire se perd.",
        ),
        diagnosis=steps(
            Step(
                "How it ended: 137 with OOMKilled is memory, 1 an exception, 0 that it had nothing "
                "to do.",
                "Comment il a fini : 137 avec OOMKilled, la mémoire ; 1, une exception ; 0, rien à "
                "faire.",
                shell="docker inspect NAME --format "
                "'{{.State.ExitCode}} oom={{.State.OOMKilled}} {{.State.Error}}'",
            ),
            Step("Its last words.", "Ses derniers mots.", shell="docker logs --tail 50 NAME"),
            Step(
                "Its memory before each end.",
                "Sa mémoire avant chaque fin.",
                promql=select(container.MEMORY, name="NAME"),
            ),
        ),
        mitigation=Words(
            "- Memory: raise the limit, then find the leak.\n"
            "- An exception at start: a setting, a secret, a database that is not there yet.\n"
            "- It came with an image: go back to the one before.",
            "- Mémoire : relever la limite, puis trouver la fuite.\n"
            "- Exception au démarrage : un réglage, un secret, une base pas encore là.\n"
            "- Venu avec une image : revenir à la précédente.",
        ),
    ),
)

CONTAINERS_WITHOUT_NAMES = Signal(
    name="containers_without_names",
    title=Words("Containers without names", "Conteneurs sans nom"),
    measured_as=Words(
        "containers whose name cAdvisor knows", "conteneurs dont cAdvisor connaît le nom"
    ),
    unit=Unit.COUNT,
    bad_when=Comparator.BELOW,
    warning=1.0,
    critical=None,
    expression=either(
        aggregated("count", select(container.MEMORY, name=other_than(""))),
        f"0 * {total(select(container.CADVISOR))}",
    ),
    hold=timedelta(minutes=5),
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "cAdvisor runs, but knows no container by its name, though it is in one itself.",
            "cAdvisor tourne, mais ne connaît aucun conteneur par son nom, alors qu'il est "
            "lui-même dans un conteneur.",
        ),
        impact=Words(
            "Every figure and alert about containers is dead: none of them can fire.",
            "Tous les chiffres et alertes sur les conteneurs sont morts : aucune ne peut partir.",
        ),
        diagnosis=steps(
            Step(
                "cAdvisor's version: below 0.54 it does not see the names on Docker 29, which "
                "keeps images in containerd.",
                "La version de cAdvisor : avant 0.54, il ne voit pas les noms sur Docker 29, qui "
                "garde les images dans containerd.",
                promql=select(container.CADVISOR),
            ),
            Step(
                "Docker's.",
                "Celle de Docker.",
                shell="docker version --format '{{.Server.Version}}'",
            ),
            Step(
                "What it says about its container runtimes.",
                "Ce qu'il dit des moteurs de conteneurs.",
                shell="docker logs cadvisor 2>&1 | grep -i factory",
            ),
        ),
        mitigation=Words(
            "- Use the image `ghcr.io/google/cadvisor` at the version that Vigie's Compose file "
            "has (gcr.io ends at 0.52).\n"
            "- Mount `/var/run`, `/var/lib/docker` and containerd's socket into it.",
            "- Prendre l'image `ghcr.io/google/cadvisor` à la version du fichier Compose de Vigie "
            "(gcr.io s'arrête à 0.52).\n"
            "- Y monter `/var/run`, `/var/lib/docker` et la socket de containerd.",
        ),
    ),
)
