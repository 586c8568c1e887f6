"""Profiles: set points, limits, and the cranking pulses of the standards."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InstrumentError, UnitError
from harness.instruments.cranking import STARTING_LEVELS, cranking_pulse, starting_profile
from harness.instruments.profile import Profile, ramp
from harness.units import A, Duration, V, ms, mV, s


def test_a_profile_is_what_it_says() -> None:
    profile = Profile.of("dip", [(0 * ms, 12 * V), (15 * ms, 6000 * mV), (1 * s, 13.5)])
    assert [tuple(point) for point in profile] == [(0, 12.0), (15_000_000, 6.0), (1_000_000_000, 13.5)]
    assert (profile.lowest, profile.highest, profile.duration) == (6.0, 13.5, 1 * s)
    assert [profile.at(time) for time in (-1, 0, 14_999_999, 15_000_000, 10**9, 10**12)] == [12, 12, 12, 6, 13.5, 13.5]
    assert str(profile) == "profile 'dip': 3 set points in 1 s, 6 to 13.5 V"


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "a first set point at 0 ms"),
        ([(1 * ms, 12 * V)], "a first set point at 0 ms"),
        ([(0 * ms, 12 * V), (5 * ms, 1 * V), (5 * ms, 2 * V)], "in the order of their times, got 5 ms after 5 ms"),
        ([(0 * ms, 12 * V), (5 * ms, 1 * V), (4 * ms, 2 * V)], "got 4 ms after 5 ms"),
        ([(0 * ms, 12 * V), (5 * ms, -1 * V)], "expected 0 V or more, got -1 at 5 ms"),
        ([(0 * ms, float("nan"))], "expected 0 V or more, got nan"),
        ([(0 * ms, float("inf"))], "expected 0 V or more, got inf"),
    ],
)
def test_what_is_no_profile(points: Any, why: str) -> None:
    with pytest.raises(InstrumentError, match=why):
        Profile.of("it", points)


@pytest.mark.parametrize("points", [[(0, 12 * V)], [(0 * ms, 12 * A)], [(0.5, 12)]])
def test_units_are_checked(points: Any) -> None:
    with pytest.raises(UnitError):
        Profile.of("it", points)


def test_limits_are_checked() -> None:
    profile = Profile.of("it", [(0 * ms, 12 * V), (5 * ms, 15 * V), (6 * ms, 16 * V)])
    profile.check(16.0)
    with pytest.raises(InstrumentError, match="at most 14 V, got 15 V at 5 ms; nothing was set"):
        profile.check(14.0)


@given(
    st.integers(0, 10**9), st.integers(1, 10**9), st.floats(0, 60), st.floats(0, 60), st.integers(10**6, 10**9)
)  # fmt: skip
def test_a_ramp_ends_where_it_should(start: int, span: int, first: float, last: float, step: int) -> None:
    points = list(ramp(start, start + span, first, last, step))
    assert points[-1] == (start + span, last)
    assert all(start < point.time <= start + span for point in points)
    assert all(min(first, last) - 1e-6 <= point.voltage <= max(first, last) + 1e-6 for point in points)
    times = [start, *(point.time for point in points)]
    assert all(0 < after - before <= step for before, after in pairwise(times))


@pytest.mark.parametrize("level", STARTING_LEVELS)
def test_the_starting_profile_of_iso_16750_2(level: Any) -> None:
    """Levels and times are those of the table in 4.6.3 for 12 V; the ripple's lowest value is US."""
    profile = starting_profile(level, step=1 * ms)
    us6, us, t8, tr = {
        "I": (8.0, 9.5, 1 * s, 40 * ms),
        "II": (4.5, 6.5, 10 * s, 100 * ms),
        "III": (3.0, 5.0, 1 * s, 100 * ms),
        "IV": (6.0, 6.5, 10 * s, 100 * ms),
    }[level]
    assert profile.at(0) == profile.at(int(profile.duration)) == 12.0 and profile.highest == 12.0
    assert profile.lowest == us6
    assert {profile.at(time * 1_000_000) for time in range(5, 21)} == {us6}
    assert profile.at(4 * ms) > us6
    turning = [point.voltage for point in profile if 70 * ms <= point.time <= 70 * ms + t8]
    assert min(turning) == pytest.approx(us, abs=0.001) and max(turning) == pytest.approx(us + 2.0, abs=0.001)
    assert profile.at(70 * ms + 125 * ms) == pytest.approx(us + 2.0, abs=0.001)  # a quarter of a period of 2 Hz
    assert profile.duration == 70 * ms + t8 + tr


def test_test_pulse_4_of_iso_7637_2() -> None:
    pulse = cranking_pulse(us=7 * V, ua=2.5 * V, t7=15 * ms, t8=50 * ms, t9=500 * ms, t11=5 * ms, step=1 * ms)
    assert pulse.at(0) == 12.0 and pulse.at(int(pulse.duration)) == 12.0
    assert {pulse.at(time * 1_000_000) for time in range(5, 16)} == {5.0} and pulse.lowest == 5.0
    assert {pulse.at(time * 1_000_000) for time in range(65, 566)} == {9.5}
    assert 5.0 < pulse.at(40 * ms) < 9.5
    assert pulse.duration == 570 * ms


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"us": 4 * V, "ua": 5 * V}, "0 < ua <= us <= 12 V, got us 4 V, ua 5 V"),
        ({"us": 13 * V}, "us <= 12 V"),
        ({"ua": 0 * V}, "0 < ua"),
        ({"t10": 50 * ms}, "expected a fall t10 that ends before t7"),
        ({"step": Duration(1000)}, "expected at most 100000 set points"),
    ],
)
def test_what_is_no_cranking_pulse(shape: Any, why: str) -> None:
    with pytest.raises(InstrumentError, match=why):
        cranking_pulse(**shape)


@pytest.mark.parametrize("step", [0 * ms, 5, 0.005])
def test_a_step_is_a_duration(step: Any) -> None:
    with pytest.raises(UnitError):
        starting_profile("I", step=step)
