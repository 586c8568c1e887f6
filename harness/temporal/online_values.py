"""The robustness of a formula as a stream: segments of atoms go in, segments of the formula come out.

A segment is (end, lo, hi): the value from the end of the segment before to ``end`` (ns, included). Every operator keeps
as much of the past as its window is long, and takes a constant time per segment on average.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf

from harness.temporal.formula import UNKNOWN, Formula, negated
from harness.temporal.online_spans import FOREVER, Spans

Segment = tuple[int, float, float]
Batch = Mapping[Formula, Sequence[Segment]]
"""What is new of every atom; all up to the same instant."""


class Limit:
    """now: until when everything was seen, ns. end: where the observation ends, :data:`FOREVER` while it goes on.

    Unbounded windows end there, and of what comes after it no formula is known.
    """

    __slots__ = ("end", "now")

    def __init__(self) -> None:
        self.now = FOREVER
        self.end = FOREVER


class Stream:
    """The values of an atom."""

    __slots__ = ("atom",)

    def __init__(self, atom: Formula) -> None:
        self.atom = atom

    def extend(self, batch: Batch) -> Sequence[Segment]:
        """What follows from a batch: segments that join on to those given before, perhaps none."""
        return batch[self.atom]

    def finish(self) -> Sequence[Segment]:
        """What is certain only once nothing more comes, for what looks to the end of the observation."""
        return ()


class Negated(Stream):
    """The opposite of a stream."""

    __slots__ = ("inner",)

    def __init__(self, inner: Stream) -> None:
        self.inner = inner

    def extend(self, batch: Batch) -> Sequence[Segment]:
        return _negated(self.inner.extend(batch))

    def finish(self) -> Sequence[Segment]:
        return _negated(self.inner.finish())


def _negated(segments: Sequence[Segment]) -> list[Segment]:
    return [(end, negated(hi), negated(lo)) for end, lo, hi in segments]


class Joined(Stream):
    """The smaller, or the greater, of two streams."""

    __slots__ = ("every", "left", "lefts", "right", "rights")

    def __init__(self, left: Stream, right: Stream, every: bool) -> None:
        self.left, self.right, self.every = left, right, every
        self.lefts: deque[Segment] = deque()
        self.rights: deque[Segment] = deque()

    def extend(self, batch: Batch) -> Sequence[Segment]:
        return self._join(self.left.extend(batch), self.right.extend(batch))

    def finish(self) -> Sequence[Segment]:
        return self._join(self.left.finish(), self.right.finish())

    def _join(self, more_left: Sequence[Segment], more_right: Sequence[Segment]) -> list[Segment]:
        lefts, rights, every = self.lefts, self.rights, self.every
        lefts.extend(more_left)
        rights.extend(more_right)
        joined: list[Segment] = []
        while lefts and rights:
            end, lo, hi = lefts[0]
            other_end, other_lo, other_hi = rights[0]
            if end <= other_end:
                lefts.popleft()
            if other_end <= end:
                rights.popleft()
                end = other_end
            if every is (other_lo < lo):
                lo = other_lo
            if every is (other_hi < hi):
                hi = other_hi
            if joined and joined[-1][1] == lo and joined[-1][2] == hi:
                joined[-1] = (end, lo, hi)
            else:
                joined.append((end, lo, hi))
        return joined


class Sliding(Stream):
    """The extremum over [t + start, t + end], for t from ``first`` on (ns)."""

    __slots__ = ("end", "every", "highs", "inner", "lows", "next", "start")

    def __init__(self, inner: Stream, start: int, end: int, first: int, every: bool) -> None:
        self.inner, self.start, self.end, self.every = inner, start, end, every
        self.next = first
        # Of every past segment that may still be the extremum its end and value; the first is the extremum.
        self.lows: deque[tuple[int, float]] = deque()
        self.highs: deque[tuple[int, float]] = deque()

    def extend(self, batch: Batch) -> Sequence[Segment]:
        return self._slide(self.inner.extend(batch))

    def finish(self) -> Sequence[Segment]:
        return self._slide(self.inner.finish())

    def _slide(self, segments: Sequence[Segment]) -> list[Segment]:
        start, end, every, lows, highs = self.start, self.end, self.every, self.lows, self.highs
        now = self.next
        slid: list[Segment] = []
        for last, lo, hi in segments:
            if last < now + start:
                continue
            if every:
                while lows and lows[-1][1] >= lo:
                    lows.pop()
                while highs and highs[-1][1] >= hi:
                    highs.pop()
            else:
                while lows and lows[-1][1] <= lo:
                    lows.pop()
                while highs and highs[-1][1] <= hi:
                    highs.pop()
            lows.append((last, lo))
            highs.append((last, hi))
            while now <= last - end:
                while lows[0][0] < now + start:
                    lows.popleft()
                while highs[0][0] < now + start:
                    highs.popleft()
                until = min(last - end, lows[0][0] - start, highs[0][0] - start)
                low, high = lows[0][1], highs[0][1]
                if slid and slid[-1][1] == low and slid[-1][2] == high:
                    slid[-1] = (until, low, high)
                else:
                    slid.append((until, low, high))
                now = until + 1
        self.next = now
        return slid


class Observed(Stream):
    """A stream that looks into the past may know the future: that waits until it is there, and is lost at the end."""

    __slots__ = ("_next", "ahead", "inner", "limit")

    def __init__(self, inner: Stream, limit: Limit) -> None:
        self.inner, self.limit = inner, limit
        self._next = -FOREVER
        self.ahead: deque[Segment] = deque()

    def extend(self, batch: Batch) -> Sequence[Segment]:
        return self._hold(self.inner.extend(batch))

    def finish(self) -> Sequence[Segment]:
        return self._hold(self.inner.finish())

    def _hold(self, segments: Sequence[Segment]) -> Sequence[Segment]:
        ahead, now = self.ahead, self.limit.now
        if not ahead and (not segments or segments[-1][0] <= now):
            self._next = segments[-1][0] + 1 if segments else self._next
            return segments
        ahead.extend(segments)
        released: list[Segment] = []
        while ahead and ahead[0][0] <= now:
            released.append(ahead.popleft())
        if ahead:
            if self._next <= now:
                released.append((now, *ahead[0][1:]))
            if now == self.limit.end:
                released.append((ahead[-1][0], *UNKNOWN))
                ahead.clear()
        if released:
            self._next = released[-1][0] + 1
        return released


class Tap(Stream):
    """Remembers where a stream is true."""

    __slots__ = ("_next", "inner", "true")

    def __init__(self, inner: Stream) -> None:
        self.inner = inner
        self.true = Spans()
        self._next = -FOREVER

    def extend(self, batch: Batch) -> Sequence[Segment]:
        return self._remember(self.inner.extend(batch))

    def finish(self) -> Sequence[Segment]:
        return self._remember(self.inner.finish())

    def _remember(self, segments: Sequence[Segment]) -> Sequence[Segment]:
        for end, lo, _ in segments:
            if lo >= 0 and end >= self._next:
                self.true.add(self._next, end)
            self._next = end + 1
        return segments


class Reaching(Stream):
    """``u(t) = max(right(t), min(left(t), u(t + 1)))``, looking at least ``ahead`` ns far, for t from ``first`` on."""

    __slots__ = ("ahead", "begin", "kept", "left", "lefts", "right", "rights")

    def __init__(self, left: Stream, right: Stream, ahead: int, first: int) -> None:
        self.left, self.right, self.ahead = left, right, ahead
        self.lefts: deque[Segment] = deque()
        self.rights: deque[Segment] = deque()
        self.kept: list[tuple[int, float, float, float, float]] = []
        """End of a segment, lo and hi of left, lo and hi of right."""
        self.begin = first

    def extend(self, batch: Batch) -> Sequence[Segment]:
        self._keep(self.left.extend(batch), self.right.extend(batch))
        return self._reach(self.kept[-1][0] - self.ahead, -inf, -inf) if self.kept else ()

    def finish(self) -> Sequence[Segment]:
        self._keep(self.left.finish(), self.right.finish())
        return self._reach(self.kept[-1][0] - self.ahead, -inf, -inf) if self.kept else ()

    def _keep(self, more_left: Sequence[Segment], more_right: Sequence[Segment]) -> None:
        lefts, rights = self.lefts, self.rights
        lefts.extend(more_left)
        rights.extend(more_right)
        while lefts and rights:
            end, left_lo, left_hi = lefts[0]
            other, right_lo, right_hi = rights[0]
            if end <= other:
                lefts.popleft()
            if other <= end:
                rights.popleft()
                end = other
            if end >= self.begin:
                self.kept.append((end, left_lo, left_hi, right_lo, right_hi))

    def _reach(self, last: int, lo: float, hi: float) -> list[Segment]:
        """The values up to ``last``; lo, hi: what follows what is kept."""
        if last < self.begin:
            return []
        reached: list[Segment] = []
        kept = self.kept
        for index in range(len(kept) - 1, -1, -1):
            end, left_lo, left_hi, right_lo, right_hi = kept[index]
            lo = max(right_lo, min(left_lo, lo))
            hi = max(right_hi, min(left_hi, hi))
            if index == 0 or kept[index - 1][0] < last:
                reached.append((min(end, last), lo, hi))
        reached.reverse()
        self.begin = last + 1
        self.kept = [each for each in kept if each[0] > last]
        return reached
