"""What a channel process has to report: collected by its threads, handed over by one of its own.

One lock, :attr:`Outbox.turn`, is held by whoever stamps or collects, so that "everything up to here has been handed
over" is exact. The thread that sends holds it for as long as it has something to send: in the middle of a burst the
others would only take the interpreter away from it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue

from harness.adapter.connection import Connection
from harness.adapter.items import Batch, Report, Trouble

LONGEST_BEAT_S = 0.0048
"""How often there is a batch at least, s. Mostly somebody rings before."""
PACE_NS = 1_000_000
"""Time between two batches under load, ns: each costs both processes the interpreter for some 30 µs."""
MOST_AT_ONCE = 256
"""Reports in one batch at most: while they are pickled, nobody else gets the interpreter."""
MOST_WAITING = 200_000
"""Reports that wait for the test process at most; what comes then is lost, and that is reported."""


class Turn:
    """A lock that is given to whoever has waited for it, rather than to whoever asks first after its release.

    Without that, a sender that has no time to spare would take it again and again.
    """

    def __init__(self) -> None:
        self._queue = threading.Lock()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._queue:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Outbox:
    """Reports on their way to the test process. ``turn`` has to be held for all calls but :meth:`deliver`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.turn = Turn()
        self._clock = clock
        self._complete = clock()
        self._items: deque[Report] = deque()
        self._declared = 0  # as complete, in the newest batch
        self._late = 0
        self._lost = 0
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        self._closing = False

    def put(self, item: Report) -> None:
        """Report something, without delay. A stamp of what was declared complete already counts as the next instant."""
        if item.time <= self._declared:
            item = item._replace(time=self._declared + 1)
        if len(self._items) < MOST_WAITING:
            self._items.append(item)
        else:
            self._lost += 1
        self.ring()

    @property
    def complete(self) -> int:
        """Up to when everything stands here or has been handed over, as far as is known, clock_ns."""
        return self._complete

    def completed(self, time: int) -> None:
        """Everything stamped up to then, clock_ns, stands here or has been handed over."""
        self._complete = max(self._complete, time)

    def was_late(self, late_ns: int) -> None:
        """Somebody of this process was so late, ns."""
        if late_ns > self._late:
            self._late = late_ns

    def ring(self) -> None:
        """Hand over what there is, without waiting for the next beat."""
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def close(self) -> None:
        """Let :meth:`deliver` hand over what there is, and return."""
        self._closing = True
        self.ring()

    def deliver(self, connection: Connection) -> None:
        """Hand over batches until :meth:`close`. Raises :class:`~harness.errors.AdapterLost` without a test process.

        How late its own waits end is told too: the thread that stamps cannot know how long a frame has waited for it.
        """
        sent_at = 0
        while True:
            due = self._clock() + round(LONGEST_BEAT_S * 1e9)
            try:
                self._bell.get(timeout=LONGEST_BEAT_S)
                due = self._clock()
            except Empty:
                pass
            early = sent_at + PACE_NS - self._clock()
            if early > 0:
                due = sent_at + PACE_NS
                time.sleep(early / 1e9)
            sent_at = self._clock()
            with self.turn:
                self.was_late(sent_at - due)
                batch = self._batch()
                done = self._closing and not self._items
            connection.send(batch)
            if done:
                return

    def _batch(self) -> Batch:
        self._rung = False
        waiting = self._items
        items = [waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(waiting)))]
        if waiting:
            self.ring()
        else:
            self._declared = self._complete
            if self._lost:
                lost, self._lost = self._lost, 0
                text = f"{lost} reports of the channel were lost: the test's own process did not take them in time"
                items.append(Trouble(self._clock(), text, True))
        late, self._late = self._late, 0
        return Batch(self._declared, late, tuple(items))
