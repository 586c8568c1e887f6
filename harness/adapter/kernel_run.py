"""What the kernel sends of one message, from its start to its stop, as far as its echoes tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from harness.adapter.kernel_cyclic import RECENT
from harness.frames import Frame

LEAD_NS = 5_000_000
"""Changes that follow each other are gathered until so long before the next frame, ns; at most half a period."""
TRANSIT_NS = 3_000_000
"""How long a frame may take from the kernel's timer to its echo, ns, when nothing is wrong; at most a quarter of the
period."""
SETTLE_NS = 20_000_000
"""How long after its stop a frame may come back that the kernel may have been about to send, ns."""
OVERDUE_NS = 100_000_000
"""And one that it should have sent long before, ns: computer or bus are overloaded, or the frame was dropped."""


class Returned(NamedTuple):
    """What an echo says. number: of the frame, 0 for the first of the run. missed: frames that should have come before.

    version: of the values that it carries, as given to :meth:`KernelRun.given`; -1: of no values that still matter.
    """

    number: int
    missed: int
    version: int


class _Given(NamedTuple):
    version: int
    at: int
    frames: tuple[Frame, ...]


class KernelRun:
    """One run of a message in the kernel. Times are clock_ns.

    due: when its first frame was due; the n-th after it is due n periods of ``step`` ns later. started: when the kernel
    was told to start, which is when it sent the first frame. counter: of the first frame. frames: the sequence, from
    that one on. version: of the values in them.
    """

    __slots__ = ("_counter", "_fresh", "_given", "_next", "_previous", "due", "newest", "sent", "step")

    def __init__(self, due: int, started: int, step: int, counter: int, frames: Sequence[Frame], version: int) -> None:
        self.due, self.step = due, step
        self.newest = started
        """When the newest frame that is known of was on the bus, or was sent."""
        self.sent: int | None = None
        """How many frames it sent in all; None as long as it runs, or that is not known."""
        self._counter = counter
        self._next = 0  # number of the frame whose echo comes next
        self._previous = started - step
        self._fresh = False  # there are values that no echo had the time to carry
        self._given = deque([_Given(version, started, tuple(frames))])

    @property
    def counter(self) -> int:
        """Counter of the frame after those that are known of."""
        return (self._counter + self.known) % len(self._given[-1].frames)

    @property
    def known(self) -> int:
        """How many frames are known of: those that came back, and in any case the first."""
        return max(self._next, 1)

    @property
    def first_counter(self) -> int:
        """Counter of the first frame of the sequence."""
        return self._counter

    def certain(self, stopped: int) -> bool:
        """Whether, when it was stopped then, the kernel has sent no frame but those that are known of.

        The next one is sent a period after the last one, at the earliest; that is known from its echo, so it may have
        been :data:`TRANSIT_NS` before. An echo that came after the stop does not say how many are behind it.
        """
        return self.newest <= stopped < self.newest + self.step - min(self.step // 4, TRANSIT_NS)

    def settled(self, stopped: int, complete: int) -> bool:
        """Whether no frame is to be expected any more: it was stopped, and up to ``complete`` all echoes are known."""
        punctual = self.newest - TRANSIT_NS <= stopped < self.newest + self.step + TRANSIT_NS
        return complete >= max(stopped, self.newest) + (SETTLE_NS if punctual else OVERDUE_NS)

    # -- values ----------------------------------------------------------------------------------------------------

    @property
    def crowded(self) -> bool:
        """Whether other values have to wait for an echo: more could not be told from a stranger's frames."""
        return len(self._given) >= RECENT - 1

    def change_at(self, now: int) -> int:
        """When to give the kernel values that have changed now.

        The first change since a frame at once, so that it has them whatever happens to this process; others together,
        shortly before the next frame: each change costs the whole sequence.
        """
        if not self._fresh:
            return now
        lead = min(self.step // 2, LEAD_NS)
        return max(now, self._given[-1].at + lead // 4, self.newest + self.step - lead)

    def given(self, version: int, at: int, frames: Sequence[Frame]) -> None:
        """The kernel got other values then."""
        self._given.append(_Given(version, at, tuple(frames)))
        self._fresh = True

    def forget_values(self) -> None:
        """What its frames carry does not matter any more; that they come back does."""
        self._given = deque(each._replace(version=-1) for each in self._given)

    # -- echoes ----------------------------------------------------------------------------------------------------

    def came_back(self, frame: Frame, time: int, *, surplus: bool = False) -> Returned | None:
        """What this echo says; None when it is none of this run. surplus: take also more than were :attr:`sent`."""
        length = len(self._given[-1].frames)
        most = length if self.sent is None or surplus else min(length, self.sent - self._next)
        for gap in range(most):
            at = self._values_of(frame, (self._next + gap) % length, time)
            if at is not None:
                return self._took(gap, at, time, length)
        return None

    def _values_of(self, frame: Frame, position: int, time: int) -> int | None:
        """Which of the given values it carries, as an index: the newest that fit, and that the kernel had by then."""
        found = None
        for at in reversed(range(len(self._given))):
            given = self._given[at]
            if given.frames[position] == frame:
                if given.at <= time:
                    return at
                found = at if found is None else found  # stamps are not exact
        return found

    def _took(self, gap: int, at: int, time: int, length: int) -> Returned:
        # The sequence tells how many are missing, but for whole rounds; those can be told from the time.
        elapsed = (time - self._previous + self.step // 4) // self.step - 1
        missed = gap + length * max(0, (elapsed - gap) // length)
        number = self._next + missed
        self._next, self._previous = number + 1, time
        self.newest = max(self.newest, time)
        for _ in range(at):
            self._given.popleft()
        self._fresh = False
        return Returned(number, missed, self._given[0].version)
