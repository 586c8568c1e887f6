"""What a formula compares single signals with, for plots."""

from __future__ import annotations

import math

from harness.signals.term import Leaf
from harness.temporal.formula import Compare, Formula, Shown


def limits_of(formula: Formula) -> tuple[tuple[str, float], ...]:
    """Path and value in the signal's unit, each once; of a label its raw value.

    Comparisons of sums, slopes and signals of the past have no limit that could be drawn.
    """
    found: list[tuple[str, float]] = []
    if isinstance(formula, Compare) and isinstance(formula.term, Leaf):
        leaf = formula.term
        if not (leaf.slope or leaf.delay):
            found = [(leaf.signal.path, end) for end in (formula.low, formula.high) if math.isfinite(end)]
    elif isinstance(formula, Shown) and formula.wanted is not None:
        found = [(formula.signal.path, formula.signal.definition.raw_of_label(formula.wanted))]
    for part in formula.parts:
        found += limits_of(part)
    return tuple(dict.fromkeys(found))
