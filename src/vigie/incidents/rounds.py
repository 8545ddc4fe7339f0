"""What is done again and again beside the answering of requests: a thread for each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

log = logging.getLogger("vigie")

Act = Callable[[datetime], None]
"""Something to do at a time."""


def start(
    acts: Iterable[Act],
    every: timedelta,
    ended: threading.Event,
    now: Callable[[], datetime],
) -> list[threading.Thread]:
    """Do each act until `ended` is set; none waits for another.

    The threads are daemons: one that hangs does not keep the process from ending.
    """

    def again_and_again(act: Act) -> None:
        while not ended.wait(every.total_seconds()):
            try:
                act(now())
            except Exception:  # the last ones to watch must not die of a surprise
                log.exception("a round failed; the next one comes")

    threads = [threading.Thread(target=again_and_again, args=[act], daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    return threads
