"""The console as a process: one socket, the pages, and what it does beside answering."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from vigie.console.app import create_app
from vigie.exporters.oldest_records import oldest_records
from vigie.incidents import rounds
from vigie.incidents.alert import LATE
from vigie.incidents.channels import channels
from vigie.incidents.dead_mans_switch import DeadMansSwitch
from vigie.incidents.holding import held
from vigie.incidents.inbox import FILE_NAME, Inbox
from vigie.incidents.roll_call import RollCall, alertmanager
from vigie.render import links
from vigie.settings import Settings

_GRACE_SECONDS = 2
_ROUND = timedelta(seconds=1)


def serve(settings: Settings, folder: Path, port: int, pace: float = 1) -> None:
    """Serve until SIGTERM or Ctrl-C, with the inbox in `folder`, which one console may hold.

    `pace` divides every duration, for drills and tests. Raises HeldError, NewerInboxError,
    UnavailableError, and OSError where the port cannot be had.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = f"http://{f'[{settings.here}]' if ':' in settings.here else settings.here}:{port}"
    with held(folder, f"{address} (pid {os.getpid()})"):
        family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
        with (
            socket.create_server((settings.bind, port), family=family) as listener,
            closing(Inbox.open(folder / FILE_NAME, late=LATE / pace)) as inbox,
        ):
            switch = DeadMansSwitch(inbox, settings, channels(settings), _now(), pace)
            ended = threading.Event()
            roll_call = RollCall(inbox, alertmanager(links.alertmanager(settings)), pace)
            oldest = oldest_records(settings, links.logs(settings), links.traces(settings), pace)
            acts = [*switch.acts(), roll_call.look, *(one.look for one in oldest)]
            rounds.start(acts, _ROUND / pace, ended, _now)
            try:
                _answer(create_app(settings, inbox, switch, _now, oldest), listener)
            finally:
                ended.set()


def _answer(app: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # uvicorn ends orderly on these, and then raises them once more for whoever called it.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _ended)
    uvicorn.Server(config).run(sockets=[listener])


def _ended(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _now() -> datetime:
    return datetime.now(UTC)
