"""Torque request: accelerator map, limits, brake override, regeneration."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Nm, Quantity, degC, kmh, ms, percent, s
from observations import require_shorter
from vehicle_states import car_on_rollers, car_reversing, press, roll, shift_to

ACCELERATOR_MAP = [(3, 0), (12.7, 20), (51.5, 100), (100, 200)]
"""Points of the accelerator map: pedal in percent, torque in Nm. Straight lines lie between them."""


@pytest.mark.requirement("VEH-006")
@pytest.mark.parametrize(("pedal", "torque"), ACCELERATOR_MAP)
def test_torque_follows_the_accelerator(bench: Bench, pedal: float, torque: float, phase: Duration) -> None:
    """Within 30 ms of the pedal's frame the torque request is what the accelerator map says."""
    car_on_rollers(bench, 30 * kmh)
    press(bench, accelerator=30 * percent)
    bench.wait(phase)
    bench.set("AcceleratorPedal", pedal * percent)
    reached = bench.expect(bench.signal("TorqueRequest").near(torque * Nm, 0.2 * Nm), within=30 * ms)
    bench.stays(bench.signal("TorqueRequest").near(torque * Nm, 0.2 * Nm), during=300 * ms, after=reached.time)


@pytest.mark.requirement("VEH-006")
def test_hot_inverter_limits_the_torque(bench: Bench, phase: Duration) -> None:
    """A limit of the inverter that falls takes the torque request with it within 30 ms."""
    car_on_rollers(bench, 30 * kmh)
    press(bench, accelerator=100 * percent)
    bench.wait(phase)
    bench.plant["inverter_temperature"] = 100 * degC
    bench.expect(bench.signal("MotorTorqueLimit").changes(), within=50 * ms)
    limit = bench.signal("MotorTorqueLimit").value
    assert limit is not None and limit < 100
    bench.expect(bench.signal("TorqueRequest") <= limit, within=30 * ms, after=bench.now)
    bench.stays(bench.signal("TorqueRequest") <= bench.signal("MotorTorqueLimit"), during=500 * ms)


@pytest.mark.requirement("VEH-006")
@pytest.mark.parametrize("role", ["inverter_temperature", "cell_temperature"])
def test_torque_comes_back_when_the_limit_does(bench: Bench, role: str) -> None:
    """A limit that ends lets the torque request go back to the accelerator map."""
    car_on_rollers(bench, 30 * kmh)
    press(bench, accelerator=60 * percent)
    full = bench.signal("TorqueRequest").value
    assert full is not None
    bench.plant[role] = 110 * degC if role == "inverter_temperature" else 62 * degC
    bench.expect(bench.signal("TorqueRequest") == 0, within=100 * ms)
    bench.plant[role] = 25 * degC
    bench.expect(bench.signal("TorqueRequest") == full, within=200 * ms)


@pytest.mark.requirement("VEH-006")
@pytest.mark.parametrize(("pedal", "torque"), ACCELERATOR_MAP)
def test_torque_follows_the_accelerator_in_reverse(bench: Bench, pedal: float, torque: float) -> None:
    """In Reverse the same map holds backward, within the same 30 ms."""
    car_reversing(bench, 5 * kmh)
    bench.set("AcceleratorPedal", pedal * percent)
    reached = bench.expect(bench.signal("TorqueRequest").near(-torque * Nm, 0.2 * Nm), within=30 * ms)
    bench.stays(bench.signal("TorqueRequest").near(-torque * Nm, 0.2 * Nm), during=300 * ms, after=reached.time)


@pytest.mark.requirement("VEH-006")
@pytest.mark.parametrize("role", ["inverter_temperature", "cell_temperature"])
def test_limits_hold_in_reverse(bench: Bench, role: str, phase: Duration) -> None:
    """A limit that falls to 0 takes the torque with it in Reverse as well."""
    car_reversing(bench, 5 * kmh)
    press(bench, accelerator=60 * percent)
    bench.expect(bench.signal("TorqueRequest") < -50 * Nm, within=100 * ms)
    bench.wait(phase)
    bench.plant[role] = 110 * degC if role == "inverter_temperature" else 62 * degC
    none = bench.expect(bench.signal("TorqueRequest") == 0, within=50 * ms + 30 * ms)
    bench.stays(bench.signal("TorqueRequest") == 0, during=500 * ms, after=none.time)


@pytest.mark.requirement("VEH-007")
def test_brake_overrides_the_accelerator_in_reverse(bench: Bench, phase: Duration) -> None:
    """In Reverse, too, both pedals pressed for 100 ms take the driving torque away within 50 ms, to stay away."""
    car_reversing(bench, 5 * kmh)
    press(bench, accelerator=50 * percent)
    bench.wait_until(bench.signal("TorqueRequest") < -10, timeout=1 * s)
    bench.wait(phase)
    bench.set("Pedals", AcceleratorPedal=50, BrakePedal=10.1)
    none = bench.expect(bench.signal("TorqueRequest") >= 0, within=100 * ms + 50 * ms)
    bench.set("BrakePedal", 0)
    bench.stays(bench.signal("TorqueRequest") >= 0, during=1 * s, after=none.time)


@pytest.mark.requirement("VEH-007")
@pytest.mark.parametrize(("accelerator", "brake"), [(10.1, 10.1), (50, 10.1), (10.1, 80), (100, 100)])
def test_brake_overrides_the_accelerator(bench: Bench, accelerator: float, brake: float, phase: Duration) -> None:
    """Both pedals above 10 % for 100 ms: torque is not positive 50 ms later, and stays so."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, accelerator=50 * percent)
    bench.wait_until(bench.signal("TorqueRequest") > 10, timeout=1 * s)
    bench.wait(phase)
    bench.set("Pedals", AcceleratorPedal=accelerator, BrakePedal=brake)
    none = bench.expect(bench.signal("TorqueRequest") <= 0, within=100 * ms + 50 * ms)
    bench.stays(bench.signal("TorqueRequest") <= 0, during=1 * s, after=none.time)


@pytest.mark.requirement("VEH-007")
def test_brake_that_was_pressed_first_overrides_the_accelerator(bench: Bench, phase: Duration) -> None:
    """The order in which the pedals are pressed does not matter."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.set("AcceleratorPedal", 50 * percent)
    bench.wait(100 * ms + 50 * ms)
    bench.stays(bench.signal("TorqueRequest") <= 0, during=500 * ms, after=bench.now)


@pytest.mark.requirement("VEH-007")
@pytest.mark.parametrize(("accelerator", "brake"), [(50, 10), (10, 50)])
def test_one_pedal_at_its_limit_overrides_nothing(bench: Bench, accelerator: float, brake: float) -> None:
    """With one of the pedals at 10 %, not above, the torque stays."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, accelerator=accelerator * percent)
    bench.set("BrakePedal", brake * percent)
    bench.stays(bench.signal("TorqueRequest") > 0, during=1 * s)


@pytest.mark.requirement("VEH-007")
@pytest.mark.parametrize("overlap", [50 * ms, 90 * ms], ids=str)
def test_short_overlap_overrides_nothing(bench: Bench, overlap: Duration, phase: Duration) -> None:
    """Both pedals pressed for less than 100 ms leave the torque as it is."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, accelerator=50 * percent)
    bench.wait(phase)
    pressed = bench.set("BrakePedal", 30 * percent)
    bench.expect(bench.signal("BrakePedal") == 30, within=0 * ms)
    assert pressed.delivered is not None
    # Set between two frames, so that the release is on the bus exactly so long after the press.
    bench.wait(until=Duration(pressed.delivered) + overlap - 5 * ms)
    released = bench.set("BrakePedal", 0 * percent)
    bench.expect(bench.signal("BrakePedal") == 0, within=0 * ms)
    require_shorter(pressed, released, overlap + 8 * ms)
    bench.stays(bench.signal("TorqueRequest") > 0, during=500 * ms)


@pytest.mark.requirement("VEH-007")
def test_short_overlaps_do_not_add_up(bench: Bench) -> None:
    """Both pedals pressed for 60 ms again and again leave the torque as it is."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, accelerator=50 * percent)
    begin = bench.now
    for _ in range(5):
        pressed = bench.set("BrakePedal", 30 * percent)
        bench.wait(60 * ms)
        released = bench.set("BrakePedal", 0 * percent)
        bench.wait(40 * ms)
        require_shorter(pressed, released, 90 * ms)
    bench.stays(bench.signal("TorqueRequest") > 0, during=700 * ms, after=begin)


@pytest.mark.requirement("VEH-007")
def test_override_lasts_until_the_accelerator_is_released(bench: Bench) -> None:
    """Letting go of the brake is not enough: the accelerator has to come below 3 %."""
    car_on_rollers(bench, 40 * kmh)
    press(bench, accelerator=50 * percent, brake=50 * percent)
    bench.wait(200 * ms)
    for pedal in (50, 5, 3, 50):
        bench.set("Pedals", AcceleratorPedal=pedal, BrakePedal=0)
        bench.wait(20 * ms)
        bench.stays(bench.signal("TorqueRequest") <= 0, during=300 * ms)
    bench.set("AcceleratorPedal", 2.9 * percent)
    bench.wait(100 * ms)
    bench.set("AcceleratorPedal", 50 * percent)
    bench.expect(bench.signal("TorqueRequest") > 50 * Nm, within=30 * ms)


@pytest.mark.requirement("VEH-017")
@pytest.mark.parametrize("brake", [0 * percent, 40 * percent], ids=str)
@pytest.mark.parametrize("speed", [1 * kmh, 4.9 * kmh], ids=str)
def test_no_regeneration_when_slow(bench: Bench, speed: Quantity, brake: Quantity) -> None:
    """Below 5 km/h there is no regenerative torque."""
    car_on_rollers(bench, speed)
    press(bench, brake=brake)
    bench.stays(bench.signal("TorqueRequest") >= 0, during=500 * ms)
    bench.stays(bench.signal("MotorTorque") >= 0, during=500 * ms)


@pytest.mark.requirement("VEH-017")
@pytest.mark.parametrize("speed", [1 * kmh, 4.9 * kmh], ids=str)
def test_no_regeneration_when_slow_backward(bench: Bench, speed: Quantity) -> None:
    """Below 5 km/h backward there is no regenerative torque either, which would be a positive one."""
    car_on_rollers(bench, 0 * kmh)
    press(bench, brake=20 * percent)
    shift_to(bench, "R")
    press(bench)
    roll(bench, -1 * speed.value * kmh)
    bench.stays(bench.signal("TorqueRequest") <= 0, during=500 * ms)


@pytest.mark.requirement("VEH-017")
@pytest.mark.parametrize("charge", [95 * percent, 95.1 * percent, 100 * percent], ids=str)
def test_no_regeneration_into_a_full_battery(bench: Bench, charge: Quantity) -> None:
    """Above 95 % state of charge there is no regenerative torque; at 95 % there is."""
    bench.plant["state_of_charge"] = charge
    bench.wait(1 * s)
    car_on_rollers(bench, 60 * kmh)
    if charge.value > 95:
        bench.stays(bench.signal("TorqueRequest") >= 0, during=500 * ms)
        press(bench, brake=50 * percent)
        bench.stays(bench.signal("TorqueRequest") >= 0, during=500 * ms)
    else:
        bench.expect(bench.signal("TorqueRequest") < -10 * Nm, within=500 * ms)


@pytest.mark.requirement("VEH-017")
def test_regeneration_ends_before_the_car_is_slow(bench: Bench) -> None:
    """A car that slows down by lifting off has no regenerative torque any more when it comes below 5 km/h."""
    car_on_rollers(bench, 30 * kmh)
    bench.expect(bench.signal("TorqueRequest") < -10 * Nm, within=500 * ms)
    bench.plant["held_acceleration"] = -5
    bench.wait_until(bench.signal("VehicleSpeed") < 5 * kmh, timeout=5 * s)
    bench.stays(bench.signal("TorqueRequest") >= 0, during=2 * s)
