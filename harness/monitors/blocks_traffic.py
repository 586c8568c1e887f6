"""Bus load, error frames and gateway latency over columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.frames import Frame, Received
from harness.logs.columns import REMOTE
from harness.monitors.blocks_cycle import Hearing
from harness.monitors.blocks_protection import ProtectionColumns
from harness.monitors.blocks_rows import Rows, Times, frame_of
from harness.monitors.latency import MOST_WAITING, LatencyCheck
from harness.monitors.load import ErrorFrames, LoadCheck
from harness.monitors.monitor import Violation

_FEW = 32

Durations = Callable[[Frame, NDArray[np.uint8]], NDArray[np.int64]]
"""How long frames occupy a channel with their intermission, ns: those with identifier, flags and length of a frame, by
their payloads uint8[n, width]; 0 for what it cannot carry."""


class LoadColumns:
    """The load of one channel, by column."""

    def __init__(self, check: LoadCheck, durations: Durations) -> None:
        self.check = check
        self._durations = durations
        self._times: list[Times] = []
        self._busy: list[NDArray[np.int64]] = []

    def add(self, rows: Rows) -> None:
        """Take frames of one message of a block."""
        kinds = rows.flags.astype(np.int64) << 8 | rows.length
        if (kinds == kinds[0]).all():
            busy = self._durations(frame_of(rows.block, int(rows.at[0])), rows.data)
        else:
            busy = np.zeros(len(rows), np.int64)
            for kind in np.unique(kinds).tolist():
                same = np.flatnonzero(kinds == kind)
                busy[same] = self._durations(frame_of(rows.block, int(rows.at[same[0]])), rows.data[same])
        self._times.append(rows.time)
        self._busy.append(busy)

    def add_unknown(self, rows: Rows) -> None:
        """Take frames of any identifiers."""
        keys = rows.block.key[rows.at]
        order = np.argsort(keys, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            self.add(rows.some(part))

    def block(self, horizon: int) -> list[Violation]:
        """Judge what was taken; what ends before ``horizon`` (ns) is over."""
        check = self.check
        found: list[Violation] = []
        if self._times:
            time, busy = np.concatenate(self._times), np.concatenate(self._busy)
            self._times, self._busy = [], []
            first = check.due - check.part
            parts = np.maximum(time - first - 1, 0) // check.part
            sums = np.bincount(parts, busy).astype(np.int64).tolist()  # floats hold whole numbers of this size
            for number in sums[:-1]:
                check.occupy(number)
                found += check.advance(check.due)
            check.occupy(sums[-1])
        while check.due < horizon:
            found += check.advance(check.due)
        return found


class ErrorColumns:
    """Error frames of one channel."""

    def __init__(self, check: ErrorFrames) -> None:
        self.check = check

    def block(self, rows: Rows) -> list[Violation]:
        """Take the error frames of a block."""
        found: list[Violation] = []
        for row in range(len(rows)):
            found += self.check.receive_error(rows.error(row))
        return found


class LatencyColumns:
    """The latency of one route, by column."""

    def __init__(self, check: LatencyCheck) -> None:
        self.check = check
        source = check.source
        self._protection = (
            ProtectionColumns(source.message, source.protection, source.protector)
            if source.protection is not None and source.protector is not None
            else None
        )

    def block(self, source: Rows | None, copy: Rows | None, horizon: int, hearing: Hearing) -> list[Violation]:
        """Judge what a block holds of both messages; what ends before ``horizon`` (ns) is over."""
        if source is not None:
            source = self._copied(source, hearing)
        return self._judge(source, copy, horizon, hearing)

    def _copied(self, source: Rows, hearing: Hearing) -> Rows | None:
        """Those that are to be copied: with a right checksum, and while the copy's network is awake."""
        wanted = np.ones(len(source), bool)
        if self._protection is not None:
            wanted, _ = self._protection.check(source.data, source.length)
            wanted &= source.flags & REMOTE == 0
        if hearing.sleep is not None:
            network = hearing.network
            latest = network[np.maximum(np.searchsorted(network, source.time, "right") - 1, 0)]
            wanted &= (latest >= source.time - hearing.sleep.period) & (latest <= source.time)
        return source if wanted.all() else source.some(np.flatnonzero(wanted)) if wanted.any() else None

    def _judge(self, source: Rows | None, copy: Rows | None, horizon: int, hearing: Hearing) -> list[Violation]:
        """By column if all is well, else in halves, of which the one without fault is."""
        if self._all_in_time(source, copy, horizon - (hearing.sleep.settle if hearing.sleep is not None else 0)):
            return []
        rows = np.sort(
            np.concatenate([each.at for each in (source, copy) if each is not None] or [np.empty(0, np.intp)])
        )
        if len(rows) <= _FEW:
            return self._one_by_one(source, copy, horizon, hearing)
        middle = int(rows[len(rows) // 2])
        halves = [_halves(each, middle) for each in (source, copy)]
        between = min(int(each.time[0]) for _, each in halves if each is not None)
        first = self._judge(halves[0][0], halves[1][0], min(between, horizon), hearing)
        return first + self._judge(halves[0][1], halves[1][1], horizon, hearing)

    def _all_in_time(self, source: Rows | None, copy: Rows | None, horizon: int) -> bool:
        """Whether each copy belongs to the oldest frame that waits, and comes in time; then they are taken."""
        check = self.check
        if check.ahead:
            return False
        waiting = check.waiting
        old = np.array([rx.time for rx in waiting], np.int64)
        sent = old if source is None else np.concatenate([old, source.time])
        order = np.full(len(old), -1) if source is None else np.concatenate([np.full(len(old), -1), source.at])
        count = 0 if copy is None else len(copy)
        if count > len(sent):
            return False
        latencies = np.empty(0, np.int64)
        if copy is not None:
            latencies = copy.time - sent[:count]
            if (order[:count] > copy.at).any() or (latencies > check.within).any():
                return False
            # How many wait when a frame is added: those before it, less the copies that have come.
            behind = np.arange(1, len(sent) + 1) - np.searchsorted(copy.at, order)
        else:
            behind = np.arange(1, len(sent) + 1)
        left = sent[count:]
        if (len(behind) and int(behind.max()) > MOST_WAITING) or (len(left) and int(left[0]) + check.within < horizon):
            return False
        rest: list[Received] = list(waiting[count:])
        if source is not None:
            rest += [source.received(row) for row in range(max(0, count - len(waiting)), len(source))]
        check.pass_over(latencies.tolist(), rest)
        return True

    def _one_by_one(self, source: Rows | None, copy: Rows | None, horizon: int, hearing: Hearing) -> list[Violation]:
        check = self.check
        both = [
            (int(row), rows, index) for rows in (source, copy) if rows is not None for index, row in enumerate(rows.at)
        ]
        found: list[Violation] = []
        for _, rows, index in sorted(both, key=lambda each: each[0]):
            found += self._due(int(rows.time[index]), hearing)
            hearing.recall(int(rows.time[index]))
            found += check.receive(rows.received(index))
        return found + self._due(horizon, hearing)

    def _due(self, time: int, hearing: Hearing) -> list[Violation]:
        found: list[Violation] = []
        while (due := self.check.due) is not None and due < time:
            hearing.recall(due)
            found += self.check.advance(due)
        return found


def _halves(rows: Rows | None, middle: int) -> tuple[Rows | None, Rows | None]:
    """Frames before row ``middle`` of the block, and those from there on; None for none."""
    if rows is None:
        return None, None
    at = int(np.searchsorted(rows.at, middle))
    every = np.arange(len(rows))
    return rows.some(every[:at]) if at else None, rows.some(every[at:]) if at < len(rows) else None
