import random
from typing import Any

import jsonschema
import pytest

from vigie.simulate.errors import ApiError
from vigie.simulate.structured import free_object, instance_of
from vigie.simulate.tokens import Turn

TURNS = [Turn("user", "Courir un semi-marathon en mai")]

WORKOUT = {
    "type": "object",
    "properties": {
        "day": {"type": "string"},
        "title": {"type": "string"},
        "minutes": {"type": "integer"},
        "details": {"type": "string"},
    },
    "required": ["day", "title", "minutes", "details"],
    "additionalProperties": False,
}
PLAN = {
    "type": "object",
    "$defs": {
        "Workout": WORKOUT,
        "Week": {
            "type": "object",
            "properties": {
                "number": {"type": "integer"},
                "workouts": {"type": "array", "items": {"$ref": "#/$defs/Workout"}},
            },
            "required": ["number", "workouts"],
            "additionalProperties": False,
        },
    },
    "properties": {
        "summary": {"type": "string"},
        "weeks": {
            "type": "array",
            "items": {"$ref": "#/$defs/Week"},
            "minItems": 4,
            "maxItems": 4,
        },
    },
    "required": ["summary", "weeks"],
    "additionalProperties": False,
}
TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name", "next"],
}


@pytest.mark.parametrize(
    "schema",
    [
        PLAN,
        TREE,
        {"type": "string", "enum": ["a", "b"]},
        {"const": 3},
        {"type": ["string", "null"]},
        {"type": "number", "minimum": 2, "maximum": 3},
        {"type": "integer", "minimum": 7, "maximum": 7},
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
        {"type": "integer", "multipleOf": 25, "minimum": 30, "maximum": 100},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
        {"type": "array", "items": {"type": "null"}, "maxItems": 1},
        {"type": "string", "maxLength": 12},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "integer"}}}]},
        {"anyOf": [{"type": "null"}]},
        {},
    ],
)
def test_an_instance_satisfies_its_schema(schema: dict[str, Any]) -> None:
    for seed in range(20):
        value = instance_of(schema, TURNS, random.Random(seed))
        jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())


def test_a_plan_reads_like_one() -> None:
    plan = instance_of(PLAN, TURNS, random.Random(1))
    assert [week["number"] for week in plan["weeks"]] == [1, 2, 3, 4]
    for week in plan["weeks"]:
        assert [each["day"] for each in week["workouts"]] == ["mardi", "jeudi", "samedi"]
        assert all(20 <= each["minutes"] <= 80 for each in week["workouts"])
    details = [each["details"] for week in plan["weeks"] for each in week["workouts"]]
    assert len(set(details[:9])) == 9


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(ApiError, match="Invalid schema") as refused:
        instance_of({"type": "number", "minimum": "low"}, TURNS, random.Random(1))
    assert (refused.value.status, refused.value.code) == (400, "invalid_json_schema")


def test_json_without_a_schema_holds_the_answer_and_its_language() -> None:
    value = free_object(TURNS, random.Random(1))
    assert value["language"] == "fr"
    assert value["answer"]
