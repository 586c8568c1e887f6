"""Two recordings side by side on one clock: what of a signal differs, and what is missing on one side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.logs.signals import Signals
from harness.offline.held import Grid, distances
from harness.offline.tolerance import Tolerance
from harness.signals.column import SignalColumn
from harness.signals.definitions import SignalDef

CYCLES = 1.5
"""A message that begins so many cycles later has another phase; beyond that it is late."""
_FEW, _REGULAR = 5, 3
"""A message comes cyclically when it has so many frames, and no gap that is so many times the usual one."""


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant at which two signals differ. time: ns on the first recording's clock. one, other: physical values."""

    time: int
    one: int | float
    other: int | float
    size: float
    """How far they are apart beyond the tolerance in time, in the signal's unit; 1 for labels."""


@dataclass(frozen=True, slots=True)
class SignalDifference:
    """A signal that differs.

    first, largest: where it differs first and most. differing_ns, compared_ns: for how long it differs, of how long.
    longest_ns: the longest stretch without agreement.
    """

    path: str
    definition: SignalDef
    tolerance: Tolerance
    first: Instant
    largest: Instant
    differing_ns: int
    longest_ns: int
    compared_ns: int

    @property
    def share(self) -> float:
        """Share of the compared time in which it differs, more than 0 to 1."""
        return self.differing_ns / self.compared_ns


@dataclass(frozen=True, slots=True)
class Absence:
    """A message that only one recording has, or has for longer.

    path: ``channel.Message``, or ``channel.Message.Signal`` where it is not the whole message. what: for the reader.
    start, end: ns on the first recording's clock, from when to when only one has it.
    """

    path: str
    what: str
    start: int
    end: int


class Sides:
    """Two recordings on the first one's clock.

    shift: ns by which things happen later in the second one. begin, end: what is compared, ns on the first's clock,
    both included.
    """

    def __init__(self, one: Signals, other: Signals, shift: int, begin: int, end: int) -> None:
        self._one, self._other = one, other
        self._shift, self._begin, self._end = shift, begin, end + 1
        self._times: dict[int, NDArray[np.int64]] = {}
        self._grid: Grid | None = None

    def both(self, path: str) -> bool:
        """Whether both have the signal in the time that is compared."""
        return self._start(path) < self._end

    def difference(self, path: str, tolerance: Tolerance) -> SignalDifference | None:
        """Where the signal differs; None where it does not."""
        one, other = self._one[path], self._second(path)
        start = self._start(path)
        grid = self._grid
        if grid is None or not grid.is_of(one.time, other.time, tolerance.time):
            # Signals of a message come one after the other and share their times.
            grid = self._grid = Grid(one.time, other.time, start, self._end, tolerance.time)
        differs, size = distances(one, other, grid, tolerance)
        rows = np.flatnonzero(differs)
        if len(rows) == 0:
            return None

        def instant(row: int) -> Instant:
            held = one.value[grid.one.at[row : row + 1]], other.value[grid.other.at[row : row + 1]]
            first, second = (each.tolist()[0] for each in held)
            return Instant(int(grid.instants[row]), first, second, float(size[row]))

        return SignalDifference(
            path,
            one.definition,
            tolerance,
            first=instant(rows[0]),
            largest=instant(rows[np.argmax(size[rows])]),
            differing_ns=int(grid.durations[rows].sum()),
            longest_ns=_longest(rows, grid.durations),
            compared_ns=self._end - start,
        )

    def absences(self, path: str, names: tuple[str, str], allowed: int) -> Iterator[Absence]:
        """What of the signal one side lacks. allowed: ns that do not count."""
        times = [side[path].time if path in side else np.empty(0, np.int64) for side in (self._one, self._other)]
        times[1] = times[1] - self._shift
        seen = [(name, each) for name, each in zip(names, times, strict=True) if len(each)]
        if len(seen) == 1 and seen[0][1][0] < self._end:
            ((name, each),) = seen
            yield Absence(path, f"only in {name}", int(each[0]), int(each[-1]))
        if len(seen) < 2 or self._one[path].definition.multiplexer is not None:
            return  # pages come in turn, and the multiplexer itself tells when the message begins and ends
        phases = [_phase(each) for each in times]
        allowed = max(allowed, *phases)
        firsts = [max(int(each[0]), self._begin) for each in times]
        lasts = [max(min(int(each[-1]), self._end - 1), self._begin) for each in times]
        late, early = int(firsts[1] > firsts[0]), int(lasts[1] < lasts[0])
        if max(firsts) - min(firsts) > allowed:
            yield Absence(path, f"begins later in {names[late]}", min(firsts), max(firsts))
        if phases[early] and max(lasts) - min(lasts) > allowed:
            yield Absence(path, f"ends earlier in {names[early]}", min(lasts), max(lasts))

    def _start(self, path: str) -> int:
        """From when on both have a value; the end of what is compared where one never has."""
        if not (path in self._one and path in self._other and len(self._one[path]) and len(self._other[path])):
            return self._end
        return max(self._begin, int(self._one[path].time[0]), int(self._other[path].time[0]) - self._shift)

    def _second(self, path: str) -> SignalColumn:
        column = self._other[path]
        if self._shift == 0:
            return column
        time = self._times.get(id(column.time))
        if time is None:
            time = self._times[id(column.time)] = column.time - self._shift
        return SignalColumn(column.definition, time, column.raw, column.value)


def _phase(times: NDArray[np.int64]) -> int:
    """By how much a message that comes cyclically may be late, ns; 0 for one that does not."""
    gaps = np.diff(times)
    usual = np.median(gaps) if len(times) >= _FEW else 0
    return int(CYCLES * usual) if gaps.max(initial=0) <= _REGULAR * usual else 0


def _longest(rows: NDArray[np.intp], durations: NDArray[np.int64]) -> int:
    """The longest of the stretches of neighbouring rows."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) > 1) + 1])
    return int(np.add.reduceat(durations[rows], starts).max())
