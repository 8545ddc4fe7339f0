"""The machine: memory and disk."""

from datetime import timedelta

from vigie.catalogue import host, streamlit
from vigie.catalogue.promql import aggregated, select, unlike
from vigie.catalogue.runbook import Runbook, Step, steps
from vigie.catalogue.scrape import NODE, UP
from vigie.catalogue.signal import Comparator, Dashboard, Presence, Signal, Unit
from vigie.catalogue.words import Words

_PRESENCE = Presence(select(UP, service=NODE))

MEMORY_AVAILABLE = Signal(
    name="memory_available",
    title=Words("Memory available", "Mémoire disponible"),
    measured_as=Words(
        "share of the machine's memory that is available",
        "part disponible de la mémoire de la machine",
    ),
    unit=Unit.RATIO,
    bad_when=Comparator.BELOW,
    warning=0.20,
    critical=0.10,
    expression=aggregated("min", f"{select(host.MEMORY_AVAILABLE)} / {select(host.MEMORY_TOTAL)}"),
    hold=timedelta(minutes=2),
    presence=_PRESENCE,
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "Little memory is left that programs could still get without swapping.",
            "Il reste peu de mémoire que les programmes puissent obtenir sans échange sur disque.",
        ),
        impact=Words(
            "The machine becomes slow, then the kernel kills the largest process. The usual cause "
            "is a leak, or unusual load.",
            "La machine ralentit, puis le noyau tue le plus gros processus. La cause habituelle "
            "est une fuite, ou une charge inhabituelle.",
        ),
        diagnosis=steps(
            Step(
                "Sudden or creeping. (`node_memory_MemAvailable_bytes` alone is a number of bytes "
                "at this moment; a share says how full it is, over hours how it got there.)",
                "Soudain ou progressif. (`node_memory_MemAvailable_bytes` seul est un nombre "
                "d'octets à cet instant ; une part dit combien c'est plein, et sur des heures "
                "comment on en est arrivé là.)",
                promql=f"{select(host.MEMORY_AVAILABLE)} / {select(host.MEMORY_TOTAL)}",
            ),
            Step(
                "Which process. (`docker stats` where it runs in containers.)",
                "Quel processus. (`docker stats` dans des conteneurs.)",
                shell="ps aux --sort=-%mem | head",
            ),
            Step(
                "Whether Streamlit has grown: each open session keeps its state.",
                "Si Streamlit a grossi : chaque session ouverte garde son état.",
                promql=f"{select(streamlit.MEMORY)} or {select(streamlit.ACTIVE_SESSIONS)}",
            ),
        ),
        mitigation=Words(
            "- `vigie restart SERVICE` for the one that leaks: it buys time.\n"
            "- In containers, a memory limit for each, so that one cannot starve the rest.\n"
            "- Find the leak: `tracemalloc`, or what a deployment changed.",
            "- `vigie restart SERVICE` pour celui qui fuit : cela donne du temps.\n"
            "- Dans des conteneurs, une limite de mémoire pour chacun, pour qu'aucun n'affame les "
            "autres.\n"
            "- Trouver la fuite : `tracemalloc`, ou ce qu'un déploiement a changé.",
        ),
    ),
)

_MEMORY = unlike("tmpfs|ramfs")

DISK_SPACE = Signal(
    name="disk_space",
    title=Words("Disk space", "Espace disque"),
    measured_as=Words("share of the disk that is free", "part libre du disque"),
    unit=Unit.RATIO,
    bad_when=Comparator.BELOW,
    warning=0.15,
    critical=0.05,
    # By what it is not, rather than by the names of file systems: ext4, xfs and the overlay of a
    # container are disks alike. A read-only one (a snap, a CD) is always full.
    expression=aggregated(
        "min",
        f"{select(host.DISK_AVAILABLE, fstype=_MEMORY)}\n"
        f"/ {select(host.DISK_SIZE)}\n"
        f"unless {select(host.DISK_READ_ONLY)} == 1",
        "device",
    ),
    hold=timedelta(minutes=5),
    where=("device",),
    presence=_PRESENCE,
    dashboard=Dashboard.OVERVIEW,
    runbook=Runbook(
        meaning=Words(
            "The disk is nearly full, for whoever is not root.",
            "Le disque est presque plein, pour qui n'est pas root.",
        ),
        impact=Words(
            "When it is full, databases refuse to write, logs and metrics are lost, and nothing "
            "can be deployed.",
            "Plein, les bases refusent d'écrire, journaux et métriques se perdent, et rien ne "
            "peut être déployé.",
        ),
        diagnosis=steps(
            Step(
                "Which file systems, and how much is left.",
                "Quels systèmes de fichiers, et ce qui reste.",
                promql=f"{select(host.DISK_AVAILABLE, fstype=_MEMORY)} / 1e9",
            ),
            Step(
                "What grew: the largest folders.",
                "Ce qui a grossi : les plus gros dossiers.",
                shell="du -xh --max-depth=3 / 2>/dev/null | sort -rh | head -20",
            ),
            Step(
                "How fast, in GB a day.",
                "À quelle vitesse, en Go par jour.",
                promql=f"-86400 * deriv({select(host.DISK_AVAILABLE, fstype=_MEMORY)}[6h]) / 1e9",
            ),
        ),
        mitigation=Words(
            "- Delete what can be had again: caches, old packages, `docker system prune`.\n"
            "- Shorten `retention` in vigie.yml if metrics, logs or traces fill it.\n"
            "- Enlarge the disk.",
            "- Supprimer ce qu'on peut retrouver : caches, vieux paquets, `docker system prune`.\n"
            "- Raccourcir `retention` dans vigie.yml si métriques, journaux ou traces le "
            "remplissent.\n"
            "- Agrandir le disque.",
        ),
    ),
)
