"""Bodies of pushes: how large they may be, and how they are unpacked."""

from __future__ import annotations

import zlib

import cramjam

from vigie.store.wire.errors import RequestError, bad

LARGEST = 32 << 20
"""Bytes, of a body as it comes and as it is unpacked."""


def too_large() -> RequestError:
    """413."""
    return RequestError(413, f"request body too large: the limit is {LARGEST} bytes")


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding, which is `gzip`, `deflate` or none."""
    if encoding in ("", "identity"):
        return body
    if encoding == "gzip":
        return _inflated(body, 31, "gzip: invalid header")
    if encoding == "deflate":
        return _inflated(body, -15, "flate: corrupt input")
    raise bad(f'Content-Encoding "{encoding}" not supported')


def _inflated(body: bytes, window: int, refusal: str) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        content = inflater.decompress(body, LARGEST + 1)
    except zlib.error:
        raise bad(refusal) from None
    if len(content) > LARGEST:
        raise too_large()
    if not inflater.eof:
        raise bad("unexpected EOF")
    return content


def unsnapped(body: bytes) -> bytes:
    """The body without snappy's block format."""
    size = _told_size(body)
    if size > LARGEST:
        raise too_large()
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise bad("snappy: corrupt input") from None


def _told_size(body: bytes) -> int:
    """The size that the block begins with: nothing larger is unpacked to be looked at."""
    size = 0
    for position, byte in enumerate(body[:5]):
        size |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            return size
    raise bad("snappy: corrupt input")
