"""Statistics of the gaps between frames: mean, standard deviation, 99th percentile, shortest and longest.

Exact sums of integers, so that it does not matter how the gaps were cut into batches; the percentile comes from a
histogram of bounded size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt

from harness.units import time_text

BINS_PER_CYCLE = 1000
"""Resolution of the percentile: a thousandth of the cycle time."""
LAST_BIN = 10 * BINS_PER_CYCLE
"""Gaps of ten cycles and more share a bin."""


class GapStatistics:
    """Gaps of one cyclic message. cycle: its cycle time, ns.

    >>> gaps = GapStatistics(10_000_000)
    >>> gaps.add([10_000_000, 9_900_000, 10_100_000])
    >>> gaps.mean, gaps.worst, gaps.text()
    (10000000.0, 10100000, 'mean 10 ms, sigma 81.65 µs, p99 10.1 ms, 9.9 ms to 10.1 ms')
    """

    __slots__ = ("_bins", "_squares", "_sum", "best", "count", "cycle", "worst")

    def __init__(self, cycle: int) -> None:
        self.cycle = cycle
        self.count = 0
        self.best: int | None = None
        """The shortest gap, ns; None before the first."""
        self.worst: int | None = None
        """The longest gap, ns; None before the first."""
        self._sum = 0
        self._squares = 0
        self._bins: Counter[int] = Counter()

    def add(self, gaps: Sequence[int]) -> None:
        """Take some gaps, ns."""
        if not gaps:
            return
        cycle = self.cycle
        distinct = Counter(gaps)  # on a bus the same few gaps come again and again
        self.count += len(gaps)
        for gap, count in distinct.items():
            offset = gap - cycle
            self._sum += count * offset
            self._squares += count * offset * offset
        low, high = min(distinct), max(distinct)
        self.best = low if self.best is None else min(self.best, low)
        self.worst = high if self.worst is None else max(self.worst, high)
        self.add_bins((gap * BINS_PER_CYCLE // cycle, count) for gap, count in distinct.items())

    def add_sums(self, count: int, offsets: int, squares: int, best: int, worst: int) -> None:
        """Take ``count`` gaps (at least one) that were added up elsewhere, all but their bins.

        offsets, squares: sums of (gap - cycle) and of its square. best, worst: the shortest and the longest, ns.
        """
        self.count += count
        self._sum += offsets
        self._squares += squares
        self.best = best if self.best is None else min(self.best, best)
        self.worst = worst if self.worst is None else max(self.worst, worst)

    def add_bins(self, bins: Iterable[tuple[int, int]]) -> None:
        """Take numbers of gaps by thousandths of a cycle."""
        for index, count in bins:
            self._bins[min(index, LAST_BIN)] += count

    @property
    def mean(self) -> float:
        """Mean, ns; the cycle time before the first gap."""
        return self.cycle + (self._sum / self.count if self.count else 0.0)

    @property
    def sigma(self) -> float:
        """Standard deviation of the whole, not of a sample, ns."""
        if not self.count:
            return 0.0
        return sqrt(self._squares * self.count - self._sum * self._sum) / self.count

    @property
    def p99(self) -> int:
        """No more than one gap in a hundred is longer, ns, to a thousandth of the cycle upwards; 0 before the first."""
        seen = 0
        for index in sorted(self._bins):
            seen += self._bins[index]
            if seen * 100 >= self.count * 99:
                upper = ((index + 1) * self.cycle + BINS_PER_CYCLE - 1) // BINS_PER_CYCLE - 1
                return min(upper, self.worst or 0) if index < LAST_BIN else self.worst or 0
        return 0

    def text(self) -> str:
        """All of them in a line."""
        if not self.count or self.best is None or self.worst is None:
            return "no gap"
        shown = [_short(round(each)) for each in (self.mean, self.sigma, self.p99, self.best, self.worst)]
        return "mean {}, sigma {}, p99 {}, {} to {}".format(*shown)


def _short(span: int) -> str:
    """A span with four digits."""
    digits = len(str(abs(span)))
    return time_text(round(span, 4 - digits) if digits > 4 else span)
