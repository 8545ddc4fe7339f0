"""Protocol buffers, as far as reading goes: fields of a message, one after the other."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes


class ProtobufError(ValueError):
    """Bytes that are no message."""


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field: an int, or the bytes of a text, a message or a fixed field.

    Raises `ProtobufError` at the first fault.
    """
    at, end = 0, len(message)
    while at < end:
        # Most keys and sizes are of one byte: a call for each would take twice the time.
        key = message[at]
        at += 1
        if key >= 0x80:
            key, at = _varint(message, at - 1)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ProtobufError("illegal tag 0")
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            size = message[at] if at < end else 0x80
            at += 1
            if size >= 0x80:
                size, at = _varint(message, at - 1)
        elif kind == 1:
            size = 8
        elif kind == 5:
            size = 4
        else:
            raise ProtobufError(f"illegal wireType {kind}")
        if at + size > end:
            raise ProtobufError("unexpected EOF")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        if at >= len(message):
            raise ProtobufError("unexpected EOF")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise ProtobufError("integer overflow")


def signed(value: Value) -> int:
    """An int64 of a varint."""
    number = whole(value)
    return number - (1 << 64) if number >= 1 << 63 else number


def whole(value: Value) -> int:
    """A number, of a varint or of a fixed field."""
    return value if isinstance(value, int) else int.from_bytes(value, "little")


def text(value: Value) -> str:
    """A text; what is no UTF-8 in it is U+FFFD."""
    return raw(value).decode(errors="replace")


def raw(value: Value) -> bytes:
    """The bytes of a field that has some; raises `ProtobufError`."""
    if isinstance(value, int):
        raise ProtobufError("wrong wireType")
    return value


def double(value: Value) -> float:
    """A double of a fixed field."""
    content = raw(value)
    if len(content) != 8:
        raise ProtobufError("wrong wireType")
    return float(struct.unpack("<d", content)[0])
