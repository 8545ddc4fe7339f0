"""What tokens cost.

`usage` counts them, `prices` knows what they cost and since when, `money` carries an amount with
its currency and its confidence, `estimate` guesses the tokens of an answer that was interrupted.
Money is Decimal throughout; a model without a known price has no price, never a price of 0.
"""
