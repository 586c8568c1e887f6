"""From a formula to the stream of its values."""

from __future__ import annotations

from harness.errors import FormulaError
from harness.temporal.formula import And, Formula, Not, Or, Until, Window
from harness.temporal.online_unbounded import ReachingEnd, ToTheEnd
from harness.temporal.online_values import Joined, Limit, Negated, Observed, Reaching, Sliding, Stream, Tap

Taps = dict[tuple[Formula, int], "Tap | None"]
"""Formulas whose truth is to be remembered, with the first instant (ns); :func:`stream` fills in the taps."""


def stream(formula: Formula, first: int, last: int | None, limit: Limit, taps: Taps | None = None) -> Stream:
    """The stream of a formula's values from ``first`` to ``last`` (ns; None: without end); beyond, it means nothing.

    Raises :class:`~harness.errors.FormulaError` where that needs unbounded memory: an unbounded window that is asked
    for at instants without end.
    """
    found = _stream(formula, first, last, limit, taps)
    if taps is not None and (formula, first) in taps:
        found = taps[formula, first] = Tap(found)
    return found


def _stream(formula: Formula, first: int, last: int | None, limit: Limit, taps: Taps | None) -> Stream:
    if isinstance(formula, Not):
        return Negated(stream(formula.operand, first, last, limit, taps))
    if isinstance(formula, And | Or):
        joined, *others = (stream(part, first, last, limit, taps) for part in formula.parts)
        for other in others:
            joined = Joined(joined, other, isinstance(formula, And))
        return joined
    if isinstance(formula, Window | Until) and formula.end is None and last is None:
        raise FormulaError(
            f"'{formula}' looks from every instant to the end of the run, so watching it needs memory without bound: "
            "give it a bound such as within=10 * s, or judge a recording with harness check or harness.temporal.offline"
        )
    if isinstance(formula, Window):
        start, end = formula.start, formula.end
        if end is None:
            assert last is not None
            return ToTheEnd(
                stream(formula.operand, first + start, None, limit, taps), start, first, last, formula.every, limit
            )
        until = None if last is None else last + end
        slid = Sliding(stream(formula.operand, first + start, until, limit, taps), start, end, first, formula.every)
        return Observed(slid, limit) if start < 0 else slid
    if isinstance(formula, Until):
        return _until(formula, first, last, limit, taps)
    return Stream(formula)


def _until(formula: Until, first: int, last: int | None, limit: Limit, taps: Taps | None) -> Stream:
    """left over [t, t + start - 1]; and at t + start: right within the rest, and left until right."""
    start, end = formula.start, formula.end
    until = None if last is None or end is None else last + end
    left = stream(formula.left, first + start, until, limit, taps)
    right = stream(formula.right, first + start, until, limit, taps)
    found: Stream
    if end is None:
        assert last is not None
        found = ReachingEnd(left, right, first + start, last + start, limit)
    else:
        found = Reaching(left, right, end - start, first + start)
        goal = stream(formula.right, first + start, until, limit)
        found = Joined(Sliding(goal, 0, end - start, first + start, False), found, True)
    if start:
        before = stream(formula.left, first, None if last is None else last + start, limit)
        found = Joined(Sliding(before, 0, start - 1, first, True), Sliding(found, start, start, first, True), True)
    return found
