"""The conversations that go on: their last messages, and when each of them ends."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from provider import Messages

_KEPT_MESSAGES = 12


class Conversation:
    """The last messages of one session, and its first and last moments in seconds of the clock."""

    def __init__(self, started: float, last_used: float) -> None:
        self.started = started
        self.last_used = last_used
        self._messages: deque[dict[str, str]] = deque(maxlen=_KEPT_MESSAGES)

    def messages(self) -> Messages:
        return list(self._messages)

    def remember(self, question: str, answer: str) -> None:
        self._messages.append({"role": "user", "content": question})
        self._messages.append({"role": "assistant", "content": answer})


class Conversations:
    """At most `capacity` conversations; the one unused for longest ends when there are more.

    `on_end` is given the duration of each conversation that ends, in seconds: until now where its
    user ended it, until its last message where it was left.
    """

    def __init__(
        self,
        on_end: Callable[[float], None],
        idle_seconds: float,
        capacity: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_end = on_end
        self._idle_seconds = idle_seconds
        self._capacity = capacity
        self._clock = clock
        self._by_key: OrderedDict[tuple[str, str], Conversation] = OrderedDict()

    def find(self, user_id: str, session_id: str) -> Conversation | None:
        """The user's own conversation, now used last; None where there is none in memory."""
        conversation = self._by_key.get((user_id, session_id))
        if conversation is not None:
            self._by_key.move_to_end((user_id, session_id))
            conversation.last_used = self._clock()
        return conversation

    def start(self, user_id: str, session_id: str, started: float) -> Conversation:
        """A new conversation, whose first message came at `started` on the clock."""
        conversation = Conversation(started, last_used=self._clock())
        self._by_key[user_id, session_id] = conversation
        while len(self._by_key) > self._capacity:
            self._leave_oldest()
        return conversation

    def end(self, user_id: str, session_id: str) -> None:
        conversation = self._by_key.pop((user_id, session_id), None)
        if conversation is not None:
            self._on_end(self._clock() - conversation.started)

    def end_idle(self) -> None:
        """End each conversation that nobody has used for `idle_seconds`."""
        limit = self._clock() - self._idle_seconds
        while self._by_key and next(iter(self._by_key.values())).last_used <= limit:
            self._leave_oldest()

    def _leave_oldest(self) -> None:
        _, conversation = self._by_key.popitem(last=False)
        self._on_end(conversation.last_used - conversation.started)
