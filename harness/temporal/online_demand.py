"""One demand of a property, followed online: the earliest certainty first, the exact values when they are settled."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from harness.monitors.monitor import Violation
from harness.signals.live import LiveSignal
from harness.temporal.formula import And, Formula, Interval, Or, Until, Window, atoms
from harness.temporal.judging import Part, Tally, blame, has_deadline, ready
from harness.temporal.online_atoms import Atoms
from harness.temporal.online_spans import FOREVER, Spans
from harness.temporal.online_truth import Node, TruthNet
from harness.temporal.online_values import Batch, Limit, Segment, Tap, Taps, stream
from harness.units import time_text


class Demand:
    """One part of a property over an observation.

    The same rules as offline (:mod:`harness.temporal.offline`): what is settled goes into a tally, segment by segment.
    """

    def __init__(self, part: Part, net: TruthNet) -> None:
        """Raises :class:`~harness.errors.FormulaError` where watching needs memory without bound."""
        self.tally = Tally(part)
        last = None if part.stop is None else part.stop
        stream(part.operand, part.start, last, Limit())  # raises
        horizon = part.operand.horizon
        keep = FOREVER if part.stop is not None or horizon is None else horizon
        self._part = part
        self._root: Node = net.add(part.operand, keep)
        self._whole: Node | None = None
        if not part.every and part.stop is not None:
            window = Window(part.operand, part.start, part.stop, every=False, text=part.text)
            self._whole = net.add(window, FOREVER)
