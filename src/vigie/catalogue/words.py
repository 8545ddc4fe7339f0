"""Text that users read, in the product's two languages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The same words in English and in French."""

    en: str
    fr: str
