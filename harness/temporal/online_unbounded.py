"""Operators that look to the end of the observation, asked for at a few instants: running values."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from harness.temporal.formula import UNKNOWN
from harness.temporal.online_spans import FOREVER
from harness.temporal.online_values import Batch, Limit, Reaching, Segment, Stream


class ReachingEnd(Reaching):
    """The same, looking to the end of the observation, for t from ``first`` to ``last``: what comes later is folded."""

    __slots__ = ("folded", "last", "limit", "passing", "seen")

    def __init__(self, left: Stream, right: Stream, first: int, last: int, limit: Limit) -> None:
        super().__init__(left, right, 0, first)
        self.last = last
        self.limit = limit
        # Of what begins after ``last``: the least of left so far, and the value of the whole.
        self.passing = (inf, inf)
        self.folded = (-inf, -inf)
        self.seen = -FOREVER

    def extend(self, batch: Batch) -> Sequence[Segment]:
        self._keep(self.left.extend(batch), self.right.extend(batch))
        self._fold()
        return ()

    def finish(self) -> Sequence[Segment]:
        self._keep(self.left.finish(), self.right.finish())
        self._fold()
        last = min(self.last, self.limit.end)
        reached = self._reach(last, *self.folded) if self.kept else []
        return reached if last == self.last else [*reached, (self.last, *UNKNOWN)]

    def _fold(self) -> None:
        kept, end = self.kept, self.limit.end
        count = len(kept)
        while count > 1 and kept[count - 2][0] >= min(self.last, end):
            count -= 1
        self.seen = max(self.seen, kept[count - 1][0] if kept else self.seen)
        for stop, left_lo, left_hi, right_lo, right_hi in kept[count:]:
            if self.seen >= end:
                break
            self.seen = stop
            low, high = self.passing
            self.folded = (max(self.folded[0], min(low, right_lo)), max(self.folded[1], min(high, right_hi)))
            self.passing = (min(low, left_lo), min(high, left_hi))
        # The first of them may still be needed, as the one in which ``last`` lies.
        self.kept = kept[:count]


class ToTheEnd(Stream):
    """The extremum over [t + start, end of the observation], for t from ``first`` to ``last`` (ns)."""

    __slots__ = ("every", "first", "inner", "kept", "last", "limit", "rest", "seen", "start")

    def __init__(self, inner: Stream, start: int, first: int, last: int, every: bool, limit: Limit) -> None:
        self.inner, self.start, self.every, self.limit = inner, start, every, limit
        self.first, self.last = first, last
        self.seen = -FOREVER
        self.kept: list[Segment] = []
        nothing = inf if every else -inf
        self.rest = (nothing, nothing)
        """The extremum of what begins after ``last + start``."""

    def extend(self, batch: Batch) -> Sequence[Segment]:
        self._take(self.inner.extend(batch))
        return ()

    def finish(self) -> Sequence[Segment]:
        self._take(self.inner.finish())
        pick = min if self.every else max
        found: list[Segment] = []
        if self.last > self.limit.end - self.start:
            found.append((self.last, *UNKNOWN))
        lo, hi = self.rest
        for end, low, high in reversed(self.kept):
            lo, hi = pick(lo, low), pick(hi, high)
            found.append((min(end - self.start, self.last), lo, hi))
        return found[::-1]

    def _take(self, segments: Sequence[Segment]) -> None:
        pick = min if self.every else max
        for last, lo, hi in segments:
            if self.seen < self.limit.end and last >= self.first + self.start:
                if self.seen < self.last + self.start:
                    self.kept.append((min(last, self.limit.end), lo, hi))
                else:
                    self.rest = (pick(self.rest[0], lo), pick(self.rest[1], hi))
            self.seen = last
