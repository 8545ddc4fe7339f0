"""The ledger beside the provider's invoice: line by line, what differs and what is missing where.

Both are compared in US dollars, without a rate between; where the invoice lists requests, each is
looked for in the ledger by its id. Pure: an invoice and calls in, a finding and its text out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from decimal import Decimal, localcontext

from vigie.costs.invoice import Billed, BilledRequest, Invoice, Item
from vigie.costs.ledger.reading import LedgerCall
from vigie.costs.money import EXACT, Source
from vigie.costs.priced_call import UNPRICED

MICRO_CENT = Decimal("0.00000001")
"""What is less apart agrees."""

_MOST_SHOWN = 20
_CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one item."""

    billed: Billed
    calls: int = 0
    estimated: int = 0
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One item on both sides; None where a side does not have it."""

    item: Item
    invoice: Billed | None
    ledger: Recorded | None

    @property
    def usd(self) -> Decimal:
        """How much more the ledger says than the invoice."""
        said = self.ledger.billed.usd if self.ledger else Decimal(0)
        with localcontext(EXACT):
            return said - (self.invoice.usd if self.invoice else Decimal(0))

    @property
    def agrees(self) -> bool:
        """Whether both sides say the same, to less than a micro-cent and to the token."""
        if abs(self.usd) >= MICRO_CENT or (self.ledger is not None and self.ledger.unpriced):
            return False
        if self.invoice is None or self.invoice.tokens is None:
            return True
        return self.ledger is not None and self.invoice.tokens == self.ledger.billed.tokens


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of it; `differing` are requests that both sides have and tell differently."""

    invoice: Invoice
    items: Sequence[Comparison]
    missing_in_ledger: Sequence[BilledRequest] = ()
    missing_in_invoice: Sequence[LedgerCall] = ()
    differing: Sequence[tuple[BilledRequest, LedgerCall]] = ()

    @property
    def agrees(self) -> bool:
        """Whether both sides say the same."""
        requests = (self.missing_in_ledger, self.missing_in_invoice, self.differing)
        return all(item.agrees for item in self.items) and not any(requests)


def reconcile(invoice: Invoice, calls: Iterable[LedgerCall]) -> Reconciliation:
    """Compare an invoice with the calls of the ledger in its time."""
    calls = [call for call in calls if invoice.since <= call.at < invoice.until]
    recorded = _by_item(calls, invoice)
    every = sorted(
        {*invoice.items, *recorded}, key=lambda i: (i.day, i.other, i.model, i.operation, i.tier)
    )
    found = Reconciliation(
        invoice, [Comparison(item, invoice.items.get(item), recorded.get(item)) for item in every]
    )
    return found if invoice.requests is None else _with_requests(found, invoice.requests, calls)


def as_text(found: Reconciliation) -> str:
    """What a person reads."""
    invoice = found.invoice
    lines = [f"{invoice.name} beside the ledger, in US dollars", ""]
    width = max([len(str(each.item)) for each in found.items] + [20])
    lines.append(f"{'':<{width}}  {'invoice':>14}  {'ledger':>14}  {'difference':>14}")
    for each in found.items:
        billed = _usd(each.invoice.usd) if each.invoice else "—"
        said = _usd(each.ledger.billed.usd) if each.ledger else "—"
        difference = "" if each.agrees else _signed(each.usd)
        lines.append(f"{each.item!s:<{width}}  {billed:>14}  {said:>14}  {difference:>14}".rstrip())
        lines += [f"    {remark}" for remark in _remarks(each)]
    with localcontext(EXACT):
        billed_usd = sum((b.usd for b in invoice.items.values()), Decimal(0))
        said_usd = sum((e.ledger.billed.usd for e in found.items if e.ledger), Decimal(0))
        difference_usd = said_usd - billed_usd
    lines.append(
        f"{'Total':<{width}}  {_usd(billed_usd):>14}  {_usd(said_usd):>14}  "
        f"{_signed(difference_usd):>14}"
    )
    lines += _requests(found)
    lines.append("")
    if found.agrees:
        lines.append("They agree, to the last micro-cent.")
    elif abs(difference_usd) < MICRO_CENT:
        lines.append("They differ, though the totals agree.")
    else:
        share = f" ({difference_usd / billed_usd:+.2%})" if billed_usd else ""
        side = "more" if difference_usd > 0 else "less"
        lines.append(f"They differ: the ledger says {_usd(abs(difference_usd))} {side}{share}.")
    return "\n".join(lines) + "\n"


def _by_item(calls: Iterable[LedgerCall], invoice: Invoice) -> dict[Item, Recorded]:
    # A call around midnight is of the day that the invoice says, where it lists requests.
    days = {
        id_: request.at.date()
        for request in invoice.requests or ()
        for id_ in (request.response_id, request.request_id)
        if id_
    }
    found: dict[Item, Recorded] = {}
    for call in calls:
        item = Item(
            days.get(call.response_id, call.at.astimezone(UTC).date()),
            call.model,
            call.service_tier or "default",
            call.operation if invoice.by_operation else "",
        )
        before = found.get(item, Recorded(Billed(Decimal(0), (0, 0, 0, 0))))
        with localcontext(EXACT):
            usd = before.billed.usd + (call.usd or Decimal(0))
        tokens = before.billed.tokens or (0, 0, 0, 0)
        more = _tokens(call)
        found[item] = Recorded(
            Billed(
                usd,
                (
                    tokens[0] + more[0],
                    tokens[1] + more[1],
                    tokens[2] + more[2],
                    tokens[3] + more[3],
                ),
            ),
            before.calls + 1,
            before.estimated + (call.source == Source.ESTIMATED),
            before.unpriced + (call.source == UNPRICED),
        )
    return found


def _with_requests(
    found: Reconciliation, requests: Sequence[BilledRequest], calls: Sequence[LedgerCall]
) -> Reconciliation:
    by_id = {call.response_id: call for call in calls if call.response_id}
    missing: list[BilledRequest] = []
    differing: list[tuple[BilledRequest, LedgerCall]] = []
    known = set()
    for request in requests:
        call = by_id.get(request.response_id) or by_id.get(request.request_id)
        if call is None:
            missing.append(request)
            continue
        known.add(call.response_id)
        apart = abs((call.usd or Decimal(0)) - request.billed.usd)
        if call.usd is None or apart >= MICRO_CENT or request.billed.tokens != _tokens(call):
            differing.append((request, call))
    listed_since = found.invoice.since
    if found.invoice.left_off:
        # Calls of the time of the requests that are left off are no finding.
        listed_since = min((r.at for r in requests), default=found.invoice.until) + _CLOCKS_APART
    unknown = [c for c in calls if c.response_id not in known and c.at >= listed_since]
    return replace(
        found, missing_in_ledger=missing, missing_in_invoice=unknown, differing=differing
    )


def _tokens(call: LedgerCall) -> tuple[int, int, int, int]:
    usage = call.usage
    return usage.input, usage.output, usage.cached_input, usage.reasoning


def _remarks(each: Comparison) -> list[str]:
    if each.ledger is None:
        what = "is no call that Vigie watches" if each.item.other else "is missing in the ledger"
        return [f"this {what}"]
    remarks = []
    if each.invoice is None:
        remarks.append("this is missing in the invoice")
    elif each.invoice.tokens is not None and each.invoice.tokens != each.ledger.billed.tokens:
        remarks.append(
            f"tokens: {_told(each.invoice.tokens)} in the invoice, "
            f"{_told(each.ledger.billed.tokens)} in the ledger"
        )
    if each.ledger.unpriced:
        remarks.append(f"{each.ledger.unpriced} of {each.ledger.calls} calls have no price")
    if each.ledger.estimated and not each.agrees:
        remarks.append(f"{each.ledger.estimated} of {each.ledger.calls} calls are estimated")
    return remarks


def _requests(found: Reconciliation) -> list[str]:
    if found.invoice.requests is None:
        return []
    lines = []
    if found.invoice.left_off:
        lines += ["", f"The invoice leaves off its first {found.invoice.left_off} requests."]
    lines += _listed(
        "Missing in the ledger",
        [
            f"{r.response_id or r.request_id}  {r.model}  {_usd(r.billed.usd)}  {r.outcome}"
            for r in found.missing_in_ledger
        ],
    )
    lines += _listed(
        "Missing in the invoice",
        [
            f"{c.response_id or '(no id)'}  {c.model}  {_call_usd(c)}  {c.source}, {c.outcome}"
            for c in found.missing_in_invoice
        ],
    )
    lines += _listed(
        "Told differently",
        [
            f"{r.response_id or r.request_id}  {r.model}  {_usd(r.billed.usd)} for "
            f"{_told(r.billed.tokens)} in the invoice, {_call_usd(c)} for {_told(_tokens(c))} "
            f"in the ledger ({c.source})"
            for r, c in found.differing
        ],
    )
    return lines


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    left = len(lines) - _MOST_SHOWN
    more = [f"  … and {left} more"] if left > 0 else []
    shown = [f"  {line}" for line in lines[:_MOST_SHOWN]]
    return ["", f"{title}: {len(lines)}", *shown, *more]


def _told(tokens: tuple[int, int, int, int] | None) -> str:
    if tokens is None:
        return "unknown tokens"
    return "{} in, {} out, {} cached, {} reasoning".format(*tokens)


def _call_usd(call: LedgerCall) -> str:
    return "no price" if call.usd is None else _usd(call.usd)


def _usd(amount: Decimal) -> str:
    return f"{amount:.8f}"


def _signed(amount: Decimal) -> str:
    return f"{amount:+.8f}"
