"""What is left of deadlines, online: as :meth:`harness.temporal.evaluation.Evaluation.time_margin`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import inf

from harness.temporal.formula import And, Formula, Or, Until, Window
from harness.temporal.judging import has_deadline
from harness.temporal.online_spans import Interval, Spans
from harness.temporal.online_stream import Taps


class Deadlines:
    """The deadlines of an operand. taps: what its stream has to remember for them.

    first: the first instant (ns) at which the operand is asked for.
    """

    def __init__(self, operand: Formula, first: int) -> None:
        self._operand = operand
        self._first = first
        self.taps: Taps = {}
        for leaf in _leaves(operand):
            self.taps[leaf, first] = None
            if has_deadline(leaf):
                goal, start, _ = _goal(leaf)
                self.taps[goal, first + start] = None

    def worst(self, start: int, end: int, told: list[Interval]) -> float:
        """The smallest rest at the instants that were told, all from start to end; ns, infinite where there is none."""
        found = inf
        borders = self._borders(start, end)
        for first, last in told:
            inner = borders[bisect_right(borders, first) : bisect_right(borders, last)]
            # Between two borders the rest only grows.
            for instant in (first, *inner):
                found = min(found, self._rest(self._operand, instant))
        return found

    def forget(self, before: int) -> None:
        """Drop what instants from ``before`` (ns) on do not need."""
        for (_, first), tap in self.taps.items():
            if tap is not None:
                tap.true.forget(before + first - self._first)

    def _borders(self, start: int, end: int) -> list[int]:
        """The instants at which the rest may jump, ascending."""
        found: set[int] = set()
        for (_, first), tap in self.taps.items():
            assert tap is not None
            ahead = first - self._first
            for times, more in ((tap.true.starts, 0), (tap.true.ends, 1)):
                chosen = times[bisect_left(times, start + ahead - more) : bisect_right(times, end + ahead - more)]
                found.update(time + more - ahead for time in chosen)
        return sorted(found)

    def _rest(self, formula: Formula, now: int) -> float:
        if isinstance(formula, And):
            return min(self._rest(part, now) for part in formula.parts)
        if isinstance(formula, Or):
            best = -inf
            for part in sorted(formula.parts, key=has_deadline):
                best = max(best, self._rest(part, now))
                if best == inf:
                    break
            return best
        if self._true(formula, self._first).around(now) is None:
            return -inf
        if not has_deadline(formula):
            return inf
        goal, start, end = _goal(formula)
        met = self._true(goal, self._first + start)
        place = bisect_left(met.ends, now + start)
        return now + end - max(met.starts[place], now + start)

    def _true(self, formula: Formula, first: int) -> Spans:
        tap = self.taps[formula, first]
        assert tap is not None
        return tap.true


def _leaves(formula: Formula) -> list[Formula]:
    if isinstance(formula, And | Or):
        return [leaf for part in formula.parts for leaf in _leaves(part)]
    return [formula]


def _goal(formula: Formula) -> tuple[Formula, int, int]:
    """What has to come, and from when to when."""
    assert isinstance(formula, Window | Until) and formula.end is not None
    return (formula.operand if isinstance(formula, Window) else formula.right), formula.start, formula.end
