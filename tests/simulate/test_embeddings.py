"""The embeddings API through the official SDK."""

from __future__ import annotations

import math
from typing import Any

import openai
import pytest

from vigie.simulate.tokens import count_tokens

pytestmark = pytest.mark.servers


def nearness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_the_sdks_base64_and_floats_are_the_same_vectors(provider: Any) -> None:
    client = provider.client()
    texts = ["Courir longtemps", "Dormir tôt"]
    packed = client.embeddings.create(model="text-embedding-3-small", input=texts)
    floats = client.embeddings.create(
        model="text-embedding-3-small", input=texts, encoding_format="float"
    )
    assert [list(each.embedding) for each in packed.data] == [e.embedding for e in floats.data]
    assert [each.index for each in floats.data] == [0, 1]
    assert packed.usage.prompt_tokens == sum(map(count_tokens, texts))


@pytest.mark.parametrize(
    ("model", "dimensions", "expected"),
    [
        ("text-embedding-3-small", openai.omit, 1536),
        ("text-embedding-3-large", openai.omit, 3072),
        ("text-embedding-3-large", 256, 256),
    ],
)
def test_vectors_have_the_models_dimensions_and_length_one(
    provider: Any, model: str, dimensions: Any, expected: int
) -> None:
    answer = provider.client().embeddings.create(
        model=model, input="Courir longtemps", dimensions=dimensions
    )
    vector = answer.data[0].embedding
    assert len(vector) == expected
    assert math.isclose(nearness(vector, vector), 1.0, rel_tol=1e-6)


def test_texts_that_share_words_are_near_to_each_other(provider: Any) -> None:
    answer = provider.client().embeddings.create(
        model="text-embedding-3-small",
        input=["courir un marathon", "préparer un marathon", "cuire des lentilles"],
    )
    marathon, other_marathon, lentils = (each.embedding for each in answer.data)
    assert nearness(marathon, other_marathon) > nearness(marathon, lentils) + 0.2


def test_tokens_may_be_given_instead_of_text(provider: Any) -> None:
    client = provider.client()
    one = client.embeddings.create(model="text-embedding-3-small", input=[1, 2, 3])
    two = client.embeddings.create(model="text-embedding-3-small", input=[[1, 2], [3]])
    assert (len(one.data), one.usage.prompt_tokens) == (1, 3)
    assert (len(two.data), two.usage.prompt_tokens) == (2, 3)


def test_the_request_id_of_the_header_finds_the_request_on_the_invoice(provider: Any) -> None:
    answer = provider.client().embeddings.with_raw_response.create(
        model="text-embedding-3-small", input="Courir"
    )
    (request,) = provider.invoice()["requests"]
    assert request["request_id"] == answer.headers["x-request-id"]
    assert request["operation"] == "embeddings"
    assert request["output_tokens"] == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Missing required parameter: 'input'."),
        ({"input": ""}, "'$.input' is invalid: an input is empty."),
        ({"input": ["a", ""]}, "'$.input' is invalid: an input is empty."),
        ({"input": []}, "'$.input' is invalid: an input is empty."),
        ({"input": {"a": 1}}, "expected one of a string, array of strings or array of tokens"),
        ({"input": ["a", 1]}, "expected one of a string, array of strings or array of tokens"),
        ({"input": ["a"] * 2049}, "Expected at most 2048 inputs, but got 2049 instead."),
        ({"input": "a " * 9000}, "This model's maximum context length is 8192 tokens"),
        ({"input": "a", "dimensions": 9999}, "Expected a value <= 1536, but got 9999 instead."),
        ({"input": "a", "encoding_format": "hex"}, "Supported values are: 'float', 'base64'."),
    ],
)
def test_wrong_fields_are_refused(provider: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        provider.client().post(
            "/embeddings", body={"model": "text-embedding-3-small", **fields}, cast_to=object
        )
    assert message in refused.value.message
    assert provider.invoice()["requests"] == []


def test_a_chat_model_makes_no_embeddings(provider: Any) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="`gpt-4o` is a chat model"):
        provider.client().embeddings.create(model="gpt-4o", input="a")
