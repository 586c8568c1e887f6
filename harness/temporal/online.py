"""A temporal formula as a monitor of a running world, or of a recording that is read frame by frame."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from heapq import heappop, heappush

from harness.frames import ErrorFrame, Received
from harness.monitors.monitor import Outcome, Violation
from harness.temporal.formula import UNKNOWN, Formula, formula_of
from harness.temporal.judging import Judgement, conclude, parts
from harness.temporal.online_atoms import Atoms
from harness.temporal.online_demand import Demand
from harness.temporal.online_truth import TruthNet
from harness.temporal.operators import Statement

BATCH = 256
"""So many segments of atoms are collected before they are worked into robustness and margins."""


class FormulaMonitor:
    """Watches a temporal formula; see :class:`~harness.monitors.monitor.Monitor` for how it is driven.

    title: what reports call it. requirement: its id, "" for none. A formula without temporal operator at the top is
    meant at every instant, see :func:`harness.temporal.judging.parts`.

    A violation is told in the first instant in which nothing that may come can avoid it: a missed deadline when the
    deadline is over, ``always(p & ...)`` when p is false. Its interval and margin are what is known by then; the
    outcome at the end has all of it, equal to :func:`harness.temporal.offline.judge` over the same samples. What the
    channel remembers from before the beginning counts as what the signals were.

    Memory: the frames of the formula's history and horizon, at least :data:`BATCH`. Raises
    :class:`~harness.errors.FormulaError` for a formula that would need memory without bound.

    >>> from pathlib import Path
    >>> from harness.frames import Frame
    >>> from harness.loop import Loop
    >>> from harness.signals.database import Database
    >>> from harness.signals.definitions import MessageDef, SignalDef
    >>> from harness.signals.network import Network
    >>> from harness.temporal.operators import eventually
    >>> from harness.units import ms
    >>> pedal = MessageDef("Pedals", 0x100, 1, (SignalDef("Pedal", "Pedals", 0, 8, unit="%"),))
    >>> lamps = MessageDef("Lamps", 0x140, 1, (SignalDef("Lamp", "Lamps", 0, 1, choices={0: "Off", 1: "On"}),))
    >>> network = Network("body", [Database(Path("car.dbc"), "", (), (pedal, lamps))], Loop())
    >>> formula = (network.signal("Pedal") > 3) >> eventually(network.signal("Lamp") == "On", within=80 * ms)
    >>> monitor = FormulaMonitor("brake lamp", formula)
    >>> monitor.begin(0)
    >>> _ = monitor.receive(Received(0, "body", Frame(0x140, b"\\x00")))
    >>> _ = monitor.receive(Received(10_000_000, "body", Frame(0x100, b"\\x28")))
    >>> _ = monitor.advance(10_000_000)
    >>> violation, = monitor.advance(90_000_000)
    >>> violation.start, violation.end, violation.actual
    (10000000, 90000000, 'Pedal = 40 %, Lamp = Off at 10 ms; Pedal = 40 %, Lamp = Off at 90 ms')
    """

    settles = True
    """Every frame counts in its own instant, together with the others of it."""

    def __init__(self, title: str, formula: Statement, requirement: str = "") -> None:
        self.title = title
        self.formula: Formula = formula_of(formula)
        self.requirement = requirement
        self.due: int | None = None
        self.judgement: Judgement | None = None
        """What it came to in the end."""
        self._keys: dict[str, set[int]] = {}
        for signal in self.formula.signals:
            self._keys.setdefault(signal.channel, set()).add(signal.message.key)
        self._begin = 0
        self._made(0)

    def _made(self, begin: int) -> None:
        """All that belongs to one observation."""
        self._begin = begin
        net = TruthNet()
        self._demands = [Demand(part, begin, self.title, net) for part in parts(self.formula)]
        self._net = net
        self._delays = net.delays
        # An atom that looks back itself needs to have been followed before it is asked for.
        history = max(demand.history for demand in self._demands) + max(atom.history for atom in net.atoms)
        self._atoms = Atoms(self.formula, net.atoms, begin, history)
        self._dues: list[int] = []
        for offset in sorted({each + demand.start for each in net.offsets for demand in self._demands}):
            if offset >= 0:
                heappush(self._dues, begin + offset)
        self._batch = BATCH

    # -- the seam --------------------------------------------------------------------------------------------------

    def wants(self, channel: str) -> Collection[int] | None:
        """The identifiers of the signals' messages."""
        return self._keys.get(channel, ())

    def begin(self, time: int) -> None:
        """It watches from ``time`` (ns) on."""
        self._made(time)
        self._atoms.recall(self.formula.signals, time, self._run)
        if self._atoms.origin < time:
            self._run(time - 1)
        self._atoms.pending = min(self._atoms.pending, time)
        self.due = time

    def receive(self, rx: Received) -> Sequence[Violation]:
        """A frame ended. Violations are those of the instants before, where nobody told that they were over."""
        atoms = self._atoms
        if atoms.passes(rx):
            return ()
        found = self._run(rx.time - 1) if atoms.next < rx.time or (self._dues and self._dues[0] < rx.time) else ()
        atoms.take(rx)
        if self.due is None or self.due > rx.time:
            self.due = rx.time
        return found

    def receive_error(self, error: ErrorFrame) -> Sequence[Violation]:
        """An error frame carries no signal."""
        return ()

    def advance(self, time: int) -> Sequence[Violation]:
        """All that ends at or before ``time`` (ns) has been seen."""
        if self.due is None or time < self.due:
            return ()
        found = self._run(time)
        due = min(self._atoms.due, self._dues[0] if self._dues else math.inf)
        self.due = None if due == math.inf else int(due)
        return found

    def finish(self, time: int) -> Sequence[Outcome]:
        """Nothing more will come; ``time`` (ns) is over. Violations that nobody was told of are in the outcome."""
        self._run(time)
        self._look(time)
        self._settle(time)
        atoms = self._atoms
        reach = time + max(self._net.offsets) + 1
        beyond = {atom: [(reach, *UNKNOWN)] for atom in atoms.by_formula}
        for demand in self._demands:
            demand.finish(beyond, time, atoms)
        judged = conclude(self.formula, [demand.tally for demand in self._demands], self._begin, time)
        self.judgement = judged
        self.due = None
        return [judged.outcome(self.title)]

    # -- instants --------------------------------------------------------------------------------------------------

    def _run(self, until: int) -> Sequence[Violation]:
        """Go through all instants up to one in which something changes or falls due."""
        atoms, dues = self._atoms, self._dues
        found: list[Violation] = []
        while True:
            coming = atoms.next
            now = dues[0] if dues and dues[0] < coming else coming
            if now > until:
                return found or ()
            instant = int(now)
            changed = coming <= instant and atoms.step(instant)
            if changed or (dues and dues[0] <= instant):
                while dues and dues[0] <= instant:
                    heappop(dues)
                if changed:
                    for delay in self._delays:
                        heappush(dues, instant + delay)
                found += self._look(instant)
            if atoms.fresh > self._batch:
                self._settle(instant)

    def _look(self, now: int) -> list[Violation]:
        """What is certain now that an instant is over."""
        self._atoms.tell(now)
        found = [violation for each in self._demands if (violation := each.look(now, self._atoms)) is not None]
        self._net.forget(now)
        return found

    def _settle(self, now: int) -> None:
        """Work into the margins what happened until an instant that is over."""
        batch = self._atoms.batch(now)
        for demand in self._demands:
            demand.settle(batch, now, self._atoms)
        self._atoms.forget(min(demand.oldest for demand in self._demands))
        # A batch as long as what has to be kept for it anyway keeps the cost per frame constant.
        self._batch = max(BATCH, self._atoms.kept)
