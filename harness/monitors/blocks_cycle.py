"""Cycle times and silence over columns: the folds of :mod:`harness.monitors.cycle`, asked only where something happens.

Gaps within their limits are added up as columns. Every other frame, and every deadline that passes without one, goes
through the fold itself, so that both judge alike.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.monitors.blocks_rows import Rows, Times
from harness.monitors.cycle import CycleCheck, NodeCheck
from harness.monitors.monitor import Violation
from harness.monitors.sleep import NEVER, NetworkSleep, Said
from harness.monitors.statistics import BINS_PER_CYCLE, LAST_BIN, GapStatistics

FAR = 1 << 62
"""A time after all others."""

_SAFE = 1 << 31
"""Offsets whose squares can be added up in 64 bits, 2 of them at least."""


class Hearing:
    """When the messages of one channel were heard in a block, so that folds can be asked about any instant in it.

    checks: of all its cyclic messages. sleep: where the network may fall silent as a whole.
    """

    def __init__(self, checks: Sequence[CycleCheck], sleep: NetworkSleep | None) -> None:
        self.sleep = sleep
        self._checks = checks
        self._awake = [check for check in checks if sleep is not None and check in sleep.sleepers]
        self._times: dict[CycleCheck, Times] = {}
        self._before: dict[CycleCheck, int] = {}
        self._woken: Times | None = None
        self._asleep: Times = np.array([NEVER])

    def begin(self, times: Mapping[CycleCheck, Times]) -> None:
        """A block begins; times: ends of the frames in it, by the check of their message."""
        self._times = dict(times)
        self._before = {check: check.last for check in self._checks}
        self._woken = None

    def recall(self, now: int) -> None:
        """Let every fold know when its message had been heard last at ``now`` (ns), its own frame included."""
        for check, times in self._times.items():
            seen = int(np.searchsorted(times, now, "right"))
            check.last = int(times[seen - 1]) if seen else self._before[check]
        self.recall_sleep(now)

    def recall_sleep(self, now: int) -> None:
        """Let the network know when it had been found asleep last before ``now`` (ns)."""
        if self.sleep is not None:
            seen = int(np.searchsorted(self._asleep, now, "left"))
            self.sleep.slept = int(self._asleep[seen - 1])

    def look(self, horizon: int, stated: Rows | None) -> list[Violation]:
        """Look whether the network sleeps, at all instants before ``horizon`` (ns) at which its fold would.

        stated: the frames in which it says whether it is awake; None for none.
        """
        sleep = self.sleep
        if sleep is None or sleep.look is None:
            return []
        looks = np.arange(sleep.look, horizon, sleep.step)
        network = self.network
        last = network[np.maximum(np.searchsorted(network, looks, "right") - 1, 0)]
        silent = last <= looks - sleep.period
        asleep, heard = looks[silent], last[silent]
        self._asleep = np.concatenate([[sleep.slept], asleep])
        found: list[Violation] = []
        if sleep.statement is not None:
            awake_since = np.maximum(self._asleep[:-1], sleep.began)
            for at in np.flatnonzero(asleep - awake_since > sleep.settle).tolist():
                now = int(asleep[at])
                found += sleep.silent(now, int(self._asleep[at]), int(heard[at]), self._said(stated, now))
            sleep.said = self._said(stated, FAR)
        sleep.pass_over(len(looks), len(asleep))
        return found

    def _said(self, stated: Rows | None, now: int) -> Said | None:
        """The last word of the network about itself up to ``now`` (ns)."""
        assert self.sleep is not None and self.sleep.statement is not None, "nobody else asks"
        seen = 0 if stated is None else int(np.searchsorted(stated.time, now, "right"))
        for row in range(seen - 1, -1, -1):
            assert stated is not None, "it has rows"
            if (said := self.sleep.statement.said(stated.received(row))) is not None:
                return said
        return self.sleep.said

    def forget(self) -> None:
        """Back to the beginning of the block."""
        for check, last in self._before.items():
            check.last = last

    def of(self, check: CycleCheck) -> Times | None:
        """When one message was heard; None for not at all."""
        return self._times.get(check)

    def heard(self, checks: Sequence[CycleCheck]) -> Times:
        """When any of these was heard, in the order of time; first of all, when last before the block."""
        times = [self._times[check] for check in checks if check in self._times]
        before = np.array([max(self._before[check] for check in checks)], np.int64)
        return np.concatenate([before, np.sort(np.concatenate(times))]) if times else before

    @property
    def network(self) -> Times:
        """When the network was heard, in the order of time; first of all, when last before the block."""
        if self._woken is None:
            self._woken = self.heard(self._awake) if self._awake else np.array([NEVER])
        return self._woken

    def woken(self, after: int) -> int:
        """The first instant after ``after`` (ns) at which the network is heard; far away for none in this block."""
        at = int(np.searchsorted(self.network, after, "right"))
        return int(self.network[at]) if at < len(self.network) else FAR

    def end(self) -> None:
        """Let every fold know what was heard in the whole block."""
        self.forget()
        for check, times in self._times.items():
            check.last = int(times[-1])
        self.recall_sleep(FAR)


class CycleColumns:
    """The cycle time of one message, by column."""

    def __init__(self, check: CycleCheck) -> None:
        self.check = check

    def block(self, rows: Rows | None, horizon: int, hearing: Hearing) -> list[Violation]:
        """Judge what a block holds of the message; what ends before ``horizon`` (ns) is over."""
        check = self.check
        hearing.forget()
        found: list[Violation] = []
        times = np.empty(0, np.int64) if rows is None else rows.time
        gaps = np.diff(times, prepend=check.last)
        odd = np.flatnonzero((gaps < check.shortest) | (gaps > check.longest)).tolist()
        row, count = 0, len(times)
        while True:
            if check.calm and row < count:
                following = bisect_left(odd, row)
                upto = odd[following] if following < len(odd) else count
                if upto > row:
                    add_gaps(check.statistics, gaps[row:upto])
                    check.last = int(times[upto - 1])
                    row = upto
            limit = int(times[row]) if row < count else horizon
            check.pass_over(limit, hearing.woken)
            due = check.due
            if due < limit:
                hearing.recall(due)
                found += check.advance(due)
            elif rows is not None and row < count:
                hearing.recall_sleep(limit)
                found += check.receive(rows.received(row))
                row += 1
            else:
                return found


class NodeColumns:
    """The silence of one node, by column."""

    def __init__(self, check: NodeCheck) -> None:
        self.check = check
        self._fastest = min(check.messages, key=lambda each: each.cycle)

    def block(self, horizon: int, hearing: Hearing) -> list[Violation]:
        """Judge whether the node was heard all the time; what ends before ``horizon`` (ns) is over."""
        check = self.check
        hearing.forget()
        if self._always_heard(horizon, hearing):
            return []
        found: list[Violation] = []
        heard = hearing.heard(check.messages)
        # The last ones before it is silent for too long, or before the block ends.
        ends = np.append(np.flatnonzero(np.diff(heard) > check.longest), len(heard) - 1)
        now = int(heard[0])
        while True:
            if check.calm:
                hearing.recall(_last(heard, ends, now))
                now = check.due
                if now >= horizon:
                    break
                hearing.recall(now)
                if check.due > now:
                    continue  # heard again before it was certain
            else:
                now = check.due
                hearing.recall(now)
                silent = _last(heard, ends, now) + check.longest + 1
                following = int(np.searchsorted(heard, now, "right"))
                after = int(heard[following]) if following < len(heard) else horizon
                check.pass_over(silent, min(after, horizon), lambda since: min(hearing.woken(since), horizon))
                now = check.due
                if now >= horizon:
                    break
                hearing.recall(now)
            found += check.advance(now)
        hearing.forget()
        return found

    def _always_heard(self, horizon: int, hearing: Hearing) -> bool:
        """Whether its fastest message alone shows that nothing happens."""
        check, times = self.check, hearing.of(self._fastest)
        if times is None or not check.calm or check.last == NEVER:
            return False
        longest = check.longest
        if int(times[0]) - check.last > longest or horizon - int(times[-1]) > longest:
            return False
        return len(times) == 1 or int(np.diff(times).max()) <= longest


def _last(heard: Times, ends: NDArray[np.intp], now: int) -> int:
    """When it is heard last before it falls silent for too long, counted from ``now`` (ns)."""
    at = max(0, int(np.searchsorted(heard, now, "right")) - 1)
    return int(heard[ends[np.searchsorted(ends, at)]])


def add_gaps(statistics: GapStatistics, gaps: NDArray[np.int64]) -> None:
    """Take a column of gaps, ns."""
    cycle = statistics.cycle
    best, worst = int(gaps.min()), int(gaps.max())
    offsets = gaps - cycle
    most = max(abs(best - cycle), abs(worst - cycle))
    if most < _SAFE and most * most * len(gaps) < 1 << 63:
        total, squares = int(offsets.sum()), int(np.dot(offsets, offsets))
    else:
        every = offsets.tolist()
        total, squares = sum(every), sum([offset * offset for offset in every])
    statistics.add_sums(len(gaps), total, squares, best, worst)
    first = min(best * BINS_PER_CYCLE // cycle, LAST_BIN)
    bins = np.bincount(np.minimum(gaps * BINS_PER_CYCLE // cycle, LAST_BIN) - first)
    used = np.flatnonzero(bins)
    statistics.add_bins(zip((used + first).tolist(), bins[used].tolist(), strict=True))
