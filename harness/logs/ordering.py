"""Pieces of a recording as blocks of frames in the order of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

import numpy as np

from harness.logs.columns import FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import Piece

WINDOW = 100_000_000
"""ns by which frames may be out of order. Recorders that take several channels from several drivers are, by less."""

MOST_HELD = 1 << 20
"""Frames that wait for earlier ones at most, so that a file without times does not fill the memory."""

_LONG_AGO = -(1 << 62)


def blocks(pieces: Iterable[Piece], size: int, problems: Problems) -> Iterator[FrameColumns]:
    """The frames of all pieces in blocks of ``size`` or less.

    Frames that are out of order by up to :data:`WINDOW` come in the order of time, those of one instant in the order of
    the file. Where time runs back by more, the frames are delivered as they stand, and that is a problem.
    """
    order = _Order(problems)
    held: list[Piece] = []
    rows = 0
    for piece in pieces:
        held.append(piece)
        rows += len(piece.columns)
        if rows >= size:
            yield from _cut(order.settled(held), size)
            held, rows = [], 0
    yield from _cut(order.settled(held, last=True), size)


def _cut(block: FrameColumns, size: int) -> Iterator[FrameColumns]:
    for begin in range(0, len(block), size):
        yield block[begin : begin + size]


class _Order:
    """Frames that wait until no earlier one can come any more."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._waiting = FrameColumns.empty()
        self._given = _LONG_AGO  # no frame may come before this, or time runs back

    def settled(self, pieces: list[Piece], last: bool = False) -> FrameColumns:
        """Take frames, and give out those whose place is certain; the last time all."""
        columns = FrameColumns.join([self._waiting, *(piece.columns for piece in pieces)])
        if not len(columns):
            return columns
        time = columns.time
        floor = np.maximum(np.maximum.accumulate(time) - WINDOW, self._given)
        begin = 0  # of the stretch at whose end we are, in which time does not run back
        if bool(np.all(time >= floor)):
            if bool(np.any(time[1:] < time[:-1])):
                columns = columns[np.argsort(time, kind="stable")]
        else:
            begins = self._breaks(time.tolist(), pieces)
            begin = begins[-1]
            stretch = np.zeros(len(time), np.int64)
            stretch[begins] = 1
            columns = columns[np.lexsort((time, np.cumsum(stretch)))]
            self._given = _LONG_AGO
        certain = int(columns.time[-1]) - WINDOW
        count = begin + int(np.searchsorted(columns.time[begin:], certain, "right"))
        if last or len(columns) - count > MOST_HELD:
            count = len(columns)
        if count > begin:
            self._given = max(self._given, int(columns.time[count - 1]))
        self._waiting = columns[count:]
        return columns[:count]

    def _breaks(self, time: list[int], pieces: list[Piece]) -> list[int]:
        """The rows at which time runs back, each told as a problem."""
        ends = list(accumulate((len(piece.columns) for piece in pieces), initial=len(self._waiting)))
        found = []
        latest = given = self._given
        for row, now in enumerate(time):
            if now < max(latest - WINDOW, given):
                found.append(row)
                index = bisect_right(ends, row) - 1
                place = pieces[index].position(row - ends[index])
                back, at = (latest - now) / 1e9, latest / 1e9
                self._problems.add(
                    "time", place, f"time runs back by {back:g} s, at {at:g} s; the frames are left in this order"
                )
                latest, given = now, _LONG_AGO
            latest = max(latest, now)
        return found
