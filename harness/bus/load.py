"""When the bus was busy: total and share of a window."""

from __future__ import annotations

from bisect import bisect_left

from harness.errors import BusError

_KEPT = 1 << 16


class Activity:
    """The busy periods of one bus, those that touch joined into one; the last 65,536 or more are kept.

    A frame counts with its three bits of intermission, so that a bus without a gap is loaded by exactly 1.
    """

    def __init__(self) -> None:
        self._starts = [0]
        self._ends: list[int] = []  # of all but the last period
        self._before = [0]  # busy time before each start, as far as somebody asked
        self.end = 0
        """When the last period ends, ns; to be moved on by whoever keeps the bus busy."""
        self._forgotten = False

    def begin(self, start: int) -> None:
        """After a pause, the bus is busy again from ``start``, ns."""
        self._ends.append(self.end)
        self._starts.append(start)
        if len(self._starts) > 2 * _KEPT:
            self._add_up()
            del self._starts[:_KEPT], self._ends[:_KEPT], self._before[:_KEPT]
            self._forgotten = True

    def busy(self, time: int) -> int:
        """Busy nanoseconds up to ``time``."""
        index = bisect_left(self._starts, time) - 1
        if index < 0:
            if self._forgotten:
                raise BusError("the window of the bus load begins earlier than the bus remembers")
            return 0
        self._add_up()
        return self._before[index] + min(time, self._end(index)) - self._starts[index]

    def _add_up(self) -> None:
        before = self._before
        for index in range(len(before) - 1, len(self._ends)):
            before.append(before[-1] + self._ends[index] - self._starts[index])

    def _end(self, index: int) -> int:
        return self._ends[index] if index < len(self._ends) else self.end

    def load(self, now: int, window: int) -> float:
        """Busy share of the last ``window`` ns, 0 to 1; of the time since 0 when that is shorter."""
        begin = max(0, now - window)
        return (self.busy(now) - self.busy(begin)) / (now - begin) if now > begin else 0.0

    def peak(self, begin: int, end: int, window: int) -> float:
        """Largest busy share of any ``window`` ns that lie within ``begin`` to ``end``, 0 to 1."""
        if end - begin < window:
            raise BusError(f"there is no window of {window} ns within {end - begin} ns")
        first = max(0, bisect_left(self._starts, begin) - 1)
        last = bisect_left(self._starts, end)
        # The busy time in a sliding window has its maxima where a period begins with it or ends with it.
        edges = [begin, end - window]
        for index in range(first, last):
            edges += (self._starts[index], self._end(index) - window)
        inside = [edge for edge in edges if begin <= edge <= end - window]
        return max(self.busy(edge + window) - self.busy(edge) for edge in inside) / window
