"""Why the store refuses."""


class HeldError(RuntimeError):
    """Another process has the store open."""


class QueueFullError(RuntimeError):
    """More waits to be written than memory is to hold."""


class StoreFullError(RuntimeError):
    """The disk takes no more."""


class TooManyStreamsError(RuntimeError):
    """A push would make more streams than there may be."""
