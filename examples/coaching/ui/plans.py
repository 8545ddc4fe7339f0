"""The page of the training plans: the user's own, and a form to ask the coach for a new one."""

from typing import Any, NamedTuple

import streamlit as st

from services import Account, ServiceError

_LEVELS = {
    "beginner": "Débutant / Beginner",
    "intermediate": "Intermédiaire / Intermediate",
    "advanced": "Confirmé / Advanced",
}


class Wish(NamedTuple):
    """A plan that the user has just asked for."""

    goal: str
    level: str
    weeks: int


def show(account: Account) -> Wish | None:
    """The page. Returns what was asked for in the form."""
    st.title("Plans d'entraînement :gray[/ Training plans]", anchor=False)
    wish = _form()
    try:
        plans = account.plans()
    except ServiceError as error:
        st.error(str(error))
        return wish
    newest = st.session_state.pop("new_plan", None)
    for plan in plans:
        _write(plan, expanded=plan["id"] == newest)
    if not plans:
        st.info("Aucun plan pour l'instant. / No plan yet.")
    return wish


def write(account: Account, wish: Wish) -> None:
    """Have the plan written, then show the page with it."""
    try:
        with st.spinner("Le coach écrit votre plan… / The coach writes your plan…"):
            st.session_state.new_plan = account.generate_plan(*wish)["id"]
    except ServiceError as error:
        st.error(str(error))
    else:
        st.rerun()


def _form() -> Wish | None:
    with st.form("plan", enter_to_submit=False):
        goal = st.text_input("Objectif / Goal", placeholder="Courir un semi-marathon en mai")
        left, right = st.columns(2)
        level = left.selectbox("Niveau / Level", _LEVELS, format_func=_LEVELS.__getitem__)
        weeks = right.slider("Semaines / Weeks", 1, 16, 4)
        wanted = st.form_submit_button("Créer le plan / Make the plan", type="primary")
    if wanted and len(goal) < 3:
        st.error("Écrivez votre objectif. / Write your goal.")
        return None
    return Wish(goal, level, weeks) if wanted else None


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
