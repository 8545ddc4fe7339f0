"""What the users of the traffic ask the coach, in French and in English."""

QUESTIONS = (
    "Bonjour coach, par quoi commencer ?",
    "Comment débuter la course à pied ?",
    "Comment garder la motivation en hiver ?",
    "J'ai envie de progresser à vélo, que me conseilles-tu ?",
    "Je veux perdre cinq kilos sans perdre de muscle, comment faire ?",
    "Combien d'heures dormir avant une compétition ?",
    "J'ai une légère douleur au genou après mes footings, que faire ?",
    "Comment tenir l'habitude de m'entraîner avec peu de temps ?",
    "How do I keep my motivation up this winter?",
    "What should I eat before a long run?",
    "How can I climb better on my bike?",
    "How many strength sessions a week do I need?",
    "I want to lose weight and keep training, any advice?",
    "Hello coach, where should I start?",
)

FOLLOW_UPS = (
    "Et la semaine suivante ?",
    "Et si je n'ai que deux jours par semaine ?",
    "Merci ! Peux-tu préciser le premier point ?",
    "And what about rest days?",
    "Thanks! What if I feel tired?",
)

DOCUMENT_QUESTIONS = (
    "Comment se construit une séance de fractionné ?",
    "Pourquoi le sommeil compte-t-il pour la récupération ?",
    "Quels exercices de renforcement pour un coureur ?",
    "Comment prévenir les blessures du tibia ?",
    "How much should I drink in the heat?",
    "How do I recognise overtraining?",
    "How is a half marathon prepared?",
)

UNANSWERABLE_QUESTIONS = (
    "Xylophone ?",
    "Quelle imprimante choisir ?",
    "Which mortgage is cheapest?",
)

GOALS = (
    "Courir 10 km en moins d'une heure",
    "Reprendre le sport après une pause",
    "Préparer un premier semi-marathon",
    "Renforcer mon dos deux fois par semaine",
    "Run my first 5 km",
    "Ride 100 km this summer",
)

TOPICS = ("Endurance", "Renforcement", "Récupération", "Nutrition", "Motivation")
LEVELS = ("beginner", "intermediate", "advanced")
