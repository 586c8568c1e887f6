"""What a 12 V supply goes through while the engine is cranked, as the standards shape it.

The figures are those of the standards' tables; check them against the edition that your customer names. A bench supply
follows much more slowly than the standards demand (5 ms edges): the report says how late each set point was.
"""

from __future__ import annotations

from math import pi, sin
from typing import Literal, NamedTuple

from harness.errors import InstrumentError
from harness.instruments.profile import Profile, SetPoint, ramp
from harness.units import Duration, Quantity, duration, in_unit, ms, s

Level = Literal["I", "II", "III", "IV"]

MOST_POINTS = 100_000
RIPPLE_HZ, RIPPLE_V = 2.0, 2.0
"""Frequency of the ripple while the starter turns, and its height from peak to peak."""


class StartingLevel(NamedTuple):
    """A row of ISO 16750-2:2012, 4.6.3.

    us6: the lowest voltage, V. us: the lowest one while the starter turns, V. t8: how long it does. tr: the rise; ns.
    """

    us6: float
    us: float
    t8: int
    tr: int


STARTING_LEVELS: dict[Level, StartingLevel] = {
    "I": StartingLevel(8.0, 9.5, 1 * s, 40 * ms),
    "II": StartingLevel(4.5, 6.5, 10 * s, 100 * ms),
    "III": StartingLevel(3.0, 5.0, 1 * s, 100 * ms),
    "IV": StartingLevel(6.0, 6.5, 10 * s, 100 * ms),
}
"""For 12 V systems."""


def starting_profile(level: Level = "I", *, supply: float | Quantity = 12.0, step: Duration = 5 * ms) -> Profile:
    """The starting profile of ISO 16750-2:2012, 4.6.3, for 12 V systems.

    From the ``supply`` voltage down to US6 in 5 ms, there for 15 ms, up in 50 ms, for t8 a ripple of 2 Hz that is 2 V
    high and whose lowest value is US, and back in tr. step: time between two set points of ramps and ripple.

    >>> profile = starting_profile("II", step=50 * ms)
    >>> profile.lowest, profile.duration, profile.at(5 * s) >= 6.5
    (4.5, 10.17 s, True)
    """
    row = STARTING_LEVELS[level]
    first = float(in_unit(supply, "V", "supply"))
    step_ns = duration(step, "step", zero=False)
    middle = row.us + RIPPLE_V / 2
    points = [SetPoint(0, first)]
    fallen = 5 * ms
    points += ramp(0, fallen, first, row.us6, step_ns)
    risen = fallen + 15 * ms + 50 * ms
    points += ramp(fallen + 15 * ms, risen, row.us6, middle, step_ns)
    end = risen + row.t8
    for time in range(risen + step_ns, end, step_ns):
        wave = sin(2 * pi * RIPPLE_HZ * (time - risen) / 1e9)
        points.append(SetPoint(time, round(middle + RIPPLE_V / 2 * wave, 6)))
    points += ramp(end, end + row.tr, middle, first, step_ns)
    return _made(f"ISO 16750-2 starting profile, level {level}", points)


def cranking_pulse(
    *,
    supply: float | Quantity = 12.0,
    us: float | Quantity = 6.0,
    ua: float | Quantity = 5.0,
    t7: Duration = 40 * ms,
    t8: Duration = 50 * ms,
    t9: Duration = 10 * s,
    t10: Duration = 5 * ms,
    t11: Duration = 100 * ms,
    step: Duration = 5 * ms,
) -> Profile:
    """Test pulse 4 of ISO 7637-2:2004, 5.6.4, the voltage drop when the starter is switched on.

    The edition of 2011 leaves it to ISO 16750-2 (:func:`starting_profile`). Both depths count from the ``supply``
    voltage down: ``us`` the first one (the standard: 6 to 7 V in a 12 V system), ``ua`` while the starter turns (2.5 to
    6 V, at most ``us``). t10: the fall (5 ms). t7: from the beginning of the fall to the end of the lowest voltage (15
    to 40 ms). t8: from there to ``ua`` (at most 50 ms). t9: at ``ua`` (0.5 to 20 s). t11: the rise (5 ms when the
    engine starts, 100 ms when it does not). Raises :class:`~harness.errors.InstrumentError` for a shape that is none.

    >>> pulse = cranking_pulse(step=10 * ms)
    >>> pulse.lowest, pulse.at(1 * s), pulse.duration
    (6.0, 7.0, 10.19 s)
    """
    first = float(in_unit(supply, "V", "supply"))
    deep, shallow = float(in_unit(us, "V", "us")), float(in_unit(ua, "V", "ua"))
    if not 0 < shallow <= deep <= first:
        got = f"got us {deep:g} V, ua {shallow:g} V"
        raise InstrumentError(f"cranking pulse: expected 0 < ua <= us <= {first:g} V, {got}")
    if not 0 < t10 < t7:
        raise InstrumentError(f"cranking pulse: expected a fall t10 that ends before t7, got t10 {t10}, t7 {t7}")
    step_ns = duration(step, "step", zero=False)
    points = [SetPoint(0, first)]
    points += ramp(0, duration(t10, "t10"), first, first - deep, step_ns)
    turning = t7 + duration(t8, "t8", zero=False)
    points += ramp(t7, turning, first - deep, first - shallow, step_ns)
    end = turning + duration(t9, "t9", zero=False)
    points += ramp(end, end + duration(t11, "t11", zero=False), first - shallow, first, step_ns)
    return _made("ISO 7637-2 test pulse 4", points)


def _made(name: str, points: list[SetPoint]) -> Profile:
    if len(points) > MOST_POINTS:
        got = f"got {len(points)}; take a longer step"
        raise InstrumentError(f"{name}: expected at most {MOST_POINTS} set points, {got}")
    return Profile(name, tuple(points))
