"""Faulty lighting: brake lamps, indicators in all their uses."""

from __future__ import annotations

from mutant import Mutant, always, hears_late, late, mutant

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


def emergency_that_goes_first(self: Bcm) -> str:
    """Who has the indicators as emergency stop signal keeps them."""
    return "EmergencyStop" if self.mode == "EmergencyStop" and self.emergency else Bcm.wanted_mode(self)


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


LIGHTING: tuple[Mutant, ...] = (
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
    mutant("VEH-022", "state", "emergency stop signal that has begun keeps the indicators", Bcm,
           "test_hazard_takes_over_from_the_emergency_stop_signal", "flash", wanted_mode=emergency_that_goes_first),
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
           "test_emergency_stop_signal_goes_on", "flashed only", EMERGENCY_OFF_MPS2=2.55),
    mutant("VEH-023", "time", "emergency stop signal flashes at 2.9 Hz", Bcm,
           "test_emergency_stop_signal_flashes_quickly", "flashes_as_emergency_stop", EMERGENCY_TICK=172 * ms),
    mutant("VEH-023", "time", "emergency stop signal flashes at 5.3 Hz", Bcm,
           "test_emergency_stop_signal_flashes_quickly", "flashes_as_emergency_stop", EMERGENCY_TICK=94 * ms),
    mutant("VEH-023", "time", "hard braking is followed 200 ms late", Bcm,
           "test_hard_braking_flashes_all_indicators", "Indicator",
           _receiver=hears_late("VehicleSpeedBody", 200 * ms)),
    mutant("VEH-023", "check", "emergency stop signal ends below 50 km/h", Bcm,
           "test_emergency_stop_signal_goes_on", "flashed only", is_emergency_stop=emergency_above_50_only),
    mutant("VEH-023", "state", "emergency stop signal never ends", Bcm,
           "test_emergency_stop_signal_ends", "IndicatorMode", is_emergency_stop=emergency_that_stays),
    # -- VEH-024: failed indicator lamps -----------------------------------------------------------------------------
    mutant("VEH-024", "time", "lamp counts as failed after a second", Bcm,
           "test_failed_lamp_is_found_in_time", "TelltaleLampFailure", any_failed=failed_for_a_second),
    mutant("VEH-024", "threshold", "side with a failed lamp flashes as usual", Bcm,
           "test_failed_lamp_doubles_the_rate_of_its_side", "all(", TICKS_FAILED=2),
    mutant("VEH-024", "check", "failed lamp doubles the rate of both sides", Bcm,
           "test_failed_lamp_doubles_the_rate_of_its_side", "flashes_as_direction_indicator",
           side_is_lit=doubled_everywhere),
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
)  # fmt: skip
