"""The search in the training documents: SQLite's full-text index, ranked by BM25.

A document is a Markdown file: a title, a line of keywords in both languages, so that a question in
one finds a document in the other, and sections. A search finds passages; a passage is one section.
"""

import re
import sqlite3
import unicodedata
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

DOCUMENTS = Path(__file__).with_name("documents")


@dataclass(frozen=True, slots=True)
class Passage:
    """One section of a document. `document` is the file's name without `.md`."""

    document: str
    title: str
    keywords: str
    heading: str
    text: str


class Library:
    """The passages of a folder of documents, indexed in memory.

    Case and diacritics make no difference, nor do most endings: `recuperer` finds `récupération`.
    """

    def __init__(self, folder: Path = DOCUMENTS) -> None:
        self._passages = [p for path in sorted(folder.glob("*.md")) for p in passages(path)]
        self._words = [_PassageWords(passage) for passage in self._passages]
        # Written here and only read after that, so any thread may search.
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, keywords, heading, text,"
            " tokenize = 'unicode61 remove_diacritics 2', prefix = '3 4 5')"
        )
        self._index.executemany(
            "INSERT INTO passages (rowid, title, keywords, heading, text) VALUES (?, ?, ?, ?, ?)",
            [(row, p.title, p.keywords, p.heading, p.text) for row, p in enumerate(self._passages)],
        )

    def search(self, question: str, limit: int = 3) -> list[Passage]:
        """The passages that answer best, at most `limit`; none where nothing is relevant."""
        stems = _stems(question)
        if not stems:
            return []
        # A stem is letters and digits in quotes: whatever was asked, it is never FTS5 syntax.
        query = " OR ".join(f'"{stem}"*' for stem in stems)
        rows = self._index.execute(
            "SELECT rowid FROM passages WHERE passages MATCH ?"
            " ORDER BY bm25(passages, 4, 3, 3, 1) LIMIT ?",
            (query, 4 * limit),
        )
        relevant = (row for (row,) in rows if self._words[row].are_about(stems))
        return [self._passages[row] for row in islice(relevant, limit)]


def passages(path: Path) -> list[Passage]:
    """The sections of a document."""
    head, *sections = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    title, _, keywords = head.partition("\n")
    return [
        Passage(
            document=path.stem,
            title=title.removeprefix("#").strip(),
            keywords=keywords.strip().partition(":")[2].strip(),
            heading=heading.strip(),
            text=text.strip(),
        )
        for heading, _, text in (section.partition("\n") for section in sections)
    ]


class _PassageWords:
    """The words of a passage, to tell whether it is about a question or just shares a word."""

    def __init__(self, passage: Passage) -> None:
        self._subject = set(_words(f"{passage.title} {passage.keywords} {passage.heading}"))
        self._all = self._subject.union(_words(passage.text))

    def are_about(self, stems: list[str]) -> bool:
        """Two of the question's words are enough, or half of them; one of the subject is two."""
        shared = 0
        for stem in stems:
            shared += any(word.startswith(stem) for word in self._subject)
            shared += any(word.startswith(stem) for word in self._all)
        return shared >= 2 or 2 * shared >= len(stems)


def _stems(question: str) -> list[str]:
    """The question's telling words, cut to where their endings begin, each once."""
    words = (word for word in _words(question) if word not in _TELL_NOTHING)
    return list(dict.fromkeys(_stem(word) for word in words if len(word) > 1))[:20]


def _stem(word: str) -> str:
    if len(word) > 3:
        word = word.rstrip("sx") or word
    return word[:-2] if len(word) > 5 else word


def _words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", plain)


_FRENCH_FILLERS = """
ai au aussi aux avec avoir bien bonjour ca ce ces cette combien comment dans de des dire dois doit
donc du elle en est et etre faire fait faut il ils je la le les leur lui ma mais me mes moi mon ne
nos notre nous on ou par pas peu peut peux plus pour pourquoi quand que quel quelle quelles quels
qui quoi sa sans se ses si son sont suis sur ta te tes toi ton tous tout toute tres trop tu un une
va vais veux vos votre vous
"""
_ENGLISH_FILLERS = """
about after all also am an and any are as at be been before but by can could did do does for from
get give go good had has have hello hi how if in into is it its just know like make many me more
much my no not of often on or our out please should so some tell than that the their them then
there these they this to too up us was we were what when where which who why will with would you
your
"""
_TELL_NOTHING = frozenset(_FRENCH_FILLERS.split()) | frozenset(_ENGLISH_FILLERS.split())
