"""Voltages over time: what a supply is set to, and when.

A profile is a sequence of set points; between two of them the voltage stays. A ramp is many small steps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from harness.errors import InstrumentError
from harness.units import Duration, Quantity, duration, in_unit, time_text


class SetPoint(NamedTuple):
    """time: ns since the beginning of the profile. voltage: V."""

    time: int
    voltage: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Set points in their order, the first one at 0.

    >>> from harness.units import V, ms
    >>> dip = Profile.of("dip", [(0 * ms, 12 * V), (15 * ms, 6 * V), (30 * ms, 12 * V)])
    >>> dip.lowest, dip.at(20 * ms), dip.duration
    (6.0, 6.0, 30 ms)
    """

    name: str
    points: tuple[SetPoint, ...]

    @classmethod
    def of(cls, name: str, points: Iterable[tuple[Duration, float | Quantity]]) -> Profile:
        """A profile of durations and voltages; a plain number is one of volts.

        Raises :class:`~harness.errors.UnitError` for a wrong unit, and :class:`~harness.errors.InstrumentError` for set
        points that are out of order, none at all, a first one after 0, or a negative voltage.
        """
        made: list[SetPoint] = []
        for time, voltage in points:
            number = float(in_unit(voltage, "V", f"profile {name!r}"))
            made.append(SetPoint(duration(time, f"profile {name!r}"), number))
        return cls(name, tuple(made))

    def __post_init__(self) -> None:
        if not self.points or self.points[0].time != 0:
            raise InstrumentError(f"profile {self.name!r}: expected a first set point at 0 ms")
        for before, after in pairwise(self.points):
            if after.time <= before.time:
                raise InstrumentError(
                    f"profile {self.name!r}: expected set points in the order of their times, got "
                    f"{time_text(after.time)} after {time_text(before.time)}"
                )
        for time, voltage in self.points:
            if not isfinite(voltage) or voltage < 0:
                got = f"got {voltage:g} at {time_text(time)}"
                raise InstrumentError(f"profile {self.name!r}: expected 0 V or more, {got}")

    @property
    def duration(self) -> Duration:
        """Up to the last set point."""
        return Duration(self.points[-1].time)

    @property
    def lowest(self) -> float:
        """The lowest voltage, V."""
        return min(point.voltage for point in self.points)

    @property
    def highest(self) -> float:
        """The highest voltage, V."""
        return max(point.voltage for point in self.points)

    def at(self, time: int) -> float:
        """The voltage at a time (ns since the beginning), V; before 0 that of the first set point."""
        return self.points[max(0, bisect_right(self.points, time, key=lambda point: point.time) - 1)].voltage

    def check(self, max_voltage: float) -> None:
        """Raise :class:`~harness.errors.InstrumentError` when any set point is higher than this, V."""
        for time, voltage in self.points:
            if voltage > max_voltage:
                raise InstrumentError(
                    f"profile {self.name!r}: expected at most {max_voltage:g} V, got {voltage:g} V at "
                    f"{time_text(time)}; nothing was set"
                )

    def __iter__(self) -> Iterator[SetPoint]:
        return iter(self.points)

    def __str__(self) -> str:
        return (
            f"profile {self.name!r}: {len(self.points)} set points in {self.duration}, "
            f"{self.lowest:g} to {self.highest:g} V"
        )


def ramp(start: int, end: int, first: float, last: float, step: int) -> Iterator[SetPoint]:
    """Steps from ``first`` to ``last`` V between two times (ns), the last one at ``end``.

    step: ns between two of them, more than 0; a shorter rest is one step.

    >>> list(ramp(0, 4, 12.0, 8.0, 2))
    [SetPoint(time=2, voltage=10.0), SetPoint(time=4, voltage=8.0)]
    """
    for time in (*range(start + step, end, step), end):
        yield SetPoint(time, last if time == end else round(first + (last - first) * (time - start) / (end - start), 6))
