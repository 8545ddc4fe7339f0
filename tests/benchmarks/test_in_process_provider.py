import pytest

from in_process_provider import INPUT_TOKENS, MODEL, OUTPUT_TOKENS, PROMPT, client


def test_a_plain_call_tells_its_usage_and_has_an_id_of_its_own() -> None:
    openai = client()
    one, other = (openai.chat.completions.create(model=MODEL, messages=PROMPT) for _ in range(2))
    assert (one.usage.prompt_tokens, one.usage.completion_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)
    assert one.id != other.id


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_tells_its_usage_where_it_is_asked_to(asked: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if asked else {}
    stream = client(chunks=5).chat.completions.create(
        model=MODEL, messages=PROMPT, stream=True, **options
    )
    chunks = list(stream)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert len([text for text in texts if text]) == 5
    assert len({chunk.id for chunk in chunks}) == 1
    usages = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert usages == ([5] if asked else [])
