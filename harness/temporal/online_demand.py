"""One demand of a property, followed online: what is certain as early as possible, the exact values once settled."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from harness.monitors.monitor import Violation
from harness.signals.live import LiveSignal
from harness.temporal.formula import UNKNOWN, Formula, Interval, atoms
from harness.temporal.judging import LISTED, Part, Tally, blame, has_deadline, prolonged, ready, untold, violation_of
from harness.temporal.online_atoms import Atoms
from harness.temporal.online_margin import Deadlines
from harness.temporal.online_spans import FOREVER, Spans
from harness.temporal.online_stream import stream
from harness.temporal.online_truth import Node, TruthNet
from harness.temporal.online_values import Batch, Limit, Segment
from harness.units import time_text


class Demand:
    """One part of a property over an observation that begins at ``begin`` (ns).

    The rules are those of :mod:`harness.temporal.offline`: what is settled goes into a tally, segment by segment.
    check: what violations call the property. Raises :class:`~harness.errors.FormulaError` where watching it needs
    memory without bound.
    """

    def __init__(self, part: Part, begin: int, check: str, net: TruthNet) -> None:
        operand = part.operand
        if part.every and operand.horizon is None:
            stream(operand, 0, None, Limit())  # raises
        self.tally = Tally(part)
        self._part = part
        self._check = check
        self._begin = begin
        self._first = self._next = begin + part.start
        self._stop = FOREVER if part.stop is None else begin + part.stop
        self._limit = Limit()
        self._deadlines = Deadlines(operand, self._first) if part.every and has_deadline(operand) else None
        taps = None if self._deadlines is None else self._deadlines.taps
        self._stream = stream(operand, self._first, None if part.stop is None else self._stop, self._limit, taps)
        self._waiting: deque[Segment] = deque()
        """Values of instants that are yet to come, or that nobody has looked at."""
        followed = part.every or part.stop is None  # instant by instant, not as a whole
        self._root = net.add(operand, (operand.horizon or 0) if followed else FOREVER)
        self._whole: Node | None = None
        if not part.every and part.stop is not None:
            self._whole = net.add(part.whole, FOREVER)
        horizon = part.whole.horizon
        self._latest = FOREVER if horizon is None else begin + horizon
        """When it is certain at the latest that what should have come true did not, ns."""
        self._false = Spans()
        """Where the operand is certainly false, as far as these instants have begun."""
        self._certain: list[tuple[int, int]] = []
        """Of every stretch there its last instant, and when it became certain that it is false."""
        self._readiness = _Readiness(operand, begin)
        self._last_false: int | None = None
        self._untold = False
        self._is_told = False
        self._miss: tuple[int, str] | None = None
        """When it was certain that what should have come true did not, and what the signals showed then."""

    @property
    def oldest(self) -> int:
        """From here on (ns) what the atoms were is needed."""
        over = self._part.operand.horizon is None or self._next > self._stop
        return FOREVER if over else self._next - self._part.operand.history

    @property
    def history(self) -> int:
        """How far before the beginning (ns) the atoms are needed."""
        return self._part.operand.history

    @property
    def start(self) -> int:
        """Its first instant, from the beginning, ns."""
        return self._part.start

    # -- what is certain -------------------------------------------------------------------------------------------

    def look(self, now: int, atoms: Atoms) -> Violation | None:
        """The violation that became certain in the instant that is over now, if any."""
        if self._whole is not None:
            if self._is_told or not self._whole.false.inside(self._begin, self._begin):
                return None
            self._is_told = True
            return self._missed(atoms, now)
        until = min(now, self._stop)
        if not self._part.every or not self._root.false.starts or until < self._next:
            return None
        found: Violation | None = None
        for start, end in self._root.false.inside(self._next, until):
            for first, last in self._false.add(start, end):
                if self._certain and self._certain[-1][0] == first - 1:
                    self._certain[-1] = (last, self._certain[-1][1])
                    continue
                self._certain.append((last, now))
                if found is None and self._false.around(first) == (first, last) and self._last_false != first - 1:
                    _, hi = self._value(self._part.operand, first, atoms, now)
                    found = self._violation(atoms, now, now, first, last, hi)
        return found

    def _missed(self, atoms: Atoms, now: int) -> Violation:
        """What should have come true never did."""
        part = self._part
        if self._miss is None:
            self._miss = now, _shown(atoms, part.operand.signals, now)
        time, shown = self._miss
        actual = f"never; {shown} at {time_text(time)}"
        rho = -math.inf if self.tally.hi is None else self.tally.hi
        end = max(self._first, time)
        return violation_of(part, self._check, time, self._first, end, rho, actual, part.operand.signals)

    # -- what is settled -------------------------------------------------------------------------------------------

    def settle(self, batch: Batch, now: int, atoms: Atoms) -> None:
        """Judge what is settled by what the atoms were until now."""
        self._readiness.look(batch, now)
        if not self._part.every and self._miss is None and now >= self._latest:
            self._miss = self._latest, _shown(atoms, self._part.operand.signals, self._latest)
        self._limit.now = now
        self._waiting.extend(self._stream.extend(batch))
        self._judge(now, now, atoms)

    def finish(self, beyond: Batch, end: int, atoms: Atoms) -> None:
        """Judge the rest, when no more comes. beyond: the atoms after the end, unknown as far as anybody looks."""
        self._limit.now = self._limit.end = end
        self._waiting.extend(self._stream.extend(beyond))
        self._waiting.extend(self._stream.finish())
        self._judge(end, end, atoms)
        if self._untold and self._readiness.pending:
            names = ", ".join(dict.fromkeys(atom.describe() for atom in self._readiness.pending))
            self.tally.missing = f"there was never data for {names}"
        if not self._part.every and self.tally.rule(self._begin, end)[0] == "failed":
            self.tally.count = 1
            self.tally.time_margin = -math.inf
            self.tally.violations = [self._missed(atoms, end)]

    def _judge(self, until: int, now: int, atoms: Atoms) -> None:
        part, tally = self._part, self.tally
        until = min(until, self._stop)
        told = Spans()
        begin = self._next
        while self._waiting and self._next <= until:
            last, lo, hi = self._waiting[0]
            if last <= until:
                self._waiting.popleft()
            last = min(last, until)
            start = self._next
            if last < start:
                continue
            self._next = last + 1
            if lo < 0 <= hi:
                self._not_told(start, last, now, atoms)
                continue
            told.add(start, last)
            tally.judged_ns += last + 1 - start
            pick = min if part.every else max
            tally.lo = lo if tally.lo is None else pick(tally.lo, lo)
            tally.hi = hi if tally.hi is None else pick(tally.hi, hi)
            if hi < 0:
                tally.false = True
                if part.every:
                    self._violated(start, last, hi, now, atoms)
            elif not tally.true:
                tally.true, tally.first_true = True, start
                if not part.every and part.stop:
                    tally.time_margin = self._stop - start
        if self._deadlines is not None and self._next > begin:
            told_here = list(zip(told.starts, told.ends, strict=True))
            tally.time_margin = min(tally.time_margin, self._deadlines.worst(begin, self._next - 1, told_here))
            self._deadlines.forget(self._next)
        self._false.forget(self._next - 1)
        while self._certain and self._certain[0][0] < self._next - 1:
            del self._certain[0]

    def _not_told(self, start: int, stop: int, now: int, atoms: Atoms) -> None:
        self._untold = True
        horizon = self._part.operand.horizon or 0
        self.tally.untold_end |= stop > now - horizon
        if self.tally.lost or self._readiness.at == math.inf:
            return
        time = max(start, int(self._readiness.at))
        if time <= min(stop, now - horizon):
            self.tally.lost = self._why(time, now, atoms)

    def _why(self, time: int, now: int, of: Atoms) -> str:
        """Which signals could not be known when the formula could not be told."""
        operand = self._part.operand
        if operand.horizon is None:
            return untold(operand, time)
        begin = time - operand.history
        stop = min(time + operand.horizon, now)
        excerpt = of.excerpt(begin, stop, stop)
        names = []
        for atom in atoms(operand):
            start = begin
            for end, lo, hi in excerpt[atom]:
                if lo != hi and start <= stop:
                    names.append(f"{atom.describe()} from {time_text(start)} on")
                    break
                start = max(start, end + 1)
        return untold(operand, time, names)

    def _violated(self, start: int, stop: int, rho: float, now: int, atoms: Atoms) -> None:
        tally = self.tally
        if self._last_false == start - 1:
            if tally.count <= LISTED:
                tally.violations[-1] = prolonged(tally.violations[-1], stop, rho)
        else:
            tally.count += 1
            if tally.count <= LISTED:
                time = next((when for last, when in self._certain if last >= start), now)
                tally.violations.append(self._violation(atoms, now, time, start, stop, rho))
        self._last_false = stop

    # -- what a reader is told -------------------------------------------------------------------------------------

    def _violation(self, atoms: Atoms, now: int, time: int, start: int, stop: int, rho: float) -> Violation:
        part = self._part
        signals = tuple(dict.fromkeys(blame(part.operand, lambda each: self._value(each, start, atoms, now))))
        instants = dict.fromkeys((start, time))
        actual = "; ".join(f"{_shown(atoms, signals, each)} at {time_text(each)}" for each in instants)
        return violation_of(part, self._check, time, start, time if time > start else stop, rho, actual, signals)

    def _value(self, formula: Formula, time: int, atoms: Atoms, now: int) -> Interval:
        """The value of a part in an instant that is not settled or has just been, by what is known now."""
        ahead = formula.horizon
        assert ahead is not None
        flow = stream(formula, time, time, self._limit if self._limit.end == now else Limit())
        excerpt = atoms.excerpt(time - formula.history, now, time + ahead)
        for end, lo, hi in flow.extend(excerpt):
            if end >= time:
                return lo, hi
        return UNKNOWN


class _Readiness:
    """Since when all atoms of a formula have been known once."""

    def __init__(self, formula: Formula, begin: int) -> None:
        self._formula = formula
        self._begin = begin - formula.history
        self._seen: int | None = None
        self._known: dict[Formula, int] = {}
        self.pending = list(atoms(formula))
        self.at = math.inf
        """From this instant on (ns) nothing is missing because it had not come yet; infinite: not yet."""

    def look(self, batch: Batch, now: int) -> None:
        """Look for atoms that were not known before; the batch goes to ``now``."""
        for atom in self.pending:
            start = self._begin if self._seen is None else max(self._begin, self._seen + 1)
            for end, lo, hi in batch[atom]:
                if lo == hi and end >= start:
                    self._known[atom] = start
                    break
                start = max(start, end + 1)
        self._seen = now
        if self.pending:
            self.pending = [atom for atom in self.pending if atom not in self._known]
            if not self.pending:
                self.at = ready(self._formula, self._known.__getitem__)


def _shown(atoms: Atoms, signals: Iterable[LiveSignal], time: int) -> str:
    return ", ".join(f"{signal.short_name} = {atoms.shown(signal, time)}" for signal in signals)
