"""Faulty body control modules: brake lamps, indicators, locks, wipers."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, always, hears_late, late, mutant, nothing

from harness.units import ms
from simulators.bcm import Bcm
from simulators.bcm_lighting import BRAKE, LEFT
from simulators.ic import Ic

# -- brake lamps -------------------------------------------------------------------------------------------------------


def on_at_the_limit(self: Bcm, percent: float) -> bool:
    return percent >= self.PEDAL_ON_PERCENT or Bcm.pedal_brakes(self, percent)


def off_at_the_limit(self: Bcm, percent: float) -> bool:
    return Bcm.pedal_brakes(self, percent) and percent > self.PEDAL_OFF_PERCENT


def no_centre_lamp(self: Bcm) -> None:
    Bcm.light_brake_lamps(self)
    self.plant[BRAKE[2]] = 0.0


def last_cause_counts(self: Bcm, value: float, previous: float | None) -> None:
    self.braking_by_regeneration = False
    Bcm.pedal_moved(self, value, previous)


# -- indicators --------------------------------------------------------------------------------------------------------


def both_sides(self: Bcm, side: str) -> bool:
    return Bcm.side_is_lit(self, "Left") or Bcm.side_is_lit(self, "Right")


def neutral_ends_a_tap(self: Bcm, value: float, previous: float | None) -> None:
    if self.text("IndicatorStalk") == "Neutral" and self.flashes_left is not None:
        self.direction, self.flashes_left = "Off", None
    Bcm.stalk_moved(self, value, previous)


def latch_that_stays(self: Bcm, value: float, previous: float | None) -> None:
    if self.text("IndicatorStalk") != "Neutral":
        Bcm.stalk_moved(self, value, previous)


def emergency_before_hazard(self: Bcm) -> str:
    return "EmergencyStop" if self.emergency else Bcm.wanted_mode(self)


def indicators_before_emergency(self: Bcm) -> str:
    mode = Bcm.wanted_mode(self)
    return self.direction if mode == "EmergencyStop" and self.direction != "Off" else mode


def indicators_before_hazard(self: Bcm) -> str:
    mode = Bcm.wanted_mode(self)
    return self.direction if mode == "Hazard" and self.direction != "Off" else mode


def hazard_needs_the_key(self: Bcm) -> str:
    mode = Bcm.wanted_mode(self)
    return "Off" if mode == "Hazard" and not self.nvm["key_on"] else mode


def hazard_needs_the_network(self: Bcm) -> str:
    return Bcm.wanted_mode(self) if self.awake else "Off"


def crash_that_is_over(self: Bcm, value: float, previous: float | None) -> None:
    Bcm.crash_signalled(self, value, previous)
    if self.text("CrashDetectedBody") != "Crash":
        self.flash_for_crash(False)


def crash_needs_the_key(self: Bcm, wanted: bool) -> None:
    Bcm.flash_for_crash(self, wanted and self.nvm["key_on"])


def emergency_above_50_only(self: Bcm, speed_kmh: float, deceleration_mps2: float) -> bool:
    return Bcm.is_emergency_stop(self, speed_kmh, deceleration_mps2) and speed_kmh > self.EMERGENCY_SPEED_KMH


def emergency_at_its_limits(self: Bcm, speed_kmh: float, deceleration_mps2: float) -> bool:
    return Bcm.is_emergency_stop(self, speed_kmh + 0.01, deceleration_mps2 + 0.01)


def emergency_that_stays(self: Bcm, speed_kmh: float, deceleration_mps2: float) -> bool:
    return self.emergency or Bcm.is_emergency_stop(self, speed_kmh, deceleration_mps2)


def only_the_left_side(self: Bcm, lamps: tuple[str, ...]) -> bool:
    return lamps == LEFT and Bcm.any_failed(self, lamps)


def only_the_front(self: Bcm, lamps: tuple[str, ...]) -> bool:
    return Bcm.any_failed(self, lamps[:1])


def failed_for_a_second(self: Bcm, lamps: tuple[str, ...]) -> bool:
    since: dict[tuple[str, ...], int] = self.__dict__.setdefault("failed_since", {})
    if not Bcm.any_failed(self, lamps):
        since.pop(lamps, None)
        return False
    return self.now - since.setdefault(lamps, self.now) >= 1_000 * ms


def lit_lamps_only(self: Bcm, lamp: str) -> float:
    return self.plant[f"{lamp}_current"] if self.plant[lamp] else self.INTACT_CURRENT_A


def doubled_everywhere(self: Bcm, side: str) -> bool:
    failed = dict(self.failed)
    self.failed = dict.fromkeys(failed, any(failed.values()))
    lit = Bcm.side_is_lit(self, side)
    self.failed = failed
    return lit


def failure_for_ever(self: Bcm) -> None:
    before = dict(self.failed)
    Bcm.monitor_lamps(self)
    self.failed = {side: failed or before[side] for side, failed in self.failed.items()}
    self.set({f"Indicator{side}Lamp": "Failed" if failed else "Ok" for side, failed in self.failed.items()})


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


def auto_lock_after_a_crash(self: Bcm, message: object) -> None:
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
    # -- VEH-020: brake lamps ----------------------------------------------------------------------------------------
    mutant("VEH-020", "threshold", "brake lamps go on above 3.2 %", Bcm,
           "test_pedal_switches_the_lamps_on", "BrakeLamp", PEDAL_ON_PERCENT=3.2),
    mutant("VEH-020", "threshold", "brake lamps go on at 3 %", Bcm,
           "test_pedal_between_the_limits_changes_nothing", "BrakeLamp", pedal_brakes=on_at_the_limit),
    mutant("VEH-020", "threshold", "brake lamps go off below 1.8 %", Bcm,
           "test_pedal_switches_the_lamps_off", "BrakeLamp", PEDAL_OFF_PERCENT=1.8),
    mutant("VEH-020", "threshold", "brake lamps go off at 2 %", Bcm,
           "test_pedal_between_the_limits_changes_nothing", "BrakeLamp", pedal_brakes=off_at_the_limit),
    mutant("VEH-020", "check", "brake pedal has no hysteresis", Bcm,
           "test_pedal_between_the_limits_changes_nothing", "BrakeLamp", PEDAL_OFF_PERCENT=3.0),
    mutant("VEH-020", "time", "brake pedal is followed 80 ms late", Bcm,
           "test_pedal_switches_the_lamps_on", "BrakeLamp", pedal_moved=late(Bcm.pedal_moved, 80 * ms)),
    mutant("VEH-020", "time", "brake lamps go off 80 ms late", Bcm,
           "test_pedal_switches_the_lamps_off", "BrakeLamp", pedal_moved=late(Bcm.pedal_moved, 80 * ms)),
    mutant("VEH-020", "threshold", "regeneration lights the brake lamps above 1.4 m/s²", Bcm,
           "test_regeneration_between_the_limits_changes_nothing", "BrakeLamp", REGEN_ON_MPS2=1.4),
    mutant("VEH-020", "threshold", "regeneration keeps the brake lamps on down to 0.6 m/s²", Bcm,
           "test_regeneration_between_the_limits_changes_nothing", "BrakeLamp", REGEN_OFF_MPS2=0.6),
    mutant("VEH-020", "threshold", "regeneration lights the brake lamps above 1.2 m/s²", Bcm,
           "test_regeneration_between_the_limits_changes_nothing", "BrakeLamp", REGEN_ON_MPS2=1.2),
    mutant("VEH-020", "time", "regeneration is followed 80 ms late", Bcm,
           "test_regeneration_switches_the_lamps_on", "BrakeLamp",
           regeneration_changed=late(Bcm.regeneration_changed, 80 * ms)),
    mutant("VEH-020", "check", "regeneration lights no brake lamp", Bcm,
           "test_regeneration_switches_the_lamps_on", "BrakeLamp", regeneration_brakes=always(False)),
    mutant("VEH-020", "state", "pedal puts out what regeneration has lit", Bcm,
           "test_either_cause_keeps_the_lamps_on", "BrakeLamp", pedal_moved=last_cause_counts),
    mutant("VEH-020", "state", "centre brake lamp stays dark", Bcm,
           "test_pedal_switches_the_lamps_on", "all(", light_brake_lamps=no_centre_lamp),
    # -- VEH-021: indicators -----------------------------------------------------------------------------------------
    mutant("VEH-021", "time", "indicators flash 58 times a minute", Bcm,
           "test_latched_stalk_flashes_its_side", "flashes_as_direction_indicator", FLASH_TICK=258 * ms),
    mutant("VEH-021", "time", "indicators flash 122 times a minute", Bcm,
           "test_latched_stalk_flashes_its_side", "flashes_as_direction_indicator", FLASH_TICK=123 * ms),
    mutant("VEH-021", "time", "stalk is followed 200 ms late", Bcm,
           "test_first_flash_comes_at_once", "Indicator", _receiver=hears_late("StalkStatus", 200 * ms)),
    mutant("VEH-021", "threshold", "tap gives four flashes", Bcm,
           "test_tap_gives_three_flashes", "len(", TAP_FLASHES=4),
    mutant("VEH-021", "threshold", "tap gives two flashes", Bcm,
           "test_tap_gives_three_flashes", "len(", TAP_FLASHES=2),
    mutant("VEH-021", "check", "tap ends when the stalk is let go", Bcm,
           "test_tap_gives_three_flashes", "len(", stalk_moved=neutral_ends_a_tap),
    mutant("VEH-021", "check", "both sides flash for a direction", Bcm,
           "test_latched_stalk_flashes_its_side", "flashes", side_is_lit=both_sides),
    mutant("VEH-021", "state", "indicators go on flashing when the stalk is back", Bcm,
           "test_latched_stalk_flashes_its_side", "Indicator", stalk_moved=latch_that_stays),
    # -- VEH-022: who owns the indicators ----------------------------------------------------------------------------
    mutant("VEH-022", "check", "emergency stop signal overrides the hazard lights", Bcm,
           "test_hazard_overrides_the_emergency_stop_signal", "flashes_as_direction_indicator",
           wanted_mode=emergency_before_hazard),
    mutant("VEH-022", "check", "indicators override the emergency stop signal", Bcm,
           "test_emergency_stop_signal_overrides_the_indicators", "Right", wanted_mode=indicators_before_emergency),
    mutant("VEH-022", "check", "indicators override the hazard lights", Bcm,
           "test_hazard_overrides_the_indicators", "Right", wanted_mode=indicators_before_hazard),
    mutant("VEH-022", "check", "hazard lights need the key", Bcm,
           "test_hazard_lights_work_with_any_key", "Indicator", wanted_mode=hazard_needs_the_key),
    mutant("VEH-022", "time", "crash starts the hazard lights 150 ms late", Bcm,
           "test_crash_starts_the_hazard_lights", "Indicator", flash_for_crash=late(Bcm.flash_for_crash, 150 * ms)),
    mutant("VEH-022", "check", "crash starts the hazard lights with the key on only", Bcm,
           "test_crash_starts_the_hazard_lights", "Indicator", flash_for_crash=crash_needs_the_key),
    mutant("VEH-022", "state", "hazard lights end with the crash signal", Bcm,
           "test_hazard_lights_of_a_crash_go_on", "Right", crash_signalled=crash_that_is_over),
    # -- VEH-023: emergency stop signal ------------------------------------------------------------------------------
    mutant("VEH-023", "threshold", "emergency stop signal needs 53 km/h", Bcm,
           "test_hard_braking_flashes_all_indicators", "Indicator", EMERGENCY_SPEED_KMH=53.0),
    mutant("VEH-023", "threshold", "emergency stop signal comes at 50 km/h and at 6 m/s²", Bcm,
           "test_ordinary_braking_flashes_nothing", "Indicator", is_emergency_stop=emergency_at_its_limits),
    mutant("VEH-023", "threshold", "emergency stop signal needs 6.2 m/s²", Bcm,
           "test_hard_braking_flashes_all_indicators", "Indicator", EMERGENCY_ON_MPS2=6.2),
    mutant("VEH-023", "threshold", "emergency stop signal goes on down to 2.3 m/s²", Bcm,
           "test_emergency_stop_signal_ends", "IndicatorMode", EMERGENCY_OFF_MPS2=2.3),
    mutant("VEH-023", "threshold", "emergency stop signal ends below 2.55 m/s²", Bcm,
           "test_emergency_stop_signal_goes_on", "", EMERGENCY_OFF_MPS2=2.55),
    mutant("VEH-023", "time", "emergency stop signal flashes at 2.9 Hz", Bcm,
           "test_emergency_stop_signal_flashes_quickly", "flashes_as_emergency_stop", EMERGENCY_TICK=172 * ms),
    mutant("VEH-023", "time", "emergency stop signal flashes at 5.3 Hz", Bcm,
           "test_emergency_stop_signal_flashes_quickly", "flashes_as_emergency_stop", EMERGENCY_TICK=94 * ms),
    mutant("VEH-023", "time", "hard braking is followed 200 ms late", Bcm,
           "test_hard_braking_flashes_all_indicators", "Indicator",
           _receiver=hears_late("VehicleSpeedBody", 200 * ms)),
    mutant("VEH-023", "check", "emergency stop signal ends below 50 km/h", Bcm,
           "test_emergency_stop_signal_goes_on", "", is_emergency_stop=emergency_above_50_only),
    mutant("VEH-023", "state", "emergency stop signal never ends", Bcm,
           "test_emergency_stop_signal_ends", "IndicatorMode", is_emergency_stop=emergency_that_stays),
    # -- VEH-024: failed indicator lamps -----------------------------------------------------------------------------
    mutant("VEH-024", "time", "lamp counts as failed after a second", Bcm,
           "test_failed_lamp_is_found_in_time", "TelltaleLampFailure", any_failed=failed_for_a_second),
    mutant("VEH-024", "threshold", "side with a failed lamp flashes as usual", Bcm,
           "test_failed_lamp_doubles_the_rate_of_its_side", "all(", TICKS_FAILED=2),
    mutant("VEH-024", "check", "failed lamp doubles the rate of both sides", Bcm,
           "test_failed_lamp_doubles_the_rate_of_its_side", "flashes_as_direction_indicator", side_is_lit=doubled_everywhere),
    mutant("VEH-024", "check", "only the left side is looked at", Bcm,
           "test_failed_lamp_sets_a_telltale", "TelltaleLampFailure", any_failed=only_the_left_side),
    mutant("VEH-024", "check", "only front lamps are looked at", Bcm,
           "test_failed_lamp_sets_a_telltale", "TelltaleLampFailure", any_failed=only_the_front),
    mutant("VEH-024", "check", "only lit lamps are looked at", Bcm,
           "test_failed_lamp_sets_a_telltale", "TelltaleLampFailure", lamp_current=lit_lamps_only),
    mutant("VEH-024", "state", "lamp that has failed once stays failed", Bcm,
           "test_replaced_lamp_is_accepted", "flash_period", monitor_lamps=failure_for_ever),
    mutant("VEH-024", "check", "failed lamp lights no telltale", Ic,
           "test_failed_lamp_sets_a_telltale", "TelltaleLampFailure",
           is_lit=lambda self, name: name != "TelltaleLampFailure" and Ic.is_lit(self, name)),
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

