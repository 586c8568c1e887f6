"""Speedometer: never less than the true speed, never much more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Bench, Duration, Quantity, kmh, mps2, ms, s
from vehicle_states import car_on_rollers, roll, switch_on

STEP = 10 * ms
"""How often the true speed is looked at while driving."""
RESOLUTION_KMH = 0.05
"""Half a step of the displayed speed."""

DRIVES = st.tuples(
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(-12, 9), st.sampled_from([0.1, 0.3, 0.7])), min_size=1, max_size=5),
)
"""A speed in km/h to begin with, then accelerations in m/s² that are held for so many seconds."""


def drive(bench: Bench, acceleration: float, during: Duration) -> list[tuple[Duration, float]]:
    """Speed the rollers up or slow them down; returns the true speeds of that time in km/h, 200 km/h at most."""
    seen = []
    end = bench.now + during
    bench.plant["held_acceleration"] = acceleration * mps2
    while bench.now < end:
        bench.wait(STEP)
        if bench.plant["vehicle_speed"] >= 199:
            bench.plant["held_acceleration"] = min(0, acceleration) * mps2
        seen.append((bench.now, bench.plant["vehicle_speed"]))
    return seen


def assert_speedometer_is_right(bench: Bench, true_speeds: list[tuple[Duration, float]], since: Duration) -> None:
    """Every displayed speed lies in the band from v to 1.1 v + 4 km/h of a true speed v of the 200 ms before."""
    shown = bench.signal("DisplayedSpeed").samples_since(since)
    assert shown
    for sample in shown:
        recent = [speed for time, speed in true_speeds if sample.time - 200 * ms <= time <= sample.time]
        assert any(v - RESOLUTION_KMH <= sample.value <= 1.1 * v + 4 + RESOLUTION_KMH for v in recent), (
            f"{sample.value:g} km/h shown at {Duration(sample.time)}; "
            f"true speed of the last 200 ms: {min(recent):g} to {max(recent):g} km/h"
        )


@pytest.mark.requirement("VEH-040")
@pytest.mark.parametrize("speed", [0, 0.1, 1, 3, 7, 30, 50, 130, 199.9, 200])
def test_speedometer_shows_a_steady_speed(bench: Bench, speed: float) -> None:
    """At a steady speed v the display lies between v and 1.1 v + 4 km/h."""
    switch_on(bench)
    roll(bench, speed * kmh)
    bench.wait(200 * ms)
    shown = bench.signal("DisplayedSpeed")
    bench.stays(shown.between((speed - RESOLUTION_KMH) * kmh, (1.1 * speed + 4) * kmh), during=500 * ms)
    bench.stays(bench.signal("SpeedDisplay") == "Valid", during=100 * ms)


@pytest.mark.requirement("VEH-040")
@pytest.mark.parametrize(("before", "after"), [(0, 200), (200, 0), (60, 50)], ids=str)
def test_speedometer_follows_in_time(bench: Bench, before: int, after: int, phase: Duration) -> None:
    """200 ms after the speed changed the display goes by the new speed."""
    switch_on(bench)
    roll(bench, before * kmh)
    bench.wait(200 * ms + phase)
    bench.plant["vehicle_speed"] = after * kmh
    bench.wait(200 * ms)
    shown = bench.signal("DisplayedSpeed")
    bench.stays(shown.between((after - RESOLUTION_KMH) * kmh, (1.1 * after + 4) * kmh), during=100 * ms)


@pytest.mark.requirement("VEH-040")
@settings(max_examples=20)
@given(DRIVES)
def test_speedometer_is_right_on_any_drive(
    open_bench: Callable[..., AbstractContextManager[Bench]], scenario: tuple[int, list[tuple[int, float]]]
) -> None:
    """However the car speeds up and slows down, every displayed speed lies in its band."""
    speed, accelerations = scenario
    with open_bench() as bench:
        bench.set("KeyPosition", "On")
        roll(bench, speed * kmh)
        true_speeds = drive(bench, 0, 200 * ms)
        begin = bench.now
        for acceleration, seconds in accelerations:
            true_speeds += drive(bench, acceleration, seconds * s)
        assert_speedometer_is_right(bench, true_speeds, begin)


@pytest.mark.requirement("VEH-040")
@pytest.mark.parametrize("speed", [20 * kmh], ids=str)
def test_speedometer_works_backward(bench: Bench, speed: Quantity) -> None:
    """Driving backward shows the speed as driving forward does."""
    car_on_rollers(bench, 0 * kmh)
    bench.plant["vehicle_speed"] = -speed.value * kmh
    bench.wait(200 * ms)
    bench.stays(bench.signal("DisplayedSpeed").between(speed, (1.1 * speed.value + 4) * kmh), during=300 * ms)
