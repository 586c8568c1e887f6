"""Fewer points that look the same: what a picture of limited width can show of a signal.

A signal is sample and hold: it keeps a value until the next sample. So samples that repeat the value before them say
nothing, and of all samples that fall into one column of the picture only the smallest, the greatest and the last can
be seen. Spikes survive, however short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Point = tuple[int, float]
"""Time in ns, value; NaN is a gap that lasts to the next point."""


def decimate(points: Iterable[Point], start: int, end: int, columns: int) -> list[Point]:
    """The points that show within ``start`` to ``end`` (ns, both included), at most three per column and two more.

    Samples before ``start`` count as the one that holds there, which is moved to ``start``. columns: 1 or more.

    >>> decimate([(0, 1.0), (10, 1.0), (20, 5.0), (30, 5.0)], 0, 100, 50)
    [(0, 1.0), (20, 5.0)]
    >>> decimate([(time, float(time == 777)) for time in range(1_000)], 0, 1_000, 10)
    [(0, 0.0), (777, 1.0), (778, 0.0)]
    """
    found = changes(points, start, end)
    if len(found) <= 3 * columns:
        return found
    width = max(1, end - start) / columns
    kept: list[Point] = []
    for column in _columns(found, start, width):
        kept += _extremes(column)
    return list(changes(kept, start, end))


def changes(points: Iterable[Point], start: int, end: int) -> list[Point]:
    """The points within ``start`` to ``end`` that differ from the one before; what holds at ``start`` comes first."""
    found: list[Point] = []
    for time, value in points:
        if time > end:
            break
        if time <= start:
            found = [(start, value)]
        elif not found or not _same(found[-1][1], value):
            found.append((time, value))
    return found


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _columns(points: Sequence[Point], start: int, width: float) -> Iterator[Sequence[Point]]:
    begin = 0
    number = 0
    for index, (time, _) in enumerate(points):
        mine = int((time - start) / width)
        if mine != number:
            if index > begin:
                yield points[begin:index]
            begin, number = index, mine
    yield points[begin:]


def _extremes(column: Sequence[Point]) -> list[Point]:
    """Smallest, greatest and last of a column in the order of time; a gap counts only where it is the last."""
    numbers = [point for point in column if point[1] == point[1]]
    if not numbers:
        return [column[-1]]
    extremes = {min(numbers, key=lambda point: point[1]), max(numbers, key=lambda point: point[1]), column[-1]}
    return sorted(extremes, key=lambda point: point[0])
