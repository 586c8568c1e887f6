"""Values that a signal can be set to, as a Hypothesis strategy."""

from __future__ import annotations

import math
from collections.abc import Collection
from fractions import Fraction
from struct import Struct

from hypothesis import strategies as st

from harness.errors import ValueRangeError
from harness.signals.definitions import SignalDef, Value
from harness.signals.live import LiveSignal
from harness.units import Quantity, in_unit

_SLACK = Fraction(1, 1_000_000)
"""Fraction of a step by which a limit may be missed, as in :meth:`~harness.signals.definitions.SignalDef.to_raw`."""

_EXACT = 1 << 48
"""Raw values up to here come back from their physical value when that is a float; further out steps melt together."""


def values(
    signal: SignalDef | LiveSignal,
    *,
    minimum: float | Quantity | None = None,
    maximum: float | Quantity | None = None,
    labels: bool = False,
    exclude: Collection[str] = (),
) -> st.SearchStrategy[Value]:
    """Physical values of a signal that its bits and its declared range allow; its limits come often.

    Every value is one that the bus can carry exactly. It shrinks towards a raw value of 0.

    minimum, maximum: narrow the range further; numbers in the signal's unit, or quantities. labels: give labels of the
    value table instead of numbers. exclude: labels that are left out, for instance ``["SNA"]``; as labels and as the
    numbers that they stand for.

    Raises :class:`~harness.errors.ValueRangeError` when nothing is left or a label is unknown,
    :class:`~harness.errors.UnitError` for a quantity of another kind.

    >>> level = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, minimum=0, maximum=100, unit="%")
    >>> from hypothesis import find
    >>> find(values(level, minimum=20), lambda value: value > 42)
    42.5
    """
    definition = signal if isinstance(signal, SignalDef) else signal.definition
    low, high = _limits(definition, minimum, maximum)
    for label in exclude:
        definition.raw_of_label(label)
    if labels:
        return _labels(definition, low, high, set(exclude), narrowed=minimum is not None or maximum is not None)
    if definition.is_float:
        return _floats(definition, low, high)
    first, last = _steps(definition, low, high)
    left_out = {raw for raw, label in definition.choices.items() if label in exclude and first <= raw <= last}
    if last - first + 1 <= len(left_out):
        raise _nothing(definition, low, high)
    wanted = {first, first + 1, last - 1, last, definition.start_raw} - left_out
    limits = sorted(raw for raw in wanted if first <= raw <= last)
    every = st.integers(first, last)
    if left_out:
        every = every.filter(lambda raw: raw not in left_out)
    raws = st.one_of(every, st.sampled_from(limits)) if limits else every
    return raws.map(definition.to_physical)


def _limits(
    definition: SignalDef, minimum: float | Quantity | None, maximum: float | Quantity | None
) -> tuple[float, float]:
    low, high = definition.physical_range
    if minimum is not None:
        low = max(low, in_unit(minimum, definition.unit, f"minimum of {definition.full_name}"))
    if maximum is not None:
        high = min(high, in_unit(maximum, definition.unit, f"maximum of {definition.full_name}"))
    return low, high


def _steps(definition: SignalDef, low: float, high: float) -> tuple[int, int]:
    """The raw values of the smallest and the largest step between two physical limits."""
    offset, scale = Fraction(definition.offset), Fraction(definition.scale)
    bounds = sorted((Fraction(limit) - offset) / scale for limit in (low, high))
    smallest, largest = definition.raw_range
    if not (isinstance(definition.scale, int) and isinstance(definition.offset, int)):
        smallest, largest = max(smallest, -_EXACT), min(largest, _EXACT)
    first = max(math.ceil(bounds[0] - _SLACK), int(smallest))
    last = min(math.floor(bounds[1] + _SLACK), int(largest))
    if low > high or first > last:
        raise _nothing(definition, low, high)
    return first, last


def _labels(
    definition: SignalDef, low: float, high: float, excluded: set[str], *, narrowed: bool
) -> st.SearchStrategy[Value]:
    found = [
        label
        for raw, label in sorted(definition.choices.items())
        if label not in excluded and (not narrowed or low <= definition.to_physical(raw) <= high)
    ]
    if not found:
        raise ValueRangeError(f"signal '{definition.full_name}' has no label to choose from{_but(excluded)}")
    return st.sampled_from(list(dict.fromkeys(found)))


def _floats(definition: SignalDef, low: float, high: float) -> st.SearchStrategy[Value]:
    code = Struct({16: "<e", 32: "<f", 64: "<d"}[definition.length])

    def carried(number: float) -> float:
        raw: float = code.unpack(code.pack(definition.to_raw(number, strict=False)))[0]
        return definition.to_physical(raw)

    if low > high:
        raise _nothing(definition, low, high)
    limits = [number for number in map(carried, (low, high, 0.0)) if low <= number <= high]
    # What the signal's own format rounds beyond a limit is not allowed by it.
    every = st.floats(low, high).map(carried).filter(lambda number: low <= number <= high)
    return st.one_of(every, st.sampled_from(limits)) if limits else every


def _nothing(definition: SignalDef, low: float, high: float) -> ValueRangeError:
    unit = f" {definition.unit}" if definition.unit else ""
    return ValueRangeError(f"signal '{definition.full_name}' has no value left between {low} and {high}{unit}")


def _but(excluded: set[str]) -> str:
    return f" but {', '.join(sorted(excluded))}" if excluded else ""
