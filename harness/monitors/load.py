"""Bus load and error frames of a channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Sequence

from harness.frames import ErrorFrame, Frame, Received
from harness.monitors.check import Check
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import NOTHING
from harness.units import time_text

PARTS = 10
"""A window begins on every tenth of it."""


class LoadCheck(Check):
    """The busy share of a channel in every window that begins on a tenth of it, counted from the begin.

    length: how long a frame occupies the bus with its intermission, ns. A frame counts whole at its end. Error frames
    are not counted: how long they are is not known from a recording.
    """

    family = "bus load"

    def __init__(self, channel: str, length: Callable[[Frame], int], limit: float, window: int) -> None:
        super().__init__()
        self.channel = channel
        self.limit = limit
        self.window = window
        self.title = f"load of {channel}"
        self._length = length
        self._part = max(1, window // PARTS)
        self._most = limit * self._part * PARTS
        self._busy = 0
        self._parts: deque[int] = deque(maxlen=PARTS)
        self._sum = 0
        self._due = 0
        self._total = 0
        self._peak = 0.0
        self._high = False

    @property
    def due(self) -> int:
        """When the next window is full, ns."""
        return self._due

    def wants(self, channel: str) -> Container[int] | None:
        """Every frame of its channel."""
        return None if channel == self.channel else ()

    def begin(self, time: int) -> None:
        """The first window begins."""
        super().begin(time)
        self._due = time + self._part

    def receive(self, rx: Received) -> Sequence[Violation]:
        """Count a frame."""
        if rx[0] <= self._due:
            self._busy += self._length(rx[2])
            return NOTHING
        found: list[Violation] = []
        while rx[0] > self._due:
            found += self.advance(self._due)
        self._busy += self._length(rx[2])
        return found

    @property
    def part(self) -> int:
        """A tenth of the window, ns."""
        return self._part

    def occupy(self, busy: int) -> None:
        """Take frames of so many ns that end within the tenth up to :attr:`due`."""
        self._busy += busy

    def advance(self, time: int) -> Sequence[Violation]:
        """A tenth is over, so a window is."""
        if time < self._due:
            return NOTHING
        end = self._due
        self._due += self._part
        parts = self._parts
        if len(parts) == PARTS:
            self._sum -= parts[0]
        parts.append(self._busy)
        self._sum += self._busy
        self._total += self._busy
        self._busy = 0
        if len(parts) < PARTS:
            return NOTHING
        load = self._sum / (self._part * PARTS)
        self._peak = max(self._peak, load)
        was_high, self._high = self._high, self._sum > self._most
        if not self._high or was_high:
            return NOTHING  # one violation as long as it stays too high
        violation = Violation(
            "load", self.title, end, end - self._part * PARTS, end,
            f"at most {self.limit:.0%} in {time_text(self.window)}", f"{load:.1%}",
            (self.limit - load) * 100, "%", self.channel,
        )  # fmt: skip
        return self.note(violation)

    def finish(self, time: int) -> Sequence[Outcome]:
        """Mean and peak."""
        span = time - self.began
        full = len(self._parts) == PARTS
        mean = (self._total + self._busy) / span if span else 0.0
        statistics = [("mean", f"{mean:.1%}")]
        if full:
            statistics.append(("peak", f"{self._peak:.1%} in {time_text(self.window)}"))
        margin = (self.limit - self._peak) * 100 if full else None
        return self.outcome(span if full else 0, margin, "%", statistics=statistics)


class MeasuredLoad(LoadCheck):
    """The same on a bus that knows how long it was busy, so that no frame has to be measured again.

    busy: up to an instant (ns), for how long the bus had been busy since the world began, intermissions included.
    """

    def __init__(self, channel: str, busy: Callable[[int], int], limit: float, window: int) -> None:
        super().__init__(channel, lambda frame: 0, limit, window)
        self._busy_until = busy
        self._counted = 0

    def wants(self, channel: str) -> Container[int]:
        """Nothing: the bus counts."""
        return ()

    def begin(self, time: int) -> None:
        """The first window begins."""
        super().begin(time)
        self._counted = self._busy_until(time)

    def advance(self, time: int) -> Sequence[Violation]:
        """A tenth is over, so a window is."""
        if time < self.due:
            return NOTHING
        busy = self._busy_until(self.due)
        self.occupy(busy - self._counted)
        self._counted = busy
        return super().advance(time)


class ErrorFrames(Check):
    """No more error frames on a channel than allowed."""

    family = "error frames"

    def __init__(self, channel: str, allowed: int = 0) -> None:
        super().__init__()
        self.channel = channel
        self.allowed = allowed
        self.title = f"error frames on {channel}"
        self._seen = 0

    def wants(self, channel: str) -> Container[int]:
        """No frame; error frames come to everybody."""
        return ()

    def receive(self, rx: Received) -> Sequence[Violation]:
        """Not called: it wants no frames."""
        return NOTHING

    def receive_error(self, error: ErrorFrame) -> Sequence[Violation]:
        """One more."""
        if error.channel != self.channel:
            return NOTHING
        self._seen += 1
        if self._seen <= self.allowed:
            return NOTHING
        at_most = "none" if not self.allowed else f"at most {self.allowed}"
        violation = Violation(
            "error_frame", self.title, error.time, error.time, error.time, at_most,
            f"number {self._seen}{f', {error.kind} error' if error.kind else ''}", channel=self.channel, seen=error,
        )  # fmt: skip
        return self.note(violation)

    def finish(self, time: int) -> Sequence[Outcome]:
        """How many there were."""
        statistics = (("error frames", str(self._seen)),)
        return self.outcome(time - self.began, statistics=statistics)
