"""The robustness of a formula as a stream: segments of atoms go in, segments of the formula come out.

A segment is (end, lo, hi): the value from the end of the segment before to ``end`` (ns, included). Every operator keeps
as much of the past as its window is long, and takes a constant time per segment on average.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf

from harness.errors import FormulaError
from harness.temporal.formula import UNKNOWN, And, Formula, Not, Or, Until, Window, negated
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


Taps = dict[tuple[Formula, int], "Tap | None"]
"""Formulas whose truth is to be remembered, with the first instant (ns); :func:`stream` fills in the taps."""


def stream(formula: Formula, first: int, last: int | None, limit: Limit, taps: Taps | None = None) -> Stream:
    """The stream of a formula's values from ``first`` to ``last`` (ns; None: without end); beyond, it means nothing.

    Raises :class:`~harness.errors.FormulaError` where that needs unbounded memory: an unbounded window that is asked
    for at instants without end.
    """
    found = _stream(formula, first, last, limit, taps)
    if taps is not None and (formula, first) in taps:
        found = taps[formula, first] = Tap(found)
    return found


def _stream(formula: Formula, first: int, last: int | None, limit: Limit, taps: Taps | None) -> Stream:
    if isinstance(formula, Not):
        return Negated(stream(formula.operand, first, last, limit, taps))
    if isinstance(formula, And | Or):
        joined, *others = (stream(part, first, last, limit, taps) for part in formula.parts)
        for other in others:
            joined = Joined(joined, other, isinstance(formula, And))
        return joined
    if isinstance(formula, Window | Until) and formula.end is None and last is None:
        raise FormulaError(
            f"'{formula}' looks from every instant to the end of the run, so watching it needs memory without bound: "
            "give it a bound such as within=10 * s, or judge a recording with harness check or harness.temporal.offline"
        )
    if isinstance(formula, Window):
        start, end = formula.start, formula.end
        if end is None:
            assert last is not None
            return ToTheEnd(
                stream(formula.operand, first + start, None, limit, taps), start, first, last, formula.every, limit
            )
        until = None if last is None else last + end
        slid = Sliding(stream(formula.operand, first + start, until, limit, taps), start, end, first, formula.every)
        return Observed(slid, limit) if start < 0 else slid
    if isinstance(formula, Until):
        return _until(formula, first, last, limit, taps)
    return Stream(formula)


def _until(formula: Until, first: int, last: int | None, limit: Limit, taps: Taps | None) -> Stream:
    """left over [t, t + start - 1]; and at t + start: right within the rest, and left until right."""
    start, end = formula.start, formula.end
    until = None if last is None or end is None else last + end
    left = stream(formula.left, first + start, until, limit, taps)
    right = stream(formula.right, first + start, until, limit, taps)
    found: Stream
    if end is None:
        assert last is not None
        found = ReachingEnd(left, right, first + start, last + start, limit)
    else:
        found = Reaching(left, right, end - start, first + start)
        goal = stream(formula.right, first + start, until, limit)
        found = Joined(Sliding(goal, 0, end - start, first + start, False), found, True)
    if start:
        before = stream(formula.left, first, None if last is None else last + start, limit)
        found = Joined(Sliding(before, 0, start - 1, first, True), Sliding(found, start, start, first, True), True)
    return found
