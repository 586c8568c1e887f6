"""Faulty locks and wipers."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, always, hears_late, mutant, nothing

from harness.ecu import RxMessage
from harness.units import ms
from simulators.bcm import Bcm

# -- locks -------------------------------------------------------------------------------------------------------------


def armed_by(*doors: str) -> Any:
    """Only these doors arm the auto-lock again."""

    def door_moved(self: Bcm, value: float, previous: float | None) -> None:
        if value and any(self.text(door) == "Open" for door in doors):
            self.note_auto_lock(False)

    return door_moved


def done_for_ever(self: Bcm, done: bool) -> None:
    self.nvm["auto_lock_done"] = done or self.nvm["auto_lock_done"]
    self.report_auto_lock()


def boot_lid_left_out(self: Bcm, reason: str) -> None:
    Bcm.drive_locks(self, reason)
    if self.nvm["locked"]:
        self.set(BootLidLock="Unlocked")


def driver_alone(self: Bcm, reason: str) -> None:
    Bcm.drive_locks(self, reason)
    if not self.nvm["locked"] and reason == "Crash":
        self.set(PassengerDoorLock="Locked", RearLeftDoorLock="Locked", RearRightDoorLock="Locked")


def remote_always_locks(self: Bcm, value: float, previous: float | None) -> None:
    if self.text("RemoteCommand") == "Lock" and not self.driver_door_open():
        self.lock(True, "Remote")
    else:
        Bcm.remote_pressed(self, value, previous)


def remote_ignores_the_door(self: Bcm, value: float, previous: float | None) -> None:
    if self.text("RemoteCommand") == "Lock" and self.may_lock():
        self.lock(True, "Remote")
    else:
        Bcm.remote_pressed(self, value, previous)


def auto_lock_after_a_crash(self: Bcm, message: RxMessage) -> None:
    hold, self.crash_hold = self.crash_hold, None
    Bcm.watch_speed(self, message)
    self.crash_hold = hold


def first_crash_counts(self: Bcm) -> None:
    if self.crash_hold is None:
        Bcm.hold_after_crash(self)


def held_until_the_crash_ends(self: Bcm, value: float, previous: float | None) -> None:
    Bcm.crash_signalled(self, value, previous)
    if self.text("CrashDetectedBody") != "Crash" and self.crash_hold is not None:
        self.crash_hold.cancel()
        self.end_crash_hold()


def command_kept(self: Bcm, wanted: str | None, reason: str) -> None:
    Bcm.command(self, wanted, reason)
    if wanted == "Lock" and self.driver_door_open():
        self.pending = True


def obeyed_when_closed(self: Bcm, value: float, previous: float | None) -> None:
    Bcm.door_moved(self, value, previous)
    if getattr(self, "pending", False) and not self.driver_door_open():
        self.lock(True, "Button")


def no_command_with_open_door(self: Bcm, wanted: str | None, reason: str) -> None:
    if not self.driver_door_open():
        Bcm.command(self, wanted, reason)


def open_door_is_known_late(self: Bcm) -> bool:
    return Bcm.driver_door_open(self) and (self.rx("DoorStatus").time or 0) != self.now


# -- wipers ------------------------------------------------------------------------------------------------------------


def washed_while_pressed(self: Bcm, value: float, previous: float | None) -> None:
    Bcm.wash_button_moved(self, value, previous)
    if self.washing:
        self.wash_wipes_left = self.WASH_WIPES
        self.wipe()
    else:
        self.wash_wipes_left = 0


def one_speed(self: Bcm, returning: bool) -> float:
    return 0.0 if returning and not self.wants_wipe() else 1.0


def begins_at_one_speed(self: Bcm) -> None:
    Bcm.begin_wipe(self)
    self.plant["wiper_motor"] = 1.0


def intermittent_once(self: Bcm) -> None:
    self.interval = None


BODY: tuple[Mutant, ...] = (
    # -- VEH-030: locks by speed -------------------------------------------------------------------------------------
    mutant("VEH-030", "threshold", "doors lock above 15.2 km/h", Bcm,
           "test_doors_lock_by_speed", "Lock", AUTO_LOCK_KMH=15.2),
    mutant("VEH-030", "threshold", "doors lock at 15 km/h", Bcm,
           "test_doors_stay_unlocked_when_slow", "Lock", locks_by_speed=lambda self, kmh: kmh >= self.AUTO_LOCK_KMH),
    mutant("VEH-030", "time", "doors lock 300 ms late", Bcm,
           "test_doors_lock_by_speed", "Lock", _receiver=hears_late("VehicleSpeedBody", 300 * ms)),
    mutant("VEH-030", "check", "doors lock again and again in one trip", Bcm,
           "test_doors_lock_once_per_trip", "Lock", note_auto_lock=nothing),
    mutant("VEH-030", "check", "boot lid does not arm again", Bcm,
           "test_opening_a_door_arms_again", "Lock",
           door_moved=armed_by("DriverDoor", "PassengerDoor", "RearLeftDoor", "RearRightDoor")),
    mutant("VEH-030", "state", "doors lock once for ever", Bcm,
           "test_doors_lock_once_per_trip", "Lock", note_auto_lock=done_for_ever),
    mutant("VEH-030", "check", "boot lid is unlocked again at once", Bcm,
           "test_doors_lock_by_speed", "BootLidLock", drive_locks=boot_lid_left_out),
    # -- VEH-031: locks after a crash --------------------------------------------------------------------------------
    mutant("VEH-031", "time", "crash unlocks 200 ms late", Bcm,
           "test_crash_unlocks_all_doors", "Lock", _receiver=hears_late("CrashStatusBody", 200 * ms)),
    mutant("VEH-031", "time", "doors can be locked 9.85 s after a crash", Bcm,
           "test_doors_cannot_be_locked_after_a_crash", "Lock", CRASH_HOLD=9_850 * ms),
    mutant("VEH-031", "check", "crash leaves only the driver's door unlocked", Bcm,
           "test_crash_unlocks_all_doors", "Lock", drive_locks=driver_alone),
    mutant("VEH-031", "check", "remote control locks after a crash", Bcm,
           "test_doors_cannot_be_locked_after_a_crash", "Lock", remote_pressed=remote_always_locks),
    mutant("VEH-031", "check", "speed locks after a crash", Bcm,
           "test_crash_while_driving_keeps_doors_unlocked", "Lock", watch_speed=auto_lock_after_a_crash),
    mutant("VEH-031", "check", "doors can be locked as soon as the crash signal ends", Bcm,
           "test_doors_cannot_be_locked_after_a_crash", "Lock", crash_signalled=held_until_the_crash_ends),
    mutant("VEH-031", "state", "second crash does not start the 10 s anew", Bcm,
           "test_second_crash_starts_the_ten_seconds_anew", "Lock", hold_after_crash=first_crash_counts),
    mutant("VEH-031", "state", "doors can never be locked again after a crash", Bcm,
           "test_doors_cannot_be_locked_after_a_crash", "Lock", end_crash_hold=nothing),
    # -- VEH-032: lock commands --------------------------------------------------------------------------------------
    mutant("VEH-032", "check", "driver's door is not looked at", Bcm,
           "test_lock_command_is_ignored_with_the_drivers_door_open", "Lock", driver_door_open=always(False)),
    mutant("VEH-032", "check", "remote control does not look at the driver's door", Bcm,
           "test_lock_command_is_ignored_with_the_drivers_door_open", "Lock", remote_pressed=remote_ignores_the_door),
    mutant("VEH-032", "check", "unlock commands are ignored too", Bcm,
           "test_unlock_command_works_with_the_drivers_door_open", "Lock", command=no_command_with_open_door),
    mutant("VEH-032", "state", "ignored lock command is obeyed when the door closes", Bcm,
           "test_ignored_command_is_not_obeyed_later", "Lock", command=command_kept, door_moved=obeyed_when_closed),
    # -- VEH-033: wipers ---------------------------------------------------------------------------------------------
    mutant("VEH-033", "time", "wipers wipe every 4.25 s", Bcm,
           "test_intermittent_wipes_every_four_seconds", "4.25 s <= ", INTERVAL=4_250 * ms),
    mutant("VEH-033", "time", "wipers wipe every 3.75 s", Bcm,
           "test_intermittent_wipes_every_four_seconds", ">= (3.8", INTERVAL=3_750 * ms),
    mutant("VEH-033", "threshold", "washing gives four wipes", Bcm,
           "test_washing_gives_three_wipes", "len(", WASH_WIPES=4),
    mutant("VEH-033", "threshold", "washing gives two wipes", Bcm,
           "test_washing_gives_three_wipes", "len(", WASH_WIPES=2),
    mutant("VEH-033", "check", "wipes begin while the wash button is pressed, not after it", Bcm,
           "test_washing_gives_three_wipes", "len(", wash_button_moved=washed_while_pressed),
    mutant("VEH-033", "check", "fast wipes are as slow as slow ones", Bcm,
           "test_fast_wipes_faster_than_slow", "wipes in", motor_speed=one_speed, begin_wipe=begins_at_one_speed),
    mutant("VEH-033", "state", "intermittent wiping wipes once", Bcm,
           "test_intermittent_wipes_every_four_seconds", "wipes in", interval_over=intermittent_once),
    mutant("VEH-033", "time", "wipers begin 500 ms late", Bcm,
           "test_wiping_begins_at_once", "Wip", _receiver=hears_late("StalkStatus", 500 * ms)),
)  # fmt: skip
