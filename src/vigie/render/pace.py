"""How fast the rules go: by the clock, or so many times faster for drills and tests."""

import re
from dataclasses import dataclass
from datetime import timedelta

from vigie.settings import Settings
from vigie.settings.quantities import duration, written_duration

FAST = timedelta(seconds=1)
"""How often is scraped in drills and tests."""

SCRAPES_IN_A_WINDOW = 4
"""A rate over fewer is one missed scrape away from nothing."""

# Quoted strings are passed over; a colon stands before the step of a subquery.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|(:?)(?<![\w.])(\d+(?:ms|[smhdwy]))(?!\w)')


@dataclass(frozen=True, slots=True)
class Pace:
    """Every duration is divided by `factor`; `scrape_interval` is what comes of it for scrapes."""

    factor: float
    scrape_interval: timedelta

    @classmethod
    def of(cls, settings: Settings, factor: float = 1) -> "Pace":
        """The pace of a stack that goes `factor` times faster. Raises ValueError below 1."""
        if factor < 1:
            raise ValueError(f"the rules cannot go {factor} times faster: 1 is by the clock")
        return cls(factor, settings.scrape_interval / factor)

    @classmethod
    def fast(cls, settings: Settings) -> "Pace":
        """The pace of drills and tests; by the clock where that is fast enough."""
        return cls.of(settings, max(1.0, settings.scrape_interval / FAST))

    def written(self, span: timedelta) -> str:
        """A time span at this pace, as Prometheus reads it: 2m."""
        return written_duration(span / self.factor)

    def expression(self, promql: str) -> str:
        """PromQL at this pace. A window, and the offset by it, is at least four scrapes long."""

        def slower_or_faster(match: re.Match[str]) -> str:
            colon, text = match[1], match[2]
            if text is None:
                return match[0]
            least = self.scrape_interval * (1 if colon else SCRAPES_IN_A_WINDOW)
            return colon + written_duration(max(duration(text) / self.factor, least))

        return _TOKEN.sub(slower_or_faster, promql)
