"""The words in which temporal properties are written.

A window is written ``within=80 * ms`` (from now on, both ends included) or ``between=(20 * ms, 80 * ms)``; without
either it reaches to the end of what was observed. What is wrong with a window raises
:class:`~harness.errors.FormulaError`, and :class:`~harness.errors.UnitError` where it is no duration.
"""

from __future__ import annotations

from typing import overload

from harness.errors import FormulaError
from harness.signals.arithmetic import Expression, expression_of, measure_named
from harness.signals.live import LiveSignal
from harness.signals.predicate import Predicate
from harness.signals.term import Leaf, delayed
from harness.temporal.formula import And, Compare, Formula, Not, Until, Window, formula_of
from harness.units import Duration, Unit, duration, time_text

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


@overload
def delay(what: Statement, span: Duration) -> Formula: ...
@overload
def delay(what: LiveSignal | Expression, span: Duration) -> PastExpression: ...
def delay(what: Statement | LiveSignal | Expression, span: Duration) -> Formula | PastExpression:
    """What it was ``span`` ago: a condition, or a number to calculate with. Unknown where nothing had come yet."""
    length = duration(span, "delay")
    number = expression_of(what)
    if number is None:
        return _shift(formula_of(what), length)
    text = f"delay({number.text}, {time_text(length)})"
    return PastExpression(delayed(number.term, length), text, number.unit, number.measure, span=number.span)


def derivative(signal: LiveSignal) -> PastExpression:
    """The change of a signal per second between its last two samples, held until the next one comes.

    The unit is that of the signal per second; a speed's compares with ``mps2``. Unknown before the second sample, and
    where the signal had been lost between the two.
    """
    if not isinstance(signal, LiveSignal):
        raise FormulaError(f"derivative takes a signal, not {signal!r}: what is calculated has no samples of its own")
    measure = measure_named(signal.unit)
    if measure is not None:
        dimension = _RATES.get(measure.dimension, f"{measure.dimension} per second")
        measure = Unit(f"{measure.symbol}/s", dimension, measure.factor)
    text = f"derivative({signal.short_name})"
    return PastExpression(Leaf(signal, slope=True), text, f"{signal.unit or '1'}/s", measure, span=True)


_RATES = {"speed": "acceleration", "length": "speed", "charge": "current", "energy": "power", "time": "ratio"}


class PastExpression(Expression):
    """A number that needs the past: comparing gives a formula, which is judged over time, and no predicate."""

    __slots__ = ()

    def _statement(self, limits: tuple[float, float], slack: float, *, outside: bool, text: str) -> Formula:  # type: ignore[override]
        return Compare(self.term, limits, slack=slack, outside=outside, text=text, unit=self.unit)


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
