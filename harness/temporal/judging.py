"""What the values of a formula mean at the top level: which instants count, the verdict, the signals to blame.

Offline and online evaluation share these rules; neither numpy nor a clock is needed for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.monitors.monitor import Violation
from harness.signals.live import LiveSignal
from harness.temporal.formula import And, Formula, Interval, Not, Or, Until, Window

Ruling = Literal["passed", "failed", "inconclusive"]


class Part(NamedTuple):
    """One demand of a property over [begin, end]: the operand holds in every, or in some, instant of a range.

    start, stop: the range, [begin + start, begin + stop] in ns; stop None: to the end.
    text: the demand as written.
    """

    operand: Formula
    start: int
    stop: int | None
    every: bool
    text: str


def parts(formula: Formula) -> list[Part]:
    """What a property demands over an observation.

    ``always`` and ``eventually`` at the top range over the observation, a conjunction of such is judged part by part.
    Another combination of temporal formulas is judged once, at the beginning. Everything else (an atom, ``p >> ...``)
    is demanded of every instant, as if ``always`` stood before it.
    """
    if isinstance(formula, Window) and _looks_ahead(formula):
        return [Part(formula.operand, formula.start, formula.end, formula.every, formula.describe())]
    if isinstance(formula, Not) and isinstance(formula.operand, Window) and _looks_ahead(formula.operand):
        window = formula.operand  # never: not eventually is always not
        return [Part(Not(window.operand), window.start, window.end, not window.every, formula.describe())]
    if isinstance(formula, And) and any(_temporal(part) for part in formula.parts):
        return [each for part in formula.parts for each in parts(part)]
    if _temporal(formula):
        return [Part(formula, 0, 0, False, formula.describe())]
    return [Part(formula, 0, None, True, formula.describe())]


def _looks_ahead(formula: Window | Until) -> bool:
    return formula.end is None or formula.end > 0


def _temporal(formula: Formula) -> bool:
    """Whether it speaks about a whole stretch of the future, rather than about one instant and what belongs to it."""
    if isinstance(formula, Window | Until):
        return _looks_ahead(formula)
    return isinstance(formula, Not | And | Or) and all(_temporal(part) for part in formula.parts)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a property came to over an observation.

    verdict: *inconclusive* where neither can be said; ``doubt`` then says why.
    robustness: when passed (or undecided) no judged instant is closer to failing than this, when failed the worst is
    at most this; in the unit of what is compared, at least 0 where nothing failed; None when nothing was judged.
    unit: of robustness, "" where signals of several units are compared.
    time_margin: the smallest rest of a deadline that was met, ns; None without deadline, or where one was missed.
    violations: the first ones, by time. count: of all of them. judged_ns: number of instants (ns) that could be told.
    """

    verdict: Ruling
    robustness: float | None
    unit: str = ""
    time_margin: int | None = None
    violations: Sequence[Violation] = ()
    count: int = 0
    judged_ns: int = 0
    doubt: str = ""


def blame(formula: Formula, value: Callable[[Formula], Interval], *, holds: bool = False) -> Iterator[LiveSignal]:
    """The signals that make a formula false (``holds``: true) in an instant, by the values of its parts there.

    Of a false conjunction these are the false parts, of a false ``|`` or ``>>`` all of them, since each could have
    made it true; of a temporal operator, everything below it. A signal may come more than once.
    """
    if isinstance(formula, Not):
        yield from blame(formula.operand, value, holds=not holds)
    elif isinstance(formula, And | Or):
        decided = [part for part in formula.parts if _decided(value(part), holds)]
        for part in decided if isinstance(formula, Or) is holds and decided else formula.parts:
            yield from blame(part, value, holds=holds)
    else:
        yield from formula.signals


def _decided(value: Interval, holds: bool) -> bool:
    return value[0] >= 0 if holds else value[1] < 0
