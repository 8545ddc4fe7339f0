"""A service that appends one priced call for each request, as an ASGI and as a WSGI application.

`/late` answers, and appends its call, only once the file $MAY_ANSWER is there.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from priced_calls import priced
from vigie.instrument.ledger import ledger_writer

writer = ledger_writer()
MAY_ANSWER = Path(os.environ["MAY_ANSWER"])
ASKED = MAY_ANSWER.with_name("asked")
_numbers = itertools.count()


def append() -> None:
    writer.append(
        priced(next(_numbers), response_id=f"chatcmpl-{os.getpid()}-{next(_numbers):020d}")
    )


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/late":
        ASKED.touch()
        while not MAY_ANSWER.exists():
            await asyncio.sleep(0.01)
    append()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/late":
        ASKED.touch()
        while not MAY_ANSWER.exists():
            time.sleep(0.01)
    append()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
