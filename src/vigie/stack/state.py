"""The one folder that holds everything of a stack: configuration, data, logs, secrets, sockets.

    vigie.state           marker: Vigie made this folder, and may delete it
    lock                  held by the command that changes the stack
    sock                  supervisord's control socket, mode 0600
    supervisord.conf, supervisord.pid, components.json
    run/NAME.sh           starts one component
    config/…              what the engines read
    data/NAME/…           what a component keeps
    logs/NAME.log         what a component prints, rotated by supervisord
    secrets/NAME          mode 0600, made once

The folder is of mode 0700. It is deleted only when the marker is in it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vigie.settings.state_folder import MARKER, MARKER_TEXT, VARIABLE
from vigie.stack.errors import RequestError, StackError

COMPONENT_VARIABLE = "VIGIE_COMPONENT"
"""In the environment of each process of a stack, beside $VIGIE_STATE: the component's name."""

SUPERVISOR = "supervisor"
"""What supervisord is called beside the components."""

LOCK_POLL_SECONDS = 0.05
# A socket's address holds 104 bytes on macOS and 108 on Linux; supervisord binds `sock.PID` first.
LONGEST_SOCKET_BYTES = 92


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one stack, and the places in it."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> State:
        """The state kept in `folder`, which need not exist.

        Links on the way are followed; the folder itself may be a link, which is then not deleted.
        """
        folder = folder.expanduser().absolute()
        return cls(
            folder.resolve() if folder.name == ".." else folder.parent.resolve() / folder.name
        )

    @property
    def socket(self) -> Path:
        """Where supervisord listens."""
        return self.folder / "sock"

    @property
    def configuration(self) -> Path:
        """supervisord's configuration file."""
        return self.folder / "supervisord.conf"

    @property
    def pid_file(self) -> Path:
        """supervisord's process id; outlives a supervisord that was killed."""
        return self.folder / "supervisord.pid"

    @property
    def components(self) -> Path:
        """The components that `up` started last."""
        return self.folder / "components.json"

    @property
    def config(self) -> Path:
        """What the engines read."""
        return self.folder / "config"

    def script(self, component: str) -> Path:
        """The shell script that starts `component`."""
        return self.folder / "run" / f"{component}.sh"

    def data(self, component: str) -> Path:
        """What `component` keeps."""
        return self.folder / "data" / component

    def log(self, component: str) -> Path:
        """What `component` prints."""
        return self.folder / "logs" / f"{component}.log"

    def secret_file(self, name: str) -> Path:
        """Where the secret `name` is kept."""
        return self.folder / "secrets" / name

    @property
    def ours(self) -> bool:
        """Whether Vigie made this folder."""
        return (self.folder / MARKER).is_file() and not self.folder.is_symlink()

    def make(self) -> None:
        """Make the folder and its parts, or check that they are Vigie's.

        Raises RequestError for a folder that belongs to something else, and StackError when it
        cannot be written.
        """
        _refuse_precious(self.folder)
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET_BYTES:
            raise RequestError(
                f"{self.folder}: this path is too long for a socket in it "
                f"({len(os.fsencode(self.socket))} bytes with the socket's name, at most "
                f"{LONGEST_SOCKET_BYTES})\nname a shorter one: --state DIR, or {VARIABLE}=DIR"
            )
        with writing(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark()
            self.folder.chmod(0o700)
            for part in ("run", "config", "data", "logs", "secrets"):
                (self.folder / part).mkdir(mode=0o700, exist_ok=True)

    def _mark(self) -> None:
        """Make the marker before anything else is in the folder; another `up` may do so too."""
        marker = self.folder / MARKER
        # In this order: what another `up` put into the folder came after its marker.
        if not marker.is_file() and any(self.folder.iterdir()) and not marker.is_file():
            raise RequestError(
                f"{self.folder} is not empty and was not made by Vigie\n"
                f"name another folder: --state DIR, or {VARIABLE}=DIR"
            )
        with writing(marker), suppress(FileExistsError):
            descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(MARKER_TEXT)

    def write(self, path: Path, text: str) -> None:
        """Replace a file of the folder at once, with mode 0600; one that says so already stays."""
        with suppress(OSError):  # where it need not be written, no room on the disk is needed
            if path.read_bytes() == text.encode():
                return
        with writing(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as file:
                    file.write(text)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    def secret(self, name: str, make: Callable[[], str] = secrets.token_urlsafe) -> Path:
        """The file that holds the secret `name`; made on first use."""
        path = self.secret_file(name)
        if not path.is_file():
            self.write(path, make())
        return path

    @contextmanager
    def locked(
        self, wait_seconds: float = 120, on_wait: Callable[[str], None] = lambda holder: None
    ) -> Iterator[None]:
        """Keep other commands from changing the stack meanwhile.

        `on_wait` is called once, with who holds the lock, when it is not free. Raises StackError
        when it is still held after `wait_seconds`.
        """
        path = self.folder / "lock"
        deadline = time.monotonic() + wait_seconds
        told = False
        while True:
            with writing(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(descriptor, path):
                    break
            except BlockingIOError:
                holder = os.read(descriptor, 100).decode(errors="replace").strip() or "pid unknown"
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise StackError(
                        f"another vigie command ({holder}) is still at work on {self.folder}\n"
                        f"wait for it, or end it, then try again"
                    ) from None
                if not told:
                    on_wait(holder)
                    told = True
            os.close(descriptor)
            time.sleep(LOCK_POLL_SECONDS)
        try:
            with suppress(OSError):  # on a full disk others are not told who it is
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def delete(self) -> int:
        """Delete the folder with everything in it; return the bytes that it held.

        Raises RequestError for a folder that Vigie did not make.
        """
        _refuse_precious(self.folder)
        if self.folder.is_symlink():
            raise RequestError(
                f"{self.folder} is a symbolic link, so it is not deleted\n"
                f"name the folder itself: --state {self.folder.resolve()}"
            )
        if not self.folder.exists():
            return 0
        if not self.ours:
            raise RequestError(
                f"{self.folder} was not made by Vigie (it holds no {MARKER}), so it is not deleted"
            )
        size_bytes = sum(
            path.lstat().st_size for path in self.folder.rglob("*") if not path.is_dir()
        )
        # The marker goes last: a deletion that is cut short can be asked for again.
        for path in self.folder.iterdir():
            if path.name == MARKER:
                continue
            with writing(path, doing="delete"):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        with writing(self.folder, doing="delete"):
            (self.folder / MARKER).unlink()
        # A mount point cannot be removed; empty is what was asked for.
        with suppress(OSError):
            self.folder.rmdir()
        return size_bytes


@contextmanager
def writing(path: Path, doing: str = "write") -> Iterator[None]:
    """Turn the operating system's refusal into a StackError that names the file."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StackError(
            f"cannot {doing} {os.fsdecode(where)}: {error.strerror}\n"
            f"make room or give access there, or name another folder: --state DIR, "
            f"or {VARIABLE}=DIR"
        ) from error


def _refuse_precious(folder: Path) -> None:
    real = folder.resolve()
    home = Path.home().resolve()
    here = Path.cwd().resolve()
    if real in (home, *home.parents) or real in (here, *here.parents):
        raise RequestError(
            f"{folder} holds more than Vigie's state\n"
            f"name a folder of its own: --state DIR, or {VARIABLE}=DIR"
        )


def _same_file(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file: `down --volumes` deletes it while others wait."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
