"""The busy share of a channel, and its frames per second, over the last second."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

PART_NS = 100_000_000
PARTS = 10
"""The window is that many parts long: one second."""


class _Part(NamedTuple):
    number: int
    busy_ns: int
    frames: int


class Load:
    """A fold over frames in the order of their times.

    A frame counts whole at its end. ``now`` is part of no window before its part of a tenth of a second is over, so a
    share does not swing with the instant at which it is asked for.

    >>> load = Load()
    >>> for number in range(2_000):
    ...     load.add(number * 1_000_000, 250_000)
    >>> load.at(2_000_000_000)
    (0.25, 1000)
    """

    def __init__(self) -> None:
        self.peak = 0.0
        """The largest share of any window of a second that began on a tenth."""
        self._parts: deque[_Part] = deque()
        self._first: int | None = None

    def add(self, time: int, busy_ns: int) -> None:
        """A frame that occupied the channel for so long ended at ``time`` ns."""
        number = time // PART_NS
        if self._first is None:
            self._first = number
        parts = self._parts
        if parts and parts[-1].number >= number:
            newest = parts[-1]
            parts[-1] = _Part(newest.number, newest.busy_ns + busy_ns, newest.frames + 1)
            return
        if parts:
            self._look(parts[-1].number)
        parts.append(_Part(number, busy_ns, 1))
        # While the newest part goes on, the window before it is asked for.
        while parts[0].number < number - PARTS:
            parts.popleft()

    def _look(self, last: int) -> None:
        """The window that ends with the part ``last`` is complete."""
        busy = sum(part.busy_ns for part in self._parts if part.number > last - PARTS)
        self.peak = max(self.peak, busy / (PARTS * PART_NS))

    def at(self, now: int) -> tuple[float, int]:
        """Busy share (0 to 1) and frames per second of the last whole second before ``now`` ns; or of what there was.

        A channel that has been heard for less than a second is measured over that time.
        """
        end = now // PART_NS
        begin = end - PARTS
        inside = [part for part in self._parts if begin <= part.number < end]
        if self._first is None or not inside:
            return 0.0, 0
        count = max(1, min(PARTS, end - self._first))
        busy = sum(part.busy_ns for part in inside) / (count * PART_NS)
        return busy, round(sum(part.frames for part in inside) * PARTS / count)
