"""Places in a rotated log: each byte is read once, whatever happens to the files."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.stack.bookmarks import Place, read_on

MUCH = 1 << 20


def rotate(path: Path, backups: int = 2) -> None:
    """As supervisord's handler does."""
    path.with_name(f"{path.name}.{backups}").unlink(missing_ok=True)
    for number in range(backups - 1, 0, -1):
        old = path.with_name(f"{path.name}.{number}")
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))
    path.touch()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rest(path: Path, place: Place | None, most: int = MUCH) -> tuple[str, Place | None]:
    """All whole lines behind a place, and the place behind them."""
    parts = []
    while (piece := read_on(path, place, most)) is not None:
        parts.append(piece.content)
        place = piece.end
    return b"".join(parts).decode(), place


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "x.log"


def test_a_log_that_is_not_there_has_nothing(log: Path) -> None:
    assert read_on(log, None, MUCH) is None


def test_only_whole_lines_are_read_and_each_once(log: Path) -> None:
    append(log, "one\ntw")
    text, place = rest(log, None)
    assert text == "one\n"
    append(log, "o\nthree\n")
    assert rest(log, place)[0] == "two\nthree\n"


def test_a_line_that_rotation_cut_in_two_is_whole(log: Path) -> None:
    append(log, "one\ntw")
    _, place = rest(log, None)
    rotate(log)
    assert rest(log, place)[0] == ""
    append(log, "o\nthree\n")
    assert rest(log, place)[0] == "two\nthree\n"


def test_what_was_rotated_twice_while_nobody_looked_is_read_in_its_order(log: Path) -> None:
    append(log, "1\n")
    _, place = rest(log, None)
    append(log, "2\n")
    rotate(log)
    append(log, "3\n")
    rotate(log)
    append(log, "4\n")
    assert rest(log, place)[0] == "2\n3\n4\n"


def test_when_the_file_of_the_place_is_gone_all_that_is_left_is_new(log: Path) -> None:
    append(log, "1\n")
    _, place = rest(log, None)
    for text in ("2\n", "3\n", "4\n", "5\n"):
        rotate(log)
        append(log, text)
    assert rest(log, place)[0] == "3\n4\n5\n"


def test_another_file_that_got_the_same_number_is_not_taken_for_the_old_one(log: Path) -> None:
    append(log, "first\n")
    _, place = rest(log, None)
    assert place is not None
    log.unlink()
    append(log, "other, and longer\n")
    seen = log.stat()
    same_number = Place(seen.st_dev, seen.st_ino, place.offset, place.known_by, place.checksum)
    assert rest(log, same_number)[0] == "other, and longer\n"
    log.write_text("other\n")  # as long as what was read of the old one
    assert rest(log, same_number)[0] == "other\n"


def test_a_log_that_was_emptied_is_read_from_its_beginning(log: Path) -> None:
    append(log, "a long first line\n")
    _, place = rest(log, None)
    log.write_text("short\n")
    assert rest(log, place)[0] == "short\n"


def test_a_line_longer_than_may_be_read_is_cut(log: Path) -> None:
    append(log, "x" * 25 + "\nshort\n")
    piece = read_on(log, None, 10)
    assert piece is not None
    assert (piece.content, piece.more) == (b"x" * 10, True)
    assert rest(log, piece.end, 10)[0] == "x" * 15 + "\nshort\n"


def test_the_same_size_behind_the_same_place_is_the_same_text_after_rotation(log: Path) -> None:
    append(log, "one\ntwo\nthr")
    piece = read_on(log, None, MUCH)
    assert piece is not None
    rotate(log)
    append(log, "ee\nfour\n")
    again = read_on(log, None, len(piece.content))
    assert again is not None
    assert again.content == piece.content


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.one_of(st.integers(1, 40), st.just("rotate"), st.just("read")), min_size=1, max_size=40
    ),
    most=st.integers(2000, 3000),
)
def test_each_line_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | str], most: int
) -> None:
    log = tmp_path_factory.mktemp("logs") / "x.log"
    log.touch()
    numbers, written, read = count(), "", ""
    place: Place | None = None
    unread_rotations = 0
    for step in [*steps, "read"]:
        if step == "read":
            text, place = rest(log, place, most)
            read += text
            if read == written:  # the beginning of a line is not read yet
                unread_rotations = 0
        elif step == "rotate":
            if unread_rotations < 2:  # a third would throw away what nobody read
                rotate(log)
                unread_rotations += 1
        else:  # an even number of characters is only the beginning of a line
            text = f"{next(numbers):>{step}}" + "\n" * (int(step) % 2)
            append(log, text)
            written += text
    assert read == written[: written.rfind("\n") + 1]
