"""What a training plan is made of: the form that the model is asked to answer in."""

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Level: TypeAlias = Literal["beginner", "intermediate", "advanced"]
"""Django's `accounts.models.Level`."""


class PlanRequest(BaseModel):
    goal: str = Field(min_length=3, max_length=200)
    level: Level
    weeks: int = Field(ge=1, le=16)


class Workout(BaseModel):
    model_config = ConfigDict(extra="forbid")  # OpenAI's strict schemas ask for it

    day: str
    title: str
    minutes: int
    details: str


class Week(BaseModel):
    model_config = ConfigDict(extra="forbid")

    focus: str
    workouts: list[Workout]


class Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    summary: str
    weeks: list[Week] = Field(min_length=1)


def schema_for(weeks: int) -> dict[str, Any]:
    """The JSON schema of a plan of so many weeks."""
    schema = Plan.model_json_schema()
    schema["properties"]["weeks"] |= {"minItems": weeks, "maxItems": weeks}
    return schema
