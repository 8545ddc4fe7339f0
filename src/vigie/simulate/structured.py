"""Structured answers: an instance of a JSON schema that reads like a coach's.

Covers what strict structured outputs allow
(https://developers.openai.com/api/docs/guides/structured-outputs): objects, arrays, strings,
numbers, booleans, null, enum, const, anyOf, $ref and $defs, with their usual bounds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from vigie.simulate.coach import advise, language_of, pieces_of_advice
from vigie.simulate.errors import ApiError
from vigie.simulate.tokens import Turn

_DEEPEST = 12
_MOST_ITEMS = 12

# Plausible words for the usual names of properties; the first name contained in a property's wins.
_WORDS: tuple[tuple[tuple[str, ...], dict[str, tuple[str, ...]]], ...] = (
    (
        ("focus", "theme", "thème"),
        {
            "fr": ("Reprise en douceur", "Construction", "Intensité", "Assimilation"),
            "en": ("Easing in", "Building", "Intensity", "Recovery week"),
        },
    ),
    (
        ("title", "titre", "name", "nom"),
        {
            "fr": ("Footing facile", "Fractionné court", "Sortie longue", "Renforcement"),
            "en": ("Easy run", "Short intervals", "Long run", "Strength"),
        },
    ),
    (
        ("day", "jour"),
        {
            "fr": ("mardi", "jeudi", "samedi", "dimanche"),
            "en": ("Tuesday", "Thursday", "Saturday", "Sunday"),
        },
    ),
    (
        ("duration", "durée", "duree"),
        {"fr": ("40 min", "50 min", "1 h 10"), "en": ("40 min", "50 min", "70 min")},
    ),
    (
        ("intensity", "intensité", "intensite", "effort"),
        {"fr": ("facile", "modérée", "soutenue"), "en": ("easy", "moderate", "hard")},
    ),
    (
        ("level", "niveau"),
        {"fr": ("débutant", "intermédiaire"), "en": ("beginner", "intermediate")},
    ),
    (
        ("type", "kind", "activity", "activité", "exercise", "exercice"),
        {
            "fr": ("footing", "fractionné", "gainage", "mobilité"),
            "en": ("easy run", "intervals", "core", "mobility"),
        },
    ),
)


def instance_of(schema: dict[str, Any], turns: Sequence[Turn], rng: random.Random) -> Any:
    """Return a value that the schema accepts, with text that suits the conversation.

    Raises `ApiError` 400 for what is no schema.
    """
    try:
        return _Instance(schema, turns, rng).value(schema, "", 0)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise ApiError(
            400, f"Invalid schema: {error}", param="response_format", code="invalid_json_schema"
        ) from None


def free_object(turns: Sequence[Turn], rng: random.Random) -> dict[str, Any]:
    """Return a JSON object for a request that asks for JSON without a schema."""
    return {"answer": advise(turns, rng), "language": language_of(turns)}


class _Instance:
    def __init__(self, root: dict[str, Any], turns: Sequence[Turn], rng: random.Random) -> None:
        self.root = root
        self.turns = turns
        self.rng = rng
        self.language = language_of(turns)
        self.taken: dict[tuple[str, ...], int] = {}
        self.advice = pieces_of_advice(turns, rng)
        self.given = 0

    def value(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            return None
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]), name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.rng.choice(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                options = [each for each in schema[union] if each.get("type") != "null"]
                # A recursive schema ends at its null.
                deep = depth > _DEEPEST // 2 and len(options) < len(schema[union])
                return None if deep or not options else self.value(options[0], name, depth + 1)
        if schema.get("allOf"):
            merged = {key: value for part in schema["allOf"] for key, value in part.items()}
            return self.value(merged, name, depth + 1)
        return self._typed(schema, name, depth)

    def _typed(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        if kind == "object":
            properties = schema.get("properties", {})
            return {key: self.value(part, key, depth + 1) for key, part in properties.items()}
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, name, kind)
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind == "null":
            return None
        return self._string(schema, name)

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        lowest = schema.get("minItems", 0)
        highest = min(schema.get("maxItems", max(lowest, 3)), max(lowest, _MOST_ITEMS))
        count = max(lowest, min(3, highest)) if depth <= _DEEPEST // 2 else lowest
        outer, self.taken = self.taken, {}  # the days of each week start with the first
        items = [self.value(schema.get("items", {}), name, depth + 1) for _ in range(count)]
        self.taken = outer
        for number, item in enumerate(items, 1):
            if isinstance(item, dict):
                for key in item.keys() & {"week", "semaine", "number", "numero", "index", "day"}:
                    if isinstance(item[key], int):
                        item[key] = number
        return items

    def _number(self, schema: dict[str, Any], name: str, kind: str) -> Any:
        usual = (20, 60) if any(part in name for part in ("minute", "duration", "dur")) else (1, 10)
        lowest = schema.get("minimum", schema.get("exclusiveMinimum", usual[0] - 1) + 1)
        highest = schema.get("maximum", schema.get("exclusiveMaximum", lowest + usual[1]) - 1)
        step = schema.get("multipleOf", 5 if usual[0] == 20 else 1)
        if kind == "integer":
            first = -(-int(lowest) // int(step or 1)) * int(step or 1)
            choices = range(first, int(highest) + 1, int(step or 1))
            return self.rng.choice(choices) if choices else int(lowest)
        return round(lowest + (highest - lowest) * self.rng.random(), 1)

    def _string(self, schema: dict[str, Any], name: str) -> str:
        if schema.get("format") == "date":
            return (date(2026, 1, 5) + timedelta(days=self.rng.randrange(90))).isoformat()
        if schema.get("format") == "date-time":
            return f"2026-01-{self.rng.randrange(5, 30):02d}T07:30:00Z"
        lowered = name.lower()
        words = next(
            (w[self.language] for names, w in _WORDS if any(each in lowered for each in names)),
            None,
        )
        text = self._next(words) if words else self._advice()
        return text[: schema.get("maxLength", len(text))]

    def _next(self, words: tuple[str, ...]) -> str:
        """Take the words in turn, so that days and weeks come in their order."""
        place = self.taken.get(words, 0)
        self.taken[words] = place + 1
        return words[place % len(words)]

    def _advice(self) -> str:
        advice = self.advice[self.given % len(self.advice)]
        self.given += 1
        return advice

    def _resolve(self, reference: str) -> dict[str, Any]:
        found: Any = self.root
        for part in reference.lstrip("#/").split("/"):
            found = found.get(part, {}) if part and isinstance(found, dict) else found
        return found if isinstance(found, dict) else {}
