import random
from statistics import median

from vigie.simulate.latencies import draw_pace
from vigie.simulate.offer import MODELS


def typical_seconds(model: str, tokens: int = 100, tier: str = "default") -> float:
    rng = random.Random(1)
    paces = [draw_pace(MODELS[model], tier, rng) for _ in range(500)]
    return median(pace.first_token + tokens * pace.per_token for pace in paces)


def test_gpt_4_is_slower_than_the_mini_models() -> None:
    assert typical_seconds("gpt-4") > 2 * typical_seconds("gpt-4o")
    assert typical_seconds("gpt-4o") > typical_seconds("gpt-4o-mini")


def test_priority_is_faster_and_flex_is_slower() -> None:
    default = typical_seconds("gpt-5")
    assert typical_seconds("gpt-5", tier="priority") < default
    assert typical_seconds("gpt-5", tier="flex") > default


def test_the_same_seed_draws_the_same_pace() -> None:
    model = MODELS["gpt-4o"]
    draws = [[draw_pace(model, "default", random.Random(s)) for s in range(9)] for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) == 9


def test_the_mini_models_stay_well_under_three_seconds() -> None:
    rng = random.Random(1)
    paces = [draw_pace(MODELS["gpt-4o-mini"], "default", rng) for _ in range(1000)]
    seconds = sorted(pace.first_token + 120 * pace.per_token for pace in paces)
    assert seconds[950] < 2.0


def test_every_model_has_a_pace() -> None:
    for model in MODELS.values():
        assert draw_pace(model, "default", random.Random(1)).first_token > 0
