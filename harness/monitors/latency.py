"""Gateways: what comes on one channel is copied to another in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence

from harness.frames import Received
from harness.monitors.check import Check, Receive
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import NOTHING, MessageRule
from harness.monitors.sleep import NetworkSleep
from harness.units import time_text

MOST_WAITING = 64


class LatencyCheck(Check):
    """From the end of every frame of a message to the end of its copy, first come first copied.

    Frames that are too old when a copy comes that may belong to a later one were not copied at all.
    within: longest latency, ns. A frame with a wrong checksum is not to be copied, and is not waited for. More
    than 64 frames that wait at the same time count as lost. sleep: of the copy's network, where it may sleep: nothing
    is waited for while nobody is heard there. early: by so much, ns, a copy may seem to come before its original, as
    the two channels are stamped by two adapters; it then counts as one without latency.
    """

    family = "gateway latencies"

    def __init__(
        self,
        source: MessageRule,
        copy: MessageRule,
        within: int,
        sleep: NetworkSleep | None = None,
        early: int = 0,
    ) -> None:
        super().__init__()
        self._early = early
        self._ahead: deque[int] = deque()  # when copies came for which nothing had been waiting
        self.source = source
        self.rule = copy
        self.within = within
        self.title = f"latency from {source.path} to {copy.path}"
        self._sleep = sleep
        self._read = source.reading or (source.protector.check if source.protector is not None else None)
        self.rest: int = within + (sleep.settle if sleep is not None else 0)
        self._pending: deque[Received] = deque()
        self._sum = 0
        self._copies = 0
        self._worst = -1
        self._lost = 0

    @property
    def due(self) -> int | None:
        """When the oldest frame that waits should have been copied, ns."""
        pending = self._pending
        return pending[0][0] + self.rest if pending else None

    def wants(self, channel: str) -> Container[int]:
        """The source on its channel, the copy on its own."""
        return [rule.message.key for rule in (self.source, self.rule) if rule.channel == channel]

    def restart(self, since: int) -> None:
        """Nothing of what waits is to be copied any more."""
        while self._pending and self._pending[0].time <= since:
            self._pending.popleft()

    @property
    def waiting(self) -> Sequence[Received]:
        """The frames that wait for their copies, the oldest first."""
        return tuple(self._pending)

    @property
    def ahead(self) -> bool:
        """Whether a copy may have come before its original, which is still to come."""
        return bool(self._ahead)

    def pass_over(self, latencies: Sequence[int], waiting: Sequence[Received]) -> None:
        """Take copies that all came in time, each after its own latency (ns); :attr:`waiting` is then what is given."""
        if latencies:
            self._copies += len(latencies)
            self._sum += sum(latencies)
            self._worst = max(self._worst, *latencies)
        self._pending = deque(waiting)

    def receiver(self, channel: str, key: int) -> Receive:
        """What waits, or what ends the waiting."""
        return self._wait if self._waits(channel, key) else self._copied

    def receive(self, rx: Received) -> Sequence[Violation]:
        """A frame to be copied, or a copy."""
        return self._wait(rx) if self._waits(rx.channel, rx.frame.key) else self._copied(rx)

    def _waits(self, channel: str, key: int) -> bool:
        return channel == self.source.channel and key == self.source.message.key

    def _copied(self, rx: Received) -> Sequence[Violation]:
        """A copy of the oldest frame that waits and may be its original."""
        pending = self._pending
        if not pending:
            if self._early:
                self._ahead.append(rx[0])
            return NOTHING  # copies of frames from before the begin, or of one that is stamped later
        skipped = self._skipped(rx[0]) if len(pending) > 1 else NOTHING
        waited = pending.popleft()
        latency = rx[0] - waited[0]
        self._copies += 1
        self._sum += latency
        if latency > self._worst:
            self._worst = latency
        return skipped if latency <= self.within else self._late(waited, rx.time, rx)

    def _skipped(self, time: int) -> Sequence[Violation]:
        """Frames that were not copied, as a copy has come that may belong to a later one."""
        pending, oldest_in_time = self._pending, time - self.within
        found: list[Violation] = []
        if pending[-1].time >= oldest_in_time:  # it belongs to one in time: those before were not copied
            while pending[0].time < oldest_in_time:
                found += self._late(pending.popleft(), time)
        return found

    def _wait(self, rx: Received) -> Sequence[Violation]:
        """A frame that is to be copied, unless its network sleeps or its checksum is wrong."""
        pending = self._pending
        if (self._sleep is None or self._sleep.awake(rx[0])) and (self._read is None or self._read(rx[2][1]).crc_ok):
            if self._ahead and self._came_ahead(rx[0]):
                return NOTHING
            pending.append(rx)
            if len(pending) > MOST_WAITING:
                return self._late(pending.popleft(), rx.time)
        return NOTHING

    def _came_ahead(self, time: int) -> bool:
        """Whether the copy of a frame that comes now has been there a moment before."""
        ahead = self._ahead
        while ahead and ahead[0] < time - self._early:
            ahead.popleft()
        if not ahead or self._pending:
            return False
        ahead.popleft()
        self._copies += 1
        self._worst = max(self._worst, 0)
        return True

    def advance(self, time: int) -> Sequence[Violation]:
        """Has it been copied?"""
        found: list[Violation] = []
        while (due := self.due) is not None and due <= time:
            waited = self._pending.popleft()
            if self._sleep is None or self._sleep.heard(waited.time + self.within):
                self._lost += 1
                found += self._late(waited, time)
        return found

    def _late(self, waited: Received, time: int, copy: Received | None = None) -> Sequence[Violation]:
        span = time - waited.time
        actual = f"after {time_text(span)}" if copy else f"no copy for {time_text(span)}"
        margin = (self.within - span) / 1e6 if copy else None
        violation = Violation(
            "latency", self.title, time, waited.time, time, f"a copy within {time_text(self.within)}", actual, margin,
            "ms", self.rule.channel, self.rule.message.name, (), copy or waited,
        )  # fmt: skip
        return self.note(violation)

    def finish(self, time: int) -> Sequence[Outcome]:
        """Mean and worst latency."""
        if not self._copies:
            return self.outcome(0)
        statistics = [
            ("copies", str(self._copies)),
            ("mean", time_text(round(self._sum / self._copies))),
            ("worst", time_text(self._worst)),
        ]
        margin = self.within - self._worst if self._worst <= self.within else None
        return self.outcome(time - self.began, time_margin=margin, statistics=statistics)
