"""Calculating with signals: ``front - rear``, ``abs(speed - target)``, ``2 * torque``; comparing gives a predicate.

Bare numbers are in the unit of the expression, quantities and other signals are converted into it: that of the left
operand. A difference of two readings is a span: of ``inside - outside`` (both °C) ``5 * K`` is a limit that fits.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import PredicateTruthError, UnitError, ValueRangeError
from harness.signals.comparison import Operator, Within, affine, half_step, limits_of
from harness.signals.predicate import Comparable, Predicate
from harness.signals.term import Absolute, Leaf, Scaled, Shifted, Sum, Term, leaves
from harness.units import Duration, Quantity, Unit, unit_named

if TYPE_CHECKING:
    from harness.signals.live import LiveSignal

_NOISE = 1e-9
"""Fraction of the limit that a quotient may be off in floating point."""


class Expression(Comparable):
    """A number made of signals. Compare it (``<``, ``==``, :meth:`near`, :meth:`between`) to get a predicate.

    term: what is calculated. unit: of the result, as the database writes it, "" for none; measure: the same where it is
    a known unit, else None. span: it is a difference of readings, to which offsets of units (°C) do not apply.
    """

    __slots__ = ("measure", "span", "term", "text", "unit")

    def __init__(self, term: Term, text: str, unit: str, measure: Unit | None, *, span: bool = False) -> None:
        self.term = term
        self.text = text
        self.unit = unit
        self.measure = measure
        self.span = span

    @classmethod
    def of(cls, signal: LiveSignal) -> Expression:
        """A signal as it is."""
        return cls(Leaf(signal), signal.short_name, signal.unit, measure_named(signal.unit))

    # -- calculating -----------------------------------------------------------------------------------------------

    def __add__(self, other: object) -> Expression:
        return self._plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: object) -> Expression:
        return self._plus(other, -1)

    def __rsub__(self, other: object) -> Expression:
        return (-self)._plus(other, 1)

    def __mul__(self, factor: object) -> Expression:
        if isinstance(factor, bool) or not isinstance(factor, (int, float)):
            return NotImplemented
        if not math.isfinite(factor):
            raise ValueRangeError(f"{self.text} is multiplied with finite numbers, not with {factor}")
        text = f"{_tight(self.text)} * {factor:.10g}"
        return self._like(Scaled(self.term, factor), text, span=self.span)

    __rmul__ = __mul__

    def __neg__(self) -> Expression:
        return self._like(Scaled(self.term, -1), f"-{_tight(self.text)}", span=self.span)

    def __abs__(self) -> Expression:
        return self._like(Absolute(self.term), f"abs({self.text})", span=self.span)

    def _plus(self, other: object, sign: int) -> Expression:
        mark = "+" if sign > 0 else "-"
        if isinstance(other, (Quantity, int, float)):
            number = sign * self._number(other, span=True)
            return self._like(Shifted(self.term, number), f"{self.text} {mark} {_tight(str(other))}", span=self.span)
        right = expression_of(other)
        if right is None:
            return NotImplemented  # type: ignore[no-any-return]
        if not (self.span or right.span) and sign > 0 and self.measure is not None and self.measure.offset:
            raise UnitError(f"{self.text} and {right.text} are readings in {self.unit}: they have a difference, no sum")
        readings = not self.span and not right.span
        added = right._converted(self, span=not readings)
        term = Sum(self.term, added if sign > 0 else Scaled(added, -1))
        text = f"{self.text} {mark} {_tight(right.text) if sign < 0 else right.text}"
        span = (readings and sign < 0) or (self.span and right.span)
        kind = type(right) if issubclass(type(right), type(self)) else type(self)
        return kind(term, text, self.unit, self.measure, span=span)

    def _like(self, term: Term, text: str, *, span: bool) -> Expression:
        return type(self)(term, text, self.unit, self.measure, span=span)

    def _converted(self, target: Expression, *, span: bool) -> Term:
        """The term in the unit of another one."""
        if self.unit == target.unit:
            return self.term
        goal, own = target.measure, self.measure
        if own is None or goal is None or own.dimension != goal.dimension:
            kinds = [
                f"{each.unit!r}{f' ({each.measure.dimension})' if each.measure else ''}" for each in (self, target)
            ]
            raise UnitError(f"{self.text} has the unit {kinds[0]}, {target.text} has {kinds[1]}: they do not compare")
        offset = 0.0 if span else (own.offset - goal.offset) / goal.factor
        return affine(self.term, own.factor / goal.factor, offset)

    def _number(self, value: object, *, span: bool) -> float:
        """A limit or a summand as a number in our unit."""
        if isinstance(value, Duration):
            value = Quantity(int(value) / 1e9, unit_named("s"))
        if isinstance(value, Quantity):
            if self.measure is None:
                if value.unit.symbol == self.unit:
                    return value.value
                raise UnitError(f"{self.text} has the unit {self.unit!r}, which {value} cannot be converted to")
            if value.unit.dimension != self.measure.dimension:
                raise UnitError(
                    f"{self.text} has the unit {self.unit!r} ({self.measure.dimension}); "
                    f"{value} is a {value.unit.dimension}"
                )
            return value.to(self.measure) - (Quantity(0.0, value.unit).to(self.measure) if span else 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueRangeError(
                f"{self.text} compares with a finite number, a quantity such as 40 * percent, or another signal, "
                f"not with {value!r} ({type(value).__name__})"
            )
        return value

    # -- comparing -------------------------------------------------------------------------------------------------

    def near(self, value: object, tolerance: object) -> Predicate:
        """Holds while it differs from ``value`` by at most ``tolerance`` (0 or more; half a step is forgiven).

        Raises :class:`~harness.errors.UnitError`, :class:`~harness.errors.ValueRangeError`.
        """
        middle, reach = self._number(value, span=self.span), self._number(tolerance, span=True)
        if reach < 0:
            raise ValueRangeError(f"a tolerance is 0 or more, not {tolerance}")
        reach = max(reach, self._slack(middle))
        text = f"{self.text} == {value} ± {tolerance}"
        return self._statement((middle - reach, middle + reach), reach * _NOISE, outside=False, text=text)

    def between(self, low: object, high: object) -> Predicate:
        """Holds while it lies between the two limits, both included.

        Raises :class:`~harness.errors.UnitError`, :class:`~harness.errors.ValueRangeError`.
        """
        bottom, top = self._number(low, span=self.span), self._number(high, span=self.span)
        if bottom > top:
            raise ValueRangeError(f"between takes the lower limit first, not {low} and {high}")
        slack = self._slack(max(abs(bottom), abs(top)))
        return self._statement((bottom, top), slack, outside=False, text=f"{self.text} between {low} and {high}")

    def _compare(self, operator: Operator, other: object) -> Predicate:
        right = expression_of(other)
        if right is not None:
            difference = self._plus(other, -1)
            text = f"{self.text} {operator} {right.text}"
            limit = 0.0
        else:
            difference, limit = self, self._number(other, span=self.span)
            shown = f"{other}" if isinstance(other, Quantity) else f"{limit:.10g} {self.unit}".rstrip()
            text = f"{self.text} {operator} {shown}"
        limits, outside = limits_of(operator, limit)
        return difference._statement(limits, difference._slack(limit), outside=outside, text=text)

    def _statement(self, limits: tuple[float, float], slack: float, *, outside: bool, text: str) -> Predicate:
        return Within(self.term, limits, slack=slack, outside=outside, text=text, unit=self.unit)

    def _slack(self, near: float) -> float:
        """Half a step where all signals have the same, else the sum of their halves; of quotients a little noise."""
        halves = _halves(self.term, near)
        if any(leaf.slope for leaf in leaves(self.term)):
            halves.append(abs(near) * _NOISE)
        return halves[0] if len(set(halves)) == 1 else sum(halves)

    def __bool__(self) -> bool:
        raise PredicateTruthError(f"{self.text} has no truth value: compare it, {self.text} > 0")

    def __repr__(self) -> str:
        return self.text


def expression_of(value: object) -> Expression | None:
    """An expression as it is, a signal as an expression; None for anything else."""
    if isinstance(value, Expression):
        return value
    made: Expression | None = value.expression() if hasattr(value, "expression") else None
    return made


def measure_named(unit: str) -> Unit | None:
    """The unit that a database writes, None where it is not known."""
    try:
        return unit_named(unit)
    except UnitError:
        return None


def _halves(term: Term, near: float) -> list[float]:
    """Half the steps of the leaves, as they come through."""
    if isinstance(term, Leaf):
        return [] if term.slope else [half_step(term.signal.definition, near)]
    if isinstance(term, Sum):
        return _halves(term.left, near) + _halves(term.right, near)
    found = _halves(term.inner, near)
    return [half * abs(term.factor) for half in found] if isinstance(term, Scaled) else found


def _tight(text: str) -> str:
    """In parentheses, if it is a sum."""
    depth = 0
    for before, sign in pairwise(text):
        depth += (before == "(") - (before == ")")
        if depth == 0 and before == " " and sign in "+-":
            return f"({text})"
    return text
