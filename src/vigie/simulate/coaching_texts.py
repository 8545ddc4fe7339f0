"""What the simulated coach knows: advice by topic, in French and in English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject of coaching: the words that announce it, and advice by language (fr, en)."""

    name: dict[str, str]
    words: tuple[str, ...]
    advice: dict[str, tuple[str, ...]]


OPENINGS = {
    "fr": (
        "Bonne question. Voici comment j'aborderais {topic} avec vous.",
        "Merci pour ces précisions. Sur « {topic} », je vous propose trois repères simples.",
        "C'est un bon moment pour y travailler. Pour avancer sur « {topic} » :",
        "Allons-y par étapes. Pour {topic}, l'essentiel tient en quelques points.",
    ),
    "en": (
        "Good question. Here is how I would approach {topic} with you.",
        "Thanks for the details. On {topic}, three simple rules go a long way.",
        "This is a good time to work on it. To move forward on {topic}:",
        "Let's take it step by step. For {topic}, a few points matter most.",
    ),
}

CLOSINGS = {
    "fr": (
        "Combien de séances par semaine pouvez-vous tenir sans forcer ?",
        "Dites-moi comment se passe la première semaine, nous ajusterons ensemble.",
        "Avez-vous une douleur ou une contrainte dont je devrais tenir compte ?",
        "Voulez-vous que j'en fasse un programme sur quatre semaines ?",
    ),
    "en": (
        "How many sessions a week can you keep up comfortably?",
        "Tell me how the first week goes, and we will adjust together.",
        "Is there any pain or constraint that I should know about?",
        "Shall I turn this into a four-week plan?",
    ),
}

GROUNDED_OPENINGS = {
    "fr": ("D'après les documents à ma disposition :", "Voici ce qu'en disent nos fiches :"),
    "en": ("According to the documents I have:", "Here is what our guides say:"),
}

GENERAL = Topic(
    {"fr": "une progression régulière", "en": "steady progress"},
    (),
    {
        "fr": (
            "Fixez un objectif mesurable et daté, puis découpez-le en étapes de deux semaines.",
            "Augmentez la charge d'au plus 10 % par semaine, avec une semaine allégée sur quatre.",
            "Gardez deux jours de repos par semaine : c'est là que le corps progresse.",
            "Notez chaque séance : durée, effort ressenti sur 10, humeur. La tendance compte.",
            "Préférez trois séances tenues chaque semaine à cinq séances une semaine sur deux.",
        ),
        "en": (
            "Set a goal you can measure and date, then cut it into two-week steps.",
            "Raise the load by at most 10% a week, and take every fourth week easier.",
            "Keep two rest days a week: that is when the body adapts.",
            "Write down each session: time, effort out of 10, mood. The trend is what counts.",
            "Three sessions every week beat five sessions every other week.",
        ),
    },
)

TOPICS = (
    Topic(
        {"fr": "l'endurance en course à pied", "en": "running endurance"},
        (
            "cour",
            "footing",
            "marathon",
            "semi",
            "endurance",
            "km",
            "10k",
            "trail",
            "run",
            "jog",
            "vma",
            "fractionn",
            "allure",
            "pace",
            "interval",
        ),
        {
            "fr": (
                "Courez 80 % du temps à une allure où vous pouvez parler sans être essoufflé.",
                "Une sortie longue par semaine, allongée de dix minutes toutes les deux semaines.",
                "Une seule séance de fractionné : par exemple 6 × 400 m, récupération 1 min 30.",
                "Terminez deux footings par six lignes droites de 80 m pour la foulée.",
                "Les quinze derniers jours, réduisez le volume de moitié mais gardez l'allure.",
            ),
            "en": (
                "Run 80% of your time at a pace at which you can hold a conversation.",
                "One long run a week, ten minutes longer every second week.",
                "One interval session only: 6 x 400 m, for instance, with 90 s of recovery.",
                "End two easy runs with six 80 m strides to work on form.",
                "In the last two weeks, halve the volume but keep the pace.",
            ),
        },
    ),
    Topic(
        {"fr": "le renforcement musculaire", "en": "strength training"},
        (
            "muscul",
            "force",
            "renforc",
            "halt",
            "squat",
            "pompe",
            "gainage",
            "strength",
            "lift",
            "muscle",
            "push",
            "core",
            "deadlift",
            "bench",
            "poids du corps",
            "bodyweight",
        ),
        {
            "fr": (
                "Deux séances complètes par semaine suffisent : squat, tirage, poussée, gainage.",
                "Travaillez à deux répétitions de l'échec : 3 séries de 8 à 12, repos 2 minutes.",
                "Ajoutez du poids quand toutes les séries ont été propres deux fois de suite.",
                "Commencez par dix minutes de mobilité : hanches, chevilles, épaules.",
                "Le gainage se progresse en durée puis en instabilité : 3 × 40 s pour commencer.",
            ),
            "en": (
                "Two full-body sessions a week are enough: squat, pull, push, core.",
                "Stop two reps short of failure: 3 sets of 8 to 12, with 2 minutes of rest.",
                "Add weight only once every set has been clean twice in a row.",
                "Start with ten minutes of mobility: hips, ankles, shoulders.",
                "Progress planks in time first, then in instability: start with 3 x 40 s.",
            ),
        },
    ),
    Topic(
        {"fr": "la nutrition", "en": "nutrition"},
        (
            "nutri",
            "mang",
            "repas",
            "aliment",
            "protéin",
            "glucid",
            "hydrat",
            "boire",
            "calori",
            "eat",
            "meal",
            "food",
            "protein",
            "carb",
            "diet",
            "drink",
            "petit-déjeuner",
            "breakfast",
        ),
        {
            "fr": (
                "Répartissez les protéines : 20 à 30 g à chaque repas, environ 1,6 g/kg par jour.",
                "Trois heures avant l'effort, mangez simple : féculents, peu de fibres et de gras.",
                "Dans l'heure qui suit une séance longue, associez glucides et protéines.",
                "Buvez par petites gorgées, 400 à 600 ml par heure d'effort, plus s'il fait chaud.",
                "Ne testez rien de nouveau le jour d'une course : répétez-le à l'entraînement.",
            ),
            "en": (
                "Spread protein over the day: 20 to 30 g a meal, about 1.6 g/kg in all.",
                "Three hours before the effort, eat simply: starch, little fibre, little fat.",
                "Within an hour of a long session, combine carbohydrates and protein.",
                "Drink in small sips, 400 to 600 ml an hour, more when it is hot.",
                "Try nothing new on race day: rehearse it in training.",
            ),
        },
    ),
    Topic(
        {"fr": "le sommeil et la récupération", "en": "sleep and recovery"},
        (
            "somm",
            "dorm",
            "récup",
            "fatig",
            "repos",
            "sieste",
            "sleep",
            "recover",
            "tired",
            "rest",
            "nap",
            "surentra",
            "overtrain",
        ),
        {
            "fr": (
                "Visez sept à neuf heures de sommeil et un lever à heure fixe, même le week-end.",
                "Après deux nuits courtes, remplacez la séance dure par 30 minutes faciles.",
                "Surveillez la fréquence cardiaque au réveil : +7 battements, on lève le pied.",
                "Coupez les écrans et la caféine : une heure et huit heures avant le coucher.",
                "Une sieste de vingt minutes avant 15 h vaut mieux qu'un café de plus.",
            ),
            "en": (
                "Aim for seven to nine hours of sleep and get up at the same time every day.",
                "After two short nights, replace the hard session by 30 easy minutes.",
                "Watch your morning heart rate: 7 beats above normal means an easy day.",
                "No screens one hour, and no caffeine eight hours, before bed.",
                "A twenty-minute nap before 3 pm is worth more than another coffee.",
            ),
        },
    ),
    Topic(
        {"fr": "la prévention des blessures", "en": "injury prevention"},
        (
            "bless",
            "doul",
            "genou",
            "tendon",
            "cheville",
            "dos",
            "injur",
            "pain",
            "knee",
            "ankle",
            "hurt",
            "sore",
            "étir",
            "stretch",
            "périost",
            "shin",
        ),
        {
            "fr": (
                "Une douleur qui augmente pendant l'effort est un signal d'arrêt, pas un défi.",
                "Jusqu'à 3 sur 10 et stable, continuez à moitié de la durée et de l'intensité.",
                "Renforcez mollets et hanches deux fois par semaine : 3 × 15 montées sur pointes.",
                "Changez une seule chose à la fois : chaussures, terrain ou volume.",
                "Si la gêne dure plus de dix jours ou réveille la nuit, consultez un médecin.",
            ),
            "en": (
                "Pain that grows during the effort is a signal to stop, not a challenge.",
                "Up to 3 out of 10 and stable, go on with half the time and half the intensity.",
                "Strengthen calves and hips twice a week: 3 x 15 calf raises.",
                "Change one thing at a time: shoes, ground or volume.",
                "If it lasts over ten days or wakes you at night, see a doctor.",
            ),
        },
    ),
    Topic(
        {"fr": "la motivation", "en": "motivation"},
        (
            "motiv",
            "envie",
            "habitude",
            "régul",
            "abandon",
            "décourag",
            "habit",
            "discipline",
            "give up",
            "temps",
            "time",
            "travail",
            "work",
            "stress",
        ),
        {
            "fr": (
                "Attachez la séance à une habitude : juste après le café, sac prêt la veille.",
                "Prévoyez une version de dix minutes pour les mauvais jours : elle compte aussi.",
                "Choisissez un objectif de comportement (trois sorties) plutôt que de résultat.",
                "Un partenaire d'entraînement double les chances de tenir trois mois.",
                "Relisez votre carnet chaque dimanche : les progrès visibles nourrissent l'envie.",
            ),
            "en": (
                "Tie the session to a habit: right after coffee, bag packed the night before.",
                "Keep a ten-minute version for bad days: it counts as well.",
                "Choose a goal of behaviour (three runs) rather than of result.",
                "A training partner doubles the odds of lasting three months.",
                "Reread your log every Sunday: visible progress feeds the will.",
            ),
        },
    ),
    Topic(
        {"fr": "la perte de poids", "en": "weight loss"},
        ("maigr", "perdre", "perte", "poids", "kilo", "minc", "weight", "lose", "fat", "slim"),
        {
            "fr": (
                "Visez 0,5 kg par semaine : un déficit de 300 à 500 kcal par jour, pas davantage.",
                "Gardez la musculation deux fois par semaine pour protéger le muscle.",
                "Marchez 8 000 pas par jour : c'est le levier le plus facile à tenir.",
                "Remplissez la moitié de l'assiette de légumes et un quart de protéines.",
                "Pesez-vous deux fois par semaine et suivez la moyenne, pas le chiffre du jour.",
            ),
            "en": (
                "Aim for 0.5 kg a week: a deficit of 300 to 500 kcal a day, no more.",
                "Keep two strength sessions a week to protect muscle.",
                "Walk 8,000 steps a day: it is the easiest lever to keep.",
                "Fill half the plate with vegetables and a quarter with protein.",
                "Weigh yourself twice a week and follow the average, not the day's figure.",
            ),
        },
    ),
    Topic(
        {"fr": "le vélo", "en": "cycling"},
        ("vélo", "velo", "cycl", "bike", "bik", "ftp", "watt", "home-trainer", "col ", "climb"),
        {
            "fr": (
                "Posez la base : deux sorties de 90 minutes en zone 2, cadence 85 à 95.",
                "Une séance de seuil par semaine : 3 × 10 minutes à 90 % de la FTP.",
                "Pour les cols, travaillez 4 × 6 minutes assis, à cadence basse et souple.",
                "Vérifiez la position : selle trop basse et genoux douloureux vont ensemble.",
                "Mangez dès la première demi-heure : 40 à 60 g de glucides par heure.",
            ),
            "en": (
                "Build the base: two 90-minute rides in zone 2, at a cadence of 85 to 95.",
                "One threshold session a week: 3 x 10 minutes at 90% of FTP.",
                "For climbs, do 4 x 6 minutes seated at a low cadence, staying relaxed.",
                "Check your position: a saddle too low and sore knees go together.",
                "Eat from the first half hour on: 40 to 60 g of carbohydrates an hour.",
            ),
        },
    ),
)
