"""Two signals compared as what they are on the bus: values that hold until the next frame.

Between two instants of :class:`Grid` nothing changes, so looking at the grid is looking at every nanosecond.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.offline.tolerance import EXACT, Tolerance
from harness.signals.column import SignalColumn

Times = NDArray[np.int64]
Rows = NDArray[np.intp]
Reals = NDArray[np.float64]


class Windows(NamedTuple):
    """Which samples of one side hold: ``at`` each instant, and from the ``first`` to the ``last`` near each instant."""

    at: Rows
    first: Rows
    last: Rows


class Grid:
    """The instants at which one of two signals changes, or comes into or goes out of the tolerance in time.

    one, other: times of the samples, int64 ns. begin, end: what is compared, ns; both signals have a value at begin.
    time: tolerance in time, ns. instants: int64[n], from ``begin`` on. durations: int64[n], how long each lasts.
    """

    def __init__(self, one: Times, other: Times, begin: int, end: int, time: int) -> None:
        self._of = one, other, time
        edges = [np.array([begin]), *(side + shift for side in (one, other) for shift in {-time, 0, time})]
        instants = np.unique(np.concatenate(edges))
        self.instants = instants[(instants >= begin) & (instants < end)]
        self.durations = np.diff(self.instants, append=end)
        self.one = self._windows(one, time)
        self.other = self._windows(other, time)

    def is_of(self, one: Times, other: Times, time: int) -> bool:
        """Whether it was made of these very arrays."""
        return self._of[0] is one and self._of[1] is other and self._of[2] == time

    def _windows(self, times: Times, time: int) -> Windows:
        at = np.searchsorted(times, self.instants, "right") - 1
        if time == 0:
            return Windows(at, at, at)
        first = np.searchsorted(times, self.instants - time, "right") - 1
        last = np.searchsorted(times, self.instants + time, "right") - 1
        return Windows(at, np.maximum(first, 0), last)


class Distances(NamedTuple):
    """Two signals at the instants of a grid: bool[n] whether they differ, and float64[n] by how much; labels by 1."""

    differs: NDArray[np.bool_]
    size: Reals


def distances(one: SignalColumn, other: SignalColumn, grid: Grid, tolerance: Tolerance) -> Distances:
    """How far two signals are apart, beyond what the tolerance in time explains."""
    held_one, held_other = one.value[grid.one.at], other.value[grid.other.at]
    same = (held_one == held_other) | ((held_one != held_one) & (held_other != held_other))
    if tolerance == EXACT and same.all():
        return Distances(~same, np.zeros(len(same)))
    if one.definition.choices:
        size = np.maximum(
            _missing(held_one, other.value, grid.other), _missing(held_other, one.value, grid.one)
        ) if tolerance.time else (~same).astype(np.float64)  # fmt: skip
        return Distances(size > 0, size)
    with np.errstate(all="ignore"):  # infinite and missing numbers are compared as such
        real_one, real_other = one.value.astype(np.float64), other.value.astype(np.float64)
        from_one, excess_one = _outside(real_one[grid.one.at], real_other, grid.other, tolerance)
        from_other, excess_other = _outside(real_other[grid.other.at], real_one, grid.one, tolerance)
        differs = excess_one | excess_other
        if not tolerance.time:
            differs &= ~same
            if not (tolerance.absolute or tolerance.relative):
                differs = ~same  # whole numbers that no float tells apart
        return Distances(differs, np.maximum(from_one, from_other))


def _missing(held: NDArray[np.generic], values: NDArray[np.generic], windows: Windows) -> Reals:
    """1 where none of the samples in the window has the value held, else 0."""
    missing = np.ones(len(held))
    for value in np.unique(held):
        counts = np.concatenate([[0], np.cumsum(values == value)])
        rows = held == value
        missing[rows] = counts[windows.last[rows] + 1] == counts[windows.first[rows]]
    return missing


def _outside(held: Reals, values: Reals, windows: Windows, tolerance: Tolerance) -> tuple[Reals, NDArray[np.bool_]]:
    """How far each value lies outside what the other signal passes in the window, and whether that is too far."""
    low = _running(values, windows, np.fmin)
    high = _running(values, windows, np.fmax)
    near = np.clip(held, low, high)
    size = np.abs(held - near)
    size[held == near] = 0.0  # infinity from infinity
    gaps = np.concatenate([[0], np.cumsum(values != values)])
    has_gap = gaps[windows.last + 1] > gaps[windows.first]
    size[held != held] = np.inf
    size[(held != held) & has_gap] = 0.0
    size[(held == held) & (near != near)] = np.inf  # nothing but NaN to compare with
    allowed = np.maximum(tolerance.absolute, tolerance.relative * np.fmax(np.abs(held), np.abs(near)))
    allowed[~np.isfinite(allowed)] = tolerance.absolute
    return size, size > allowed


def _running(values: Reals, windows: Windows, choose: np.ufunc) -> Reals:
    """The least or greatest of the samples in each window, by windows of powers of two (a sparse table)."""
    spans = windows.last - windows.first + 1
    found = values[windows.first]
    table, width = values, 1
    while width <= spans.max(initial=0):
        rows = np.flatnonzero((spans >= width) & (spans < 2 * width))
        found[rows] = choose(table[windows.first[rows]], table[windows.last[rows] - width + 1])
        table, width = choose(table[:-width], table[width:]), 2 * width
    return found
