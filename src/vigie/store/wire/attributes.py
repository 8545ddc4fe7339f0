"""OTLP's attributes and values, out of protocol buffers and out of JSON.

Values are texts, whole numbers, decimals, booleans, bytes, lists, dicts, and None for an empty one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from vigie.store.wire import protobuf

Attributes = dict[str, Any]

_DEEPEST = 50

# --- protocol buffers ------------------------------------------------------------------------


def attributes_of(message: bytes, field: int) -> Attributes:
    """The attributes in a field of a message; raises `ProtobufError`."""
    return dict(
        pair(protobuf.raw(value)) for number, value in protobuf.fields(message) if number == field
    )


def pair(message: bytes, depth: int = 0) -> tuple[str, Any]:
    """Name and value of a KeyValue; raises `ProtobufError`."""
    name, content = "", None
    for number, value in protobuf.fields(message):
        if number == 1:
            name = protobuf.text(value)
        elif number == 2:
            content = any_value(protobuf.raw(value), depth)
    return name, content


def any_value(message: bytes, depth: int = 0) -> Any:
    """The value of an AnyValue; raises `ProtobufError`."""
    if depth > _DEEPEST:
        raise protobuf.ProtobufError("nested too deeply")
    for number, value in protobuf.fields(message):
        match number:
            case 1:
                return protobuf.text(value)
            case 2:
                return bool(protobuf.whole(value))
            case 3:
                return protobuf.signed(value)
            case 4:
                return protobuf.double(value)
            case 5:
                return [
                    any_value(protobuf.raw(each), depth + 1)
                    for part, each in protobuf.fields(protobuf.raw(value))
                    if part == 1
                ]
            case 6:
                return dict(
                    pair(protobuf.raw(each), depth + 1)
                    for part, each in protobuf.fields(protobuf.raw(value))
                    if part == 1
                )
            case 7:
                return protobuf.raw(value)
    return None


# --- JSON ------------------------------------------------------------------------------------


def items(one: Any, name: str) -> list[Any]:
    """The list that a member of an object is; empty where there is none. Raises TypeError."""
    found = one.get(name) or []
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def member(one: Any, name: str) -> dict[str, Any]:
    """The object that a member of an object is; empty where there is none. Raises TypeError."""
    found = one.get(name) or {}
    if not isinstance(found, dict):
        raise TypeError(f"{name} is no object")
    return found


def attributes_of_json(one: dict[str, Any]) -> Attributes:
    """The attributes of an object; raises ValueError, TypeError, KeyError or AttributeError."""
    return {
        str(each["key"]): any_value_of_json(each.get("value")) for each in items(one, "attributes")
    }


def any_value_of_json(value: Any, depth: int = 0) -> Any:
    """The value of an AnyValue; raises as `attributes_of_json`."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if not value:
        return None
    for name, content in value.items():
        match name:
            case "stringValue":
                return _of_type(str, name, content)
            case "boolValue":
                return _of_type(bool, name, content)
            case "intValue":
                return _whole(content)
            case "doubleValue":
                return _decimal(content)
            case "bytesValue":
                try:
                    return base64.b64decode(content)
                except (binascii.Error, TypeError) as error:
                    raise ValueError(f"bytesValue: {error}") from None
            case "arrayValue":
                return [any_value_of_json(each, depth + 1) for each in items(content, "values")]
            case "kvlistValue":
                return {
                    str(each["key"]): any_value_of_json(each.get("value"), depth + 1)
                    for each in items(content, "values")
                }
    return None


def _of_type(kind: type, name: str, content: Any) -> Any:
    if not isinstance(content, kind):
        raise TypeError(f"{name} is {content!r}")
    return content


def _decimal(content: Any) -> float:
    try:
        return float(content)  # "NaN" and "Infinity" come as texts
    except OverflowError as error:
        raise ValueError(f"doubleValue: {error}") from None


def _whole(content: Any) -> int:
    try:
        value = int(content)
    except OverflowError as error:
        raise ValueError(f"intValue: {error}") from None
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"intValue is {content}, which is out of range")
    return value
