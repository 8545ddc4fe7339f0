"""How many tokens a call took, by what they cost differently for."""

from __future__ import annotations

from typing import NamedTuple


class Usage(NamedTuple):
    """The tokens of one call.

    `cached_input`, `cache_write` and `input_audio` are parts of `input`; `reasoning` and
    `output_audio` are parts of `output`.
    """

    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    input_audio: int = 0
    reasoning: int = 0
    output_audio: int = 0
