"""Temporal properties over recordings: values, verdicts, violations.

What the words mean is in docs/temporal-properties.md. A recording comes as columns of samples by signal path, whole
(:func:`judge`, :func:`robustness`) or block by block (:class:`Chunks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from harness.monitors.monitor import Violation
from harness.signals.column import SignalColumn
from harness.signals.live import LiveSignal
from harness.temporal.evaluation import Evaluation
from harness.temporal.formula import Formula, atoms, formula_of
from harness.temporal.judging import (
    LISTED,
    Judgement,
    Part,
    Tally,
    blame,
    conclude,
    has_deadline,
    parts,
    prolonged,
    ready,
    untold,
    violation_of,
)
from harness.temporal.operators import Statement
from harness.temporal.sampling import Samples
from harness.temporal.steps import StepFunction
from harness.units import time_text

Columns = Mapping[str, SignalColumn]
"""Columns by path (``channel.Message.Signal``). A signal without one was never received."""


def robustness(formula: Statement, columns: Columns, begin: int, end: int, *, clip: bool = False) -> StepFunction:
    """The value of a formula at every instant of [begin, end] ns.

    Samples before ``begin`` count as what the signals were then; samples after ``end`` do not count. A window that
    reaches beyond the end makes the value unknown where what would come could change it; with ``clip`` it is cut
    there instead, and at ``begin``, as other tools do. Raises :class:`ValueError` when end lies before begin.
    """
    if end < begin:
        raise ValueError(f"the end {end} ns lies before the beginning {begin} ns")
    evaluation = Evaluation(Samples(columns, begin), begin, end, "cut" if clip else "over")
    return evaluation.of(formula_of(formula), begin, end)


def judge(formula: Statement, columns: Columns, begin: int, end: int, *, check: str = "") -> Judgement:
    """The verdict over [begin, end] ns, with its margins and violations; samples count as in :func:`robustness`.

    check: what violations call the property; "": the formula as written.
    """
    chunks = Chunks(formula, begin, check=check)
    chunks.feed(columns, end)
    return chunks.finish()


class Chunks:
    """A property over a recording that comes block by block.

    Give every block to :meth:`feed` in order, and ask :meth:`finish` at the end. Only the samples that undecided
    instants need are kept: the formula's history and horizon, at least the last two of every signal. An unbounded
    operator below the top makes the horizon infinite: then all samples are kept and judged at the end.
    """

    def __init__(self, formula: Statement, begin: int, *, check: str = "") -> None:
        self.formula = formula_of(formula)
        self.begin = begin
        self._end = begin - 1
        self._columns: dict[str, SignalColumn] = {}
        self._signals = {signal.path for signal in self.formula.signals}
        self._demands = [_Demand(part, begin, check or self.formula.describe()) for part in parts(self.formula)]

    def feed(self, columns: Columns, upto: int) -> None:
        """The next samples; all that lie at or before ``upto`` (ns) have been fed then."""
        for path in self._signals:
            column = columns.get(path)
            if column is not None and len(column):
                kept = self._columns.get(path)
                self._columns[path] = column if kept is None else _appended(kept, column)
        if upto >= self.begin:
            self._end = max(self._end, upto)
            samples = Samples(self._columns, self.begin)
            for demand in self._demands:
                demand.advance(samples, self._end)
        oldest = min(demand.oldest for demand in self._demands)
        self._columns = {path: _trimmed(column, oldest) for path, column in self._columns.items()}

    def finish(self) -> Judgement:
        """The verdict, when no more samples come."""
        samples = Samples(self._columns, self.begin)
        for demand in self._demands:
            demand.advance(samples, self._end, last=True)
        return conclude(self.formula, [demand.tally for demand in self._demands], self.begin, self._end)


class _Demand:
    """One part of a property, judged instant by instant."""

    def __init__(self, part: Part, begin: int, check: str) -> None:
        self.tally = Tally(part)
        self._check = check
        self._begin = begin
        self._next = begin + part.start
        self._stop = math.inf if part.stop is None else begin + part.stop
        self._ready = _Readiness(part.operand, begin)
        self._last_false: int | None = None
        self._untold = False
        horizon = part.whole.horizon
        self._latest = math.inf if horizon is None else begin + horizon
        self._miss: tuple[int, str] | None = None
        """When it was certain that what should have come true did not, and what the signals showed then."""

    @property
    def oldest(self) -> int:
        """The samples that hold at this instant (ns) and later are still needed."""
        part = self.tally.part
        if part.every or part.stop is None or self.tally.true or self._miss is not None:
            return self._next - part.operand.history
        return self._begin - part.whole.history

    def advance(self, samples: Samples, end: int, *, last: bool = False) -> None:
        """Judge what can be told now that everything until ``end`` has been seen; ``last``: and no more comes."""
        operand = self.tally.part.operand
        self._ready.look(samples, end)
        evaluation = Evaluation(samples, self._begin, end)
        if operand.horizon is not None:
            self._judge(samples, evaluation, end - operand.horizon, end)
        if last:
            self._judge(samples, evaluation, end, end)
            self._doubt()
        if not self.tally.part.every and not self.tally.true and self._miss is None and (last or end >= self._latest):
            self._note_miss(samples, end)
        if last and not self.tally.part.every:
            self._missed(end)

    def _judge(self, samples: Samples, evaluation: Evaluation, until: int, end: int) -> None:
        """Judge the next instants up to ``until``."""
        part, tally = self.tally.part, self.tally
        first, last = self._next, int(min(until, self._stop))
        if first > last:
            return
        self._next = last + 1
        steps = evaluation.of(part.operand, first, last)
        true, false = steps.lo >= 0, steps.hi < 0
        told = true | false
        lengths = np.diff(steps.time, append=last + 1)
        if told.all():
            self._extend(steps.lo, steps.hi)
            tally.judged_ns += last + 1 - first
        else:
            if told.any():
                self._extend(steps.lo[told], steps.hi[told])
            tally.judged_ns += int(lengths[told].sum())
            self._not_told(samples, steps, ~told, last, end)
        if not tally.true and true.any():
            tally.true = True
            tally.first_true = int(steps.time[true.argmax()])
            if not part.every and part.stop is not None and part.stop > 0:
                tally.time_margin = self._stop - tally.first_true
        if part.every and has_deadline(part.operand):
            at = steps.time[told]
            if len(at):
                margin = float(evaluation.time_margin(part.operand, at, first, last).min())
                tally.time_margin = min(tally.time_margin, margin)
        if false.any():
            tally.false = True
            if part.every:
                for start, stop, rho in _stretches(steps, false, last):
                    self._violated(samples, evaluation, start, stop, rho, end)

    def _extend(self, lo: np.ndarray, hi: np.ndarray) -> None:
        pick = min if self.tally.part.every else max
        for name, values in (("lo", lo), ("hi", hi)):
            value = float(values.min() if pick is min else values.max())
            known = getattr(self.tally, name)
            setattr(self.tally, name, value if known is None else pick(known, value))

    # -- what cannot be told ---------------------------------------------------------------------------------------

    def _not_told(self, samples: Samples, steps: StepFunction, untold: np.ndarray, last: int, end: int) -> None:
        self._untold = True
        horizon = self.tally.part.operand.horizon or 0
        stops = (np.append(steps.time[1:], last + 1) - 1)[untold]
        self.tally.untold_end |= bool(stops[-1] > end - horizon)
        if self.tally.lost or self._ready.at == math.inf:
            return
        from_here = np.maximum(steps.time[untold], int(self._ready.at))
        doubtful = np.flatnonzero((from_here <= stops) & (from_here <= end - horizon))
        if len(doubtful):
            self.tally.lost = self._why(samples, int(from_here[doubtful[0]]), end)

    def _why(self, samples: Samples, time: int, end: int) -> str:
        """Which signals could not be known when the formula could not be told."""
        operand = self.tally.part.operand
        if operand.horizon is None:
            return untold(operand, time)
        stop = min(time + operand.horizon, end)
        names = []
        for atom in atoms(operand):
            steps = samples.atom(atom, time - operand.history, stop)
            unknown = np.flatnonzero(steps.lo != steps.hi)
            if len(unknown):
                names.append(f"{atom.describe()} from {time_text(int(steps.time[unknown[0]]))} on")
        return untold(operand, time, names)

    def _doubt(self) -> None:
        if self._untold and self._ready.pending:
            names = ", ".join(dict.fromkeys(atom.describe() for atom in self._ready.pending))
            self.tally.missing = f"there was never data for {names}"

    # -- violations ------------------------------------------------------------------------------------------------

    def _violated(self, samples: Samples, evaluation: Evaluation, start: int, stop: int, rho: float, end: int) -> None:
        tally, part = self.tally, self.tally.part
        if self._last_false == start - 1 and start != self._begin + tally.part.start:
            if tally.count <= LISTED:
                tally.violations[-1] = prolonged(tally.violations[-1], stop, rho)
        else:
            tally.count += 1
            if tally.count <= LISTED:
                time = self._certain(samples, part.operand, start, self._stop, end)
                tally.violations.append(self._violation(samples, evaluation, time, start, stop, rho))
        self._last_false = stop

    def _violation(
        self, samples: Samples, evaluation: Evaluation, time: int, start: int, stop: int, rho: float
    ) -> Violation:
        part = self.tally.part
        signals = tuple(dict.fromkeys(blame(part.operand, lambda each: evaluation.of(each, start, start).at(start))))
        instants = dict.fromkeys((start, time))
        actual = "; ".join(f"{_shown(samples, signals, each)} at {time_text(each)}" for each in instants)
        return violation_of(part, self._check, time, start, time if time > start else stop, rho, actual, signals)

    def _certain(self, samples: Samples, formula: Formula, start: int, stop: float, end: int) -> int:
        """The first instant at which it is, whatever comes later, false at ``start`` or soon after (till ``stop``)."""
        latest = end if formula.horizon is None else min(start + formula.horizon, end)

        def certain(seen: int) -> bool:
            evaluation = Evaluation(samples, self._begin, seen, "open")
            return bool((evaluation.of(formula, start, int(min(seen, stop))).hi < 0).any())

        if certain(start):
            return start
        if latest - start > 1 and not certain(latest - 1):
            return latest
        low, high = start, latest
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if certain(middle) else (middle, high)
        return high

    def _note_miss(self, samples: Samples, end: int) -> None:
        part = self.tally.part
        time = end if part.stop is None else self._certain(samples, part.whole, self._begin, self._begin, end)
        self._miss = time, _shown(samples, part.operand.signals, time)

    def _missed(self, end: int) -> None:
        """What should have come true never did."""
        part, tally = self.tally.part, self.tally
        if tally.rule(self._begin, end)[0] == "failed" and self._miss is not None:
            start, (time, shown) = self._begin + part.start, self._miss
            signals = part.operand.signals
            actual = f"never; {shown} at {time_text(time)}"
            rho = -math.inf if tally.hi is None else tally.hi
            tally.count = 1
            tally.time_margin = -math.inf
            tally.violations = [violation_of(part, self._check, time, start, max(start, time), rho, actual, signals)]


class _Readiness:
    """Since when all atoms of a formula have been known once."""

    def __init__(self, formula: Formula, begin: int) -> None:
        self._formula = formula
        self._next = begin - formula.history
        self._known: dict[Formula, int] = {}
        self.pending = list(atoms(formula))
        self.at = math.inf
        """From this instant on (ns) nothing is missing because it had not come yet; infinite: not yet."""

    def look(self, samples: Samples, end: int) -> None:
        """Look at the instants up to ``end`` for atoms that were not known before."""
        if not self.pending or self._next > end:
            return
        for atom in self.pending:
            span = 1_000_000_000
            while atom not in self._known:
                last = min(self._next + span, end)
                steps = samples.atom(atom, self._next, last)
                known = steps.lo == steps.hi
                if known.any():
                    self._known[atom] = int(steps.time[known.argmax()])
                elif last == end:
                    break
                span *= 8
        self._next = end + 1
        self.pending = [atom for atom in self.pending if atom not in self._known]
        if not self.pending:
            self.at = ready(self._formula, self._known.__getitem__)


def _stretches(steps: StepFunction, false: np.ndarray, last: int) -> Iterator[tuple[int, int, float]]:
    """First and last instant of every contiguous stretch that is false, and its worst robustness."""
    borders = np.flatnonzero(np.diff(false, prepend=False, append=False))
    for begin, end in borders.reshape(-1, 2).tolist():
        stop = last if end == len(steps) else int(steps.time[end]) - 1
        yield int(steps.time[begin]), stop, float(steps.hi[begin:end].min())


def _shown(samples: Samples, signals: tuple[LiveSignal, ...], time: int) -> str:
    return ", ".join(f"{signal.short_name} = {samples.shown(signal, time)}" for signal in signals)


def _appended(kept: SignalColumn, column: SignalColumn) -> SignalColumn:
    return SignalColumn(
        column.definition,
        np.concatenate((kept.time, column.time)),
        np.concatenate((kept.raw, column.raw)),
        np.concatenate((kept.value, column.value)),
    )


def _trimmed(column: SignalColumn, oldest: int) -> SignalColumn:
    """Without what is older than the sample that holds at ``oldest`` and the one before it."""
    holds = int(np.searchsorted(column.time, oldest, "right")) - 1
    if holds < 1:
        return column
    kept = slice(max(int(np.searchsorted(column.time, column.time[holds])) - 1, 0), None)
    # Copies, so that the block can go.
    return SignalColumn(column.definition, column.time[kept].copy(), column.raw[kept].copy(), column.value[kept].copy())
