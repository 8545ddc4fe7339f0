"""The page of the training plans: the user's own, and a form to ask the coach for a new one."""

from typing import Any

import streamlit as st

from services import Account, LoggedOutError, ServiceError

_LEVELS = {
    "beginner": "Débutant / Beginner",
    "intermediate": "Intermédiaire / Intermediate",
    "advanced": "Confirmé / Advanced",
}


def show(account: Account) -> None:
    st.title("Plans d'entraînement :gray[/ Training plans]", anchor=False)
    try:
        new = _form(account)
        plans = account.plans()
    except LoggedOutError:
        raise
    except ServiceError as error:
        st.error(str(error))
        return
    if not plans:
        st.info("Aucun plan pour l'instant. / No plan yet.")
    for plan in plans:
        _write(plan, expanded=plan["id"] == new)


def _form(account: Account) -> str | None:
    """The form. Returns the id of the plan that it has just made, if it has."""
    with st.form("plan"):
        goal = st.text_input(
            "Objectif / Goal", placeholder="Courir un semi-marathon en mai", max_chars=200
        )
        left, right = st.columns(2)
        level = left.selectbox("Niveau / Level", _LEVELS, format_func=_LEVELS.__getitem__)
        weeks = right.slider("Semaines / Weeks", 1, 16, 4)
        wanted = st.form_submit_button("Créer le plan / Make the plan", type="primary")
    if not wanted:
        return None
    if len(goal) < 3:
        st.error("Écrivez votre objectif. / Write your goal.")
        return None
    with st.spinner("Le coach écrit votre plan… / The coach writes your plan…"):
        return account.generate_plan(goal, level, weeks)["id"]


def _write(plan: dict[str, Any], expanded: bool) -> None:
    title = f"**{plan['goal']}** · {plan['weeks']} semaines / weeks · {_LEVELS[plan['level']]}"
    with st.expander(title, expanded=expanded):
        st.markdown(plan["content"].get("summary", ""))
        for number, week in enumerate(plan["content"]["weeks"], 1):
            st.markdown(f"##### Semaine / Week {number} · {week['focus']}")
            st.markdown(
                "\n".join(
                    f"- **{w['day']}** · {w['title']} · {w['minutes']} min  \n  {w['details']}"
                    for w in week["workouts"]
                )
            )
