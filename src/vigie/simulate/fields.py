"""Reading the fields of a request's JSON, with OpenAI's own words for what is wrong."""

from __future__ import annotations

import json
from typing import Any

from vigie.simulate.errors import ApiError

_JSON_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class Fields:
    """An object of a request; `path` is its place in the request, such as `messages[0]`.

    Every reader returns None (or its default) for a field that is absent or null, and raises
    `ApiError` 400 for one of the wrong type or out of range.
    """

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self._path = path

    @classmethod
    def of_body(cls, body: bytes) -> Fields:
        """Read a request's body; raises `ApiError` 400 where it is no JSON object."""
        try:
            values = json.loads(body)
        except ValueError as error:
            raise ApiError(
                400,
                "We could not parse the JSON body of your request. (HINT: This likely means you "
                f"aren't using your HTTP library correctly. {error})",
            ) from None
        if not isinstance(values, dict):
            raise ApiError(400, f"Invalid request body: expected an object, got {_named(values)}.")
        return cls(values)

    def place(self, name: str) -> str:
        """Return the path of one of the fields."""
        return f"{self._path}.{name}" if self._path else name

    def required(self, name: str) -> Any:
        """Return the field's value; raises `ApiError` 400 where it is absent or null."""
        value = self.values.get(name)
        if value is None:
            place = self.place(name)
            raise ApiError(
                400,
                f"Missing required parameter: '{place}'.",
                param=place,
                code="missing_required_parameter",
            )
        return value

    def text(self, name: str) -> str | None:
        """Read a string."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong_type(name, "a string")
        return value

    def flag(self, name: str) -> bool:
        """Read a boolean; False where it is absent."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong_type(name, "a boolean")
        return bool(value)

    def integer(self, name: str, lowest: int, highest: int | None = None) -> int | None:
        """Read an integer within bounds (both inclusive)."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong_type(name, "an integer")
        self._within(name, value, lowest, highest, "integer")
        return value

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """Read a number within bounds (both inclusive)."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong_type(name, "a decimal")
        self._within(name, value, lowest, highest, "decimal")
        return float(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """Read a string that is one of a closed set."""
        value = self.text(name)
        if value is not None and value not in allowed:
            listed = ", ".join(f"'{each}'" for each in allowed)
            place = self.place(name)
            raise ApiError(
                400,
                f"Invalid value: '{value}'. Supported values are: {listed}.",
                param=place,
                code="invalid_value",
            )
        return value

    def object(self, name: str) -> Fields | None:
        """Read an object."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong_type(name, "an object")
        return Fields(value, self.place(name))

    def objects(self, name: str) -> list[Fields]:
        """Read an array of objects; empty where it is absent."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong_type(name, "an array of objects")
        for index, each in enumerate(value):
            if not isinstance(each, dict):
                place = f"{self.place(name)}[{index}]"
                raise ApiError(
                    400,
                    f"Invalid type for '{place}': expected an object, but got {_named(each)} "
                    "instead.",
                    param=place,
                    code="invalid_type",
                )
        return [Fields(each, f"{self.place(name)}[{i}]") for i, each in enumerate(value)]

    def wrong_type(self, name: str, expected: str) -> ApiError:
        """Return the refusal of a field for its type."""
        place = self.place(name)
        return ApiError(
            400,
            f"Invalid type for '{place}': expected {expected}, but got "
            f"{_named(self.values.get(name))} instead.",
            param=place,
            code="invalid_type",
        )

    def _within(
        self, name: str, value: float, lowest: float, highest: float | None, noun: str
    ) -> None:
        place = self.place(name)
        if value < lowest:
            bound, code = f"a value >= {lowest}", f"{noun}_below_min_value"
        elif highest is not None and not value <= highest:  # NaN is above every bound
            bound, code = f"a value <= {highest}", f"{noun}_above_max_value"
        else:
            return
        raise ApiError(
            400,
            f"Invalid '{place}': {noun} out of range. Expected {bound}, but got {value} instead.",
            param=place,
            code=code,
        )


def _named(value: Any) -> str:
    return _JSON_NAMES.get(type(value), type(value).__name__)
