"""What the values of a formula mean at the top level: which instants count, the verdict, the signals to blame.

Offline and online evaluation share these rules; neither numpy nor a clock is needed for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from harness.monitors.monitor import Outcome, Violation
from harness.signals.live import LiveSignal
from harness.temporal.formula import And, Compare, Formula, Interval, Not, Or, Until, Window, atoms
from harness.temporal.limits import limits_of
from harness.units import time_text

Ruling = Literal["passed", "failed", "inconclusive"]

LISTED = 20
"""How many violations are described; all are counted."""


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

    @property
    def whole(self) -> Formula:
        """The demand as a formula of the first instant."""
        return Window(self.operand, self.start, self.stop, every=self.every, text=self.text)


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
    unit: of robustness; None where several units are compared, so that only its sign means something.
    time_margin: the smallest rest of a deadline, ns; None without deadline, or where one was missed.
    violations: the first ones, by time. count: of all of them. judged_ns: number of instants (ns) that could be told,
    of the part with the fewest.
    """

    verdict: Ruling
    robustness: float | None
    unit: str | None = ""
    time_margin: int | None = None
    violations: Sequence[Violation] = ()
    count: int = 0
    judged_ns: int = 0
    doubt: str = ""

    def outcome(self, check: str) -> Outcome:
        """It as the outcome of a check of that name; its margin is the robustness where that is a distance."""
        rho = self.robustness
        margin = None if rho is None or self.unit is None or math.isinf(rho) else rho
        unit = "" if margin is None else self.unit or ""
        return Outcome(check, self.violations, self.count, self.judged_ns, self.doubt, margin, unit, self.time_margin)


@dataclass(slots=True)
class Tally:
    """What is known of one part so far. An instant is *told* where the operand is certainly true or certainly false.

    lo, hi: least (``every``; else greatest) robustness of the told instants, as an interval; None: none was told.
    true, false: whether there was such an instant. judged_ns: how many were told. first_true: the first one, ns.
    lost: why an instant could not be told although all signals had come before and its window was observed; "".
    missing: what there was never data for, where instants could not be told; "". untold_end: whether instants could
    not be told whose window reaches beyond the end.
    """

    part: Part
    lo: float | None = None
    hi: float | None = None
    judged_ns: int = 0
    true: bool = False
    false: bool = False
    first_true: int | None = None
    time_margin: float = math.inf
    violations: list[Violation] = field(default_factory=list)
    count: int = 0
    lost: str = ""
    missing: str = ""
    untold_end: bool = False

    def rule(self, begin: int, end: int) -> tuple[Ruling, str]:
        """The verdict over [begin, end], and the doubt where it is *inconclusive*."""
        part = self.part
        if self.false if part.every else self.true:
            return ("failed", "") if part.every else ("passed", "")
        if self.lost or self.missing:
            return "inconclusive", self.lost or self.missing
        short = part.stop is not None and begin + part.stop > end
        if short or (self.untold_end and not (part.every and part.stop is None)):
            return "inconclusive", f"the observation ended at {time_text(end)}, before it could be told: {part.text}"
        if not self.judged_ns:
            return "inconclusive", f"there was nothing to judge for {part.text}"
        return ("passed", "") if part.every else ("failed", "")


def conclude(formula: Formula, tallies: Sequence[Tally], begin: int, end: int) -> Judgement:
    """What the parts come to together: one that failed fails all, one in doubt leaves all in doubt."""
    rulings = [(tally, *tally.rule(begin, end)) for tally in tallies]
    verdicts = [verdict for _, verdict, _ in rulings]
    verdict: Ruling = "failed" if "failed" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"
    found = [tally.hi if each == "failed" else tally.lo for tally, each, _ in rulings]
    margin = min(tally.time_margin for tally in tallies)
    return Judgement(
        verdict,
        min((rho for rho in found if rho is not None), default=None),
        unit=unit_of(formula),
        time_margin=int(margin) if math.isfinite(margin) else None,
        violations=sorted((each for tally in tallies for each in tally.violations), key=lambda each: each.time),
        count=sum(tally.count for tally in tallies),
        judged_ns=min(tally.judged_ns for tally in tallies),
        doubt="; ".join(doubt for _, each, doubt in rulings if each == verdict and doubt),
    )


def unit_of(formula: Formula) -> str | None:
    """The unit of its robustness, that of all its comparisons with numbers; None: these have several."""
    units = {atom.unit for atom in atoms(formula) if isinstance(atom, Compare)} or {""}
    return units.pop() if len(units) == 1 else None


def ready(formula: Formula, known_from: Callable[[Formula], float]) -> float:
    """The first instant (ns) at which nothing is missing because it had not come yet; infinite: something never came.

    known_from: of an atom the first instant, from ``history`` before the beginning on, at which it is known.
    """
    if isinstance(formula, Window):
        return ready(formula.operand, known_from) - formula.start
    if isinstance(formula, Until):
        return max(ready(formula.left, known_from), ready(formula.right, known_from) - formula.start)
    if formula.parts:
        return max(ready(part, known_from) for part in formula.parts)
    return known_from(formula)


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


def has_deadline(formula: Formula) -> bool:
    """Whether it may come too late: a bounded ``eventually`` or ``until`` that stands in no other temporal operator."""
    if isinstance(formula, And | Or):
        return any(has_deadline(part) for part in formula.parts)
    if isinstance(formula, Until) or (isinstance(formula, Window) and not formula.every):
        return formula.end is not None and formula.end > 0
    return False


def untold(operand: Formula, time: int, names: Sequence[str] = ()) -> str:
    """Why an instant could not be told. names: the comparisons that had no value, and from when on; () where telling
    that would need the whole past."""
    missing = f"no valid value for {', '.join(names)}" if names else "a signal had no valid value"
    return f"{operand.describe()} could not be told at {time_text(time)}: {missing}"


def violation_of(
    part: Part, check: str, time: int, start: int, end: int, rho: float, actual: str, signals: tuple[LiveSignal, ...]
) -> Violation:
    """A violation of a part in the reader's words; rho: its robustness; signals: those to blame."""
    channels = {signal.channel for signal in signals}
    messages = {signal.message.name for signal in signals}
    unit = unit_of(part.operand) if math.isfinite(rho) else None
    return Violation(
        "property",
        check,
        time,
        start,
        end,
        part.operand.describe() if part.every else part.text,
        actual,
        margin=rho if unit is not None else None,
        unit=unit or "",
        channel=channels.pop() if len(channels) == 1 else "",
        message=messages.pop() if len(messages) == 1 else "",
        signals=tuple(signal.path for signal in signals),
        limits=limits_of(part.operand),
    )


def prolonged(violation: Violation, stop: int, rho: float) -> Violation:
    """It lasts until ``stop``, with a robustness of ``rho`` there."""
    end = violation.end if violation.time > violation.start else stop
    margin = min(violation.margin, rho) if violation.margin is not None and math.isfinite(rho) else None
    return replace(violation, end=end, margin=margin, unit=violation.unit if margin is not None else "")
