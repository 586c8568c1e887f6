"""Switching on and off: precharge, contactors, DC link."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, V, kmh, mps2, ms, ohm, percent, s
from vehicle_states import car_on_rollers, press, ready_car, roll, switch_on

CONTACTORS = ("ContactorNegative", "ContactorPrecharge", "ContactorPositive")
SLOWEST_GOOD_PRECHARGE = 248 * ohm
"""With it the DC link needs about 775 ms to reach 95 % of the pack voltage."""
FASTEST_BAD_PRECHARGE = 264 * ohm
"""With it the DC link needs about 825 ms to reach 95 % of the pack voltage."""


def expect_contactors_open(bench: Bench, *, within: Duration, after: Duration | None = None) -> None:
    """Every contactor is shown open, and is open in truth."""
    negative, precharge, positive = (bench.signal(name) == "Open" for name in CONTACTORS)
    bench.expect(negative & precharge & positive, within=within, after=after)
    assert not any(bench.plant[f"contactor_{name}"] for name in ("negative", "precharge", "positive"))


@pytest.mark.requirement("VEH-001")
def test_car_is_ready_soon_after_key_on(bench: Bench, phase: Duration) -> None:
    """The drive reports Ready within 1.5 s of key-on."""
    bench.wait(200 * ms + phase)
    bench.set("KeyPosition", "On")
    bench.expect(bench.signal("DriveState").changes(to="Ready"), within=1.5 * s)


@pytest.mark.requirement("VEH-001")
def test_slowest_precharge_still_makes_ready_in_time(bench: Bench, phase: Duration) -> None:
    """Also a precharge that takes nearly 800 ms ends in Ready within 1.5 s of key-on."""
    bench.plant["precharge_resistance"] = SLOWEST_GOOD_PRECHARGE
    bench.wait(200 * ms + phase)
    bench.set("KeyPosition", "On")
    bench.expect(bench.signal("DriveState") == "Ready", within=1.5 * s)
    bench.stays(bench.signal("FaultCode") == "None", during=1 * s)


@pytest.mark.requirement("VEH-001")
def test_contactors_close_in_order(bench: Bench) -> None:
    """Negative contactor first, then precharge, then the positive one."""
    bench.wait(200 * ms)
    negative, precharge, positive = (bench.signal(name) for name in CONTACTORS)
    key_on = bench.set("KeyPosition", "On")
    first = bench.expect(negative.changes(to="Closed"), within=1.5 * s)
    second = bench.expect(precharge.changes(to="Closed"), within=1.5 * s, after=key_on)
    third = bench.expect(positive.changes(to="Closed"), within=1.5 * s, after=key_on)
    assert first.time <= second.time < third.time
    bench.expect(precharge == "Open", within=500 * ms, after=third.time)
    bench.stays((negative == "Closed") & (positive == "Closed"), during=1 * s)


@pytest.mark.requirement("VEH-001")
@pytest.mark.parametrize("precharge_resistance", [60 * ohm, 150 * ohm, SLOWEST_GOOD_PRECHARGE], ids=str)
def test_positive_contactor_waits_for_the_dc_link(bench: Bench, precharge_resistance: Quantity) -> None:
    """When the positive contactor closes, the DC link is within 5 % of the pack voltage."""
    bench.plant["precharge_resistance"] = precharge_resistance
    bench.wait(200 * ms)
    bench.set("KeyPosition", "On")
    closed = bench.expect(bench.signal("ContactorPositive") == "Closed", within=1.5 * s)
    # Its closing is shown at most 10 ms late: this sample is the DC link just before.
    dc_link = bench.signal("DcLinkVoltage").sample_at(closed.time - 12 * ms)
    pack = bench.signal("PackVoltage").sample_at(closed.time)
    assert dc_link is not None and pack is not None
    assert dc_link.value >= 0.949 * pack.value


@pytest.mark.requirement("VEH-002")
def test_precharge_that_takes_too_long_is_given_up(bench: Bench, phase: Duration) -> None:
    """A DC link that is late by little: contactors open within 50 ms of the 800 ms, and the drive shows a fault."""
    bench.plant["precharge_resistance"] = FASTEST_BAD_PRECHARGE
    bench.wait(200 * ms + phase)
    key_on = bench.set("KeyPosition", "On")
    began = bench.expect(bench.signal("ContactorPrecharge") == "Closed", within=500 * ms)
    bench.never(bench.signal("ContactorPositive") == "Closed", during=900 * ms)
    expect_contactors_open(bench, within=800 * ms + 50 * ms, after=began.time)
    bench.expect(bench.signal("DriveState") == "Fault", within=1.5 * s, after=key_on)
    bench.expect(bench.signal("FaultCode") == "PrechargeTimeout", within=1.5 * s, after=key_on)


@pytest.mark.requirement("VEH-002")
@pytest.mark.parametrize("contactor", ["precharge", "negative"])
def test_contactor_that_does_not_close_is_a_fault(bench: Bench, contactor: str) -> None:
    """A DC link that is not charged at all ends in Fault with a code, and all contactors open."""
    bench.plant[f"contactor_{contactor}_fault"] = 1
    bench.wait(200 * ms)
    bench.set("KeyPosition", "On")
    bench.expect((bench.signal("DriveState") == "Fault") & (bench.signal("FaultCode") != "None"), within=1.5 * s)
    expect_contactors_open(bench, within=1.5 * s)
    bench.stays(bench.signal("DriveState") == "Fault", during=1 * s)


@pytest.mark.requirement("VEH-003")
@pytest.mark.parametrize("speed", [0 * kmh, 2.9 * kmh, 3 * kmh], ids=str)
def test_key_off_when_slow_opens_contactors(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """Key-off at or below 3 km/h: contactors open within 100 ms, DC link below 60 V within 5 s."""
    car_on_rollers(bench, speed)
    bench.wait(phase)
    key_off = bench.set("KeyPosition", "Off")
    expect_contactors_open(bench, within=100 * ms)
    bench.expect(bench.signal("DcLinkVoltage") < 60 * V, within=5 * s, after=key_off)
    assert bench.plant["dc_link_voltage"] < 60


@pytest.mark.requirement("VEH-003")
def test_key_off_during_precharge_opens_contactors(bench: Bench, phase: Duration) -> None:
    """Key-off while the DC link is being charged: contactors open within 100 ms, and stay open."""
    bench.plant["precharge_resistance"] = SLOWEST_GOOD_PRECHARGE
    bench.set("KeyPosition", "On")
    bench.wait_until(bench.signal("ContactorPrecharge") == "Closed", timeout=500 * ms)
    bench.wait(300 * ms + phase)
    key_off = bench.set("KeyPosition", "Off")
    expect_contactors_open(bench, within=100 * ms)
    bench.stays(bench.signal("ContactorPositive") == "Open", during=1 * s)
    bench.expect(bench.signal("DcLinkVoltage") < 60 * V, within=5 * s, after=key_off)


@pytest.mark.requirement("VEH-003")
@pytest.mark.parametrize("speed", [3.1 * kmh, 60 * kmh], ids=str)
def test_key_off_when_moving_ramps_torque_and_waits_for_standstill(
    bench: Bench, speed: Quantity, phase: Duration
) -> None:
    """Key-off above 3 km/h: torque is 0 within 1 s, and contactors open within 100 ms of standstill, not before."""
    car_on_rollers(bench, speed)
    press(bench, accelerator=40 * percent)
    bench.wait_until(bench.signal("TorqueRequest") > 10, timeout=1 * s)
    bench.wait(phase)
    key_off = bench.set("KeyPosition", "Off")
    bench.expect(bench.signal("TorqueRequest") == 0, within=1 * s)
    closed = (bench.signal("ContactorPositive") == "Closed") & (bench.signal("ContactorNegative") == "Closed")
    bench.stays(closed, during=2 * s, after=key_off)
    bench.plant["vehicle_speed"] = 0 * kmh
    expect_contactors_open(bench, within=100 * ms)


@pytest.mark.requirement("VEH-003")
def test_key_off_ramps_torque_rather_than_cutting_it(bench: Bench) -> None:
    """Key-off above 3 km/h takes the torque away in steps that the driver does not feel as a jolt."""
    car_on_rollers(bench, 60 * kmh)
    press(bench, accelerator=60 * percent)
    before = bench.signal("TorqueRequest").value
    assert before is not None
    bench.set("KeyPosition", "Off")
    bench.expect(bench.signal("TorqueRequest").between(0.2 * before, 0.8 * before), within=1 * s)
    bench.expect(bench.signal("TorqueRequest") == 0, within=1 * s)


@pytest.mark.requirement("VEH-003")
@pytest.mark.parametrize("speed", [0 * kmh, 130 * kmh], ids=str)
def test_crash_opens_contactors_at_any_speed(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """Crash: contactors open within 100 ms, DC link below 60 V within 5 s."""
    car_on_rollers(bench, speed)
    bench.wait(phase)
    crash = bench.set("CrashDetected", "Crash")
    expect_contactors_open(bench, within=100 * ms)
    bench.expect(bench.signal("DcLinkVoltage") < 60 * V, within=5 * s, after=crash)
    bench.expect(bench.signal("FaultCode") == "Crash", within=5 * s, after=crash)


@pytest.mark.requirement("VEH-003")
def test_crash_at_standstill_keeps_the_car_off(bench: Bench) -> None:
    """After a crash the contactors stay open, also when the crash signal ends."""
    ready_car(bench)
    bench.set("CrashDetected", "Crash")
    expect_contactors_open(bench, within=100 * ms)
    bench.set("CrashDetected", "NoCrash")
    bench.stays(bench.signal("ContactorPositive") == "Open", during=2 * s)


@pytest.mark.requirement("VEH-003")
def test_car_that_brakes_after_key_off_comes_to_a_safe_stop(bench: Bench) -> None:
    """Key-off at 20 km/h and braking to standstill: contactors open within 100 ms of it, DC link is discharged."""
    switch_on(bench)
    press(bench, brake=30 * percent)
    bench.set("GearRequest", "D")
    bench.wait_until(bench.signal("Gear") == "D", timeout=200 * ms)
    press(bench)
    roll(bench, 20 * kmh)
    bench.set("KeyPosition", "Off")
    bench.plant["held_acceleration"] = -4 * mps2
    stop = bench.wait_until(bench.signal("VehicleSpeed") == 0, timeout=3 * s)
    expect_contactors_open(bench, within=100 * ms, after=stop.time)
    bench.expect(bench.signal("DcLinkVoltage") < 60 * V, within=5 * s, after=stop.time)
