"""Central locking of the body control module."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import RxMessage, on_message, on_signal
from harness.loop import Timer
from harness.units import Duration, ms
from simulators.body_node import BodyNode

DOORS = {
    "DriverDoor": "driver_door_lock",
    "PassengerDoor": "passenger_door_lock",
    "RearLeftDoor": "rear_left_door_lock",
    "RearRightDoor": "rear_right_door_lock",
    "BootLid": "boot_lid_lock",
}
"""Contact of a door -> role of its lock. The signal of its lock is the contact's name with ``Lock``."""


class Locks(BodyNode):
    """All doors are locked and unlocked together; what the latches hold survives a reset (VEH-030 to 032)."""

    AUTO_LOCK_KMH: ClassVar[float] = 15.0
    CRASH_HOLD: ClassVar[Duration] = 10_005 * ms
    """VEH-031: 10 s, and what a clock that is 500 ppm fast takes off them."""

    def start(self) -> None:
        super().start()
        self.nvm.setdefault("locked", False)
        self.nvm.setdefault("auto_lock_done", False)
        self.nvm.setdefault("key_on", False)
        self.fast = False  # above the speed that locks
        self.crash_hold: Timer | None = None
        self.drive_locks("None")
        self.report_auto_lock()
        if self.nvm.get("crash_hold"):
            self.hold_after_crash()
        else:
            self.set(CrashHold="Inactive")

    def drive_locks(self, reason: str) -> None:
        """Move the latches to what is wanted and report them in one frame. reason: a value of LockReason."""
        locked: bool = self.nvm["locked"]
        for role in DOORS.values():
            self.plant[role] = float(locked)
        state = "Locked" if locked else "Unlocked"
        self.set({f"{door}Lock": state for door in DOORS}, LockReason=reason)

    def lock(self, locked: bool, reason: str) -> None:
        """Lock or unlock all doors."""
        self.nvm["locked"] = locked
        self.drive_locks(reason)

    # -- commands --------------------------------------------------------------------------------------------------

    @on_signal("LockButton")
    def button_pressed(self, value: float, previous: float | None) -> None:
        """A command is a change to Lock or Unlock."""
        self.command(self.text("LockButton"), "Button")

    @on_signal("RemoteCommand")
    def remote_pressed(self, value: float, previous: float | None) -> None:
        """A command is a change to Lock or Unlock."""
        self.command(self.text("RemoteCommand"), "Remote")

    def command(self, wanted: str | None, reason: str) -> None:
        """Obey a command of the driver, unless it is to lock and may not be."""
        if wanted == "Unlock":
            self.lock(False, reason)
        elif wanted == "Lock" and self.may_lock() and not self.driver_door_open():
            self.lock(True, reason)

    def driver_door_open(self) -> bool:
        """VEH-032: with the driver's door open lock commands are ignored."""
        return self.text("DriverDoor") == "Open"

    def may_lock(self) -> bool:
        """VEH-031: not for 10 s after a crash."""
        return self.crash_hold is None

    # -- by speed --------------------------------------------------------------------------------------------------

    @on_message("VehicleSpeedBody")
    def watch_speed(self, message: RxMessage) -> None:
        """VEH-030: the instant in which the speed passes 15 km/h counts, not how long it stays above."""
        fast = self.locks_by_speed(self.get("VehicleSpeedBody", 0.0))
        passed, self.fast = fast and not self.fast, fast
        if passed and not self.nvm["auto_lock_done"] and self.may_lock():
            self.lock(True, "AutoLock")
            self.note_auto_lock(True)

    def locks_by_speed(self, kmh: float) -> bool:
        """Whether a speed is above the limit."""
        return kmh > self.AUTO_LOCK_KMH

    @on_signal("KeyPosition")
    def key_turned(self, value: float, previous: float | None) -> None:
        """VEH-030: key-on begins a trip, and the trip's auto-lock."""
        on = self.text("KeyPosition") == "On"
        if on and not self.nvm["key_on"]:
            self.note_auto_lock(False)
        self.nvm["key_on"] = on

    @on_signal("DriverDoor")
    @on_signal("PassengerDoor")
    @on_signal("RearLeftDoor")
    @on_signal("RearRightDoor")
    @on_signal("BootLid")
    def door_moved(self, value: float, previous: float | None) -> None:
        """VEH-030: opening a door arms the auto-lock again."""
        if value:
            self.note_auto_lock(False)

    def note_auto_lock(self, done: bool) -> None:
        """Remember whether the trip's auto-lock is done, or armed."""
        self.nvm["auto_lock_done"] = done
        self.report_auto_lock()

    def report_auto_lock(self) -> None:
        """Show whether the auto-lock is armed."""
        self.set(AutoLock="Done" if self.nvm["auto_lock_done"] else "Armed")

    # -- by crash --------------------------------------------------------------------------------------------------

    @on_signal("CrashDetectedBody")
    def crash_signalled(self, value: float, previous: float | None) -> None:
        """VEH-031: unlock at once."""
        if self.text("CrashDetectedBody") == "Crash":
            self.lock(False, "Crash")
            self.hold_after_crash()

    def hold_after_crash(self) -> None:
        """VEH-031: no locking from now on, until the hold ends; a reset meanwhile starts the hold anew."""
        if self.crash_hold is not None:
            self.crash_hold.cancel()
        self.nvm["crash_hold"] = True
        self.crash_hold = self.after(self.CRASH_HOLD, self.end_crash_hold)
        self.set(CrashHold="Active")

    def end_crash_hold(self) -> None:
        """Locking is possible again."""
        self.nvm["crash_hold"] = False
        self.crash_hold = None
        self.set(CrashHold="Inactive")
