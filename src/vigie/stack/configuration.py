"""What the engines read: a folder that is written beside the one in use, checked, and exchanged.

Whoever was told something wrong gets the old folder back, for which no room on the disk is needed.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie.render import alertmanager, prometheus
from vigie.stack import commands
from vigie.stack.binaries import Executable
from vigie.stack.errors import StackError
from vigie.stack.state import State, writing

CHECK_SECONDS = 60.0


_CHECKS = {
    ("prometheus", "promtool"): (prometheus.PATH, "check", "config"),
    ("alertmanager", "amtool"): (alertmanager.PATH, "check-config"),
}
"""Which tool of which engine reads which file, and how."""

Tools = Callable[[str, str, Path], Sequence[str | Path]]
"""Engine, tool, and the folder that it is to read → how it is called; nothing where it is not."""


def tools_of(binaries: Mapping[str, Executable]) -> Tools:
    """The tools that came with the engines' executables."""

    def find(engine: str, tool: str, _: Path) -> Sequence[Path]:
        found = binaries[engine].tool(tool)
        return (found,) if found else ()

    return find


@dataclass(frozen=True, slots=True)
class Draft:
    """New files, not yet in their place."""

    state: State

    @classmethod
    def of(cls, state: State, files: Mapping[str, str], readable: str = "") -> Draft:
        """Write the files (relative path → text). Raises StackError; nothing is left then.

        Containers have users of their own: they can read what is in the folder `readable`.
        """
        draft = cls(state)
        draft.discard()
        try:
            for name, text in files.items():
                state.write(draft.folder / name, text)
            if readable:
                _make_readable(draft.folder / readable)
        except BaseException:
            draft.discard()
            raise
        return draft

    @property
    def folder(self) -> Path:
        """Where the new files are."""
        return self.state.folder / "config.next"

    @property
    def _before(self) -> Path:
        return self.state.folder / "config.before"

    def changes_something(self) -> bool:
        """Whether the files differ from those in use."""
        return _texts(self.folder) != _texts(self.state.config)

    def check(self, tools: Tools, below: str = "") -> None:
        """Have the engines' own tools read the files, in the folder `below`.

        Raises StackError with what they said; whatever runs knows nothing of it yet.
        """
        for (engine, tool), (path, *arguments) in _CHECKS.items():
            command = tools(engine, tool, self.folder)
            if command and (said := _refusal(*command, *arguments, self.folder / below / path)):
                raise StackError(
                    f"{tool} refuses what is to become of {self.state.config / below / path}:\n"
                    + said.replace(f"{self.folder}/", "")
                    + "\nnothing was changed: what runs goes on as it was"
                )

    def take_effect(self) -> None:
        """Put the new files in the place of those in use, which are kept for `put_back`."""
        with writing(self.state.config):
            shutil.rmtree(self._before, ignore_errors=True)
            if self.state.config.exists():
                self.state.config.rename(self._before)
            self.folder.rename(self.state.config)

    def put_back(self) -> None:
        """Undo `take_effect`, as far as it came."""
        if self._before.exists():
            shutil.rmtree(self.state.config, ignore_errors=True)
            self._before.rename(self.state.config)
        self.discard()

    def discard(self) -> None:
        """Forget the new files, or the old ones after `take_effect`."""
        for folder in (self.folder, self._before):
            shutil.rmtree(folder, ignore_errors=True)


def _make_readable(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _texts(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def _refusal(*command: str | Path) -> str:
    """The last lines of a tool that does not end well; nothing of one that cannot be asked."""
    try:
        return commands.refusal(commands.run(command, CHECK_SECONDS))
    except (OSError, subprocess.TimeoutExpired):
        return ""
