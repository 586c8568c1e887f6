"""What can be stated about signals: comparisons with numbers, labels and each other, changes, receptions.

Comparisons are quantisation-aware: a number is rounded to the steps of the signal as sending it would, so
``speed == 12.34`` holds for the step nearest to 12.34 (for both when it lies in the middle), and of ``<``, ``==`` and
``>`` always exactly one holds. A raw value with a label outside the declared range ("signal not available") and NaN
are no data to a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Literal

from harness.errors import ValueRangeError
from harness.signals.predicate import NOTHING, Predicate, Samples, once
from harness.signals.term import Leaf, Scaled, Shifted, Sum, Term, evaluate, leaves
from harness.units import Quantity, in_unit, unit_named

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef
    from harness.signals.live import LiveSignal

Operator = Literal["==", "!=", "<", "<=", ">", ">="]

_SLACK = 1e-6
"""Fraction of a step that floating point may be off."""


class Within(Predicate):
    """A number lies between two limits, with some slack; or, ``outside``, it does not.

    term: the number. unit: its own; None: that of the signals. tolerance: what a reader is told of the slack; None: the
    slack.
    """

    __slots__ = ("_number", "_text", "_tolerance", "_unit", "high", "low", "outside", "slack", "term")

    def __init__(
        self,
        term: Term,
        limits: tuple[float, float],
        *,
        slack: float,
        text: str,
        outside: bool = False,
        unit: str | None = None,
        tolerance: float | None = None,
    ) -> None:
        super().__init__(once(*(leaf.signal for leaf in leaves(term))))
        self._number = _reader(term)
        self._text = text
        self._unit = unit
        self.term = term
        self.low, self.high = limits
        self.slack = slack
        self.outside = outside
        self._tolerance = slack if tolerance is None else tolerance * (1 + 2 * _SLACK)

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        number = self._number(samples)
        if number is None:
            return None
        # Differences of whole numbers are exact, also where a limit with slack would be rounded.
        return (min(number - self.low, self.high - number) >= -self.slack) is not self.outside

    def margin(self, samples: Samples) -> float | None:
        number = self._number(samples)
        if number is None:
            return None
        distance = min(number - self.low, self.high - number)
        if self.outside:
            distance = -distance
        # The slack is no distance: on the right side of it, the sign is right, and the number 0.
        return max(distance, 0) if self.holds(samples) else min(distance, 0)

    @property
    def unit(self) -> str:
        return super().unit if self._unit is None else self._unit

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        if len(self.signals) > 1:
            return ()  # of their difference
        ends = (self.low,) if self.low == self.high else (self.low, self.high)
        return tuple((self.signals[0].path, end) for end in ends if math.isfinite(end))

    @property
    def tolerance(self) -> float | None:
        return self._tolerance / (1 + 2 * _SLACK)  # half a step is kept a little too large, for floating point

    def describe(self) -> str:
        return self._text


class Shows(Predicate):
    """A signal shows a label, or the same label as another signal; or not."""

    __slots__ = ("_other", "_signal", "_text", "same", "wanted")

    def __init__(self, signal: LiveSignal, wanted: str | LiveSignal, *, same: bool) -> None:
        others = () if isinstance(wanted, str) else (wanted,)
        super().__init__(once(signal, *others))
        self._signal = signal.path
        self._other = None if isinstance(wanted, str) else wanted.path
        self.wanted = wanted
        self.same = same
        first, second = (signal.short_name, wanted) if isinstance(wanted, str) else _names((signal, wanted))
        self._text = f"{first} {'==' if same else '!='} {second}"

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        if not isinstance(self.wanted, str):
            return ()
        return ((self._signal, self.signals[0].definition.raw_of_label(self.wanted)),)

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        sample = samples.get(self._signal)
        if sample is None:
            return None
        if self._other is None:
            return (sample.text == self.wanted) is self.same
        other = samples.get(self._other)
        if other is None:
            return None
        if sample.text is None and other.text is None:
            return (sample.value == other.value) is self.same
        return (sample.text == other.text) is self.same

    def describe(self) -> str:
        return self._text


# -- statements about a change -----------------------------------------------------------------------------------------


class Changes(Predicate):
    """A signal changes, to a value and from a value, or (None) to and from any."""

    __slots__ = ("_path", "_text", "to", "was")

    def __init__(
        self, signal: LiveSignal, to: str | float | Quantity | None, frm: str | float | Quantity | None
    ) -> None:
        super().__init__((signal,), is_edge=True)
        self._path = signal.path
        self.to = compare(signal, "==", to) if to is not None else None
        self.was = compare(signal, "==", frm) if frm is not None else None
        came = f" from {_shown(signal, frm)}" if frm is not None else ""
        went = f" to {_shown(signal, to)}" if to is not None else ""
        self._text = f"{signal.short_name} changes{came}{went}"

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        return self.to.limits if self.to is not None else ()

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        now, was = samples.get(self._path), before.get(self._path)
        if now is None or was is None:
            return None
        if now.raw == was.raw or (now.raw != now.raw and was.raw != was.raw):
            return False
        if self.to is not None and not (self.to.holds(samples) is True and self.to.holds(before) is not True):
            return False
        return self.was is None or (self.was.holds(before) is True and self.was.holds(samples) is not True)

    def describe(self) -> str:
        return self._text


class ReceivedNow(Predicate):
    """A frame with the signal ends in this instant."""

    __slots__ = ("_path",)

    def __init__(self, signal: LiveSignal) -> None:
        super().__init__((signal,), is_edge=True)
        self._path = signal.path

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        now, was = samples.get(self._path), before.get(self._path)
        return now is not None and (was is None or now.time != was.time)

    def describe(self) -> str:
        return f"{self.signals[0].short_name} is received"


# -- making them -------------------------------------------------------------------------------------------------------


def compare(signal: LiveSignal, operator: Operator, other: object) -> Predicate:
    """``signal operator other``; other: a number in the signal's unit, a quantity, or a label.

    Raises :class:`~harness.errors.UnitError` for a quantity of another kind, and
    :class:`~harness.errors.ValueRangeError` for a label that the value table does not have, for a label that is to be
    ordered, for what is no value at all, and for what can never hold: ``==`` with a number that the signal's bits
    cannot hold, more than their most, less than their least.
    """
    definition = signal.definition
    if isinstance(other, str):
        definition.raw_of_label(other)
        if operator not in ("==", "!="):
            raise ValueRangeError(f"labels have no order: compare {signal.short_name} with == or != {other!r}")
        return Shows(signal, other, same=operator == "==")
    number = _in_unit_of(signal, other)
    half = half_step(definition, number)
    low, high = sorted(map(definition.to_physical, definition.raw_range))
    above, below = number - high > half, low - number > half
    if (above and operator not in ("<", "<=")) or (below and operator not in (">", ">=")):
        relation = "" if operator in ("==", "!=") else f"{operator} "
        raise ValueRangeError(
            f"signal {signal.short_name} can never be {relation}{_number_text(number, signal.unit)}: "
            f"its bits hold {_number_text(low, '')} to {_number_text(high, signal.unit)}"
        )
    text = f"{signal.short_name} {operator} {_number_text(number, signal.unit)}"
    return ordered(Leaf(signal), operator, number, half, text)


def compare_signals(left: LiveSignal, operator: Operator, right: LiveSignal) -> Predicate:
    """``left operator right``, in the unit of the left one; two enumerations are equal when they show the same label.

    Raises :class:`~harness.errors.UnitError` for units of different kinds.
    """
    if left.definition.choices and right.definition.choices and operator in ("==", "!="):
        return Shows(left, right, same=operator == "==")
    factor, offset = conversion(right.unit, left.unit, f"signal {left.short_name}")
    # On one grid equal means the same step; on two, each may be half a step away from the true value.
    halves = [half_step(left.definition, 0), abs(factor) * half_step(right.definition, 0)]
    half = halves[0] if halves[0] == halves[1] else sum(halves)
    names = _names((left, right))
    difference = Sum(Leaf(left), Scaled(affine(Leaf(right), factor, offset), -1))
    return ordered(difference, operator, 0, half, f"{names[0]} {operator} {names[1]}", left.unit)


def near(signal: LiveSignal, value: float | Quantity, tolerance: float | Quantity) -> Predicate:
    """See :meth:`harness.signals.live.LiveSignal.near`."""
    middle = _in_unit_of(signal, value)
    span = _span(signal, tolerance)
    if span < 0:
        raise ValueRangeError(f"a tolerance is 0 or more, not {tolerance}")
    half = half_step(signal.definition, middle)
    reach = max(span, half)
    unit = f" {signal.unit}" if signal.unit else ""
    return Within(
        Leaf(signal),
        (middle - reach, middle + reach),
        slack=half * 2 * _SLACK,
        tolerance=reach,
        text=f"{signal.short_name} == {_number_text(middle, '')} ± {_number_text(span, '')}{unit}",
    )


def between(signal: LiveSignal, low: float | Quantity, high: float | Quantity) -> Predicate:
    """See :meth:`harness.signals.live.LiveSignal.between`."""
    bottom, top = _in_unit_of(signal, low), _in_unit_of(signal, high)
    if bottom > top:
        raise ValueRangeError(f"between takes the lower limit first, not {low} and {high}")
    return Within(
        Leaf(signal),
        (bottom, top),
        slack=half_step(signal.definition, max(abs(bottom), abs(top))),
        text=f"{signal.short_name} between {_number_text(bottom, '')} and {_number_text(top, signal.unit)}",
    )


def ordered(term: Term, operator: Operator, limit: float, half: float, text: str, unit: str | None = None) -> Within:
    """``term operator limit``; half: the slack, half a step of the term. text, unit: as :class:`Within` has them."""
    limits, outside = limits_of(operator, limit)
    return Within(term, limits, slack=half, text=text, outside=outside, unit=unit)


def limits_of(operator: Operator, limit: float) -> tuple[tuple[float, float], bool]:
    """What :class:`Within` has for an operator: the limits, and whether it holds outside of them."""
    low = -math.inf if operator in ("<=", ">") else limit
    high = math.inf if operator in (">=", "<") else limit
    return (low, high), operator in ("!=", "<", ">")


def number_range(definition: SignalDef) -> tuple[float, float]:
    """Where a value with a label is a number all the same: the declared range, with some slack."""
    slack = abs(definition.scale) * _SLACK
    low = -math.inf if definition.minimum is None else definition.minimum - slack
    high = math.inf if definition.maximum is None else definition.maximum + slack
    return low, high


def _reader(term: Term) -> Callable[[Samples], float | None]:
    """The term as a number; None where a signal of it has none."""
    if isinstance(term, Leaf):
        return _leaf_reader(term)
    readers = {leaf: _leaf_reader(leaf) for leaf in leaves(term)}

    def number(samples: Samples) -> float | None:
        numbers = {leaf: read(samples) for leaf, read in readers.items()}
        if None in numbers.values():
            return None
        found: float = evaluate(term, numbers.__getitem__)
        return found

    return number


def _leaf_reader(leaf: Leaf) -> Callable[[Samples], float | None]:
    """The signal as a number; None for no sample, NaN, and a label that stands outside the declared range."""
    path = leaf.signal.path
    low, high = number_range(leaf.signal.definition)

    def number(samples: Samples) -> float | None:
        sample = samples.get(path)
        if sample is None or sample.value != sample.value:
            return None
        return None if sample.text is not None and not low <= sample.value <= high else sample.value

    return number


def half_step(definition: SignalDef, near: float) -> float:
    """Half the distance between two values that the signal can carry, a little more for floating point."""
    if definition.is_float:
        digits, smallest = {16: (11, 2.0**-25), 32: (24, 2.0**-150), 64: (53, 0.0)}[definition.length]
        size = max(abs(near), abs(near - definition.offset))
        return max(size * 2.0**-digits, smallest * abs(definition.scale)) * (1 + _SLACK)
    return abs(definition.scale) * (0.5 + _SLACK)


def _in_unit_of(signal: LiveSignal, value: object) -> float:
    if not isinstance(value, (Real, Quantity)):
        labels = " or a label" if signal.definition.choices else ""
        raise ValueRangeError(
            f"signal {signal.short_name} compares with a number, a quantity such as 40 * percent, another signal"
            f"{labels}, not with {value!r} ({type(value).__name__})"
        )
    number = in_unit(value, signal.unit, f"signal {signal.short_name}")  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueRangeError(f"signal {signal.short_name} compares with finite numbers, not with {number}")
    return number


def _span(signal: LiveSignal, span: float | Quantity) -> float:
    """A difference in the signal's unit: 2 K are 2 °C, not -271."""
    if isinstance(span, Quantity):
        return _in_unit_of(signal, span) - _in_unit_of(signal, Quantity(0.0, span.unit))
    return _in_unit_of(signal, span)


def conversion(source: str, target: str, what: str) -> tuple[int | float, int | float]:
    """Factor and offset that take a number from one unit into another: ``number * factor + offset``.

    Raises :class:`~harness.errors.UnitError` for units of different kinds, in the words ``what`` for the target.
    """
    if source == target:
        return 1, 0
    unit = unit_named(source)
    in_unit(Quantity(0.0, unit), target, what)
    goal = unit_named(target)
    factor, offset = unit.factor / goal.factor, (unit.offset - goal.offset) / goal.factor
    return (1 if factor == 1 else factor), (0 if offset == 0 else offset)


def affine(term: Term, factor: int | float, offset: int | float) -> Term:
    """``term * factor + offset``, without what changes nothing: whole numbers stay whole."""
    scaled = term if factor == 1 else Scaled(term, factor)
    return scaled if offset == 0 else Shifted(scaled, offset)


def _names(signals: tuple[LiveSignal, ...]) -> list[str]:
    short = [signal.short_name for signal in signals]
    return short if len(set(short)) == len(short) else [signal.path for signal in signals]


def _shown(signal: LiveSignal, value: object) -> str:
    return value if isinstance(value, str) else _number_text(_in_unit_of(signal, value), signal.unit)


def _number_text(number: float, unit: str) -> str:
    shown = str(number) if isinstance(number, int) else f"{number:.10g}"
    return f"{shown} {unit}" if unit else shown
