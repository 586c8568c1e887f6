"""What a channel process sends: frames on their way to the driver, and from there to the bus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import NoReturn, Protocol

from harness.adapter.items import Heard, Sent, Suppressed, Trouble
from harness.adapter.outbox import Outbox
from harness.errors import AdapterLost
from harness.frames import Frame, Received
from harness.loop import Loop
from harness.restbus import Change
from harness.units import time_text

PATIENCE_NS = 2_000_000_000
"""How long a frame may wait for room in the adapter, or for its echo, ns."""
RETRY_NS = 1_000_000
"""How long after a full send buffer it is tried again, ns."""
FOREVER = 1 << 62


class Taker(Protocol):
    """The driver, as far as frames are given to it: :meth:`harness.adapter.driver.Driver.send`."""

    def send(self, frame: Frame) -> bool: ...


class Elsewhere(Protocol):
    """Frames of this world that somebody else sends: :class:`harness.adapter.kernel_message.KernelSending`."""

    def echoed(self, heard: Heard) -> bool: ...
    def stuck(self, now: int) -> str | None: ...


class _Entry:
    """One frame on its way. due: when it was to be sent, clock_ns. taken: when the driver had it; 0 before.

    waited: it was not offered to the driver at once, as others waited already.
    """

    __slots__ = ("altered", "due", "frame", "node", "retries", "sent", "taken", "tickets", "waited")

    def __init__(
        self, due: int, node: str, frame: Frame, altered: int, sent: Callable[[Received], object] | None
    ) -> None:
        self.due, self.node, self.frame, self.altered, self.sent = due, node, frame, altered, sent
        self.retries = self.taken = 0
        self.waited = False
        self.tickets: tuple[int, ...] = ()


class TicketChange(Change):
    """A change whose delivery is reported by its number."""

    __slots__ = ("_tickets", "ticket")

    def __init__(self, ticket: int, tickets: list[int]) -> None:
        super().__init__()
        self.ticket = ticket
        self._tickets = tickets

    def deliver(self, time: int) -> None:
        """See :meth:`Change.deliver`."""
        if self.delivered is None:
            self._tickets.append(self.ticket)
        super().deliver(time)


class Output:
    """The way out of one world on one channel. All calls with the outbox' turn held.

    For a message its mailbox is free again when the driver has taken the frame; what is reported is the instant in
    which it was on the bus. echo: whether the driver tells that. overdue: told of a frame that had to wait for so long
    (``overdue_ns`` or more after it was due) that the next one was due too: its node, the frame, and how late, ns.
    """

    def __init__(
        self,
        loop: Loop,
        origin_ns: int,
        taker: Taker,
        outbox: Outbox,
        clock: Callable[[], int],
        *,
        echo: bool,
        overdue: Callable[[str, Frame, int], object],
        overdue_ns: int,
    ) -> None:
        self.tickets: list[int] = []
        """Of changes that were delivered just now, and are still to be reported."""
        self.retry_at = FOREVER
        """When to :meth:`flush` again, clock_ns."""
        self.lost = False
        """The adapter is gone: frames wait."""
        self.elsewhere: Elsewhere | None = None
        """Who else sends frames whose echoes come here."""
        self._loop, self._origin = loop, origin_ns
        self._take, self._outbox, self._clock = taker.send, outbox, clock
        self._overdue, self._overdue_ns = overdue, overdue_ns
        self._queue: deque[_Entry] = deque()
        self._flight: dict[int, deque[_Entry]] | None = {} if echo else None  # by identifier, in order
        self._altered = 0
        self._full_since = 0
        self._told = False  # of the trouble that lasts
        self._flushing = False

    # -- frames --------------------------------------------------------------------------------------------------

    def post(
        self, node: str, frame: Frame, sent: Callable[[Received], object] | None = None, ticket: int | None = None
    ) -> None:
        """Send a frame that is due now, after those that wait."""
        entry = _Entry(self._origin + self._loop.now, node, frame, self._altered, sent)
        self._altered = 0
        if ticket is not None:
            entry.tickets = (ticket,)
        self._queue.append(entry)
        entry.waited = self.lost or self.retry_at != FOREVER
        if not entry.waited and not self._flushing:
            self.flush()

    def flush(self) -> None:
        """Give the driver what waits, as far as it has room.

        When the adapter is gone, everything waits; the receiver finds that out by itself, and reports it.
        """
        self.retry_at = FOREVER
        self._flushing = True
        try:
            while self._queue and not self.lost:
                if not self._hand_over(self._queue[0]):
                    self.retry_at = self._clock() + RETRY_NS
                    break
        except AdapterLost:
            self.lost = True
        finally:
            self._flushing = False

    def _hand_over(self, entry: _Entry) -> bool:
        if not self._take(entry.frame):
            entry.retries += 1
            self._full_since = self._full_since or self._clock()
            return False
        self._queue.popleft()
        self._full_since, entry.taken = 0, self._clock()
        if entry.sent is not None:
            entry.sent(Received(self._loop.now, "", entry.frame, entry.node))
            if self.tickets:
                entry.tickets += tuple(self.tickets)
                self.tickets.clear()
        if (entry.waited or entry.retries) and entry.taken - entry.due >= self._overdue_ns:
            self._overdue(entry.node, entry.frame, entry.taken - entry.due)
        if self._flight is None:
            self._report(entry, entry.taken)
        else:
            key = entry.frame.key
            waiting = self._flight.get(key)
            if waiting is None:
                waiting = self._flight[key] = deque()
            waiting.append(entry)
        return True

    def _report(self, entry: _Entry, time: int) -> None:
        late = entry.taken - entry.due
        self._outbox.put(Sent(time, entry.node, entry.frame, late, entry.tickets, entry.altered, entry.retries))

    def echoed(self, heard: Heard) -> bool:
        """A frame of ours was on the bus; False when this world has sent no such frame."""
        waiting = None if self._flight is None else self._flight.get(heard.frame.key)
        if not waiting or waiting[0].frame != heard.frame:
            if self.elsewhere is not None and self.elsewhere.echoed(heard):
                return True
            if not waiting or not self._skip(waiting, heard):
                return False
        self._report(waiting.popleft(), heard.time)
        return True

    def _skip(self, waiting: deque[_Entry], heard: Heard) -> bool:
        """Frames of one identifier keep their order: an echo that others should have preceded says they are lost."""
        at = next((at for at, entry in enumerate(waiting) if entry.frame == heard.frame), 0)
        for _ in range(at):
            entry = waiting.popleft()
            self._outbox.put(
                Trouble(
                    heard.time,
                    f"{entry.frame} of {entry.node} was sent, and {heard.frame} after it; only that one came back: "
                    "received frames are being lost, nobody read them in time",
                    True,
                )
            )
        return at > 0

    # -- disturbances ---------------------------------------------------------------------------------------------

    def tampered(self, node: str, message: str, number: int, data: bytes | None) -> None:
        """The disturbance of that number has changed the frame that is posted next, or (None) suppressed it."""
        if data is None:
            self._outbox.put(Suppressed(self._clock(), node, message, number))
        else:
            self._altered = number

    # -- what may go wrong -----------------------------------------------------------------------------------------

    def drop(self, node: str | None = None) -> None:
        """Forget what waits: of one node, or all."""
        self._queue = deque(entry for entry in self._queue if node is not None and entry.node != node)
        if not self._queue:
            self._full_since, self.retry_at = 0, FOREVER

    def reopened(self) -> None:
        """The adapter is there again: send what waits. What was on its way when it was lost never comes back."""
        self.lost = False
        if self._flight is not None:
            self._flight.clear()
        self._full_since = 0
        self.retry_at = self._clock()

    def trouble(self) -> Trouble | None:
        """What has lasted too long, told once: no room in the adapter, or frames that never come onto the bus."""
        now = self._clock()
        text = None if self.lost else self._stuck(now)
        told, self._told = self._told, text is not None
        if text is None or told:
            return None
        why = (
            "nobody acknowledges (is another node on the bus, with power, the same bit rate and a terminated line?), "
            "or the bus is overloaded or off"
        )
        return Trouble(now, f"{text}: {why}", True)

    def _stuck(self, now: int) -> str | None:
        if self._queue and self._full_since and now - self._full_since > PATIENCE_NS:
            entry, others = self._queue[0], len(self._queue) - 1
            return (
                f"the adapter's send buffer has been full for {time_text(PATIENCE_NS)}: {entry.frame} of {entry.node} "
                f"waits, and {others} more"
            )
        oldest = self._oldest()
        if oldest is not None and now - oldest.taken > PATIENCE_NS:
            return (
                f"{oldest.frame} of {oldest.node} was given to the adapter {time_text(PATIENCE_NS)} ago and is not on "
                "the bus yet"
            )
        return None if self.elsewhere is None else self.elsewhere.stuck(now)

    def _oldest(self) -> _Entry | None:
        if self._flight is None:
            return None
        waiting = [entries[0] for entries in self._flight.values() if entries]
        return min(waiting, key=lambda entry: entry.taken, default=None)


class NodePort:
    """The port of one node on one channel; see :class:`harness.bus.port.Port`."""

    def __init__(self, channel: str, node: str, output: Output) -> None:
        self.channel = channel
        self.node = node
        self.send: Callable[..., None] = partial(output.post, node)

    def subscribe(self, callback: Callable[[Received], object], keys: Collection[int] | None = None) -> NoReturn:
        """A channel process sends, and leaves listening to the test process."""
        raise NotImplementedError
