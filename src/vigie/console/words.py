"""What the pages say, in English and French; what alerts say comes with them."""

from vigie.catalogue.words import Words

WORDS = {
    "now": Words("Now", "En cours"),
    "history": Words("History", "Historique"),
    "runbooks": Words("Runbooks", "Fiches"),
    "navigation": Words("Pages", "Pages"),
    "skip": Words("Skip to the content", "Aller au contenu"),
    "other_language": Words("Français", "English"),
    "as_of": Words("As of", "État à"),
    "times_in": Words("times in", "heures en"),
    "stale": Words(
        "The console does not answer. What you see is old: look at `vigie status`.",
        "La console ne répond pas. Ce que vous voyez est ancien : voir `vigie status`.",
    ),
    "firing": Words("Firing", "En cours"),
    "ended": Words("Ended", "Terminées"),
    "ended_in": Words("Ended in the last {period}", "Terminées sur {period}"),
    "nothing_fires": Words("Nothing is firing.", "Aucune alerte en cours."),
    "nothing_ended": Words(
        "Nothing ended in this time.", "Aucune alerte ne s'est terminée sur cette période."
    ),
    "nothing_told": Words(
        "No alert has reached this console yet. Alerts come from Alertmanager by themselves.",
        "Aucune alerte n'est encore arrivée ici. Elles viendront d'Alertmanager d'elles-mêmes.",
    ),
    "critical": Words("critical", "critique"),
    "warning": Words("warning", "avertissement"),
    "since": Words("since", "depuis"),
    "for": Words("for", "durée :"),
    "value": Words("value", "valeur"),
    "lasted": Words("lasted", "a duré"),
    "details": Words("Details", "Détails"),
    "runbook": Words("Runbook", "Fiche"),
    "dashboard": Words("Dashboard", "Tableau de bord"),
    "expression": Words("Graph", "Courbe"),
    "silence": Words("Silence it", "Mettre en silence"),
    "unconfirmed": Words(
        "Not told again since {at}: it may be over, or muted by another alert.",
        "Plus confirmée depuis {at} : peut-être terminée, ou mise en sourdine par une autre.",
    ),
    "watchdog": Words("Watchdog", "Veilleur"),
    "watchdog_heard": Words(
        "Watchdog: heard {ago} ago, so alerts arrive.",
        "Veilleur : entendu il y a {ago}, les alertes arrivent donc.",
    ),
    "watchdog_waiting": Words(
        "Watchdog: not heard yet; it has until {until}.",
        "Veilleur : pas encore entendu ; il a jusqu'à {until}.",
    ),
    "watchdog_lost": Words(
        "Not heard since {at}, for {ago}. No alert would reach you: this page may be wrong.",
        "Plus entendu depuis {at}, soit {ago}. Aucune alerte ne vous parviendrait : cette page est "
        "peut-être fausse.",
    ),
    "what_to_do": Words("What to do", "Que faire"),
    "trouble": Words(
        "The inbox cannot keep what it is told: {trouble}. Make room on the disk, or look at "
        "`vigie logs console`.",
        "La boîte de réception ne peut rien garder : {trouble}. Faire de la place sur le disque, "
        "ou voir `vigie logs console`.",
    ),
    "period": Words("Period", "Période"),
    "all_kept": Words("all", "tout"),
    "about_runbooks": Words(
        "What each alert means, and what to do about it.",
        "Ce que veut dire chaque alerte, et quoi faire.",
    ),
    "open_graph": Words("Draw it in Prometheus", "La tracer dans Prometheus"),
    "signal": Words("Signal", "Signal"),
    "alert": Words("Alert", "Alerte"),
    "no_dashboard": Words(
        "The console has no dashboards yet. Prometheus draws the same figures, one by one.",
        "La console n'a pas encore de tableaux de bord. Prometheus trace les mêmes chiffres, un à "
        "un.",
    ),
    "only_service": Words("Of the service {service} only:", "Du service {service} seulement :"),
    "grafana": Words(
        "With a Grafana: set `links.dashboards` in vigie.yml to its address, and these links lead "
        "there.",
        "Avec un Grafana : indiquer son adresse sous `links.dashboards` dans vigie.yml, et ces "
        "liens y mèneront.",
    ),
    "not_found": Words("There is no such page", "Cette page n'existe pas"),
    "meant": Words("Did you mean", "Vouliez-vous dire"),
    "wrong_request": Words("This cannot be answered", "Impossible de répondre à cela"),
    "unreadable": Words("The alerts cannot be read", "Les alertes sont illisibles"),
    "try_again": Words(
        "The page tries again by itself. If it stays so: `vigie logs console`.",
        "La page réessaie d'elle-même. Si cela dure : `vigie logs console`.",
    ),
}

DASHBOARDS = {
    "vigie-overview": Words("Overview", "Vue d'ensemble"),
    "vigie-costs": Words("Costs & usage", "Coûts et usage"),
    "vigie-security": Words("Security & authentication", "Sécurité et authentification"),
    "vigie-logs": Words("Logs & debugging", "Journaux et débogage"),
    "vigie-incidents": Words("Incidents", "Incidents"),
}
