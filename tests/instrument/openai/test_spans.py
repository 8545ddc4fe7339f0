"""A span for each call, by OpenTelemetry's conventions for generative AI."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, openai_attributes
from opentelemetry.semconv.attributes import error_attributes, server_attributes
from opentelemetry.trace import SpanKind, StatusCode

from scripted_provider import MESSAGES, MODEL, Provider, chat, chat_events
from vigie.instrument.exposition import exposition
from vigie.instrument.meters import meters

COST = {f"gen_ai.usage.cost.{part}" for part in ("amount", "currency", "source")}


@pytest.fixture(scope="module")
def recorded() -> Iterator[InMemorySpanExporter]:
    """The spans of this process, which has no tracer provider before and after."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    # It can be set only once, and there is no public way back; other tests set up their own.
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE._done = False


@pytest.fixture
def spans(recorded: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    recorded.clear()
    yield recorded
    recorded.clear()


def ask(client: openai.OpenAI, **kwargs: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, **kwargs)


def finished(spans: InMemorySpanExporter, provider: Provider) -> tuple[ReadableSpan, ...]:
    meters(provider.registry).refresh()
    return spans.get_finished_spans()


def test_a_call_is_a_span_with_what_was_asked_and_what_was_told(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_answer(chat(service_tier="default"))
    with trace.get_tracer("test").start_as_current_span("request") as outer:
        ask(provider.client(base_url="http://127.0.0.1:8090/v1"), max_tokens=300, temperature=0.2)
    span = next(each for each in finished(spans, provider) if each.name != "request")
    assert (span.name, span.kind) == ("chat gpt-4o-mini", SpanKind.CLIENT)
    assert span.parent is not None
    assert span.parent.span_id == outer.get_span_context().span_id
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 500,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.usage.reasoning.output_tokens": 100,
        "gen_ai.usage.cost.amount": pytest.approx(0.00042),
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "computed",
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "server.address": "127.0.0.1",
        "server.port": 8090,
    }


def test_every_attribute_has_a_name_of_the_conventions_but_for_the_cost(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    known = {
        value
        for module in (gen_ai_attributes, openai_attributes, error_attributes, server_attributes)
        for name, value in vars(module).items()
        if name.isupper()
    }
    provider.will_answer(chat(service_tier="flex"))
    ask(
        provider.client(),
        n=2,
        seed=7,
        top_p=0.5,
        max_tokens=100,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        service_tier="flex",
    )
    provider.answers.clear()
    provider.will_chat("Hello")
    list(ask(provider.client(), stream=True))
    for span in finished(spans, provider):
        assert set(span.attributes or {}) - known == COST


def test_a_stream_s_span_ends_with_its_last_byte(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_chat("Hello", " you")
    stream = ask(provider.client(), stream=True)
    assert finished(spans, provider) == ()
    list(stream)
    (span,) = finished(spans, provider)
    told = dict(span.attributes or {})
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.usage.output_tokens"] == 500
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert span.status.status_code is StatusCode.UNSET


def test_retries_are_within_one_span(spans: InMemorySpanExporter, provider: Provider) -> None:
    provider.will_answer({"error": {"message": "slow down"}}, status=429, retry_after_ms="1")
    provider.will_answer(chat())
    ask(provider.client())
    (span,) = finished(spans, provider)
    assert (span.attributes or {})["gen_ai.usage.input_tokens"] == 1000
    assert provider.outcomes() == {"rate_limited": 1, "ok": 1}


def test_a_call_that_fails_ends_its_span_with_the_error_s_kind(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_answer({"error": {"message": "a secret reason"}}, status=404)
    with pytest.raises(openai.NotFoundError):
        ask(provider.client(max_retries=0))
    provider.answers.clear()
    provider.will_raise("ReadTimeout")
    with pytest.raises(openai.APITimeoutError):
        ask(provider.client(max_retries=0))
    kinds = [(span.attributes or {})["error.type"] for span in finished(spans, provider)]
    assert kinds == ["404", "APITimeoutError"]
    assert all(s.status.status_code is StatusCode.ERROR for s in spans.get_finished_spans())


def test_a_stream_that_is_given_up_ends_its_span_as_cancelled(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_stream(*chat_events(["Hello", " you"])[:2])

    async def main() -> None:
        stream = await provider.async_client().chat.completions.create(
            model="gpt-4o-mini", messages=MESSAGES, stream=True
        )
        async for _ in stream:
            break
        await stream.close()

    asyncio.run(main())
    (span,) = finished(spans, provider)
    assert (span.attributes or {})["error.type"] == "cancelled"
    assert (span.attributes or {})["gen_ai.usage.cost.source"] == "estimated"


def test_neither_a_prompt_nor_an_answer_nor_an_error_s_text_gets_into_a_span(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_answer(chat())
    ask(provider.client())
    provider.answers.clear()
    provider.will_answer({"error": {"message": "a secret reason"}}, status=400)
    with pytest.raises(openai.BadRequestError):
        ask(provider.client())
    for span in finished(spans, provider):
        assert "secret" not in span.to_json()


@pytest.mark.servers
def test_without_opentelemetry_calls_are_watched_without_spans(
    pytestconfig: pytest.Config,
) -> None:
    environment = str(pytestconfig.rootpath / "tests" / "environment")
    script = f"""
import sys
sys.path.insert(0, {environment!r})

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
from prometheus_client import CollectorRegistry
from scripted_provider import MESSAGES, Provider, chat, http_of_the_sdk
from vigie.instrument.openai import instrument

provider = Provider(http_of_the_sdk(), CollectorRegistry())
provider.will_answer(chat())
instrument(registry=provider.registry)
provider.client().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
print(provider.outcomes())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("{'ok': 1.0}\n", 0), done.stderr


def test_a_call_in_a_trace_is_an_exemplar_of_its_duration(
    spans: InMemorySpanExporter, provider: Provider
) -> None:
    provider.will_answer(chat())
    ask(provider.client())
    (span,) = finished(spans, provider)
    assert span.context is not None
    text = exposition("application/openmetrics-text; version=1.0.0", provider.registry)[0].decode()
    shown = [line for line in text.splitlines() if " # {" in line]
    assert [line.partition("{")[0] for line in shown] == ["openai_request_duration_seconds_bucket"]
    assert f'# {{trace_id="{span.context.trace_id:032x}"}}' in shown[0]
