"""Vehicle speed on both networks, and the speed limiter."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, kmh, mps2, ms, percent, s
from vehicle_states import car_on_rollers, driving_car, press

SHIFTS = [shift * ms for shift in range(0, 105, 5)]
"""Delays of one speed against the other, 100 ms at most."""


def largest_difference(bench: Bench, shift: Duration) -> float:
    """Largest difference, km/h, between the speed on powertrain and that on body ``shift`` later."""
    powertrain, body = bench.signal("VehicleSpeed"), bench.signal("VehicleSpeedBody")
    pairs = [(sample, body.sample_at(sample.time + shift)) for sample in powertrain.history]
    return max(abs(a.value - b.value) for a, b in pairs if b is not None and a.time + shift <= bench.now)


@pytest.mark.requirement("VEH-015")
@pytest.mark.parametrize("acceleration", [4, 14])
def test_both_networks_show_the_same_speed(bench: Bench, acceleration: int) -> None:
    """Speeding up and slowing down, the two speeds differ by at most 0.5 km/h but for a delay."""
    car_on_rollers(bench, 5 * kmh)
    for sign in (1, -1, 1):
        bench.plant["held_acceleration"] = sign * acceleration * mps2
        bench.wait(1 * s)
    assert min(largest_difference(bench, shift) for shift in SHIFTS) <= 0.5


@pytest.mark.requirement("VEH-015")
@pytest.mark.parametrize("speed", [0.3 * kmh, 3 * kmh, 57.3 * kmh, 250 * kmh], ids=str)
def test_both_networks_show_the_true_speed(bench: Bench, speed: Quantity) -> None:
    """A speed that stays is shown rightly on both networks, and by the wheels."""
    car_on_rollers(bench, speed)
    for signal in ("VehicleSpeed", "VehicleSpeedBody", "WheelSpeedFrontLeft", "WheelSpeedRearRight"):
        bench.stays(bench.signal(signal).near(speed, 0.5 * kmh), during=200 * ms)


@pytest.mark.requirement("VEH-018")
@pytest.mark.parametrize(("limit", "gradient"), [(30, 0), (50, 10), (50, -8), (120, 0)])
def test_speed_limiter_holds_its_limit(bench: Bench, limit: int, gradient: int) -> None:
    """Full accelerator: the speed overshoots by at most 2 km/h, and stays within 1 km/h of the limit after 10 s."""
    driving_car(bench, (limit - 5) * kmh)
    bench.plant["gradient"] = gradient
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=limit)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait_until(bench.signal("VehicleSpeed") > (limit - 1) * kmh, timeout=10 * s)
    bench.never(bench.signal("VehicleSpeed") > (limit + 2) * kmh, during=10 * s)
    bench.stays(bench.signal("VehicleSpeed").near(limit * kmh, 1 * kmh), during=2 * s)


@pytest.mark.requirement("VEH-018")
def test_limit_is_not_overshot_after_a_long_approach(bench: Bench) -> None:
    """Accelerating from far below the limit, the speed overshoots by no more than from near it."""
    driving_car(bench, 20 * kmh)
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=80)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait_until(bench.signal("VehicleSpeed") > 79 * kmh, timeout=20 * s)
    bench.never(bench.signal("VehicleSpeed") > 82 * kmh, during=10 * s)
    bench.stays(bench.signal("VehicleSpeed").near(80 * kmh, 1 * kmh), during=1 * s)


@pytest.mark.requirement("VEH-018")
def test_limit_set_below_the_speed_slows_the_car_down(bench: Bench) -> None:
    """A limit below the present speed takes the torque away; the car comes down to it and stays there."""
    driving_car(bench, 60 * kmh)
    press(bench, accelerator=100 * percent)
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=50)
    bench.expect(bench.signal("TorqueRequest") <= 0, within=500 * ms)
    bench.wait(10 * s)
    bench.stays(bench.signal("VehicleSpeed").near(50 * kmh, 1 * kmh), during=3 * s)


@pytest.mark.requirement("VEH-018")
def test_limit_can_be_changed_while_it_is_on(bench: Bench) -> None:
    """A new limit, higher or lower, holds as the first one does."""
    driving_car(bench, 40 * kmh)
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=40)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait(2 * s)
    for limit in (60, 50):
        bench.set("SpeedLimit", limit)
        bench.wait(10 * s)
        bench.stays(bench.signal("VehicleSpeed").near(limit * kmh, 1 * kmh), during=1 * s)


@pytest.mark.requirement("VEH-018")
def test_limiter_that_is_off_limits_nothing(bench: Bench) -> None:
    """With the switch Off the set limit has no effect, and switching off frees the car at once."""
    driving_car(bench, 45 * kmh)
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=50)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait(4 * s)
    bench.stays(bench.signal("VehicleSpeed") < 52 * kmh, during=100 * ms)
    bench.set("SpeedLimiterSwitch", "Off")
    bench.expect(bench.signal("VehicleSpeed") > 60 * kmh, within=5 * s)
