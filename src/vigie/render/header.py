"""The first line of each rendered file, by which it is known as one."""

SENTENCE = "Written by `vigie render` from the catalogue and vigie.yml: change those instead."

HEADER = f"# {SENTENCE}\n"

_MARK = SENTENCE.split(" from ", maxsplit=1)[0]
_LINES = 3


def is_ours(text: str) -> bool:
    """Whether a file says at its beginning that it was rendered, so that it may be removed."""
    return any(_MARK in line for line in text.splitlines()[:_LINES])
