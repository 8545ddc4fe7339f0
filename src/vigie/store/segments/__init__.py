"""Where the lines are: acknowledged in a log, kept in columns.

A push is acknowledged once it is in the write-ahead log (`wal`), on disk. Behind it the lines of
one log file after the other become Parquet files, sorted by stream and time and cut by day
(`columns`, `segment`). One small file says which segments count and which log files they cover
(`manifest`): replacing it is the only commit there is, so a line is never lost nor there twice,
whenever the process is killed. `keeper.LogStore` puts them together.
"""

from vigie.store.segments.contents import Snapshot
from vigie.store.segments.errors import (
    HeldError,
    QueueFullError,
    StoreFullError,
    TooManyStreamsError,
)
from vigie.store.segments.keeper import LogStore
from vigie.store.segments.limits import StoreLimits
from vigie.store.segments.lines import Lines

__all__ = [
    "HeldError",
    "Lines",
    "LogStore",
    "QueueFullError",
    "Snapshot",
    "StoreFullError",
    "StoreLimits",
    "TooManyStreamsError",
]
