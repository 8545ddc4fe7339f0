"""The streams that there are: labels, and the number by which the lines name them.

`streams.jsonl` has one line for each, in the order of the numbers; it is on disk before the first
line that names a new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from vigie.store.logql.regexes import predicate
from vigie.store.logql.tree import Matcher
from vigie.store.segments.folder import replace
from vigie.store.segments.lines import StreamKey

Labels = dict[str, str]


class Streams:
    """The catalogue of streams of one store."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "streams.jsonl"
        self._numbers: dict[StreamKey, int] = {}
        self.labels: dict[int, Labels] = {}
        self._next = 0
        self._read()
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.lseek(self._file, 0, os.SEEK_END)

    def __len__(self) -> int:
        return len(self.labels)

    def number(self, key: StreamKey) -> int | None:
        """The number of a stream; None where it is new."""
        return self._numbers.get(key)

    def add(self, keys: Iterable[StreamKey]) -> None:
        """Give numbers to new streams, on disk; raises OSError, and has then added none."""
        new = list(dict.fromkeys(key for key in keys if key not in self._numbers))
        if not new:
            return
        numbered = list(enumerate(new, self._next))
        text = "".join(json.dumps([n, dict(key)], ensure_ascii=False) + "\n" for n, key in numbered)
        content = text.encode()
        try:
            if os.pwrite(self._file, content, self._size) != len(content):
                raise OSError(28, os.strerror(28), str(self._path))
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(content)
        for number, key in numbered:
            self._know(number, key)

    def matching(self, matchers: tuple[Matcher, ...]) -> dict[int, Labels]:
        """The streams that all matchers are true of."""
        checks: list[tuple[str, Callable[[str], bool]]] = [
            (one.name, predicate(one.op, one.value, True)) for one in matchers
        ]
        return {
            number: labels
            for number, labels in list(self.labels.items())
            if all(check(labels.get(name, "")) for name, check in checks)
        }

    def keep_only(self, numbers: set[int]) -> None:
        """Forget the streams that no line is left of."""
        if all(number in numbers for number in self.labels):
            return
        kept = {n: labels for n, labels in self.labels.items() if n in numbers}
        text = "".join(json.dumps([n, kept[n]], ensure_ascii=False) + "\n" for n in sorted(kept))
        # The next number must not be given twice, though nothing has the last ones now.
        text += json.dumps([self._next - 1, None]) + "\n"
        replace(self._path, text.encode())
        os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self.labels = kept
        self._numbers = {tuple(sorted(labels.items())): n for n, labels in kept.items()}

    def close(self) -> None:
        """No more is written."""
        os.close(self._file)

    def _know(self, number: int, key: StreamKey) -> None:
        self._numbers[key] = number
        self.labels[number] = dict(key)
        self._next = max(self._next, number + 1)

    def _read(self) -> None:
        """Read the file; what a crash cut off at its end is cut off for good."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        for line in whole.splitlines():
            number, labels = json.loads(line)
            if labels is None:
                self._next = max(self._next, number + 1)
            else:
                self._know(number, tuple(sorted(labels.items())))
