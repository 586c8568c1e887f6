"""Pedals that cannot be trusted: limp-home."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Nm, Quantity, Silence, WrongCounter, WrongCrc, kmh, ms, percent, s
from vehicle_states import car_on_rollers, driving_car, press, ready_car, shift_to, switch_off, switch_on

PEDAL_CYCLE = 10 * ms


def limp(bench: Bench) -> None:
    """Send the car into Limp: its pedals fall silent for a moment."""
    with bench.disturb(Silence("Pedals")):
        bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("speed", [0 * kmh, 50 * kmh], ids=str)
def test_missing_pedals_lead_to_limp(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """When the fifth pedal message in a row is missing, Limp follows within 50 ms, with its telltale."""
    ready_car(bench)
    car_on_rollers(bench, speed)
    bench.wait(phase)
    last = bench.signal("AcceleratorPedal").time
    with bench.disturb(Silence("Pedals")):
        bench.expect(bench.signal("DriveState") == "Limp", within=5 * PEDAL_CYCLE + 50 * ms, after=last)
        bench.expect(bench.signal("TelltaleLimp") == "On", within=200 * ms, after=bench.now)
    bench.stays(bench.signal("FaultCode") == "PedalMissing", during=500 * ms)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("missing", [1, 4])
def test_few_missing_pedal_messages_are_tolerated(bench: Bench, missing: int, phase: Duration) -> None:
    """Up to four missing pedal messages in a row change nothing."""
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    with bench.disturb(Silence("Pedals", count=missing)):
        bench.wait((missing + 1) * PEDAL_CYCLE)
    bench.stays(bench.signal("DriveState") == "Drive", during=500 * ms)


@pytest.mark.requirement("VEH-008")
def test_five_missing_pedal_messages_are_enough(bench: Bench, phase: Duration) -> None:
    """Five missing pedal messages lead to Limp, although the sixth comes again."""
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    last = bench.signal("AcceleratorPedal").time
    with bench.disturb(Silence("Pedals", count=5)):
        bench.expect(bench.signal("DriveState") == "Limp", within=5 * PEDAL_CYCLE + 50 * ms, after=last)


@pytest.mark.requirement("VEH-008")
def test_wrong_checksums_lead_to_limp(bench: Bench, phase: Duration) -> None:
    """The third wrong checksum in a row leads to Limp within 50 ms of its frame, with the telltale."""
    ready_car(bench)
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    with bench.disturb(WrongCrc("Pedals", count=3)):
        bench.wait(3 * PEDAL_CYCLE)
        third = bench.signal("AcceleratorPedal").time
        bench.expect(bench.signal("DriveState") == "Limp", within=50 * ms, after=third)
    bench.stays(bench.signal("FaultCode") == "PedalCorrupt", during=500 * ms)
    bench.expect(bench.signal("TelltaleLimp") == "On", within=200 * ms, after=third)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("wrong", [1, 2])
def test_few_wrong_checksums_are_tolerated(bench: Bench, wrong: int, phase: Duration) -> None:
    """One or two wrong checksums in a row change nothing."""
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    with bench.disturb(WrongCrc("Pedals", count=wrong)):
        bench.wait(wrong * PEDAL_CYCLE)
    bench.stays(bench.signal("DriveState") == "Drive", during=500 * ms)


@pytest.mark.requirement("VEH-008")
def test_wrong_checksums_with_right_ones_between_are_tolerated(bench: Bench) -> None:
    """Wrong checksums that do not come three times running change nothing."""
    car_on_rollers(bench, 50 * kmh)
    for _ in range(3):
        with bench.disturb(WrongCrc("Pedals", count=2)):
            bench.wait(2 * PEDAL_CYCLE)
        bench.wait(PEDAL_CYCLE)
    bench.stays(bench.signal("DriveState") == "Drive", during=500 * ms)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("repeated", [2, 3])
def test_counter_that_stands_still_leads_to_limp(bench: Bench, repeated: int, phase: Duration) -> None:
    """The third wrong counter leads to Limp within 50 ms: one more repetition, or the jump after two of them."""
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    with bench.disturb(WrongCounter("Pedals", count=repeated)):
        bench.wait(3 * PEDAL_CYCLE)
        third = bench.signal("AcceleratorPedal").time
        bench.expect(bench.signal("DriveState") == "Limp", within=50 * ms, after=third)
    bench.stays(bench.signal("FaultCode") == "PedalCorrupt", during=500 * ms)


@pytest.mark.requirement("VEH-008")
def test_repeated_counter_is_tolerated(bench: Bench, phase: Duration) -> None:
    """One frame with the counter of the frame before changes nothing."""
    car_on_rollers(bench, 50 * kmh)
    bench.wait(phase)
    with bench.disturb(WrongCounter("Pedals", count=1)):
        bench.wait(PEDAL_CYCLE)
    bench.stays(bench.signal("DriveState") == "Drive", during=500 * ms)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("speed", [0 * kmh, 20 * kmh], ids=str)
def test_limp_limits_the_torque(bench: Bench, speed: Quantity) -> None:
    """In Limp the torque is at most 20 Nm within 50 ms, and not more whatever the accelerator asks for."""
    car_on_rollers(bench, speed)
    press(bench, accelerator=80 * percent)
    last = bench.signal("AcceleratorPedal").time
    with bench.disturb(Silence("Pedals")):
        bench.expect(bench.signal("TorqueRequest") <= 20 * Nm, within=5 * PEDAL_CYCLE + 50 * ms, after=last)
        bench.stays(bench.signal("TorqueRequest") <= 20 * Nm, during=500 * ms)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.stays(bench.signal("TorqueRequest") <= 20 * Nm, during=2 * s)
    bench.expect(bench.signal("TorqueRequest") > 0, within=2 * s)


@pytest.mark.requirement("VEH-008")
def test_limp_limits_the_torque_backward(bench: Bench) -> None:
    """In Reverse, where torque has the other sign, Limp limits it too."""
    car_on_rollers(bench, 0 * kmh)
    press(bench, brake=30 * percent)
    shift_to(bench, "R")
    press(bench, accelerator=80 * percent)
    bench.wait_until(bench.signal("TorqueRequest") < -20 * Nm, timeout=500 * ms)
    limp(bench)
    bench.expect(bench.signal("TorqueRequest") >= -20 * Nm, within=50 * ms, after=bench.now)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.stays(bench.signal("TorqueRequest") >= -20 * Nm, during=2 * s)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("gradient", [0, -3])
def test_limp_limits_the_speed(bench: Bench, gradient: int) -> None:
    """In Limp the car does not drive itself faster than 30 km/h."""
    driving_car(bench, 29 * kmh)
    limp(bench)
    bench.plant["gradient"] = gradient
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait(50 * ms)
    bench.never(bench.signal("VehicleSpeed") > 30 * kmh, during=8 * s)


@pytest.mark.requirement("VEH-008")
@pytest.mark.parametrize("speed", [30 * kmh, 31 * kmh, 80 * kmh], ids=str)
def test_limp_gives_no_torque_when_fast(bench: Bench, speed: Quantity) -> None:
    """In Limp at 30 km/h and above the accelerator does nothing."""
    car_on_rollers(bench, speed)
    limp(bench)
    bench.set("AcceleratorPedal", 100 * percent)
    bench.wait(500 * ms)
    bench.stays(bench.signal("TorqueRequest") <= 0, during=1 * s)


@pytest.mark.requirement("VEH-009")
def test_limp_stays_when_the_cause_is_gone(bench: Bench) -> None:
    """Right pedal messages alone do not end Limp, whatever the driver does with pedals and lever."""
    car_on_rollers(bench, 0 * kmh)
    limp(bench)
    for gear in ("N", "D", "P"):
        press(bench, brake=50 * percent)
        bench.set("GearRequest", gear)
        bench.stays(bench.signal("DriveState") == "Limp", during=1 * s)
    press(bench, accelerator=30 * percent)
    bench.stays(bench.signal("DriveState") == "Limp", during=1 * s)


@pytest.mark.requirement("VEH-009")
@pytest.mark.parametrize("speed", [0 * kmh, 50 * kmh], ids=str)
def test_reset_does_not_end_limp(bench: Bench, speed: Quantity) -> None:
    """A VCU that restarts while the key is on is in Limp again."""
    car_on_rollers(bench, speed)
    limp(bench)
    bench.node("VCU").reset()
    bench.never((bench.signal("DriveState") == "Ready") | (bench.signal("DriveState") == "Drive"), during=2 * s)
    bench.stays(bench.signal("DriveState") == "Limp", during=500 * ms)


@pytest.mark.requirement("VEH-009")
def test_key_cycle_ends_limp(bench: Bench) -> None:
    """Key-off and key-on with sound pedals end Limp: the car is Ready again, and its telltale goes off."""
    car_on_rollers(bench, 0 * kmh)
    limp(bench)
    switch_off(bench)
    bench.wait(200 * ms)
    switch_on(bench)
    bench.expect(bench.signal("FaultCode") == "None", within=100 * ms)
    bench.wait_until(bench.signal("LampTest") == "Inactive", timeout=3 * s)
    bench.expect(bench.signal("TelltaleLimp") == "Off", within=200 * ms, after=bench.now)


@pytest.mark.requirement("VEH-009")
def test_key_cycle_does_not_end_limp_while_the_cause_lasts(bench: Bench) -> None:
    """Key-off and key-on with pedals that are still silent do not make the car Ready."""
    car_on_rollers(bench, 0 * kmh)
    with bench.disturb(Silence("Pedals")):
        bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)
        switch_off(bench)
        bench.set("KeyPosition", "On")
        bench.never((bench.signal("DriveState") == "Ready") | (bench.signal("DriveState") == "Drive"), during=2 * s)
        bench.expect(bench.signal("DriveState") == "Limp", within=2 * s)
    bench.stays(bench.signal("DriveState") == "Limp", during=1 * s)
