"""/loki/api/v1/tail: lines as they come, over a websocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from vigie.store.logql import LogQLError, parse
from vigie.store.logql import tree as t
from vigie.store.logql.regexes import predicate
from vigie.store.logql.stages import Entry, compiled_pipeline
from vigie.store.logql.stages.filters import line_predicate
from vigie.store.query import Extract, LogAnswer, log_query
from vigie.store.query.select import metadata_of
from vigie.store.segments import Lines, LogStore
from vigie.store.segments.streams import Labels
from vigie.store.wire import answers
from vigie.store.wire.errors import RequestError, bad
from vigie.store.wire.parameters import bounds, check_entries, limit

MOST_WAITING = 10_000
"""Lines that wait for a slow reader; what comes above it is dropped, and told."""
LONGEST_DELAY = 5
SEND_EVERY = 0.2
MOST_IN_MESSAGE = 1000

Found = tuple[Labels, int, str]


class Tail:
    """The endpoint; each connection has a query of its own."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def connect(self, socket: WebSocket) -> None:
        """Serve one reader until it goes."""
        form = dict(reversed(socket.query_params.multi_items()))
        try:
            follower = _Follower(form)
            start, _ = bounds(form, time.time_ns())
            lines = limit(form)
            check_entries(lines)
        except (LogQLError, RequestError) as error:
            message = error.message if isinstance(error, RequestError) else str(error)
            await socket.send_denial_response(PlainTextResponse(message, status_code=400))
            return
        await socket.accept()
        loop = asyncio.get_running_loop()

        def hear(pushed: Sequence[Lines]) -> None:
            loop.call_soon_threadsafe(follower.take, pushed)

        stop = self._store.listen(hear)
        reading = asyncio.create_task(_until_gone(socket))
        try:
            before = await asyncio.to_thread(
                log_query,
                self._store,
                follower.query,
                Extract(start, time.time_ns(), lines, backward=False),
            )
            follower.seen(before)
            if before:
                await _send(socket, {"streams": answers.streams(before)})
            while not reading.done():
                await asyncio.wait({reading}, timeout=max(SEND_EVERY, follower.delay))
                while told := follower.message():
                    await _send(socket, told)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the reader went while it was written to
        finally:
            stop()
            reading.cancel()


class _Follower:
    """What one reader is told: the lines that pass its query, since it was told last."""

    def __init__(self, form: dict[str, str]) -> None:
        query = parse(form.get("query", ""))
        if not isinstance(query, t.LogQuery):
            raise bad("only log selector is supported")
        self.query = query
        self.delay = _delay(form)
        self._pipeline = compiled_pipeline(query.stages)
        self._checks = [(one.name, predicate(one.op, one.value, True)) for one in query.matchers]
        self._line_checks = [line_predicate(one) for one in self._pipeline.line_filters]
        self._waiting: list[Found] = []
        self._dropped: list[Found] = []
        self._told: set[tuple[int, str]] = set()

    def seen(self, before: list[LogAnswer]) -> None:
        """Learn which lines the reader has, that must not be told twice."""
        self._told = {(entry[0], entry[1]) for one in before for entry in one.entries}

    def take(self, pushed: Sequence[Lines]) -> None:
        """Look at what was written."""
        for lines in pushed:
            labels = dict(lines.stream)
            if all(check(labels.get(name, "")) for name, check in self._checks):
                self._take_stream(labels, lines)

    def _take_stream(self, labels: Labels, lines: Lines) -> None:
        metadata = lines.metadata or [None] * len(lines.times)
        for time_ns, line, meta in zip(lines.times, lines.lines, metadata, strict=True):
            if not all(check(line) for check in self._line_checks):
                continue
            entry = Entry(time_ns, line, labels, metadata_of(meta) if meta else None)
            if not self._pipeline.run(entry):
                continue
            found = (entry.labels(), time_ns, entry.line)
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(found)
            elif len(self._dropped) < MOST_WAITING:
                self._dropped.append(found)

    def message(self) -> dict[str, object] | None:
        """What is to be told next; None where there is nothing."""
        if not self._waiting and not self._dropped:
            return None
        now, self._waiting = (
            self._waiting[:MOST_IN_MESSAGE],
            self._waiting[MOST_IN_MESSAGE:],
        )
        streams: dict[tuple[tuple[str, str], ...], LogAnswer] = {}
        for labels, time_ns, line in now:
            if (time_ns, line) in self._told:
                self._told.discard((time_ns, line))
                continue
            key = tuple(sorted(labels.items()))
            one = streams.setdefault(key, LogAnswer(labels, []))
            one.entries.append((time_ns, line))
        message: dict[str, object] = {"streams": answers.streams(streams.values())}
        if self._dropped:
            message["dropped_entries"] = [
                {"timestamp": str(time_ns), "labels": labels}
                for labels, time_ns, _ in self._dropped
            ]
            self._dropped = []
        return message


def _delay(form: dict[str, str]) -> int:
    text = form.get("delay_for", "") or "0"
    if not text.isdigit():
        raise bad(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) > LONGEST_DELAY:
        raise bad(f"delay_for can't be greater than {LONGEST_DELAY}")
    return int(text)


async def _send(socket: WebSocket, message: dict[str, object]) -> None:
    await socket.send_text(answers.encoded(message).decode())


async def _until_gone(socket: WebSocket) -> None:
    """Read, and forget, what the reader says, until it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
