"""A plug-in that lives in supervisord and counts, because supervisord itself forgets.

It is named in `supervisord.conf` and answers `vigie.processes()` over XML-RPC: what runs, since
when, and how often each process died and was started again. And it keeps supervisord from waiting
ever longer before it starts a process again.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

# supervisor ships no types.
from supervisor import events, states  # type: ignore[import-untyped]

LONGEST_PAUSE_SECONDS = 30
"""supervisord itself waits a second longer after each failed start, without end."""


class Deaths:
    """Counts for each process; supervisord calls `_died` and `_started` as it happens."""

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord
        self._deaths: Counter[str] = Counter()
        self._restarts: Counter[str] = Counter()
        # BACKOFF is a death in the first seconds, EXITED a later one. A stop that was asked for is
        # neither: it leads to STOPPED.
        events.subscribe(events.ProcessStateExitedEvent, self._died)
        events.subscribe(events.ProcessStateBackoffEvent, self._died)
        events.subscribe(events.ProcessStateBackoffEvent, _not_longer)
        events.subscribe(events.ProcessStateStartingEvent, self._started)

    def processes(self) -> list[dict[str, Any]]:
        """One struct for each process, in no order.

        name, state (supervisord's word), pid (0: none), started (Unix time; 0: never), deaths (all
        that were not asked for), restarts (the starts that followed them).
        """
        return [
            {
                "name": process.config.name,
                "state": states.getProcessStateDescription(process.state),
                "pid": process.pid,
                "started": float(process.laststart),
                "deaths": self._deaths[process.config.name],
                "restarts": self._restarts[process.config.name],
            }
            for group in self._supervisord.process_groups.values()
            for process in group.processes.values()
        ]

    def _died(self, event: Any) -> None:
        self._deaths[event.process.config.name] += 1

    def _started(self, event: Any) -> None:
        died = (states.ProcessStates.EXITED, states.ProcessStates.BACKOFF)
        if event.from_state in died:
            self._restarts[event.process.config.name] += 1


def _not_longer(event: Any) -> None:
    """Shorten the pause that has just begun, and with it those that follow."""
    process = event.process
    if process.backoff > LONGEST_PAUSE_SECONDS:
        process.backoff = LONGEST_PAUSE_SECONDS
        process.delay = time.time() + LONGEST_PAUSE_SECONDS


def plug_in(supervisord: Any, **_: str) -> Deaths:
    """The factory that `supervisord.conf` names."""
    return Deaths(supervisord)
