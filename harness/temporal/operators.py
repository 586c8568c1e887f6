"""The words in which temporal properties are written.

A window is written ``within=80 * ms`` (from now on, both ends included) or ``between=(20 * ms, 80 * ms)``; without
either it reaches to the end of what was observed. What is wrong with a window raises
:class:`~harness.errors.FormulaError`, and :class:`~harness.errors.UnitError` where it is no duration.
"""

from __future__ import annotations

from harness.errors import FormulaError
from harness.signals.live import LiveSignal
from harness.signals.predicate import Predicate
from harness.temporal.formula import And, Formula, Not, Until, Window, formula_of
from harness.units import Duration, duration, time_text

Statement = Formula | Predicate
Span = tuple[Duration, Duration | None]


def always(statement: Statement, *, within: Duration | None = None, between: Span | None = None) -> Formula:
    """It holds in every instant of the window."""
    return _over("always", statement, within, between, every=True)


def eventually(statement: Statement, *, within: Duration | None = None, between: Span | None = None) -> Formula:
    """It holds in some instant of the window."""
    return _over("eventually", statement, within, between, every=False)


def until(hold: Statement, goal: Statement, *, within: Duration | None = None, between: Span | None = None) -> Formula:
    """``goal`` holds in some instant of the window, and ``hold`` in every instant from now to the one before it."""
    left, right = formula_of(hold), formula_of(goal)
    start, end, shown = _window("until", within, between)
    return Until(left, right, start, end, text=f"until({left.describe()}, {right.describe()}{shown})")


def rise(statement: Statement) -> Formula:
    """It holds now and did not a nanosecond ago; true in single instants. Unknown where either is."""
    operand = formula_of(statement)
    return And(operand, Not(_shift(operand, 1)), text=f"rise({operand.describe()})")


def fall(statement: Statement) -> Formula:
    """It does not hold now and did a nanosecond ago; true in single instants. Unknown where either is."""
    operand = formula_of(statement)
    return And(Not(operand), _shift(operand, 1), text=f"fall({operand.describe()})")


def held_for(statement: Statement, span: Duration) -> Formula:
    """It held in every instant of the last ``span`` and holds now."""
    operand = formula_of(statement)
    length = duration(span, "held_for")
    return Window(operand, -length, 0, every=True, text=f"held_for({operand.describe()}, {time_text(length)})")


def change(signal: LiveSignal) -> Predicate:
    """The signal's raw value changes in this instant; the first value is no change."""
    if not isinstance(signal, LiveSignal):
        raise FormulaError(f"change takes a signal, not {signal!r}; of a condition write rise(...) or fall(...)")
    return signal.changes()


def _over(word: str, statement: Statement, within: Duration | None, between: Span | None, *, every: bool) -> Formula:
    operand = formula_of(statement)
    start, end, shown = _window(word, within, between)
    return Window(operand, start, end, every=every, text=f"{word}({operand.describe()}{shown})")


def _window(word: str, within: Duration | None, between: Span | None) -> tuple[int, int | None, str]:
    """Start, end and text of a window that a user wrote."""
    if within is not None and between is not None:
        raise FormulaError(f"{word} takes within= or between=, not both")
    if within is not None:
        length = duration(within, f"{word}: within")
        return 0, length, f", within={time_text(length)}"
    if between is None:
        return 0, None, ""
    if not isinstance(between, tuple) or len(between) != 2:
        raise FormulaError(f"{word}: between takes two durations, (20 * ms, 80 * ms), not {between!r}")
    start = duration(between[0], f"{word}: between")
    if between[1] is None:
        return start, None, f", between=({time_text(start)}, None)"
    end = duration(between[1], f"{word}: between")
    if end < start:
        raise FormulaError(f"{word}: the window from {time_text(start)} to {time_text(end)} is empty")
    return start, end, f", between=({time_text(start)}, {time_text(end)})"


def _shift(operand: Formula, by: int) -> Formula:
    return Window(operand, -by, -by, every=False, text=f"delay({operand.describe()}, {time_text(by)})")
