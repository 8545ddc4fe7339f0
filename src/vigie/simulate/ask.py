"""What a request asks for, whichever of the two APIs it came through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from vigie.simulate.errors import ApiError, unknown_model
from vigie.simulate.fields import Fields
from vigie.simulate.offer import DEPLOYMENTS, MODELS, Model
from vigie.simulate.prices import price_of
from vigie.simulate.tokens import Turn, prompt_tokens

TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for text.

    `prompt` is everything that is read, in tokens. `tier` is the one that will be billed.
    `tool_choice` is auto, none, required or a tool's name. `schema` is the answer's JSON schema;
    `json` asks for JSON without one. `output_limit` is in tokens of each choice.
    """

    model: Model
    requested_model: str
    tier: str
    turns: tuple[Turn, ...]
    prompt: tuple[str, ...]
    stream: bool = False
    choices: int = 1
    output_limit: int | None = None
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    schema: dict[str, Any] | None = None
    json: bool = False
    effort: str = "medium"


def model_asked_for(request: Fields, deployment: str | None, *, embeds: bool) -> tuple[str, Model]:
    """Return the name that was asked for, and the model it stands for.

    `deployment` is the one of Azure's path, which takes the place of the field. Raises `ApiError`:
    400 without a model, 404 for one that is not sold, 403 for one that does something else.
    """
    name = deployment or request.text("model")
    if not name:
        raise ApiError(400, "you must provide a model parameter")
    model = MODELS.get(DEPLOYMENTS.get(name, name) if deployment else name)
    if model is None:
        raise unknown_model(name)
    if model.embeds != embeds:
        kind = "an embedding model" if model.embeds else "a chat model"
        raise ApiError(
            403 if embeds else 404,
            f"`{name}` is {kind} and is not supported at this endpoint.",
            param="model",
        )
    return name, model


def tier_sold(request: Fields, model: Model, day: date) -> str:
    """Return the service tier that a request gets, as the real service answers it.

    Raises `ApiError` 400 for flex where the model is not sold in it; priority falls back to
    default.
    """
    asked = request.choice("service_tier", TIERS) or "auto"
    if asked == "flex":
        if price_of(model.snapshot, "flex", day) is None:
            raise ApiError(
                400,
                f"Flex is not available for the model `{model.name}`.",
                param="service_tier",
                code="invalid_value",
            )
        return "flex"
    if asked in ("priority", "fast") and price_of(model.snapshot, "priority", day) is not None:
        return "priority"
    return "default"


def prompt_within_context(model: Model, turns: tuple[Turn, ...], preamble: str) -> tuple[str, ...]:
    """Return the prompt's tokens; raises `ApiError` 400 where the model cannot hold them."""
    prompt = tuple(prompt_tokens(turns, preamble))
    if len(prompt) > model.context_tokens:
        raise ApiError(
            400,
            f"This model's maximum context length is {model.context_tokens} tokens. However, your "
            f"messages resulted in {len(prompt)} tokens. Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        )
    return prompt
