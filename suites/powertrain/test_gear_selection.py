"""Selecting a gear, and no motion without one."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, Silence, kmh, ms, percent, s
from vehicle_states import car_in_drive, car_on_rollers, press, ready_car, roll, shift_to, switch_on

REFUSED = 200 * ms
"""Within this time a refused request shows its reason."""


def expect_refused(bench: Bench, reason: str, gear: str = "P") -> None:
    """The latest gear request has not changed the gear, and the reason is shown in time."""
    bench.expect(bench.signal("GearRefusedReason").changes(to=reason), within=REFUSED)
    bench.stays(bench.signal("Gear") == gear, during=500 * ms)


@pytest.mark.requirement("VEH-004")
@pytest.mark.parametrize("brake", [5.1 * percent, 30 * percent, 100 * percent], ids=str)
def test_drive_is_selected_with_the_brake_pressed(bench: Bench, brake: Quantity, phase: Duration) -> None:
    """In Ready, at standstill, with the brake pressed more than 5 %, Drive is in within 200 ms."""
    switch_on(bench)
    press(bench, brake=brake)
    bench.wait(phase)
    bench.set("GearRequest", "D")
    bench.expect(bench.signal("Gear").changes(to="D"), within=200 * ms)
    bench.expect(bench.signal("DriveState") == "Drive", within=200 * ms)
    bench.stays(bench.signal("GearRefusedReason") == "None", during=300 * ms)


@pytest.mark.requirement("VEH-004")
@pytest.mark.parametrize("brake", [0 * percent, 4.9 * percent, 5 * percent], ids=str)
def test_drive_is_refused_without_the_brake(bench: Bench, brake: Quantity, phase: Duration) -> None:
    """With the brake at 5 % or less Drive is refused, and the reason is shown within 200 ms."""
    switch_on(bench)
    press(bench, brake=brake)
    bench.wait(phase)
    bench.set("GearRequest", "D")
    expect_refused(bench, "BrakeNotPressed")


@pytest.mark.requirement("VEH-004")
@pytest.mark.parametrize("speed", [1 * kmh, 2.9 * kmh, 20 * kmh, -1 * kmh], ids=str)
def test_drive_is_refused_while_rolling(bench: Bench, speed: Quantity) -> None:
    """Drive is refused while the car moves, however slowly, also backward."""
    ready_car(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "N")
    roll(bench, speed)
    bench.set("GearRequest", "D")
    expect_refused(bench, "NotStandstill", gear="N")


@pytest.mark.requirement("VEH-004")
@pytest.mark.parametrize("key", ["Off", "Accessory"])
def test_drive_is_refused_when_the_car_is_not_on(bench: Bench, key: str, phase: Duration) -> None:
    """Drive is refused with the reason NotReady while the drive is off."""
    bench.set("KeyPosition", key)
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.set("GearRequest", "D")
    expect_refused(bench, "NotReady")


@pytest.mark.requirement("VEH-004")
def test_drive_is_refused_during_precharge(bench: Bench, phase: Duration) -> None:
    """Drive is refused while the DC link is being charged, and does not come in by itself later."""
    press(bench, brake=30 * percent)
    bench.set("KeyPosition", "On")
    bench.wait_until(bench.signal("DriveState") == "Precharge", timeout=500 * ms)
    bench.wait(phase)
    bench.set("GearRequest", "D")
    expect_refused(bench, "NotReady")
    bench.stays(bench.signal("Gear") == "P", during=1 * s)


@pytest.mark.requirement("VEH-004")
def test_drive_is_refused_in_fault(bench: Bench) -> None:
    """Drive is refused while the drive is in Fault."""
    bench.plant["contactor_precharge_fault"] = 1
    bench.set("KeyPosition", "On")
    press(bench, brake=30 * percent)
    bench.wait_until(bench.signal("DriveState") == "Fault", timeout=2 * s)
    bench.set("GearRequest", "D")
    expect_refused(bench, "NotReady")


@pytest.mark.requirement("VEH-004")
def test_drive_is_refused_in_limp(bench: Bench) -> None:
    """Drive is refused in Limp, as anywhere but in Ready."""
    switch_on(bench)
    with bench.disturb(Silence("Pedals")):
        bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)
    press(bench, brake=30 * percent)
    bench.set("GearRequest", "D")
    expect_refused(bench, "NotReady")


@pytest.mark.requirement("VEH-004")
def test_refused_request_can_be_repeated(bench: Bench) -> None:
    """After a refusal the driver may ask again, and the reason goes away with the grant."""
    switch_on(bench)
    bench.set("GearRequest", "D")
    expect_refused(bench, "BrakeNotPressed")
    bench.set("GearRequest", "None")
    press(bench, brake=30 * percent)
    bench.set("GearRequest", "D")
    bench.expect(bench.signal("Gear") == "D", within=200 * ms)
    bench.expect(bench.signal("GearRefusedReason") == "None", within=200 * ms)


@pytest.mark.requirement("VEH-005")
@pytest.mark.parametrize("speed", [0 * kmh, 2.9 * kmh], ids=str)
def test_reverse_is_selected_when_slow(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """Below 3 km/h Reverse can be selected out of Drive."""
    car_on_rollers(bench, speed)
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.set("GearRequest", "R")
    bench.expect(bench.signal("Gear").changes(to="R"), within=200 * ms)


@pytest.mark.requirement("VEH-005")
@pytest.mark.parametrize("speed", [3 * kmh, 3.1 * kmh, 100 * kmh], ids=str)
def test_reverse_is_ignored_when_fast(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """At 3 km/h and above the request for Reverse is ignored and Drive is kept."""
    car_on_rollers(bench, speed)
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.set("GearRequest", "R")
    bench.stays((bench.signal("Gear") == "D") & (bench.signal("DriveState") == "Drive"), during=300 * ms)


@pytest.mark.requirement("VEH-005")
def test_reverse_is_selected_out_of_park(bench: Bench) -> None:
    """A car that stands in P goes into Reverse directly."""
    switch_on(bench)
    press(bench, brake=30 * percent)
    bench.set("GearRequest", "R")
    bench.expect(bench.signal("Gear").changes(to="R"), within=200 * ms)


@pytest.mark.requirement("VEH-005")
@pytest.mark.parametrize("speed", [3 * kmh, 20 * kmh], ids=str)
def test_reverse_is_ignored_when_rolling_in_neutral(bench: Bench, speed: Quantity) -> None:
    """At 3 km/h and above Reverse cannot be selected out of N either."""
    switch_on(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "N")
    roll(bench, speed)
    bench.set("GearRequest", "R")
    bench.stays(bench.signal("Gear") == "N", during=300 * ms)


@pytest.mark.requirement("VEH-005")
def test_ignored_reverse_does_not_come_in_later(bench: Bench) -> None:
    """A request for Reverse made too fast is forgotten: slowing down does not bring it in."""
    car_on_rollers(bench, 20 * kmh)
    press(bench, brake=30 * percent)
    bench.set("GearRequest", "R")
    bench.wait(300 * ms)
    bench.plant["vehicle_speed"] = 0 * kmh
    bench.stays(bench.signal("Gear") == "D", during=1 * s)


@pytest.mark.requirement("VEH-014")
@pytest.mark.parametrize("speed", [2 * kmh, 60 * kmh], ids=str)
def test_neutral_takes_the_torque_away(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """Selecting N with the accelerator pressed: torque is 0 within 30 ms of the lever's frame and stays 0."""
    car_on_rollers(bench, speed)
    press(bench, accelerator=50 * percent)
    bench.wait_until(bench.signal("TorqueRequest") > 10, timeout=1 * s)
    bench.wait(phase)
    lever = bench.set("GearRequest", "N")
    none = bench.expect(bench.signal("TorqueRequest") == 0, within=30 * ms)
    bench.wait(until=max(lever.at + 30 * ms, bench.now))
    assert bench.plant["motor_torque"] == 0
    bench.stays(bench.signal("TorqueRequest") == 0, during=1 * s, after=none.time)
    bench.stays((bench.signal("MotorTorque") == 0) & (bench.signal("Gear") == "N"), during=500 * ms)


@pytest.mark.requirement("VEH-014")
@pytest.mark.parametrize("gear", ["N", "P"])
def test_park_and_neutral_take_the_torque_away_at_standstill(bench: Bench, gear: str, phase: Duration) -> None:
    """Selecting N or P at standstill with the accelerator pressed: torque is 0 within 30 ms and stays 0."""
    car_on_rollers(bench, 0 * kmh)
    press(bench, accelerator=30 * percent)
    bench.wait_until(bench.signal("TorqueRequest") > 10, timeout=1 * s)
    bench.wait(phase)
    bench.set("GearRequest", gear)
    none = bench.expect(bench.signal("TorqueRequest") == 0, within=30 * ms)
    bench.stays(bench.signal("TorqueRequest") == 0, during=1 * s, after=none.time)


@pytest.mark.requirement("VEH-014")
def test_neutral_takes_the_torque_away_in_reverse(bench: Bench, phase: Duration) -> None:
    """Selecting N out of Reverse takes the torque away just so."""
    car_in_drive(bench)
    shift_to(bench, "R")
    roll(bench, -2 * kmh)
    press(bench, accelerator=50 * percent)
    bench.wait_until(bench.signal("TorqueRequest") < -10, timeout=1 * s)
    bench.wait(phase)
    bench.set("GearRequest", "N")
    none = bench.expect(bench.signal("TorqueRequest") == 0, within=30 * ms)
    bench.stays(bench.signal("TorqueRequest") == 0, during=500 * ms, after=none.time)


@pytest.mark.requirement("VEH-014")
@pytest.mark.parametrize("gear", ["P", "N"])
@pytest.mark.parametrize("pedals", [(100, 0), (0, 100), (100, 100), (50, 4)], ids=str)
def test_pedals_do_nothing_in_park_and_neutral(bench: Bench, gear: str, pedals: tuple[int, int]) -> None:
    """In P and N no position of the pedals makes torque, and the car stays where it is."""
    switch_on(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "N")
    if gear == "P":
        shift_to(bench, "P")
    accelerator, brake = pedals
    bench.set("Pedals", AcceleratorPedal=accelerator, BrakePedal=brake)
    bench.stays((bench.signal("TorqueRequest") == 0) & (bench.signal("MotorTorque") == 0), during=1 * s)
    assert bench.plant["vehicle_speed"] == 0


@pytest.mark.requirement("VEH-014")
@pytest.mark.parametrize("gear", ["P", "N"])
def test_no_torque_in_limp_without_a_gear(bench: Bench, gear: str) -> None:
    """In Limp, too, N and P take the torque away, whatever the accelerator does."""
    car_on_rollers(bench, 0 * kmh)
    with bench.disturb(Silence("Pedals")):
        bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)
    press(bench, accelerator=50 * percent)
    bench.wait_until(bench.signal("TorqueRequest") > 10, timeout=1 * s)
    bench.set("GearRequest", gear)
    bench.expect(bench.signal("TorqueRequest") == 0, within=30 * ms)
    bench.expect(bench.signal("Gear") == gear, within=200 * ms)
    for pedal in (100, 0, 50):
        bench.set("AcceleratorPedal", pedal * percent)
        bench.stays((bench.signal("TorqueRequest") == 0) & (bench.signal("Gear") == gear), during=300 * ms)


@pytest.mark.requirement("VEH-014")
def test_drive_moves_the_car(bench: Bench) -> None:
    """The other way round: in D the accelerator does move the car, so the tests above see what they claim."""
    car_in_drive(bench)
    bench.set("AcceleratorPedal", 50 * percent)
    bench.expect(bench.signal("VehicleSpeed") > 5 * kmh, within=5 * s)
    assert bench.plant["vehicle_speed"] > 5
