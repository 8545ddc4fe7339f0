"""The search in the training documents."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def retrieval(module_of: Callable[[str, str], ModuleType]) -> Any:
    return module_of("api", "retrieval")


@pytest.fixture
def library(retrieval: Any) -> Any:
    return retrieval.Library()


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("Combien d'heures dois-je dormir ?", "sommeil-recuperation"),
        ("How many sets and reps should I do?", "strength-basics"),
        ("j'ai mal au genou quand je cours", "prevention-blessures"),
        ("plan pour un semi-marathon", "half-marathon"),
        ("What should I eat after training?", "nutrition-effort"),
        ("boire quand il fait chaud", "hydration"),
    ],
)
def test_a_question_finds_the_document_about_it(library: Any, question: str, document: str) -> None:
    assert library.search(question)[0].document == document


@pytest.mark.parametrize(
    "question",
    [
        "Quelle est la capitale du Japon ?",
        "What is the price of bitcoin today?",
        "Quel temps fait-il à Paris demain ?",
        "écris-moi un poème sur la mer",
        "best python web framework",
        "",
        "?!",
    ],
)
def test_a_question_about_something_else_finds_nothing(library: Any, question: str) -> None:
    assert library.search(question) == []


def test_case_and_diacritics_make_no_difference(library: Any) -> None:
    found = library.search("récupération")
    assert found
    assert library.search("RECUPERATION") == found
    assert library.search("re\N{COMBINING ACUTE ACCENT}cupération") == found


def test_another_ending_finds_the_same(library: Any) -> None:
    assert library.search("récupérer") == library.search("récupération")
    assert library.search("squats")[0].document == "technique-squat"


def test_no_more_passages_are_found_than_asked_for(library: Any) -> None:
    assert len(library.search("muscles")) == 3
    assert len(library.search("muscles", limit=1)) == 1


@pytest.mark.parametrize(
    "question",
    ['"', "squat*", 'title:"squat"', "NEAR(a b)", "-squat", "a AND OR NOT", "(", "'; DROP TABLE"],
)
def test_the_syntax_of_the_index_is_only_words_to_the_search(library: Any, question: str) -> None:
    library.search(question)
    assert library.search("squat")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=200))
def test_no_question_breaks_the_search(library: Any, question: str) -> None:
    assert len(library.search(question)) <= 3


def test_each_document_has_a_title_keywords_and_sections(retrieval: Any) -> None:
    documents = sorted(retrieval.DOCUMENTS.glob("*.md"))
    assert len(documents) >= 12
    for document in documents:
        passages = retrieval.passages(document)
        assert len(passages) >= 2, document
        for passage in passages:
            assert passage.title, document
            assert len(passage.keywords.split(",")) >= 3, document
            assert passage.heading, document
            assert len(passage.text) > 80, document


def test_a_library_reads_the_folder_that_it_is_given(retrieval: Any, tmp_path: Path) -> None:
    (tmp_path / "vélo.md").write_text(
        "# Le vélo\n\nMots-clés / Keywords: cyclisme, cycling\n\n## La selle\nRéglez sa hauteur.\n",
        encoding="utf-8",
    )
    assert retrieval.Library(tmp_path).search("cyclisme") == [
        retrieval.Passage(
            document="vélo",
            title="Le vélo",
            keywords="cyclisme, cycling",
            heading="La selle",
            text="Réglez sa hauteur.",
        )
    ]
