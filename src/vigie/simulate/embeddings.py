"""The embeddings API: vectors in which texts that share words are near to each other.

https://developers.openai.com/api/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from array import array
from typing import Any

from vigie.simulate.ask import model_asked_for
from vigie.simulate.errors import ApiError
from vigie.simulate.fields import Fields
from vigie.simulate.invoice import Sale
from vigie.simulate.tokens import tokenize

_MOST_INPUTS = 2048
_DIMENSIONS_PER_TOKEN = 16


class EmbeddingsCall:
    """One request of POST /v1/embeddings; raises `ApiError` for one that is wrong."""

    operation = "embeddings"
    id_prefix = "emb-"

    def __init__(self, request: Fields, deployment: str | None) -> None:
        self.requested_model, self.model = model_asked_for(request, deployment, embeds=True)
        self._inputs = _inputs(request)
        for tokens in self._inputs:
            if len(tokens) > self.model.context_tokens:
                raise ApiError(
                    400,
                    f"This model's maximum context length is {self.model.context_tokens} tokens, "
                    f"however you requested {len(tokens)} tokens.",
                    param="input",
                )
        self._base64 = request.choice("encoding_format", ("float", "base64")) == "base64"
        most = self.model.dimensions
        self._dimensions = request.integer("dimensions", 1, most) or most

    @property
    def input_tokens(self) -> int:
        """The tokens of all inputs together."""
        return sum(map(len, self._inputs))

    def plain(self, sale: Sale, seed: int) -> dict[str, Any]:
        """Return the whole answer."""
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": self._embedding(tokens, seed)}
                for index, tokens in enumerate(self._inputs)
            ],
            "model": sale.model.snapshot,
            "usage": {"prompt_tokens": sale.input_tokens, "total_tokens": sale.input_tokens},
        }

    def _embedding(self, tokens: list[str], seed: int) -> str | list[float]:
        vector = vector_of(tokens, self._dimensions, seed)
        if self._base64:
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        return vector.tolist()


def vector_of(tokens: list[str], dimensions: int, seed: int) -> array[float]:
    """Return a unit vector (32-bit floats): the sum of a few fixed steps for each token."""
    sums = [0.0] * dimensions
    for token in tokens:
        word = token.strip().lower()
        digest = hashlib.blake2b(f"{seed}|{word}".encode(), digest_size=64).digest()
        for (drawn,) in struct.iter_unpack("<I", digest[: 4 * _DIMENSIONS_PER_TOKEN]):
            sums[(drawn >> 1) % dimensions] += 1.0 if drawn & 1 else -1.0
    length = math.sqrt(sum(value * value for value in sums)) or 1.0
    return array("f", (value / length for value in sums))


def _inputs(request: Fields) -> list[list[str]]:
    """Return each input in tokens; tokens that came as numbers count as what they are."""
    given = request.required("input")
    if isinstance(given, str) or (given and _are_numbers(given)):
        given = [given]
    if not isinstance(given, list) or not all(isinstance(i, str) or _are_numbers(i) for i in given):
        raise request.wrong_type("input", "one of a string, array of strings or array of tokens")
    if not given or not all(given):
        raise ApiError(400, "'$.input' is invalid: an input is empty.", param="input")
    if len(given) > _MOST_INPUTS:
        raise ApiError(
            400,
            f"Invalid 'input': array too long. Expected at most {_MOST_INPUTS} inputs, "
            f"but got {len(given)} instead.",
            param="input",
        )
    return [tokenize(each) if isinstance(each, str) else list(map(str, each)) for each in given]


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, int) and not isinstance(each, bool) for each in value
    )
