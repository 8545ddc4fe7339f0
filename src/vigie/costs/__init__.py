"""What tokens cost, and what becomes of it.

- `usage` counts tokens, `prices` knows what they cost and since when, `own_prices` what a user says
  they cost, `money` carries an amount with its currency and its confidence, `estimate` guesses the
  tokens of an answer that was interrupted.
- `priced_call` is one call with its price, and `ledger` keeps it.
- `day`, `usual_day`, `projection`, `tally`, `today`: what a day has cost and will have cost;
  `budget` and `guard` hold it to a limit.
- `report` and `amounts` tell people and programs; `invoice` and `reconcile` hold the provider's
  invoice against the ledger.

Money is Decimal throughout, a forecast is not money. A model without a known price has no price,
never a price of 0.
"""
