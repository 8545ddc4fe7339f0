"""A real SMTP server, as small as one can be: it takes every mail and keeps it."""

from __future__ import annotations

import socketserver
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it was handed over: its envelope, who signed in (user, password), and itself."""

    sender: str
    recipients: tuple[str, ...]
    signed_in: tuple[str, str] | None
    message: EmailMessage

    def text(self, kind: str) -> str:
        """The part that is `plain` or `html`."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass(slots=True)
class MailServer:
    """Listens on a `port` of 127.0.0.1; `mails` are those that came, oldest first."""

    port: int
    mails: Queue[Mail] = field(default_factory=Queue)


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """The server, until the block ends."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as tcp:
        tcp.daemon_threads = True
        server = MailServer(tcp.server_address[1])
        tcp.mails = server.mails  # type: ignore[attr-defined]  # where a session finds it
        thread = threading.Thread(target=tcp.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            tcp.shutdown()
            thread.join()


class _Session(socketserver.StreamRequestHandler):
    """One conversation; RFC 5321, and of RFC 4954 what PLAIN needs."""

    def handle(self) -> None:
        sender, recipients, signed_in = "", list[str](), None
        self._say("220 mail.example.org")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self._say("250-mail.example.org\r\n250 AUTH PLAIN")
            elif verb == "AUTH":
                _, user, password = b64decode(line.split()[2]).decode().split("\0")
                signed_in = (user, password)
                self._say("235 welcome")
            elif verb == "MAIL":
                sender, recipients = _address(line), []
                self._say("250 go on")
            elif verb == "RCPT":
                recipients.append(_address(line))
                self._say("250 go on")
            elif verb == "DATA":
                self._say("354 end with a dot")
                message = message_from_bytes(self._data(), policy=policy.default)
                self.server.mails.put(  # type: ignore[attr-defined]
                    Mail(sender, tuple(recipients), signed_in, message)
                )
                self._say("250 kept")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("502 that is not spoken here")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))  # a dot was doubled at the start of a line
        return b"".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
