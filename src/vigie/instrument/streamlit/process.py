"""What the Streamlit process holds: sessions, websockets, memory. Measured at each scrape."""

from __future__ import annotations

import math
import sys
from functools import partial
from typing import Any

from vigie.catalogue import streamlit as catalogue
from vigie.instrument.guard import guarded
from vigie.instrument.meters import Meters

_STATISTIC = "active_sessions"


def watch_process(ours: Meters) -> None:
    """Measure the process before each scrape; may be asked for at every run of the script."""
    ours.before_scrape("streamlit", partial(_measure, ours))


def _measure(ours: Meters) -> None:
    # What cannot be measured is no number, and is counted as a failure: it is not 0.
    websockets = sessions = memory = math.nan
    with guarded("streamlit:sessions", ours):
        runtime = _runtime()
        websockets = sessions = 0.0 if runtime is None else _connected(runtime)
        if runtime is not None:
            sessions = float(len(runtime._session_mgr.list_sessions()))
    with guarded("streamlit:memory", ours):
        import psutil

        memory = float(psutil.Process().memory_info().rss)
    ours[catalogue.ACTIVE_SESSIONS].child().set(sessions)
    ours[catalogue.WEBSOCKET_CONNECTIONS].child().set(websockets)
    ours[catalogue.MEMORY].child().set(memory)


def _runtime() -> Any:
    """Streamlit's runtime, None where this process runs none."""
    if "streamlit" not in sys.modules:
        return None
    from streamlit import runtime

    return runtime.get_instance() if runtime.exists() else None


def _connected(runtime: Any) -> float:
    """The sessions with a websocket, as Streamlit's own statistics tell it.

    Streamlit calls these the active ones; a session whose websocket was lost it keeps for a while,
    in case that the browser comes back.
    """
    stats = runtime.stats_mgr.get_stats([_STATISTIC])
    return float(stats[_STATISTIC][0].value)
