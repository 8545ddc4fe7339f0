"""What the provider sells: the models, by the names and dated snapshots of the real service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be asked for.

    `snapshot` is the dated name under which it answers and is billed; a request may use either.
    `released` is the snapshot's day. Sizes are in tokens, limits per minute and account.
    """

    name: str
    snapshot: str
    released: date
    reasons: bool = False
    embeds: bool = False
    dimensions: int = 0
    context_tokens: int = 128_000
    requests_per_minute: int = 10_000
    tokens_per_minute: int = 2_000_000
    owner: str = "system"

    @property
    def created(self) -> int:
        """The snapshot's day, in Unix seconds."""
        return int(datetime.combine(self.released, time(), UTC).timestamp())


_SOLD = (
    Model("gpt-4o", "gpt-4o-2024-08-06", date(2024, 8, 6)),
    Model("gpt-4o-2024-05-13", "gpt-4o-2024-05-13", date(2024, 5, 13)),
    Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", date(2024, 7, 18)),
    Model(
        "gpt-4",
        "gpt-4-0613",
        date(2023, 6, 13),
        context_tokens=8_192,
        tokens_per_minute=300_000,
    ),
    Model("gpt-4-turbo", "gpt-4-turbo-2024-04-09", date(2024, 4, 9)),
    Model("gpt-3.5-turbo", "gpt-3.5-turbo-0125", date(2024, 1, 25), context_tokens=16_385),
    Model("gpt-4.1", "gpt-4.1-2025-04-14", date(2025, 4, 14), context_tokens=1_047_576),
    Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", date(2025, 4, 14), context_tokens=1_047_576),
    Model("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", date(2025, 4, 14), context_tokens=1_047_576),
    Model("o3-mini", "o3-mini-2025-01-31", date(2025, 1, 31), reasons=True, context_tokens=200_000),
    Model("o4-mini", "o4-mini-2025-04-16", date(2025, 4, 16), reasons=True, context_tokens=200_000),
    Model("gpt-5", "gpt-5-2025-08-07", date(2025, 8, 7), reasons=True, context_tokens=400_000),
    Model(
        "gpt-5-mini",
        "gpt-5-mini-2025-08-07",
        date(2025, 8, 7),
        reasons=True,
        context_tokens=400_000,
    ),
    Model(
        "gpt-5-nano",
        "gpt-5-nano-2025-08-07",
        date(2025, 8, 7),
        reasons=True,
        context_tokens=400_000,
    ),
    Model(
        "text-embedding-3-small",
        "text-embedding-3-small",
        date(2024, 1, 25),
        embeds=True,
        dimensions=1536,
        context_tokens=8_192,
    ),
    Model(
        "text-embedding-3-large",
        "text-embedding-3-large",
        date(2024, 1, 25),
        embeds=True,
        dimensions=3072,
        context_tokens=8_192,
    ),
    # Sold here under a contract of its own: no public price list knows it.
    Model("coach-internal-1", "coach-internal-1", date(2026, 1, 15), owner="coaching"),
)

MODELS: dict[str, Model] = {name: m for m in _SOLD for name in (m.name, m.snapshot)}
"""Every model by its name and by its snapshot's name."""

DEPLOYMENTS: dict[str, str] = {
    "coaching-chat": "gpt-4o",
    "coaching-mini": "gpt-4o-mini",
    "coaching-embeddings": "text-embedding-3-small",
}
"""Azure's deployments: a name of the customer's own for a model. A model's name is one too."""
