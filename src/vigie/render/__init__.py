"""What the engines read: pure functions from catalogue and settings to {path: text}, one file per engine."""
