"""Central locking: by speed, after a crash, and on command."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, kmh, ms, s
from harness.signals.predicate import Predicate
from vehicle_states import roll, switch_off, switch_on

DOORS = ("DriverDoor", "PassengerDoor", "RearLeftDoor", "RearRightDoor", "BootLid")


def all_doors(bench: Bench, state: str) -> Predicate:
    """All doors are ``Locked`` or ``Unlocked``."""
    first, *others = (bench.signal(f"{door}Lock") == state for door in DOORS)
    for other in others:
        first = first & other
    return first


def push(bench: Bench, control: str, command: str) -> None:
    """Press and release the lock button or the remote control."""
    bench.set(control, command)
    bench.wait(100 * ms)
    bench.set(control, "None")
    bench.wait(100 * ms)


# -- by speed ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-030")
@pytest.mark.parametrize("speed", [15.1 * kmh, 120 * kmh], ids=str)
def test_doors_lock_by_speed(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """All doors are locked within 300 ms of the speed passing 15 km/h."""
    switch_on(bench)
    roll(bench, 14 * kmh)
    bench.wait(phase)
    bench.plant["vehicle_speed"] = speed
    locked = bench.expect(all_doors(bench, "Locked"), within=300 * ms)
    bench.stays(all_doors(bench, "Locked"), during=300 * ms, after=locked.time)
    assert all(bench.plant[lock] for lock in ("driver_door_lock", "rear_left_door_lock", "boot_lid_lock"))


@pytest.mark.requirement("VEH-030")
@pytest.mark.parametrize("speed", [0 * kmh, 14.9 * kmh, 15 * kmh], ids=str)
def test_doors_stay_unlocked_when_slow(bench: Bench, speed: Quantity) -> None:
    """Up to 15 km/h no door locks by itself."""
    switch_on(bench)
    roll(bench, speed)
    bench.stays(all_doors(bench, "Unlocked"), during=1 * s)


@pytest.mark.requirement("VEH-030")
def test_doors_lock_once_per_trip(bench: Bench) -> None:
    """Doors that were unlocked during the trip stay so; the next trip locks them again."""
    switch_on(bench)
    roll(bench, 20 * kmh)
    bench.expect(all_doors(bench, "Locked"), within=300 * ms)
    push(bench, "LockButton", "Unlock")
    for speed in (10, 20, 0, 50):
        roll(bench, speed * kmh)
        bench.stays(all_doors(bench, "Unlocked"), during=500 * ms)
    roll(bench, 0 * kmh)
    switch_off(bench)
    switch_on(bench)
    bench.plant["vehicle_speed"] = 20 * kmh
    bench.expect(all_doors(bench, "Locked"), within=300 * ms)


@pytest.mark.requirement("VEH-030")
@pytest.mark.parametrize("door", DOORS)
def test_opening_a_door_arms_again(bench: Bench, door: str) -> None:
    """When any door was opened, passing 15 km/h locks again in the same trip."""
    switch_on(bench)
    roll(bench, 20 * kmh)
    roll(bench, 0 * kmh)
    push(bench, "LockButton", "Unlock")
    bench.set(door, "Open")
    bench.wait(500 * ms)
    bench.set(door, "Closed")
    bench.wait(500 * ms)
    bench.plant["vehicle_speed"] = 15.1 * kmh
    bench.expect(all_doors(bench, "Locked"), within=300 * ms)


# -- after a crash -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-031")
@pytest.mark.parametrize("key", ["Off", "On"])
def test_crash_unlocks_all_doors(bench: Bench, key: str, phase: Duration) -> None:
    """Within 200 ms of the crash signal all doors are unlocked, whatever the key."""
    bench.set("KeyPosition", key)
    bench.wait(100 * ms)
    push(bench, "LockButton", "Lock")
    bench.expect(all_doors(bench, "Locked"), within=200 * ms)
    bench.wait(phase)
    bench.set("CrashDetected", "Crash")
    unlocked = bench.expect(all_doors(bench, "Unlocked"), within=200 * ms)
    bench.stays(all_doors(bench, "Unlocked"), during=300 * ms, after=unlocked.time)
    assert not any(bench.plant[lock] for lock in ("driver_door_lock", "rear_left_door_lock", "boot_lid_lock"))


@pytest.mark.requirement("VEH-031")
def test_crash_unlocks_a_sleeping_car(bench: Bench, phase: Duration) -> None:
    """Within 200 ms of the crash signal all doors are unlocked, although the networks slept."""
    push(bench, "LockButton", "Lock")
    bench.expect(all_doors(bench, "Locked"), within=200 * ms)
    bench.wait(7 * s + phase)
    bench.set("CrashDetected", "Crash")
    bench.expect(all_doors(bench, "Unlocked"), within=200 * ms)


@pytest.mark.requirement("VEH-031")
def test_crash_while_driving_keeps_doors_unlocked(bench: Bench) -> None:
    """A crash at speed unlocks the doors, and passing 15 km/h again within 10 s does not lock them."""
    switch_on(bench)
    roll(bench, 60 * kmh)
    bench.expect(all_doors(bench, "Locked"), within=300 * ms)
    crash = bench.set("CrashDetected", "Crash")
    unlocked = bench.expect(all_doors(bench, "Unlocked"), within=200 * ms, after=crash)
    bench.set("DriverDoor", "Open")
    bench.wait(200 * ms)
    bench.set("DriverDoor", "Closed")
    for speed in (10, 30, 0, 60):
        roll(bench, speed * kmh)
        bench.stays(all_doors(bench, "Unlocked"), during=500 * ms)
    bench.stays(all_doors(bench, "Unlocked"), during=bench.now - unlocked.time, after=unlocked.time)


@pytest.mark.requirement("VEH-031")
@pytest.mark.parametrize("control", ["LockButton", "RemoteCommand"])
def test_doors_cannot_be_locked_after_a_crash(bench: Bench, control: str) -> None:
    """For 10 s after the crash signal, also when it has ended, lock commands do nothing; later they work again."""
    bench.wait(100 * ms)
    crash = bench.set("CrashDetected", "Crash")
    bench.expect(all_doors(bench, "Unlocked"), within=200 * ms)
    bench.set("CrashDetected", "NoCrash")
    for _ in range(6):
        push(bench, control, "Lock")
        bench.wait(1.3 * s)
    bench.wait(until=crash.at + 9.9 * s)
    bench.set(control, "Lock")
    bench.stays(all_doors(bench, "Unlocked"), during=9.99 * s, after=crash)
    bench.set(control, "None")
    bench.wait(500 * ms)
    bench.set(control, "Lock")
    bench.expect(all_doors(bench, "Locked"), within=200 * ms)


@pytest.mark.requirement("VEH-031")
def test_second_crash_starts_the_ten_seconds_anew(bench: Bench) -> None:
    """The last crash signal counts."""
    bench.wait(100 * ms)
    bench.set("CrashDetected", "Crash")
    bench.wait(6 * s)
    bench.set("CrashDetected", "NoCrash")
    bench.wait(1 * s)
    second = bench.set("CrashDetected", "Crash")
    bench.wait(9.8 * s)
    push(bench, "LockButton", "Lock")
    bench.stays(all_doors(bench, "Unlocked"), during=9.9 * s, after=second)


# -- on command --------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-032")
@pytest.mark.parametrize("control", ["LockButton", "RemoteCommand"])
def test_lock_command_is_ignored_with_the_drivers_door_open(bench: Bench, control: str, phase: Duration) -> None:
    """With the driver's door open lock commands do nothing, also right after it was opened."""
    bench.wait(100 * ms + phase)
    bench.set("DriverDoor", "Open")
    bench.expect(bench.signal("DriverDoor") == "Open", within=0 * ms)
    for gap in (0 * ms, 100 * ms):
        bench.wait(gap)
        bench.set(control, "Lock")
        bench.stays(all_doors(bench, "Unlocked"), during=300 * ms)
        bench.set(control, "None")


@pytest.mark.requirement("VEH-032")
@pytest.mark.parametrize("control", ["LockButton", "RemoteCommand"])
def test_ignored_command_is_not_obeyed_later(bench: Bench, control: str) -> None:
    """Closing the door does not make up for a command that was ignored; the next command locks."""
    bench.set("DriverDoor", "Open")
    bench.wait(200 * ms)
    push(bench, control, "Lock")
    bench.set("DriverDoor", "Closed")
    bench.stays(all_doors(bench, "Unlocked"), during=1 * s)
    bench.set(control, "Lock")
    bench.expect(all_doors(bench, "Locked"), within=200 * ms)


@pytest.mark.requirement("VEH-032")
@pytest.mark.parametrize("control", ["LockButton", "RemoteCommand"])
def test_unlock_command_works_with_the_drivers_door_open(bench: Bench, control: str) -> None:
    """Only lock commands are ignored: an open driver's door does not keep the others from being unlocked."""
    push(bench, control, "Lock")
    bench.set("DriverDoor", "Open")
    bench.wait(200 * ms)
    bench.set(control, "Unlock")
    bench.expect(all_doors(bench, "Unlocked"), within=200 * ms)
