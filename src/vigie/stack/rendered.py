"""Rendered files in a folder: what differs from it, and how it becomes what was rendered.

All of it is written or nothing: first beside the files, then in their place. A file that is no
longer rendered is removed, if it says itself that it was.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie.render.header import is_ours
from vigie.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is not as it was rendered. None: it is not there, or is to go."""

    path: Path
    before: str | None
    after: str | None

    def difference(self) -> Iterator[str]:
        """The lines of a unified diff, each with its end."""
        before, after = (
            (text or "").splitlines(keepends=True) for text in (self.before, self.after)
        )
        was, will_be = (
            str(self.path) if text is not None else os.devnull for text in (self.before, self.after)
        )
        for line in difflib.unified_diff(before, after, was, will_be):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"


def changes(folder: Path, files: Mapping[str, str]) -> list[Change]:
    """What differs in `folder` from `files` (relative path → text), in their order.

    Raises StackError for a file that cannot be read.
    """
    found = [Change(folder / name, _read(folder / name), text) for name, text in files.items()]
    known = {change.path for change in found}
    stale = [
        Change(path, text, None)
        for path in sorted(_neighbours(folder, files) - known)
        if (text := _read(path)) is not None and is_ours(text)
    ]
    return [change for change in (*found, *stale) if change.before != change.after]


def write(changed: Sequence[Change]) -> None:
    """Make every change, or none. Raises StackError."""
    drafts = {
        change.path: change.path.with_name(f".{change.path.name}.{os.getpid()}")
        for change in changed
        if change.after is not None
    }
    at = Path()
    try:
        for change in changed:
            at = change.path
            if change.after is not None:
                at.parent.mkdir(parents=True, exist_ok=True)
                if at.is_dir():
                    raise IsADirectoryError(21, os.strerror(21), str(at))
                drafts[at].write_text(change.after, encoding="utf-8")
        for change in changed:
            at = change.path
            if change.after is None:
                at.unlink()
            else:
                drafts[at].replace(at)
    except OSError as error:
        raise StackError(
            f"cannot write {at}: {error.strerror}\n"
            "make room or give access there, or name another folder: --out DIR"
        ) from error
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _neighbours(folder: Path, files: Mapping[str, str]) -> set[Path]:
    """The files beside those that are rendered: an earlier rendering may have left some there."""
    tops = {Path(name).parts[0] for name in files if "/" in name}
    found = {path for top in tops for path in (folder / top).rglob("*")}
    if any("/" not in name for name in files):
        found |= set(folder.glob("*"))
    return {path for path in found if path.is_file() and not path.is_symlink()}


def _read(path: Path) -> str | None:
    """The file's text; None where there is no file, and an empty one where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise StackError(f"cannot read {path}: {error.strerror}\ngive access there") from error
