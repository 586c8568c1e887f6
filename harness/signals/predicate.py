"""Predicates about signals: pure objects that say whether samples fulfil them.

They are made by comparing live signals, combined with ``&``, ``|`` and ``~``, and judged over time by the bench. They
have no truth value of their own: ``assert lamp == "Off"`` raises instead of always passing.

Logic is three-valued: True, False, and None where there is no data. Comparisons are quantisation-aware: a number is
rounded to the steps of the signal as sending it would, so ``speed == 12.34`` holds for the step nearest to 12.34, and
of ``<``, ``==`` and ``>`` always exactly one holds. A raw value with a label outside the declared range ("signal not
available") and NaN are no data to a number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Literal

from harness.errors import SignalError, ValueRangeError
from harness.units import Quantity, in_unit, unit_named

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef
    from harness.signals.live import LiveSignal, Sample

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Samples = Mapping[str, "Sample | None"]
"""Samples by :attr:`~harness.signals.live.LiveSignal.path`; None, or no entry: no data."""

_NOTHING: Samples = {}
_SLACK = 1e-6
"""Fraction of a step that floating point may be off."""


class PredicateTruthError(SignalError, TypeError):
    """A predicate or a live signal was used where Python wants a bool."""


class Predicate(ABC):
    """A statement about one or several signals."""

    __slots__ = ("is_edge", "signals")

    def __init__(self, signals: tuple[LiveSignal, ...], *, is_edge: bool = False) -> None:
        self.signals = signals
        """The signals that it speaks about, each once."""
        self.is_edge = is_edge
        """Whether it holds in instants only (a change, a reception) and needs the samples from before."""

    @abstractmethod
    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        """Whether the samples fulfil it; None where there is no data to tell.

        before: the samples before the newest frame, which edges need.
        """

    def margin(self, samples: Samples) -> float | None:
        """Distance to the limit in :attr:`unit`: at least 0 where it holds, at most 0 where not.

        None where there is no data or no distance: between words, for edges, over different units.
        """
        return None

    @abstractmethod
    def describe(self) -> str:
        """It as a reader would write it, with units: ``BrakePedal >= 3 %``."""

    @property
    def unit(self) -> str:
        """The unit of :meth:`margin`: that of the signals where it is common to all, else ""."""
        units = {signal.unit for signal in self.signals}
        return units.pop() if len(units) == 1 else ""

    def __and__(self, other: Predicate) -> Predicate:
        return Both(self, other) if isinstance(other, Predicate) else NotImplemented

    def __or__(self, other: Predicate) -> Predicate:
        return Either(self, other) if isinstance(other, Predicate) else NotImplemented

    def __invert__(self) -> Predicate:
        return Not(self)

    def __bool__(self) -> bool:
        shown = self.describe()
        raise PredicateTruthError(
            f"'{shown}' has no truth value: it is judged over time. Write\n"
            f"  bench.expect({shown}, within=80 * ms)      that it comes true in time\n"
            f"  bench.stays({shown}, during=1 * s)         that it stays true\n"
            "or look at a signal's present .value or .text. Combine predicates with & | ~, not with and, or, not; "
            "instead of a < x < b write x.between(a, b)"
        )

    def __repr__(self) -> str:
        return self.describe()


# -- statements about one instant --------------------------------------------------------------------------------------


class Within(Predicate):
    """A number lies between two limits, with some slack; or, ``outside``, it does not."""

    __slots__ = ("_high", "_low", "_number", "_outside", "_slack", "_text")

    def __init__(
        self,
        signals: tuple[LiveSignal, ...],
        number: Callable[[Samples], float | None],
        limits: tuple[float, float],
        *,
        slack: float,
        text: str,
        outside: bool = False,
    ) -> None:
        super().__init__(signals)
        self._number = number
        self._low, self._high = limits
        self._slack = slack
        self._text = text
        self._outside = outside

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        number = self._number(samples)
        if number is None:
            return None
        # Differences of whole numbers are exact, also where a limit with slack would be rounded.
        return (min(number - self._low, self._high - number) >= -self._slack) is not self._outside

    def margin(self, samples: Samples) -> float | None:
        number = self._number(samples)
        if number is None:
            return None
        distance = min(number - self._low, self._high - number)
        if self._outside:
            distance = -distance
        # The slack is no distance: on the right side of it, the sign is right, and the number 0.
        return max(distance, 0) if self.holds(samples) else min(distance, 0)

    def describe(self) -> str:
        return self._text


class Shows(Predicate):
    """A signal shows a label, or two signals show the same one; or not."""

    __slots__ = ("_label", "_other", "_same", "_signal")

    def __init__(self, signal: LiveSignal, label: str | None, other: LiveSignal | None, *, same: bool) -> None:
        super().__init__(_once(signal, *((other,) if other is not None else ())))
        self._signal = signal.path
        self._label = label
        self._other = other.path if other is not None else None
        self._same = same

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        sample = samples.get(self._signal)
        if sample is None:
            return None
        wanted = self._label
        if self._other is not None:
            other = samples.get(self._other)
            if other is None:
                return None
            if sample.text is None and other.text is None:
                return (sample.value == other.value) is self._same
            wanted = other.text
        return (sample.text == wanted) is self._same

    def describe(self) -> str:
        first, *rest = _names(self.signals)
        return f"{first} {'==' if self._same else '!='} {rest[0] if rest else self._label if self._label else first}"


# -- statements about a change -----------------------------------------------------------------------------------------


class Changes(Predicate):
    """A signal changes, to a value and from a value, or (None) to and from any."""

    __slots__ = ("_path", "_text", "_to", "_was")

    def __init__(
        self, signal: LiveSignal, to: str | float | Quantity | None, frm: str | float | Quantity | None
    ) -> None:
        super().__init__((signal,), is_edge=True)
        self._path = signal.path
        self._to = compare(signal, "==", to) if to is not None else None
        self._was = compare(signal, "==", frm) if frm is not None else None
        came = f" from {_shown(signal, frm)}" if frm is not None else ""
        went = f" to {_shown(signal, to)}" if to is not None else ""
        self._text = f"{signal.short_name} changes{came}{went}"

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        now, was = samples.get(self._path), before.get(self._path)
        if now is None or was is None:
            return None
        if now.raw == was.raw or (now.raw != now.raw and was.raw != was.raw):
            return False
        if self._to is not None and not (self._to.holds(samples) is True and self._to.holds(before) is not True):
            return False
        return self._was is None or (self._was.holds(before) is True and self._was.holds(samples) is not True)

    def describe(self) -> str:
        return self._text


class ReceivedNow(Predicate):
    """A frame with the signal ends in this instant."""

    __slots__ = ("_path",)

    def __init__(self, signal: LiveSignal) -> None:
        super().__init__((signal,), is_edge=True)
        self._path = signal.path

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        now, was = samples.get(self._path), before.get(self._path)
        return now is not None and (was is None or now.time != was.time)

    def describe(self) -> str:
        return f"{self.signals[0].short_name} is received"


# -- combinations ------------------------------------------------------------------------------------------------------


class _Pair(Predicate):
    """Two predicates, joined."""

    __slots__ = ("_left", "_right")

    _word: str

    def __init__(self, left: Predicate, right: Predicate) -> None:
        super().__init__(_once(*left.signals, *right.signals), is_edge=left.is_edge or right.is_edge)
        self._left = left
        self._right = right

    def describe(self) -> str:
        return f" {self._word} ".join(
            f"({part.describe()})" if isinstance(part, _Pair) and part._word != self._word else part.describe()
            for part in (self._left, self._right)
        )

    def _margins(self, samples: Samples) -> tuple[float, float] | None:
        left, right = self._left.margin(samples), self._right.margin(samples)
        # Distances of different units have no smaller one; without a unit nobody knows.
        if left is None or right is None or len({signal.unit for signal in self.signals}) > 1:
            return None
        return left, right


class Both(_Pair):
    """Both hold: False as soon as one does not, None while one is unknown and none is False."""

    __slots__ = ()

    _word = "and"

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        left, right = self._left.holds(samples, before), self._right.holds(samples, before)
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    def margin(self, samples: Samples) -> float | None:
        margins = self._margins(samples)
        return min(margins) if margins else None


class Either(_Pair):
    """At least one holds: True as soon as one does, None while one is unknown and none is True."""

    __slots__ = ()

    _word = "or"

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        left, right = self._left.holds(samples, before), self._right.holds(samples, before)
        if left or right:
            return True
        return None if left is None or right is None else False

    def margin(self, samples: Samples) -> float | None:
        margins = self._margins(samples)
        return max(margins) if margins else None


class Not(Predicate):
    """Holds where the other does not; no data stays no data."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Predicate) -> None:
        super().__init__(inner.signals, is_edge=inner.is_edge)
        self._inner = inner

    def holds(self, samples: Samples, before: Samples = _NOTHING) -> bool | None:
        inner = self._inner.holds(samples, before)
        return None if inner is None else not inner

    def margin(self, samples: Samples) -> float | None:
        inner = self._inner.margin(samples)
        return None if inner is None else -inner

    def describe(self) -> str:
        return f"not ({self._inner.describe()})"

    def __invert__(self) -> Predicate:
        return self._inner


# -- making them -------------------------------------------------------------------------------------------------------


def compare(signal: LiveSignal, operator: Operator, other: object) -> Predicate:
    """``signal operator other``; other: a number in the signal's unit, a quantity, or a label.

    Raises :class:`~harness.errors.UnitError` for a quantity of another kind, and
    :class:`~harness.errors.ValueRangeError` for a label that the value table does not have, for a label that is to be
    ordered, for what is no value at all, and for ``==`` with a number that the signal's bits cannot hold.
    """
    definition = signal.definition
    if isinstance(other, str):
        definition.raw_of_label(other)
        if operator not in ("==", "!="):
            raise ValueRangeError(f"labels have no order: compare {signal.short_name} with == or != {other!r}")
        return Shows(signal, other, None, same=operator == "==")
    number = _in_unit_of(signal, other)
    half = _half_step(definition, number)
    if operator in ("==", "!="):
        low, high = sorted(map(definition.to_physical, definition.raw_range))
        if max(low - number, number - high) > half:
            raise ValueRangeError(
                f"signal {signal.short_name} can never be {_number_text(number, signal.unit)}: "
                f"its bits hold {_number_text(low, '')} to {_number_text(high, signal.unit)}"
            )
    text = f"{signal.short_name} {operator} {_number_text(number, signal.unit)}"
    return _ordered((signal,), _reader(signal), operator, number, half, text)


def compare_signals(left: LiveSignal, operator: Operator, right: LiveSignal) -> Predicate:
    """``left operator right``, in the unit of the left one; two enumerations are equal when they show the same label.

    Raises :class:`~harness.errors.UnitError` for units of different kinds.
    """
    if left.definition.choices and right.definition.choices and operator in ("==", "!="):
        return Shows(left, None, right, same=operator == "==")
    convert = _conversion(right, left)
    read_left, read_right = _reader(left), _reader(right)

    def difference(samples: Samples) -> float | None:
        first, second = read_left(samples), read_right(samples)
        return None if first is None or second is None else first - convert(second)

    # On one grid equal means the same step; on two, each may be half a step away from the true value.
    halves = [_half_step(left.definition, 0), abs(convert(_half_step(right.definition, 0)) - convert(0))]
    half = halves[0] if halves[0] == halves[1] else sum(halves)
    signals = _once(left, right)
    names = _names((left, right))
    return _ordered(signals, difference, operator, 0, half, f"{names[0]} {operator} {names[1]}")


def near(signal: LiveSignal, value: float | Quantity, tolerance: float | Quantity) -> Predicate:
    """See :meth:`harness.signals.live.LiveSignal.near`."""
    middle = _in_unit_of(signal, value)
    span = _span(signal, tolerance)
    if span < 0:
        raise ValueRangeError(f"a tolerance is 0 or more, not {tolerance}")
    half = _half_step(signal.definition, middle)
    reach = max(span, half)
    unit = f" {signal.unit}" if signal.unit else ""
    return Within(
        (signal,),
        _reader(signal),
        (middle - reach, middle + reach),
        slack=half * 2 * _SLACK,
        text=f"{signal.short_name} == {_number_text(middle, '')} ± {_number_text(span, '')}{unit}",
    )


def between(signal: LiveSignal, low: float | Quantity, high: float | Quantity) -> Predicate:
    """See :meth:`harness.signals.live.LiveSignal.between`."""
    bottom, top = _in_unit_of(signal, low), _in_unit_of(signal, high)
    if bottom > top:
        raise ValueRangeError(f"between takes the lower limit first, not {low} and {high}")
    return Within(
        (signal,),
        _reader(signal),
        (bottom, top),
        slack=_half_step(signal.definition, max(abs(bottom), abs(top))),
        text=f"{signal.short_name} between {_number_text(bottom, '')} and {_number_text(top, signal.unit)}",
    )


def _ordered(
    signals: tuple[LiveSignal, ...],
    number: Callable[[Samples], float | None],
    operator: Operator,
    limit: float,
    half: float,
    text: str,
) -> Predicate:
    low = -math.inf if operator in ("<=", ">") else limit
    high = math.inf if operator in (">=", "<") else limit
    return Within(signals, number, (low, high), slack=half, text=text, outside=operator in ("!=", "<", ">"))


def _reader(signal: LiveSignal) -> Callable[[Samples], float | None]:
    """The signal as a number; None for no sample, NaN, and a label that stands outside the declared range."""
    path, definition = signal.path, signal.definition
    slack = abs(definition.scale) * _SLACK
    low = -math.inf if definition.minimum is None else definition.minimum - slack
    high = math.inf if definition.maximum is None else definition.maximum + slack

    def number(samples: Samples) -> float | None:
        sample = samples.get(path)
        if sample is None or sample.value != sample.value:
            return None
        return None if sample.text is not None and not low <= sample.value <= high else sample.value

    return number


def _half_step(definition: SignalDef, near: float) -> float:
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


def _conversion(source: LiveSignal, target: LiveSignal) -> Callable[[float], float]:
    """A function that takes values of one signal into the unit of another."""
    if source.unit == target.unit:
        return lambda value: value
    unit = unit_named(source.unit)
    in_unit(Quantity(0.0, unit), target.unit, f"signal {target.short_name}")
    return lambda value: Quantity(value, unit).to(target.unit)


def _once(*signals: LiveSignal) -> tuple[LiveSignal, ...]:
    return tuple({signal.path: signal for signal in signals}.values())


def _names(signals: tuple[LiveSignal, ...]) -> list[str]:
    short = [signal.short_name for signal in signals]
    return short if len(set(short)) == len(short) else [signal.path for signal in signals]


def _shown(signal: LiveSignal, value: object) -> str:
    return value if isinstance(value, str) else _number_text(_in_unit_of(signal, value), signal.unit)


def _number_text(number: float, unit: str) -> str:
    shown = str(number) if isinstance(number, int) else f"{number:.10g}"
    return f"{shown} {unit}" if unit else shown
