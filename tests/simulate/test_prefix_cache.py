from vigie.simulate.prefix_cache import PrefixCache


def prompt(length: int, tail: str = "") -> list[str]:
    return [f"t{n}" for n in range(length)] + ([tail] if tail else [])


def test_a_prompt_seen_before_is_cached_in_steps_of_128_from_1024_on() -> None:
    for length, cached in [(1023, 0), (1024, 1024), (1151, 1024), (1152, 1152), (2006, 1920)]:
        cache = PrefixCache()
        assert cache.use("key", prompt(length), now=0.0) == 0
        assert cache.use("key", prompt(length), now=1.0) == cached


def test_only_the_shared_prefix_is_cached() -> None:
    cache = PrefixCache()
    cache.use("key", [*prompt(1300), "x", *prompt(500)], now=0.0)
    assert cache.use("key", [*prompt(1300), "y", *prompt(500)], now=1.0) == 1280


def test_accounts_share_nothing() -> None:
    cache = PrefixCache()
    cache.use("one", prompt(2000), now=0.0)
    assert cache.use("other", prompt(2000), now=1.0) == 0


def test_ten_minutes_without_use_empty_it() -> None:
    cache = PrefixCache()
    cache.use("key", prompt(2000), now=0.0)
    assert cache.use("key", prompt(2000), now=600.0) == 1920
    assert cache.use("key", prompt(2000), now=1200.1) == 0


def test_it_keeps_no_more_than_its_capacity() -> None:
    cache = PrefixCache(capacity=10)
    for number in range(50):
        cache.use(f"key{number}", prompt(1024), now=0.0)
    assert cache.use("key40", prompt(1024), now=1.0) == 1024
    assert cache.use("key39", prompt(1024), now=1.0) == 0
