"""Other clocks' time stamps as ours: the operating system's, an adapter's own, or none.

All times are integer nanoseconds. ``arrival`` is our clock when the frame was read. Nothing was on the bus after it was
read, so no stamp is mapped to a time after its arrival.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

SYNC_EVERY_NS = 1_000_000_000
"""How often two clocks are compared again, ns."""

DRIFT_PPM = 500
"""An adapter's quartz may run so much slower than ours; a CAN node's may be off by far less than that."""

RESTART_NS = 1_000_000_000
"""A stamp that is so much older than the one before: the adapter has started its clock again, or it wrapped round."""


class StampClock(Protocol):
    """Maps an interface's stamps to our clock."""

    uncertainty_ns: int
    """What the mapping adds to the error of a stamp, ns."""

    def map(self, stamp: int, arrival: int) -> int:
        """Our time of a stamp, of a frame that was read at ``arrival``. Call it in the order of reading."""


class ArrivalClock:
    """For interfaces that stamp with nothing better than the moment of reading, or not at all.

    >>> ArrivalClock().map(0, 5_000)
    5000
    """

    uncertainty_ns = 0

    def map(self, stamp: int, arrival: int) -> int:
        """See :meth:`StampClock.map`."""
        return arrival


class UnixClock:
    """For stamps of the operating system's clock of day (Unix time), which kernels use.

    The two clocks are compared when it is made, then every second and whenever a stamp is improbable, since somebody
    may set the clock of day while we run. clock: ours; clock_of_day: theirs.
    """

    def __init__(self, clock: Callable[[], int], clock_of_day: Callable[[], int] = time.time_ns) -> None:
        self._clock, self._clock_of_day = clock, clock_of_day
        self._offset = 0
        self._next = 0
        self.uncertainty_ns = 0
        self._compare()

    def map(self, stamp: int, arrival: int) -> int:
        """See :meth:`StampClock.map`."""
        age = arrival - stamp - self._offset
        if arrival >= self._next or not 0 <= age <= SYNC_EVERY_NS:
            self._compare()
        return min(stamp + self._offset, arrival)

    def _compare(self) -> None:
        readings = [(self._clock(), self._clock_of_day(), self._clock()) for _ in range(5)]
        before, day, after = min(readings, key=lambda reading: reading[2] - reading[0])
        self._offset = (before + after) // 2 - day
        self._next = after + SYNC_EVERY_NS
        self.uncertainty_ns = max(self.uncertainty_ns, (after - before + 1) // 2)


class AdapterClock:
    """For stamps of an adapter's own clock, which began whenever it did, and drifts.

    The difference between reading and stamp is the clocks' difference plus the frame's way to us, which is never less
    than nothing; so the smallest difference seen is the best estimate. A smaller one is believed at once; the smallest
    of each second lets the estimate rise, by no more than a quartz can drift (:data:`DRIFT_PPM`), so that one slow
    second does not look like a drift. A clock that starts again is noticed and mapped anew.

    >>> clock = AdapterClock()
    >>> [clock.map(stamp, arrival) for stamp, arrival in [(100, 1_000_900), (200, 1_000_500), (300, 1_001_300)]]
    [1000900, 1000500, 1000600]
    """

    uncertainty_ns = SYNC_EVERY_NS * DRIFT_PPM // 1_000_000

    def __init__(self) -> None:
        self._last: int | None = None
        self._offset = 0
        self._smallest = 0
        self._until = 0

    def map(self, stamp: int, arrival: int) -> int:
        """See :meth:`StampClock.map`."""
        difference = arrival - stamp
        if self._last is None or stamp < self._last - RESTART_NS:
            self._offset = difference
            self._begin(stamp, difference)
        elif stamp >= self._until:
            seconds_ns = stamp - self._until + SYNC_EVERY_NS
            highest = self._offset + seconds_ns * DRIFT_PPM // 1_000_000
            self._offset = min(self._smallest, highest)
            self._begin(stamp, difference)
        self._last = stamp
        self._smallest = min(self._smallest, difference)
        self._offset = min(self._offset, difference)
        return stamp + self._offset

    def _begin(self, stamp: int, difference: int) -> None:
        self._smallest = difference
        self._until = stamp + SYNC_EVERY_NS
