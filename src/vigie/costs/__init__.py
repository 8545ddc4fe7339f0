"""From usage to money: prices with their source and date, currency, confidence."""
