"""Rendered files in a folder: all of them or none, and nothing of somebody else's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.render.header import HEADER, SENTENCE
from vigie.stack.errors import StackError
from vigie.stack.rendered import changes, write

FILES = {"a.yml": f"{HEADER}a: 1\n", "deep/b.json": f'{{\n  "description": "{SENTENCE}"\n}}\n'}


def there(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_written_is_there_and_then_nothing_differs(tmp_path: Path) -> None:
    write(changes(tmp_path, FILES))
    assert there(tmp_path) == FILES
    assert changes(tmp_path, FILES) == []


def test_a_difference_is_shown_as_people_read_it(tmp_path: Path) -> None:
    write(changes(tmp_path, FILES))
    (change,) = changes(tmp_path, FILES | {"a.yml": f"{HEADER}a: 2\n"})
    assert list(change.difference()) == [
        f"--- {tmp_path}/a.yml\n",
        f"+++ {tmp_path}/a.yml\n",
        "@@ -1,2 +1,2 @@\n",
        f" {HEADER}",
        "-a: 1\n",
        "+a: 2\n",
    ]
    new, *_ = changes(tmp_path / "elsewhere", FILES)
    assert next(new.difference()) == "--- /dev/null\n"


def test_a_file_that_is_no_longer_rendered_goes_if_it_says_that_it_was(tmp_path: Path) -> None:
    write(changes(tmp_path, FILES | {"deep/er/old.yml": HEADER, "old.md": f"<!-- {SENTENCE} -->"}))
    (tmp_path / "start.py").write_text("# Starts what `vigie render` wrote.\n", encoding="utf-8")
    (tmp_path / "deep" / "mine.yml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "deep" / "picture.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "copy.yml").write_text(HEADER, encoding="utf-8")
    (tmp_path / "link.yml").symlink_to(tmp_path / "mine" / "copy.yml")
    changed = changes(tmp_path, FILES)
    assert {(str(one.path.relative_to(tmp_path)), one.after) for one in changed} == {
        ("deep/er/old.yml", None),
        ("old.md", None),
    }
    write(changed)
    assert changes(tmp_path, FILES) == []
    assert (tmp_path / "start.py").is_file()
    assert (tmp_path / "mine" / "copy.yml").is_file()
    assert (tmp_path / "link.yml").is_symlink()


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    write(changes(tmp_path, FILES))
    before = there(tmp_path)
    (tmp_path / "in the way").mkdir()
    new = {name: f"{text}# more\n" for name, text in FILES.items()} | {"in the way": HEADER}
    with pytest.raises(StackError) as failed:
        write(changes(tmp_path, new))
    assert str(failed.value) == (
        f"cannot write {tmp_path}/in the way: Is a directory\n"
        "make room or give access there, or name another folder: --out DIR"
    )
    assert there(tmp_path) == before
