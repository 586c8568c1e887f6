"""Step functions of time on numpy arrays: what the value of a formula is over a recording, and how to combine them.

A function is constant from one of its times to the nanosecond before the next, so single instants are steps of 1 ns.
Every operation takes time linear in the number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.temporal.formula import TINY

Times = NDArray[np.int64]
Numbers = NDArray[np.float64]
Pick = np.ufunc
"""``np.minimum`` or ``np.maximum``."""

BLOCK = 64


@dataclass(frozen=True, slots=True, eq=False)
class StepFunction:
    """A value over time, as least and greatest possible robustness.

    time: int64[n], n >= 1, ns, strictly rising: value i holds from ``time[i]`` to the nanosecond before
    ``time[i + 1]``, the last one to the end of what was asked for. lo, hi: float64[n]; one array where all is known.
    """

    time: Times
    lo: Numbers
    hi: Numbers

    def __len__(self) -> int:
        return len(self.time)

    def at(self, time: int) -> tuple[float, float]:
        """Least and greatest value at an instant (ns), at or after the first of :attr:`time`."""
        index = int(np.searchsorted(self.time, time, "right")) - 1
        return float(self.lo[index]), float(self.hi[index])

    def map(self, change: Callable[[Numbers], Numbers], time: Times | None = None) -> StepFunction:
        """The same with changed values, and times; what is known is changed once."""
        lo = change(self.lo)
        return StepFunction(self.time if time is None else time, lo, lo if self.hi is self.lo else change(self.hi))


def constant(first: int, lo: float, hi: float) -> StepFunction:
    """One value from ``first`` on."""
    low = np.array([lo], np.float64)
    return StepFunction(np.array([first], np.int64), low, low if lo == hi else np.array([hi], np.float64))


def negate(steps: StepFunction) -> StepFunction:
    """Its opposite, as :func:`harness.temporal.formula.negated`."""
    lo = _negated(steps.hi)
    return StepFunction(steps.time, lo, lo if steps.hi is steps.lo else _negated(steps.lo))


def _negated(values: Numbers) -> Numbers:
    found = np.negative(values)
    zero = values == 0
    if zero.any():
        found[zero] = -TINY
    return found


def combine(left: StepFunction, right: StepFunction, pick: Pick) -> StepFunction:
    """The smaller (``np.minimum``) or greater of two at every instant; both begin at the same time."""
    time, (first, second) = common_times(left.time, right.time)
    lo: Numbers = pick(_taken(left.lo, first), _taken(right.lo, second))
    if left.hi is left.lo and right.hi is right.lo:
        return StepFunction(time, lo, lo)
    return StepFunction(time, lo, pick(_taken(left.hi, first), _taken(right.hi, second)))


Places = NDArray[np.int64] | None
"""Indices into an array; None: as it is."""


def common_times(left: Times, right: Times) -> tuple[Times, tuple[Places, Places]]:
    """All times of both, and for each time the index of the step of either; both begin at the same time."""
    if left is right or (len(left) == len(right) and np.array_equal(left, right)):
        return left, (None, None)
    time, first, second = merged(left, right)
    return time, (first - 1, second - 1)


def merged(left: Times, right: Times) -> tuple[Times, NDArray[np.int64], NDArray[np.int64]]:
    """The sorted times of both, each once, and how many of either lie at or before it."""
    # One sort of two sorted runs merges them; the lowest bit remembers whose it was.
    keys = np.concatenate((left << 1, (right << 1) | 1))
    keys.sort(kind="stable")
    seconds = np.cumsum(keys & 1)
    time = keys >> 1
    firsts = np.arange(1, len(keys) + 1) - seconds
    if len(time) > 1:
        newest = time[1:] != time[:-1]
        if not newest.all():
            kept = np.flatnonzero(np.append(newest, True))
            return time.take(kept), firsts.take(kept), seconds.take(kept)
    return time, firsts, seconds


def _taken(values: Numbers, places: Places) -> Numbers:
    return values if places is None else values.take(places)


def coalesced(steps: StepFunction) -> StepFunction:
    """Without the steps that change nothing, where that is worth while."""
    if len(steps) < 2:
        return steps
    new = steps.lo[1:] != steps.lo[:-1]
    if steps.hi is not steps.lo:
        new |= steps.hi[1:] != steps.hi[:-1]
    if np.count_nonzero(new) * 4 > len(new) * 3:
        return steps
    kept = np.flatnonzero(np.concatenate(((True,), new)))
    return steps.map(lambda values: values.take(kept), steps.time.take(kept))


def clipped(time: Times, first: int, last: int) -> slice:
    """Where the times lie in (first, last]."""
    begin, end = np.searchsorted(time, (first, last), "right")
    return slice(int(begin), int(end))


def sliding(steps: StepFunction, start: int, end: int, first: int, last: int, pick: Pick) -> StepFunction:
    """The extremum over [t + start, t + end] for t in [first, last]; before and after the steps there is nothing."""
    inner = steps.time[1:]
    if start == end:
        begin = int(np.searchsorted(inner, first + start, "right"))
        kept = clipped(inner - start, first, last)
        time = np.concatenate(((first,), inner[kept] - start))
        return steps.map(lambda values: values[begin : begin + len(time)], time)
    coming, leaving = inner - end, inner - start
    comes, goes = clipped(coming, first, last), clipped(leaving, first, last)
    coming, leaving = coming[comes], leaving[goes]
    if len(coming) <= len(leaving) and np.array_equal(coming, leaving[: len(coming)]):
        # Samples on a grid meet themselves: one comes whenever one leaves, until the last has come.
        width, size = comes.start - goes.start + 1, len(leaving) + 1

        def grid(values: Numbers) -> Numbers:
            used = values[goes.start : comes.stop + 1]
            return _of_width(np.pad(used, (0, size + width - 1 - len(used)), "edge"), width, pick)

        return steps.map(grid, np.concatenate(((first,), leaving)))
    time, right, left = merged(coming, leaving)
    right = np.concatenate(((0,), right)) + comes.start
    left = np.concatenate(((0,), left)) + goes.start
    return steps.map(lambda values: extremum(values, left, right, pick), np.concatenate(((first,), time)))


def _of_width(values: Numbers, width: int, pick: Pick) -> Numbers:
    """The extremum of every ``width`` values in a row."""
    count, size = len(values) - width + 1, 1
    while 2 * size <= width:
        values = pick(values[:-size], values[size:])
        size *= 2
    found: Numbers = pick(values[:count], values[width - size : width - size + count])
    return found


def to_the_end(steps: StepFunction, start: int, first: int, last: int, pick: Pick) -> StepFunction:
    """The extremum over [t + start, end of the steps] for t in [first, last]."""
    rest = steps.map(lambda values: pick.accumulate(values[::-1])[::-1])
    return sliding(rest, start, start, first, last, pick)


def extremum(values: Numbers, left: NDArray[np.int64], right: NDArray[np.int64], pick: Pick) -> Numbers:
    """Of every range ``values[left[i] : right[i] + 1]`` (not empty) the extremum."""
    widths = right - left + 1
    widest = int(widths.max())
    known: list[tuple[NDArray[np.int64], Numbers]] = []
    if widest > BLOCK:
        now = np.flatnonzero(widths > BLOCK)
        known.append((now, _over_blocks(values, left[now], right[now], pick)))
    # Doubling: ``table[i]`` is the extremum of ``size`` values from i on; two of them cover up to twice as many.
    table, size, last = values, 1, min(widest, BLOCK)
    while 2 * size <= last:
        now = np.flatnonzero(widths < 2 * size)
        if size > 1:
            now = now[widths[now] >= size]
        if len(now):
            known.append((now, pick(table.take(left[now]), table.take(right[now] - (size - 1)))))
        table = pick(table[:-size], table[size:])
        size *= 2
    # Most are of the last size: all are done, and the others put right.
    found: Numbers = pick(table.take(left, mode="clip"), table.take(right - (size - 1), mode="clip"))
    for now, others in known:
        found[now] = others
    return found


def _over_blocks(values: Numbers, left: NDArray[np.int64], right: NDArray[np.int64], pick: Pick) -> Numbers:
    """For ranges longer than a block: the rest of the first block, whole blocks, the beginning of the last."""
    neutral = np.inf if pick is np.minimum else -np.inf
    count = -(-len(values) // BLOCK)
    blocks = np.full((count, BLOCK), neutral)
    blocks.reshape(-1)[: len(values)] = values
    from_left: Numbers = pick.accumulate(blocks, axis=1)
    from_right: Numbers = pick.accumulate(blocks[:, ::-1], axis=1)[:, ::-1]
    found: Numbers = pick(from_right[left // BLOCK, left % BLOCK], from_left[right // BLOCK, right % BLOCK])
    first, last = left // BLOCK + 1, right // BLOCK - 1
    between = np.flatnonzero(first <= last)
    if len(between):
        whole = extremum(from_left[:, -1].copy(), first[between], last[between], pick)
        found[between] = pick(found[between], whole)
    return found


def backwards(left: Numbers, right: Numbers, beyond: float) -> Numbers:
    """``u[i] = max(right[i], min(left[i], u[i + 1]))``, from the end on, where u is ``beyond``."""
    # A step clamps what comes after it to [right, max(left, right)]; clamps in a row are one clamp. So all rows of a
    # square are done side by side, from their ends to their beginnings, and then joined from the last to the first.
    count = len(left)
    width = math.isqrt(count) + 1
    rows = -(-count // width)
    lows, highs = np.full(rows * width, -np.inf), np.full(rows * width, np.inf)
    lows[:count] = right
    np.maximum(left, right, out=highs[:count])
    low, high = (np.ascontiguousarray(each.reshape(rows, width).T) for each in (lows, highs))
    for place in range(width - 2, -1, -1):
        floor, ceiling = low[place].copy(), high[place].copy()
        np.maximum(floor, np.minimum(ceiling, low[place + 1]), out=low[place])
        np.maximum(floor, np.minimum(ceiling, high[place + 1]), out=high[place])
    after = np.empty(rows)
    for row in range(rows - 1, -1, -1):
        after[row] = beyond
        beyond = max(float(low[0, row]), min(float(high[0, row]), beyond))
    found: Numbers = np.maximum(low, np.minimum(high, after))
    return np.ascontiguousarray(found.T).reshape(-1)[:count]


def overlaid(
    steps: StepFunction, begin: int | None, end: int | None, *, lo: float | None = None, hi: float | None = None
) -> StepFunction:
    """Another least or greatest value (None: as it is) from ``begin`` up to before ``end``; None: where it ends."""
    for border in (begin, end):
        if border is not None:
            steps = _with_time(steps, border)
    low, high = steps.lo.copy(), steps.hi.copy()
    here = slice(*(None if border is None else int(np.searchsorted(steps.time, border)) for border in (begin, end)))
    if lo is not None:
        low[here] = lo
    if hi is not None:
        high[here] = hi
    return StepFunction(steps.time, low, high)


def _with_time(steps: StepFunction, time: int) -> StepFunction:
    """With a step at ``time``, if it lies after the first."""
    index = int(np.searchsorted(steps.time, time))
    if index == 0 or (index < len(steps) and steps.time[index] == time):
        return steps
    grown = np.insert(steps.time, index, time)
    return steps.map(lambda values: np.insert(values, index, values[index - 1]), grown)
