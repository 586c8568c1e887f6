"""Brake pressure and the anti-lock system."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, bar, kmh, ms, percent, s
from vehicle_states import car_on_rollers, driving_car, press

WHEELS = ("front_left", "front_right", "rear_left", "rear_right")


@pytest.mark.requirement("VEH-016")
@pytest.mark.parametrize(("before", "after"), [(0, 5), (0, 40), (20, 100), (100, 10), (60, 0)])
def test_pressure_follows_the_pedal(bench: Bench, before: int, after: int, phase: Duration) -> None:
    """Within 40 ms of the pedal's frame the brake pressure is 1.6 bar for every percent of travel."""
    press(bench, brake=before * percent)
    bench.wait(phase)
    bench.set("BrakePedal", after * percent)
    reached = bench.expect(bench.signal("BrakePressure").near(1.6 * after * bar, 0.2 * bar), within=40 * ms)
    bench.stays(bench.signal("BrakePressure").near(1.6 * after * bar, 0.2 * bar), during=300 * ms, after=reached.time)


@pytest.mark.requirement("VEH-016")
@pytest.mark.parametrize("wheel", WHEELS)
@pytest.mark.parametrize(("speed", "slip"), [(60 * kmh, 20.5), (10.2 * kmh, 30), (180 * kmh, 100)], ids=str)
def test_abs_works_on_every_wheel(bench: Bench, wheel: str, speed: Quantity, slip: float) -> None:
    """A wheel that slips more than 20 % while braking above 10 km/h is reported within 100 ms."""
    car_on_rollers(bench, speed)
    press(bench, brake=30 * percent)
    bench.plant[f"wheel_slip_{wheel}"] = slip
    bench.expect(bench.signal("AbsActive").changes(to="Yes"), within=100 * ms)


@pytest.mark.requirement("VEH-016")
def test_abs_reports_in_time(bench: Bench, phase: Duration) -> None:
    """The report comes within 100 ms at every phase of the cycles."""
    car_on_rollers(bench, 60 * kmh)
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.plant["wheel_slip_front_left"] = 25 * percent
    bench.expect(bench.signal("AbsActive").changes(to="Yes"), within=100 * ms)


@pytest.mark.requirement("VEH-016")
@pytest.mark.parametrize(
    ("speed", "slip", "brake"),
    [(60, 20, 30), (60, 19.5, 30), (10, 50, 30), (9.9, 50, 30), (60, 50, 0), (60, -50, 30)],
    ids=["slip-at-limit", "slip-below", "speed-at-limit", "speed-below", "not-braking", "wheel-spins"],
)
def test_abs_stays_out_of_it(bench: Bench, speed: float, slip: float, brake: float) -> None:
    """At 20 % slip or less, at 10 km/h or less, and without the brake there is no intervention."""
    car_on_rollers(bench, speed * kmh)
    press(bench, brake=brake * percent)
    bench.plant["wheel_slip_rear_right"] = slip * percent
    bench.stays(bench.signal("AbsActive") == "No", during=500 * ms)


@pytest.mark.requirement("VEH-016")
@pytest.mark.parametrize("friction", [0.1, 0.3])
def test_abs_keeps_the_wheels_turning(bench: Bench, friction: float) -> None:
    """An emergency stop on a slippery road: the anti-lock system comes in, and the wheels do not stay locked."""
    driving_car(bench, 60 * kmh)
    bench.plant["road_friction"] = friction
    bench.set("BrakePedal", 100 * percent)
    bench.expect(bench.signal("AbsActive").changes(to="Yes"), within=1 * s)
    bench.wait(300 * ms)
    bench.stays(bench.signal("WheelSpeedFrontLeft") > 20, during=1 * s)
