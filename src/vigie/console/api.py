"""What programs ask: the inbox's door, the alerts as JSON, and whether all is well."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from vigie.catalogue.inbox import DELIVERIES
from vigie.console.desk import desk
from vigie.console.period import asked_period
from vigie.incidents.delivery import BadDeliveryError, Delivery, read
from vigie.incidents.inbox import UnavailableError
from vigie.incidents.listing import as_document, watchdog_document

log = logging.getLogger("vigie")

MOST_BYTES = 5_000_000
"""Of one delivery: some three thousand alerts."""

RESULTS = STORED, REFUSED, UNAVAILABLE = DELIVERIES.labels[0].values


class Alertmanager:
    """Answers Alertmanager's webhook: 200 once everything is kept, 503 if it is to try again, and
    4xx with the reason for what will never be kept."""

    def __init__(self, deliveries: Counter[str]) -> None:
        """`deliveries` are counted by their result."""
        self._deliveries = deliveries
        self._counting = threading.Lock()

    async def answer(self, request: Request) -> Response:
        """Answer one delivery."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return self._refused(415, f"this takes application/json, not {kind or 'nothing'}")
        try:
            body = await _body(request)
        except ClientDisconnect:
            return self._refused(400, "the sender went away before the end")
        if body is None:
            return self._refused(413, f"this takes {MOST_BYTES} bytes at most: set max_alerts")
        return await run_in_threadpool(self._keep, request, body)

    def _keep(self, request: Request, body: bytes) -> Response:
        here = desk(request)
        now = here.now()
        try:
            delivery = read(body, now)
        except BadDeliveryError as error:
            return self._refused(400, f"this is no delivery of Alertmanager's: {error}")
        try:
            here.inbox.receive(delivery, now)
        except UnavailableError as error:
            self._count(UNAVAILABLE)
            log.error(
                "%s cannot be kept: %s; Alertmanager will tell it again", _told(delivery), error
            )
            return JSONResponse({"error": f"cannot be kept now: {error}"}, 503)
        self._count(STORED)
        if delivery.truncated:
            log.warning("%d alerts were left out by Alertmanager: max_alerts", delivery.truncated)
        if delivery.beats:
            here.switch.beat(now)
        return JSONResponse({"stored": len(delivery.alerts)})

    def _refused(self, status: int, reason: str) -> Response:
        self._count(REFUSED)
        log.warning("a delivery was refused: %s", reason)
        return JSONResponse({"error": reason}, status)

    def _count(self, result: str) -> None:
        with self._counting:
            self._deliveries[result] += 1


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too long."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def alerts(request: Request) -> Response:
    """What fires, and what ended in the last `since` (24h)."""
    here = desk(request)
    return JSONResponse(as_document(here.listing(asked_period(request)), here.settings))


def watchdog(request: Request) -> Response:
    """Whether the watchdog is heard, and since when not; `trouble` is why nothing can be kept."""
    here = desk(request)
    known = watchdog_document(here.switch.heartbeat, here.now(), here.switch.patience)
    return JSONResponse({**known, "trouble": here.inbox.trouble})


def health(request: Request) -> Response:
    """200 where the inbox can be read."""
    desk(request).inbox.extent()
    return JSONResponse({"status": "ok"})


def _told(delivery: Delivery) -> str:
    count = len(delivery.alerts)
    return "a sign of the watchdog" if not count else f"{count} alert{'s' if count > 1 else ''}"
