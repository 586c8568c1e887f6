"""Odometer: counts the way, never back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Bench, Duration, Quantity, kmh, mps2, ms, s
from vehicle_states import roll, switch_off, switch_on

RESOLUTION_M = 1
"""One step of the odometer; two readings may both be rounded by half of it."""


def odometer_m(bench: Bench) -> float:
    """What the odometer shows, in metres, once it shows all of the way so far."""
    bench.wait(200 * ms)
    shown = bench.signal("Odometer").value
    assert shown is not None
    return 1000 * shown


def drive(bench: Bench, acceleration: float, during: Duration) -> None:
    """Speed the rollers up or slow them down for a time."""
    bench.plant["held_acceleration"] = acceleration * mps2
    bench.wait(during)
    bench.plant["held_acceleration"] = 0 * mps2


def stop(bench: Bench) -> None:
    """Slow the rollers down to standstill."""
    bench.plant["held_acceleration"] = -12 * mps2
    bench.wait_until(bench.signal("VehicleSpeed") == 0, timeout=10 * s)


def assert_never_decreased(bench: Bench, since: Duration) -> None:
    """No sample of the odometer is smaller than the one before."""
    shown = bench.signal("Odometer").samples_since(since)
    assert len(shown) > 1
    assert all(before.value <= after.value for before, after in pairwise(shown))


@pytest.mark.requirement("VEH-041")
@pytest.mark.parametrize("accelerations", [(12, 0, -3), (9, -9, 9)], ids=str)
def test_odometer_matches_the_way(bench: Bench, accelerations: tuple[int, ...]) -> None:
    """From standstill to standstill the odometer counts the way within 0.1 %."""
    switch_on(bench)
    roll(bench, 0 * kmh)
    shown, travelled = odometer_m(bench), bench.plant["distance"]
    for acceleration in accelerations:
        drive(bench, acceleration, 3 * s)
    stop(bench)
    counted, way = odometer_m(bench) - shown, bench.plant["distance"] - travelled
    assert way > 100
    assert abs(counted - way) <= 0.001 * way + RESOLUTION_M
    assert_never_decreased(bench, 0 * s)


@pytest.mark.requirement("VEH-041")
def test_odometer_matches_a_long_way(bench: Bench) -> None:
    """Over 1 km at a steady speed the odometer counts the way within 0.1 %; it is read at standstill."""
    switch_on(bench)
    roll(bench, 0 * kmh)
    shown, travelled = odometer_m(bench), bench.plant["distance"]
    roll(bench, 250 * kmh)
    bench.wait(15 * s)
    roll(bench, 0 * kmh)
    counted, way = odometer_m(bench) - shown, bench.plant["distance"] - travelled
    assert abs(counted - way) <= 0.001 * way + RESOLUTION_M


@pytest.mark.requirement("VEH-041")
def test_odometer_counts_backward_driving_too(bench: Bench) -> None:
    """Driving backward adds to the way."""
    switch_on(bench)
    roll(bench, 0 * kmh)
    shown, travelled = odometer_m(bench), bench.plant["distance"]
    roll(bench, -30 * kmh)
    bench.wait(5 * s)
    roll(bench, 0 * kmh)
    counted, way = odometer_m(bench) - shown, bench.plant["distance"] - travelled
    assert way > 40
    assert abs(counted - way) <= 0.001 * way + RESOLUTION_M
    assert_never_decreased(bench, 0 * s)


@pytest.mark.requirement("VEH-041")
@pytest.mark.parametrize("off", [300 * ms, 7 * s], ids=["awake", "asleep"])
def test_odometer_survives_a_key_cycle(bench: Bench, off: Duration) -> None:
    """After key-off and key-on the odometer shows what it showed before, also when the networks slept."""
    switch_on(bench)
    roll(bench, 100 * kmh)
    bench.wait(2 * s)
    stop(bench)
    before = odometer_m(bench)
    assert before > 50
    switch_off(bench)
    bench.wait(off)
    switch_on(bench)
    assert odometer_m(bench) == before
    assert_never_decreased(bench, 0 * s)


@pytest.mark.requirement("VEH-041")
@pytest.mark.parametrize("speed", [0 * kmh, 100 * kmh], ids=str)
def test_odometer_survives_losing_its_supply(bench: Bench, speed: Quantity) -> None:
    """A cluster without supply for a second forgets nothing."""
    switch_on(bench)
    roll(bench, 100 * kmh)
    bench.wait(2 * s)
    bench.plant["vehicle_speed"] = speed
    before = odometer_m(bench)
    bench.node("IC").power_off()
    bench.wait(1 * s)
    bench.node("IC").power_on()
    assert odometer_m(bench) >= before
    assert_never_decreased(bench, 0 * s)


@pytest.mark.requirement("VEH-041")
@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(-15, 15), st.sampled_from([0.1, 0.3, 0.6])), min_size=1, max_size=4))
def test_odometer_never_decreases(
    open_bench: Callable[..., AbstractContextManager[Bench]], accelerations: list[tuple[int, float]]
) -> None:
    """However the car is driven, the odometer never goes back and keeps up with the way."""
    with open_bench() as bench:
        bench.set("KeyPosition", "On")
        roll(bench, 20 * kmh)
        shown, travelled = odometer_m(bench), bench.plant["distance"]
        for acceleration, seconds in accelerations:
            drive(bench, acceleration, seconds * s)
        stop(bench)
        counted, way = odometer_m(bench) - shown, bench.plant["distance"] - travelled
        assert_never_decreased(bench, 0 * s)
        # At the beginning the display was late by 200 ms of 20 km/h at most.
        assert abs(counted - way) <= 0.001 * way + RESOLUTION_M + 0.2 * 20 / 3.6
