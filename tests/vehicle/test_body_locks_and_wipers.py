"""Locks, wipers and 12 V supply of the body control module."""

from __future__ import annotations

import pytest
from body_car import PHASES, car, edges, periods, switched_on

from harness import Duration, ms, s
from harness.bench import Bench

DOORS = ("DriverDoor", "PassengerDoor", "RearLeftDoor", "RearRightDoor", "BootLid")
at_phases = pytest.mark.parametrize("phase", PHASES, ids=str)


@pytest.fixture
def body() -> Bench:
    return car()


def press(body: Bench, signal: str, command: str) -> None:
    """Press a button and let it go."""
    body.set(signal, command)
    body.wait(60 * ms)
    body.set(signal, "None")
    body.wait(60 * ms)


def locks(body: Bench) -> set[str | None]:
    return {body.signal(f"{door}Lock").text for door in DOORS}


def drive(body: Bench, kmh: float) -> None:
    body.set("VehicleSpeed", kmh)
    body.wait(100 * ms)


# -- VEH-030 auto-lock -------------------------------------------------------------------------------------------------


@at_phases
def test_doors_lock_once_speed_passes_15_kmh(body: Bench, phase: Duration) -> None:
    switched_on(body)
    for kmh in (14.99, 15.0):
        drive(body, kmh)
        assert locks(body) == {"Unlocked"}
    body.wait(phase)
    body.set("VehicleSpeed", 15.01)
    body.expect(body.signal("DriverDoorLock") == "Locked", within=300 * ms)
    assert locks(body) == {"Locked"}
    assert (body.signal("LockReason").text, body.plant["boot_lid_lock"]) == ("AutoLock", 1)
    body.expect(body.signal("AutoLock") == "Done", within=10 * ms)


def test_auto_lock_comes_once_per_trip(body: Bench) -> None:
    switched_on(body)
    drive(body, 20)
    press(body, "LockButton", "Unlock")
    assert locks(body) == {"Unlocked"}
    drive(body, 10)
    drive(body, 30)
    assert locks(body) == {"Unlocked"}
    drive(body, 0)
    body.set("KeyPosition", "Off")
    body.wait(200 * ms)
    body.set("KeyPosition", "On")
    body.wait(200 * ms)
    assert body.signal("AutoLock").text == "Armed"
    drive(body, 15.01)
    assert locks(body) == {"Locked"}


@pytest.mark.parametrize("door", DOORS)
def test_opening_a_door_arms_the_auto_lock_again(body: Bench, door: str) -> None:
    switched_on(body)
    drive(body, 20)
    drive(body, 0)
    press(body, "LockButton", "Unlock")
    body.set(door, "Open")
    body.expect(body.signal("AutoLock") == "Armed", within=50 * ms)
    body.set(door, "Closed")
    body.wait(200 * ms)
    assert locks(body) == {"Unlocked"}
    drive(body, 16)
    assert locks(body) == {"Locked"}


def test_auto_lock_and_locks_survive_a_reset(body: Bench) -> None:
    switched_on(body)
    drive(body, 20)
    body.node("BCM").reset()
    body.wait(300 * ms)
    assert locks(body) == {"Locked"} and body.signal("AutoLock").text == "Done"


# -- VEH-031, VEH-032 crash, lock commands -----------------------------------------------------------------------------


@at_phases
def test_a_crash_unlocks_and_bars_locking_for_10_s(body: Bench, phase: Duration) -> None:
    switched_on(body)
    press(body, "LockButton", "Lock")
    assert locks(body) == {"Locked"}
    body.wait(phase)
    crash = body.set("CrashDetected", "Crash")
    body.expect(body.signal("DriverDoorLock") == "Unlocked", within=200 * ms)
    assert locks(body) == {"Unlocked"} and body.signal("LockReason").text == "Crash"
    assert crash.delivered is not None
    for wanted in ("LockButton", "RemoteCommand"):
        press(body, wanted, "Lock")
    drive(body, 20)
    body.wait(Duration(crash.delivered) + 9_995 * ms - body.now)
    body.set("LockButton", "Lock")
    body.wait(2 * ms)
    assert locks(body) == {"Unlocked"}
    body.set("LockButton", "None")
    body.wait(Duration(crash.delivered) + 10_050 * ms - body.now)
    press(body, "LockButton", "Lock")
    assert locks(body) == {"Locked"}


def test_a_reset_does_not_end_the_crash_hold(body: Bench) -> None:
    switched_on(body)
    body.set("CrashDetected", "Crash")
    body.wait(1 * s)
    body.set("CrashDetected", "NoCrash")
    body.wait(200 * ms)
    body.node("BCM").reset()
    body.wait(500 * ms)
    assert (body.signal("CrashHold").text, body.signal("IndicatorMode").text) == ("Active", "Crash")
    press(body, "LockButton", "Lock")
    assert locks(body) == {"Unlocked"}


def test_an_invalid_crash_signal_does_nothing(body: Bench) -> None:
    press(body, "LockButton", "Lock")
    body.set("CrashDetected", "Invalid")
    body.wait(300 * ms)
    assert locks(body) == {"Locked"} and body.signal("IndicatorMode").text == "Off"


@pytest.mark.parametrize("button", ["LockButton", "RemoteCommand"])
def test_lock_commands_are_ignored_while_the_drivers_door_is_open(body: Bench, button: str) -> None:
    body.set("DriverDoor", "Open")
    body.wait(100 * ms)
    press(body, button, "Lock")
    assert locks(body) == {"Unlocked"}
    body.set("DriverDoor", "Closed")
    body.wait(200 * ms)
    assert locks(body) == {"Unlocked"}
    body.set("PassengerDoor", "Open")
    body.wait(100 * ms)
    press(body, button, "Lock")
    assert locks(body) == {"Locked"}
    assert body.signal("LockReason").text == ("Button" if button == "LockButton" else "Remote")
    body.set("DriverDoor", "Open")
    body.wait(100 * ms)
    press(body, button, "Unlock")
    assert locks(body) == {"Unlocked"}


# -- VEH-033 wipers ----------------------------------------------------------------------------------------------------


def wipes(body: Bench, since: int = 0) -> list[int]:
    """When wipes started; the count agrees."""
    started = edges(body, "WiperMotion", "Wiping", since)
    samples = body.signal("WipeCount").samples_since(since)
    assert samples and abs((samples[-1].raw - samples[0].raw) % 256 - len(started)) <= 1
    return started


def test_intermittent_wiping(body: Bench) -> None:
    switched_on(body)
    body.set("WiperStalk", "Intermittent")
    body.expect(body.signal("WiperMotion") == "Wiping", within=50 * ms)
    body.wait(21 * s)
    intervals = periods(wipes(body))
    assert len(intervals) == 5
    assert all(3.8 * s <= interval <= 4.2 * s for interval in intervals)
    assert body.signal("WiperMode").text == "Intermittent"


@pytest.mark.parametrize(("mode", "in_ten_seconds"), [("Slow", range(7, 9)), ("Fast", range(10, 12))])
def test_continuous_wiping(body: Bench, mode: str, in_ten_seconds: range) -> None:
    switched_on(body)
    body.set("WiperStalk", mode)
    body.wait(10 * s)
    assert len(wipes(body)) in in_ten_seconds and body.signal("WiperMode").text == mode
    body.set("WiperStalk", "Off")
    body.wait(2 * s)
    parked = len(wipes(body))
    body.wait(5 * s)
    assert len(wipes(body)) == parked
    assert (body.plant["wiper_position"], body.signal("WiperMotion").text) == (0, "Parked")
    assert (body.signal("WiperPosition").value, body.signal("WiperMode").text) == (0, "Off")


@pytest.mark.parametrize("pressed", [60 * ms, 1 * s, 7 * s], ids=str)
def test_a_wash_request_gives_three_wipes_after_release(body: Bench, pressed: Duration) -> None:
    switched_on(body)
    body.set("WashButton", "Pressed")
    body.expect(body.signal("WasherPump") == "On", within=50 * ms)
    body.wait(pressed)
    assert body.plant["washer_pump"] == 1 and wipes(body) == []
    body.set("WashButton", "Released")
    body.expect(body.signal("WasherPump") == "Off", within=50 * ms)
    body.wait(10 * s)
    assert len(wipes(body)) == 3
    assert (body.plant["washer_pump"], body.plant["wiper_motor"], body.signal("WiperMode").text) == (0, 0, "Off")


@pytest.mark.parametrize("after", [0 * ms, 400 * ms, 900 * ms, 2 * s], ids=str)
def test_a_wash_between_intermittent_wipes(body: Bench, after: Duration) -> None:
    switched_on(body)
    body.set("WiperStalk", "Intermittent")
    body.wait(4.1 * s + after)
    body.set("WashButton", "Pressed")
    body.wait(100 * ms)
    release = int(body.now)
    body.set("WashButton", "Released")
    body.wait(20 * s)
    started = wipes(body, release)
    gaps = periods(started)
    assert all(gap < 2 * s for gap in gaps[:2])
    assert all(3.8 * s <= gap <= 4.2 * s for gap in gaps[2:]) and len(gaps) >= 4


def test_from_continuous_to_intermittent_in_the_middle_of_a_wipe(body: Bench) -> None:
    switched_on(body)
    body.set("WiperStalk", "Slow")
    body.wait(600 * ms)
    changed = int(body.now)
    body.set("WiperStalk", "Intermittent")
    body.wait(13 * s)
    started = wipes(body, changed)
    assert [round((time - changed) / 1e9) for time in started] == [4, 8, 12]


# -- supply ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volts", "state"), [(11.4, "Low"), (11.5, "Ok"), (12.6, "Ok"), (15.5, "Ok"), (15.6, "High"), (40, "High")]
)
def test_supply_voltage_is_judged(body: Bench, volts: float, state: str) -> None:
    body.plant["supply_voltage"] = volts
    body.expect(body.signal("SupplyState") == state, within=1 * s)
    body.expect(body.signal("SupplyVoltage").near(volts, 0.01), within=1 * s)
