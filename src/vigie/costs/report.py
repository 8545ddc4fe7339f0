"""What `vigie costs` says: spend in a period by one word, for people and for programs.

Pure but for the ledger that it reads: rows in, text out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from vigie.costs.amounts import confidence, share, whole_number, written
from vigie.costs.day import day_of, start_of_last_days
from vigie.costs.ledger.reading import QUARTER_US, By, Ledger, Spend
from vigie.costs.money import Currency, Source
from vigie.costs.priced_call import UNPRICED
from vigie.costs.projection import Score, backtest
from vigie.costs.tally import added, worth
from vigie.costs.today import Today, Watch

Word = Literal["model", "feature", "user", "service", "day"]
WORDS: tuple[Word, ...] = get_args(Word)

_MOST_LINES = 30
_SCORED_DAYS = 28
_FEWEST_SCORED = 7
_LABEL_WIDTH = 36
_LEAST_BAR = 4
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Line:
    """What was spent on one model, feature, user or service, or on one day."""

    label: str
    spends: tuple[Spend, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was spent from `since` up to `until`, in `currency`.

    `lines` is by `word`: days in their order, all else the dearest first. `unpriced` names models
    without a price, with their calls. `score` says how far the projection has been off at this time
    of day, where there are days enough to tell.
    """

    word: Word
    since: datetime
    until: datetime
    zone: ZoneInfo
    currency: Currency
    lines: Sequence[Line]
    unpriced: Mapping[str, int]
    now: datetime
    today: Today
    limits: Mapping[str, float]
    score: Score | None

    @property
    def spends(self) -> tuple[Spend, ...]:
        """All of it, by source and currency."""
        return _together(spend for line in self.lines for spend in line.spends)


def report(
    ledger: Ledger,
    word: Word,
    period: timedelta,
    *,
    now: datetime,
    zone: ZoneInfo,
    currency: Currency,
    limits: Mapping[str, float],
) -> Report:
    """The report of the last `period`: so many days of the calendar, of which today is one, or a
    time span that is not of whole days. `limits` are the budgets of a day, by name."""
    since, until = _bounds(period, now, zone)
    watch = Watch(zone, currency)
    today = watch.look(ledger, now, limits)
    hour = today.day.seconds_until(now) / 3600
    scores = backtest(watch.past, zone, [hour], _SCORED_DAYS) if today.projection else []
    models = ledger.shares("model", since, until)
    lines = (
        _days(ledger, since, until, zone)
        if word == "day"
        else _lines(word, ledger, since, until, currency)
    )
    return Report(
        word=word,
        since=since,
        until=until,
        zone=zone,
        currency=currency,
        lines=lines,
        unpriced={each.label: each.spend.calls for each in models if each.spend.source == UNPRICED},
        now=now,
        today=today,
        limits=limits,
        score=scores[0] if scores and scores[0].days >= _FEWEST_SCORED else None,
    )


def as_text(found: Report, width: int = 80) -> str:
    """The report for a person, in lines of at most `width` columns where words allow it."""
    code, spends = found.currency.code, found.spends
    since = found.since.astimezone(found.zone)
    head = f"OpenAI costs since {since:%Y-%m-%d %H:%M} ({found.zone.key})"
    if not spends:
        longer = "vigie costs --since 30d looks further back."
        return f"{head}\n\nNo call was recorded in that time.\n{longer}\n"
    calls, tokens = sum(s.calls for s in spends), sum(s.tokens for s in spends)
    whole = worth(spends, found.currency)
    parts = [
        head,
        "",
        f"{written(whole, code)} {confidence(spends, found.currency)}",
        f"{whole_number(calls)} {'call' if calls == 1 else 'calls'}, {whole_number(tokens)} tokens",
        "",
        *_chart(found, whole, width),
        "",
        *_today(found),
        *_notes(found, spends),
    ]
    return "\n".join(part.rstrip() for part in parts) + "\n"


def as_json(found: Report) -> str:
    """The report for a program: exact amounts as strings, times in ISO 8601 and UTC."""
    today, projection = found.today, found.today.projection
    document = {
        "since": found.since.astimezone(UTC).isoformat(),
        "until": found.until.astimezone(UTC).isoformat(),
        "time_zone": found.zone.key,
        "currency": found.currency.code,
        "by": found.word,
        "total": _figures(found.spends, found.currency),
        "lines": [
            {found.word: line.label, **_figures(line.spends, found.currency)}
            for line in found.lines
        ],
        "unpriced_models": dict(found.unpriced),
        "today": {
            "date": today.day.date.isoformat(),
            **_figures(today.spends, found.currency),
            "projected": projection
            and {"0.1": projection.low, "0.5": projection.middle, "0.9": projection.high},
            "usual_error_ratio": found.score and found.score.usual_error,
            "budgets": {
                level: {
                    "limit": limit,
                    "runs_out": (at := today.runs_out.get(level))
                    and at.astimezone(UTC).isoformat(timespec="seconds"),
                }
                for level, limit in found.limits.items()
            },
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_csv(found: Report) -> str:
    """The lines as CSV: a header, exact amounts with a point."""
    out = io.StringIO()
    rows: list[dict[str, Any]] = []
    for line in found.lines:
        figures = _figures(line.spends, found.currency)
        by_source = figures.pop("by_source")
        rows.append({found.word: line.label, **figures, **by_source})
    usual = {found.word: "", **_figures((), found.currency)}
    usual |= usual.pop("by_source")
    writer = csv.DictWriter(out, list(usual), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _bounds(period: timedelta, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # A clock that was ahead has recorded calls of later today.
    until = day_of(now, zone).end
    whole_days = period // timedelta(days=1)
    if whole_days >= 1 and period == timedelta(days=whole_days):
        return start_of_last_days(whole_days, now, zone), until
    return now - period, until


def _lines(
    by: By, ledger: Ledger, since: datetime, until: datetime, currency: Currency
) -> list[Line]:
    spends: dict[str, list[Spend]] = {}
    for each in ledger.shares(by, since, until):
        spends.setdefault(each.label, []).append(each.spend)
    lines = [Line(label, tuple(found)) for label, found in spends.items()]
    return sorted(lines, key=lambda line: (-worth(line.spends, currency), line.label))


def _days(ledger: Ledger, since: datetime, until: datetime, zone: ZoneInfo) -> list[Line]:
    """Each day, also those without a call, the first from `since` on."""
    spends: dict[date, list[Spend]] = {}
    quarters, _ = ledger.quarters(since, until)
    for quarter in quarters:
        spends.setdefault(day_of(quarter.start, zone).date, []).append(quarter.spend)
    if not spends:
        return []
    first = day_of(since, zone).date
    count = (day_of(until - timedelta(microseconds=QUARTER_US), zone).date - first).days + 1
    days = (first + timedelta(days=n) for n in range(count))
    return [Line(on.isoformat(), _together(spends.get(on, ()))) for on in days]


def _together(spends: Any) -> tuple[Spend, ...]:
    sums: dict[tuple[str, str], Spend] = {}
    for spend in spends:
        key = (spend.source, spend.currency)
        sums[key] = added(sums[key], spend) if key in sums else spend
    return tuple(sums[key] for key in sorted(sums))


def _chart(found: Report, whole: Decimal, width: int) -> list[str]:
    code = found.currency.code
    shown = list(found.lines)
    if found.word != "day" and len(shown) > _MOST_LINES:
        others = shown[_MOST_LINES - 1 :]
        rest = _together(spend for line in others for spend in line.spends)
        shown = [*shown[: _MOST_LINES - 1], Line(f"{len(others)} others", rest)]
    amounts = [worth(line.spends, found.currency) for line in shown]
    labels = [_shortened(line.label or f"(no {found.word})") for line in shown]
    figures = [
        written(amount, code) if _priced(line.spends) else "no price"
        for line, amount in zip(shown, amounts, strict=True)
    ]
    shares = [
        share(amount, whole) if _priced(line.spends) else ""
        for line, amount in zip(shown, amounts, strict=True)
    ]
    columns = [max(map(len, column)) for column in (labels, figures, shares)]
    room = max(width - sum(columns) - 6, _LEAST_BAR)
    dearest = max(amounts)
    lines = [f"by {found.word}"]
    for label, figure, part, amount in zip(labels, figures, shares, amounts, strict=True):
        bar = _bar(amount / dearest if dearest else Decimal(0), room)
        lines.append(
            f"{label:<{columns[0]}}  {figure:>{columns[1]}}  {part:>{columns[2]}}  {bar}".rstrip()
        )
    return lines


def _priced(spends: Sequence[Spend]) -> bool:
    """Whether there is an amount to tell: what has no price is not free."""
    return not spends or any(spend.source != UNPRICED for spend in spends)


def _bar(part: Decimal, room: int) -> str:
    eighths = round(part * room * 8)
    if part and not eighths:
        eighths = 1
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_WIDTH else f"{label[: _LABEL_WIDTH - 1]}…"


def _today(found: Report) -> list[str]:
    today, currency = found.today, found.currency
    code = currency.code
    line = f"Today      {written(worth(today.spends, currency), code)}"
    if (projection := today.projection) is not None:
        low, middle, high = (
            written(Decimal(str(round(value, 2))), code)
            for value in (projection.low, projection.middle, projection.high)
        )
        line += f", by midnight {middle} (likely {low} to {high}"
        if found.score is not None:
            line += f"; usual error ±{found.score.usual_error * 100:.0f} %"
        line += ")"
    lines = [line]
    for level, limit in found.limits.items():
        at = today.runs_out.get(level)
        if at is None:
            state = "should last" if today.projection is not None else "not reached"
        else:
            verb = "was spent" if at <= found.now else "will be spent"
            state = f"{verb} at {at.astimezone(found.zone):%H:%M}"
        budget = written(Decimal(str(limit)), code)
        lines.append(f"{level.capitalize():<10} {budget} a day: {state}")
    return lines


def _notes(found: Report, spends: Sequence[Spend]) -> list[str]:
    lines = []
    if found.unpriced:
        named = ", ".join(f"{model} ({calls})" for model, calls in list(found.unpriced.items())[:5])
        more = ", …" if len(found.unpriced) > 5 else ""
        lines += [
            "",
            f"No price is known for {named}{more}.",
            "Add one under prices:, or name the model under aliases:, in vigie.yml.",
        ]
    for code in sorted({s.currency for s in spends if s.source != UNPRICED}):
        if code != found.currency.code:
            there = sum((s.amount for s in spends if s.currency == code), Decimal(0))
            lines += [
                "",
                f"{written(there, code)} were recorded in {code}; they are told at today's rate.",
            ]
    return lines


def _figures(spends: Sequence[Spend], currency: Currency) -> dict[str, Any]:
    by_source = {
        source.value: _exact(worth([s for s in spends if s.source == source], currency))
        for source in Source
    }
    unpriced = [spend for spend in spends if spend.source == UNPRICED]
    return {
        "amount": _exact(worth(spends, currency)),
        "currency": currency.code,
        "by_source": by_source,
        "calls": sum(spend.calls for spend in spends),
        "tokens": sum(spend.tokens for spend in spends),
        "unpriced_calls": sum(spend.calls for spend in unpriced),
        "unpriced_tokens": sum(spend.tokens for spend in unpriced),
    }


def _exact(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"
