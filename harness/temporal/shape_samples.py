"""A signal's samples over a window as steps that hold, and what its unit and resolution mean for limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from harness.errors import UnitError, ValueRangeError
from harness.signals.definitions import SignalDef
from harness.signals.live import Sample
from harness.units import Duration, Quantity, in_unit, time_text

_SLACK = 2e-6
"""Fraction of half a step that floating point may be off."""

Number = float | Quantity | Duration


class Piece(NamedTuple):
    """One value that holds from start to end, ns, both included; None: no data."""

    start: int
    end: int
    sample: Sample | None


class Stretch(NamedTuple):
    """As a piece, of numbers."""

    start: int
    end: int
    value: float | None


@dataclass(frozen=True, slots=True)
class Held:
    """What was known of a signal from ``begin`` to ``end`` (ns, both included): sample and hold.

    pieces: without gap; where no frame came yet, or the last one is older than the timeout, the sample is None.
    """

    pieces: tuple[Piece, ...]

    @property
    def begin(self) -> int:
        """The first instant, ns."""
        return self.pieces[0].start

    @property
    def end(self) -> int:
        """The last instant, ns."""
        return self.pieces[-1].end

    @classmethod
    def over(cls, samples: Iterable[Sample], begin: int, end: int, timeout: int | None = None) -> Held:
        """samples: oldest first; those before ``begin`` give the state there. timeout: ns, None: a value never expires.

        Of several samples in one instant the last counts.

        >>> held = Held.over([Sample(0, 1, 1, None), Sample(40, 2, 2, None)], begin=10, end=100, timeout=30)
        >>> [(piece.start, piece.end, piece.sample and piece.sample.value) for piece in held.pieces]
        [(10, 30, 1), (31, 39, None), (40, 70, 2), (71, 100, None)]
        """
        starts: list[tuple[int, Sample | None]] = [(begin, None)]
        last: Sample | None = None
        for sample in samples:
            if sample.time > end:
                break
            if last is not None and timeout is not None and last.time + timeout + 1 < sample.time:
                _put(starts, max(begin, last.time + timeout + 1), None)
            _put(starts, max(begin, sample.time), sample)
            last = sample
        if last is not None and timeout is not None and last.time + timeout < end:
            _put(starts, max(begin, last.time + timeout + 1), None)
        ends = [start - 1 for start, _ in starts[1:]] + [end]
        return cls(tuple(Piece(start, stop, sample) for (start, sample), stop in zip(starts, ends, strict=True)))

    def numbers(self, number: Callable[[Sample], float | None]) -> list[Stretch]:
        """The pieces as numbers; None where there is none."""
        return [Stretch(start, end, sample and number(sample)) for start, end, sample in self.pieces]


def _put(starts: list[tuple[int, Sample | None]], time: int, sample: Sample | None) -> None:
    if starts[-1][0] == time:
        starts[-1] = (time, sample)
    else:
        starts.append((time, sample))


class Scale:
    """The unit, range and resolution of a signal: turns what a test gives into numbers, and numbers into text.

    definition: the signal; name: what messages call it.
    """

    __slots__ = ("_definition", "_high", "_low", "name", "unit")

    def __init__(self, definition: SignalDef, name: str) -> None:
        self.name = name
        self.unit = definition.unit
        self._definition = definition
        slack = abs(definition.scale) * _SLACK
        self._low = -math.inf if definition.minimum is None else definition.minimum - slack
        self._high = math.inf if definition.maximum is None else definition.maximum + slack

    def number(self, sample: Sample) -> float | None:
        """The sample as a number; None for NaN and for a label outside the declared range."""
        if sample.value != sample.value or (sample.text is not None and not self._low <= sample.value <= self._high):
            return None
        return sample.value

    def value(self, given: object) -> float:
        """A number or a quantity in the signal's unit. Raises :class:`~harness.errors.UnitError`, ValueRangeError."""
        if not isinstance(given, (int, float, Quantity)):
            raise ValueRangeError(f"signal {self.name} compares with a number or a quantity, not with {given!r}")
        number = in_unit(given, self.unit, f"signal {self.name}")
        if not math.isfinite(number):
            raise ValueRangeError(f"signal {self.name} compares with finite numbers, not with {number}")
        return number

    def span(self, given: Number | None) -> float:
        """A difference of 0 or more in the signal's unit: 2 K are 2 °C. None: 0."""
        if given is None:
            return 0.0
        number = self.value(given)
        if isinstance(given, Quantity):
            number -= self.value(Quantity(0.0, given.unit))
        if number < 0:
            raise ValueRangeError(f"a tolerance is 0 or more, not {given}")
        return number

    def half_step(self, near: float = 0.0) -> float:
        """Half the distance between two values that the signal can carry near a value."""
        definition = self._definition
        if definition.is_float:
            return max(abs(near), abs(near - definition.offset)) * {16: 2.0**-11, 32: 2.0**-24}.get(
                definition.length, 2.0**-53
            )
        return abs(definition.scale) / 2

    def reach(self, tolerance: Number | None, near: float = 0.0) -> float:
        """How far a value may be off: the tolerance, at least half a step of the signal, and a little for rounding."""
        half = self.half_step(near)
        return max(self.span(tolerance), half) + half * _SLACK

    def text(self, number: float) -> str:
        """A number with the unit."""
        return f"{number:.6g} {self.unit}".rstrip()

    def band(self, low: float, high: float) -> str:
        """Two numbers with the unit, or one where they are the same."""
        return self.text(low) if low == high else f"{low:.6g} to {self.text(high)}"


def gap(pieces: Iterable[Piece] | Iterable[Stretch]) -> str:
    """The first interval without data as text, "" where there is none."""
    missing: tuple[int, int] | None = None
    for start, end, content in pieces:
        if content is None:
            missing = (start, end) if missing is None else (missing[0], end)
        elif missing is not None:
            break
    return "" if missing is None else f"no data from {time_text(missing[0])} to {time_text(missing[1])}"


def known(stretches: Iterable[Stretch]) -> Iterator[tuple[int, int, float]]:
    """The stretches with data."""
    return ((start, end, value) for start, end, value in stretches if value is not None)


def offsets(between: tuple[Duration, Duration] | None, within: Duration | None, held: Held) -> tuple[int, int, str]:
    """The instants between which something is to begin, ns, both included, and that as text.

    between, within: counted from the window's begin; ``within=b`` is ``between=(0, b)``; neither: anywhere.
    """
    if between is not None and within is not None:
        raise UnitError("give within= or between=, not both")
    if within is not None:
        between = (Duration(0), within)
    if between is None:
        return held.begin, held.end, ""
    first, last = between
    for each in between:
        if not isinstance(each, Duration) or each < 0:
            raise UnitError(f"between= takes two durations such as (20 * ms, 80 * ms), not {between!r}")
    if first > last:
        raise UnitError(f"between= takes the earlier time first, not {between!r}")
    text = f" within {last}" if first == 0 else f" between {first} and {last}"
    return held.begin + first, held.begin + last, text
