"""Sets of instants that grow, as intervals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

FOREVER = 1 << 62
"""Later than any instant (ns); its negative is earlier than any."""

Interval = tuple[int, int]


class Spans:
    """A growing set of instants (ns), as disjoint intervals, both ends included, that do not touch each other.

    >>> spans = Spans()
    >>> spans.add(10, 20), spans.add(15, 30), spans.add(40, 50)
    ([(10, 20)], [(21, 30)], [(40, 50)])
    >>> spans.add(0, 60)
    [(0, 9), (31, 39), (51, 60)]
    >>> spans.around(5), spans.inside(50, 100)
    ((0, 60), [(50, 60)])
    """

    __slots__ = ("ends", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.starts)

    def add(self, start: int, end: int) -> list[Interval]:
        """Add the instants from start to end; returns those that are new."""
        starts, ends = self.starts, self.ends
        if not starts or start > ends[-1] + 1:  # nearly always time goes on
            starts.append(start)
            ends.append(end)
            return [(start, end)]
        if start >= starts[-1]:
            last = ends[-1]
            if end <= last:
                return []
            ends[-1] = end
            return [(last + 1, end)]
        first, stop = bisect_left(ends, start - 1), bisect_right(starts, end + 1)
        new = []
        at = start
        for each in range(first, stop):
            if at < starts[each]:
                new.append((at, min(end, starts[each] - 1)))
            at = max(at, ends[each] + 1)
        if at <= end:
            new.append((at, end))
        if first < stop:
            start, end = min(start, starts[first]), max(end, ends[stop - 1])
        starts[first:stop] = [start]
        ends[first:stop] = [end]
        return new

    def around(self, time: int) -> Interval | None:
        """The interval that an instant lies in."""
        at = bisect_left(self.ends, time)
        return (self.starts[at], self.ends[at]) if at < len(self.ends) and self.starts[at] <= time else None

    def inside(self, start: int, end: int) -> list[Interval]:
        """The instants from start to end that are in it."""
        first, stop = bisect_left(self.ends, start), bisect_right(self.starts, end)
        return [(max(start, self.starts[each]), min(end, self.ends[each])) for each in range(first, stop)]

    def forget(self, before: int) -> None:
        """Drop the intervals that end before an instant."""
        if self.ends and self.ends[0] < before:
            count = bisect_left(self.ends, before)
            del self.starts[:count], self.ends[:count]
