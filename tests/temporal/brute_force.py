"""Formulas evaluated as they are defined, instant by instant: slow and plain, a reference for the evaluators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import inf
from pathlib import Path

from harness.loop import Loop
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network
from harness.temporal.formula import UNKNOWN, And, Formula, Interval, Not, Or, Until, Window, negated

Values = Mapping[Formula, Sequence[Interval]]
"""Of every atom its values from the first instant on; before and after they are unknown."""


def evaluator(values: Values, first: int, end: int) -> Callable[[Formula, int], Interval]:
    """The value of a formula in an instant. values begin at ``first``; ``end``: where unbounded windows end."""

    @lru_cache(None)
    def value(formula: Formula, now: int) -> Interval:
        if isinstance(formula, Not):
            lo, hi = value(formula.operand, now)
            return negated(hi), negated(lo)
        if isinstance(formula, And | Or):
            return extremum(min if isinstance(formula, And) else max, [value(part, now) for part in formula.parts])
        if isinstance(formula, Window):
            stop = end if formula.end is None else now + formula.end
            if now + formula.start > stop:
                return UNKNOWN
            inside = [value(formula.operand, each) for each in range(now + formula.start, stop + 1)]
            return extremum(min if formula.every else max, inside)
        if isinstance(formula, Until):
            stop = end if formula.end is None else now + formula.end
            if now + formula.start > stop:
                return UNKNOWN
            return extremum(
                max,
                [
                    extremum(
                        min, [value(formula.left, each) for each in range(now, then)] + [value(formula.right, then)]
                    )
                    for then in range(now + formula.start, stop + 1)
                ],
            )
        known = values[formula]
        return known[now - first] if 0 <= now - first < len(known) else UNKNOWN

    return value


def extremum(pick: Callable[[Sequence[float]], float], values: Sequence[Interval]) -> Interval:
    return pick([lo for lo, _ in values]), pick([hi for _, hi in values])


KNOWN = (inf, -inf)


def switches(count: int) -> Network:
    """A network with a message for each of so many signals of one bit, ``S0`` and so on, without cycle time."""
    messages = tuple(
        MessageDef(f"M{each}", 0x100 + each, 1, (SignalDef(f"S{each}", f"M{each}", 0, 1),)) for each in range(count)
    )
    return Network("can", [Database(Path("switches.dbc"), "", (), messages)], Loop())
