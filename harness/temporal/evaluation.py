"""Formulas over columns: the value of every node over the instants that are asked for."""

from __future__ import annotations

from functools import reduce
from typing import Literal

import numpy as np

from harness.temporal.formula import And, Formula, Not, Or, Until, Window
from harness.temporal.judging import has_deadline
from harness.temporal.sampling import Samples
from harness.temporal.steps import (
    Numbers,
    Pick,
    StepFunction,
    Times,
    backwards,
    combine,
    common_times,
    constant,
    negate,
    overlaid,
    sliding,
    to_the_end,
)

Ending = Literal["over", "open", "cut"]
"""What comes after the end of the observation.

``over``: nothing that an unbounded operator would have to wait for, but a bounded one does not know what it waits for.
``open``: more, so an unbounded one does not know either. ``cut``: nothing; every window is cut at both ends.
"""


class Evaluation:
    """Values of formulas over what was observed until ``end`` (ns, included).

    samples: the columns. begin: where windows are cut with the ending ``cut``. Values are remembered.
    """

    def __init__(self, samples: Samples, begin: int, end: int, ending: Ending = "over") -> None:
        self._samples = samples
        self._begin = begin
        self._end = end
        self._ending = ending
        self._known: dict[tuple[Formula, int, int], StepFunction] = {}

    def of(self, formula: Formula, first: int, last: int) -> StepFunction:
        """A formula over [first, last], which is not empty and ends with the observation or before."""
        key = formula, first, last
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._of(formula, first, last)
        return found

    def _of(self, formula: Formula, first: int, last: int) -> StepFunction:
        if isinstance(formula, Not):
            return negate(self.of(formula.operand, first, last))
        if isinstance(formula, And | Or):
            pick = np.minimum if isinstance(formula, And) else np.maximum
            found = (self.of(part, first, last) for part in formula.parts)
            return reduce(lambda left, right: combine(left, right, pick), found)
        if isinstance(formula, Window):
            return self._window(formula.operand, formula.start, formula.end, first, last, every=formula.every)
        if isinstance(formula, Until):
            return self._until(formula, first, last)
        return self._samples.atom(formula, first, last)

    def _window(
        self, operand: Formula, start: int, end: int | None, first: int, last: int, *, every: bool
    ) -> StepFunction:
        begin, stop = self._asked(start, end, first, last)
        if begin > stop:
            return self._beyond(constant(first, 0, 0), start, end, first, last, every=every)
        pick: Pick = np.minimum if every else np.maximum
        steps = self.of(operand, begin, stop)
        if end is None:
            found = to_the_end(steps, start, first, last, pick)
        else:
            found = sliding(steps, start, end, first, last, pick)
        return self._beyond(found, start, end, first, last, every=every)

    def _asked(self, start: int, end: int | None, first: int, last: int) -> tuple[int, int]:
        """The instants of the operand that matter: the first may lie after the last one."""
        begin = max(first + start, self._begin) if self._ending == "cut" else first + start
        return begin, self._end if end is None else min(last + end, self._end)

    def _beyond(
        self, steps: StepFunction, start: int, end: int | None, first: int, last: int, *, every: bool
    ) -> StepFunction:
        """With what a window beyond the observation means."""
        over = max(self._end - start + 1, first)  # from here on all of the window lies beyond
        nothing = np.inf if every else -np.inf
        if self._ending == "cut":
            if end is not None and first + end < self._begin:
                steps = overlaid(steps, None, min(self._begin - end, last + 1), lo=nothing, hi=nothing)
            return overlaid(steps, over, None, lo=nothing, hi=nothing) if over <= last else steps
        partly = first if end is None and self._ending == "open" else None
        if end is not None and last + end > self._end:
            partly = max(self._end - end + 1, first)
        if partly is not None:
            steps = overlaid(steps, partly, None, lo=-np.inf) if every else overlaid(steps, partly, None, hi=np.inf)
        return overlaid(steps, over, None, lo=-np.inf, hi=np.inf) if over <= last else steps

    def _until(self, formula: Until, first: int, last: int) -> StepFunction:
        """By the decomposition of Donzé, Ferrère and Maler (CAV 2013, lemma 4), for a left side that excludes the end:

        left U[a, b] right = always[0, a - 1] left & eventually[a, b] right & (left U right) a later
        """
        start, end = formula.start, formula.end
        begin, stop = self._asked(start, end, first, last)
        parts = [self._window(formula.right, start, end, first, last, every=False)]
        if start > 0:
            parts.append(self._window(formula.left, 0, start - 1, first, last, every=True))
        if begin <= stop:
            endless = self._endless(formula, begin, stop, unsure=self._unsure(end, last))
            shifted = sliding(endless, start, start, first, last, np.maximum)
            parts.append(self._beyond(shifted, start, start, first, last, every=False))
        return reduce(lambda left, right: combine(left, right, np.minimum), parts)

    def _unsure(self, end: int | None, last: int) -> bool:
        """Whether the goal may still come after the end of the observation."""
        if self._ending == "cut":
            return False
        return self._ending == "open" if end is None else last + end > self._end

    def _endless(self, formula: Until, first: int, last: int, *, unsure: bool) -> StepFunction:
        left, right = self.of(formula.left, first, last), self.of(formula.right, first, last)
        time, (one, two) = common_times(left.time, right.time)
        holds = [values if one is None else values.take(one) for values in (left.lo, left.hi)]
        goals = [values if two is None else values.take(two) for values in (right.lo, right.hi)]
        lo = backwards(holds[0], goals[0], -np.inf)
        if not unsure and left.hi is left.lo and right.hi is right.lo:
            return StepFunction(time, lo, lo)
        return StepFunction(time, lo, backwards(holds[1], goals[1], np.inf if unsure else -np.inf))

    # -- deadlines -------------------------------------------------------------------------------------------------

    def time_margin(self, formula: Formula, at: Times, first: int, last: int) -> Numbers:
        """What is left of the deadline at instants ``at`` in [first, last], ns: float64, infinite where there is none.

        Deadlines are those of bounded ``eventually`` and ``until`` that stand in no other temporal operator; of ``&``
        the tighter one counts, of ``|`` and ``>>`` the looser. What is not certainly true has minus infinity.
        """
        if isinstance(formula, And):
            return reduce(np.minimum, (self.time_margin(part, at, first, last) for part in formula.parts))
        if isinstance(formula, Or):
            best = np.full(len(at), -np.inf)
            for part in sorted(formula.parts, key=has_deadline):
                undecided = np.flatnonzero(best < np.inf)
                if len(undecided):
                    margins = self.time_margin(part, at[undecided], first, last)
                    best[undecided] = np.maximum(best[undecided], margins)
            return best
        steps = self.of(formula, first, last)
        holds = steps.lo.take(np.searchsorted(steps.time, at, "right") - 1) >= 0
        left = np.where(holds, np.inf, -np.inf)
        if not has_deadline(formula) or not holds.any():
            return left
        assert isinstance(formula, Window | Until) and formula.end is not None
        goal = formula.operand if isinstance(formula, Window) else formula.right
        wanted = self.of(goal, *self._asked(formula.start, formula.end, first, last))
        came = wanted.time[wanted.lo >= 0]
        instant = at[holds] + formula.start
        place = np.searchsorted(wanted.time, instant, "right") - 1
        ahead = came.take(np.minimum(np.searchsorted(came, instant), len(came) - 1))
        met = np.where(wanted.lo.take(place) >= 0, instant, ahead)
        left[holds] = at[holds] + formula.end - met
        return left
