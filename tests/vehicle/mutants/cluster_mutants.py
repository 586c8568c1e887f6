"""Faulty instrument clusters and climate controls."""

from __future__ import annotations

from math import ceil
from typing import Any

from mutant import Mutant, hears_late, late, mutant, nothing, past

from harness.ecu import RxMessage
from harness.units import ms
from simulators.hvac import Hvac
from simulators.ic import Ic
from simulators.vcu import Vcu

# -- speedometer and odometer ------------------------------------------------------------------------------------------


def rounded_down_below_true(self: Ic, kmh: float) -> float:
    return int(kmh)


def shown_up_to_195(self: Ic, kmh: float) -> float:
    return min(Ic.displayed_speed(self, kmh), 195.0)


def shown_when_fast(self: Ic, kmh: float) -> float:
    return Ic.displayed_speed(self, kmh) if kmh > 5.0 else 0.0


def shown_on_a_scale(gain: float, lead: float) -> Any:
    def displayed_speed(self: Ic, kmh: float) -> float:
        return min(ceil(10 * (kmh * gain + min(kmh, lead))) / 10, 400.0)

    return displayed_speed


def smooth(self: Ic, kmh: float) -> float:
    """A low-pass with a time constant of about 200 ms."""
    self.smoothed = getattr(self, "smoothed", kmh) * 0.9 + kmh * 0.1
    return Ic.displayed_speed(self, self.smoothed)


def distance_counted_with(gain: float) -> Any:
    def count_distance(self: Ic, kmh: float, time: int) -> None:
        before = self.nvm["odometer_km"]
        Ic.count_distance(self, kmh, time)
        self.nvm["odometer_km"] += (gain - 1.0) * (self.nvm["odometer_km"] - before)

    return count_distance


def two_metres_less_when_fast(self: Ic) -> float:
    return Ic.odometer(self) - (0.002 if (self.speed_kmh or 0.0) > 60.0 else 0.0)


def trip_odometer(self: Ic, value: float, previous: float | None) -> None:
    Ic.key_turned(self, value, previous)
    if self.text("KeyPosition") == "On":
        self.nvm["odometer_km"] = 0.0


def odometer_in_memory(self: Ic) -> None:
    self.nvm["odometer_km"] = 0.0
    Ic.start(self)


# -- telltales ---------------------------------------------------------------------------------------------------------


def without(*telltales: str) -> Any:
    """These telltales never follow their sources."""
    return lambda self, name: name not in telltales and Ic.is_lit(self, name)


def lit_for_ever(self: Ic, telltale: str) -> bool:
    seen: set[str] = self.__dict__.setdefault("lit_once", set())
    if Ic.is_lit(self, telltale):
        seen.add(telltale)
    return telltale in seen


def one_left_out_of_the_check(self: Ic) -> None:
    Ic.show_telltales(self)
    if self.lamp_check is not None:
        self.set(TelltaleHighBeam="Off")


def sources_before_the_check(self: Ic) -> None:
    Ic.show_telltales(self)
    if self.lamp_check is not None and self.rx("DoorStatus").valid:
        lit = self.is_lit("TelltaleDoorOpen")
        self.shown_open = lit or getattr(self, "shown_open", False)
        self.set(TelltaleDoorOpen="On" if lit or not self.shown_open else "Off")


def check_once(self: Ic, value: float, previous: float | None) -> None:
    if not self.nvm.get("checked"):
        Ic.key_turned(self, value, previous)
    self.nvm["checked"] = self.nvm.get("checked") or self.text("KeyPosition") == "On"
    self.nvm["key_on"] = self.text("KeyPosition") == "On"


# -- seat-belt chime and "no data" -------------------------------------------------------------------------------------


def belt_not_looked_at(self: Ic, kmh: float) -> bool:
    return kmh > self.CHIME_ABOVE_KMH


def belt_of_the_beginning(self: Ic, message: RxMessage) -> None:
    """The belt is looked at when the speed passes 10 km/h, and not again."""
    fast = self.get("VehicleSpeedBody", 0.0) > self.CHIME_ABOVE_KMH
    if fast != getattr(self, "was_fast", False) or not fast:
        self.was_fast = fast
        Ic.remind(self, message)


def one_chime(self: Ic, on: bool) -> None:
    self.chimed = getattr(self, "chimed", 0) + on
    Ic.sound(self, on and self.chimed < 2)


def low_charge_at_key_on(self: Ic) -> bool:
    if self.lamp_check is not None or not hasattr(self, "charge_low"):
        self.charge_low = Ic.charge_is_low(self)
    return self.charge_low


def no_data_only_for_speed(self: Ic, message: str) -> None:
    if message == "VehicleSpeedBody":
        Ic.check(self, message)


def range_stays_valid(self: Ic, message: str) -> None:
    Ic.check(self, message)
    if message == "BatteryChargeBody":
        self.set(RangeDisplay="Valid")


def no_data_for_ever(self: Ic, message: str) -> None:
    lost: set[str] = self.__dict__.setdefault("lost", set())
    if message not in lost:
        Ic.arrived(self, message)
    if self.known[message]:
        lost.add(message)


# -- climate -----------------------------------------------------------------------------------------------------------


def half_power_when_refused(self: Hvac) -> float:
    return max(1.0, Hvac.permitted_power(self))


def refused_for_ever(self: Hvac) -> float:
    self.been_refused = getattr(self, "been_refused", False) or (
        self.limit_kw > 0.0 and Hvac.permitted_power(self) == 0.0
    )
    return 0.0 if self.been_refused else Hvac.permitted_power(self)


def reported_only(self: Hvac) -> float:
    before = self.plant["compressor_power"]
    power = Hvac.apply(self)
    if power == 0.0 and self.limit_kw == 0.0:
        self.plant["compressor_power"] = before
    return power


def granted_at_start(self: Vcu) -> float:
    derating = self.get("DeratingFactor", 0.0)
    return self.COMPRESSOR_MAX_KW if 0.0 < derating < 30.0 and self.machine.elapsed < 1_000_000_000 else (
        Vcu.compressor_limit_kw(self))


CLUSTER: tuple[Mutant, ...] = (
    # -- VEH-040: speedometer ----------------------------------------------------------------------------------------
    mutant("VEH-040", "threshold", "speedometer shows whole km/h, rounded down", Ic,
           "test_speedometer_shows_a_steady_speed", "DisplayedSpeed", displayed_speed=rounded_down_below_true),
    mutant("VEH-040", "threshold", "speedometer shows 0.5 % too little", Ic,
           "test_speedometer_shows_a_steady_speed", "DisplayedSpeed", displayed_speed=shown_on_a_scale(0.995, 0.0)),
    mutant("VEH-040", "threshold", "speedometer leads by 4.2 km/h and 10 %", Ic,
           "test_speedometer_shows_a_steady_speed", "DisplayedSpeed", displayed_speed=shown_on_a_scale(1.1, 4.2)),
    mutant("VEH-040", "threshold", "speedometer ends at 195 km/h", Ic,
           "test_speedometer_shows_a_steady_speed", "DisplayedSpeed", displayed_speed=shown_up_to_195),
    mutant("VEH-040", "threshold", "speedometer shows 0 up to 5 km/h", Ic,
           "test_speedometer_shows_a_steady_speed", "DisplayedSpeed", displayed_speed=shown_when_fast),
    mutant("VEH-040", "time", "speedometer follows 200 ms late", Ic,
           "test_speedometer_follows_in_time", "DisplayedSpeed", _receiver=hears_late("VehicleSpeedBody", 200 * ms)),
    mutant("VEH-040", "time", "speedometer smooths over 200 ms", Ic,
           "test_speedometer_is_right_on_any_drive", "shown at", displayed_speed=smooth),
    # -- VEH-041: odometer -------------------------------------------------------------------------------------------
    mutant("VEH-041", "threshold", "odometer counts 0.2 % too much", Ic,
           "test_odometer_matches_a_long_way", "0.001 *", count_distance=distance_counted_with(1.002)),
    mutant("VEH-041", "threshold", "odometer counts 1 % too little", Ic,
           "test_odometer_matches_the_way", "0.001 *", count_distance=distance_counted_with(0.99)),
    mutant("VEH-041", "check", "odometer goes back a little above 60 km/h", Ic,
           "test_odometer_matches_the_way", "all(", odometer=two_metres_less_when_fast),
    mutant("VEH-041", "state", "odometer begins anew with the key", Ic,
           "test_odometer_survives_a_key_cycle", "odometer", key_turned=trip_odometer),
    mutant("VEH-041", "state", "odometer is forgotten without supply", Ic,
           "test_odometer_survives_losing_its_supply", "odometer", start=odometer_in_memory),
    # -- VEH-042: seat-belt chime ------------------------------------------------------------------------------------
    mutant("VEH-042", "threshold", "chime sounds above 10.2 km/h", Ic,
           "test_chime_starts_when_driving_unbelted", "SeatBeltChime", CHIME_ABOVE_KMH=10.2),
    mutant("VEH-042", "threshold", "chime sounds at 10 km/h", Ic,
           "test_no_chime_without_reason", "SeatBeltChime", CHIME_ABOVE_KMH=9.95),
    mutant("VEH-042", "time", "chime starts 1 s late", Ic,
           "test_chime_starts_when_driving_unbelted", "SeatBeltChime",
           _receiver=hears_late("VehicleSpeedBody", 1_000 * ms)),
    mutant("VEH-042", "time", "chime lasts 90.2 s", Ic,
           "test_chime_ends_after_90_seconds", "SeatBeltChime", CHIME_TIME=90_200 * ms),
    mutant("VEH-042", "check", "chime does not look at the belt", Ic,
           "test_no_chime_without_reason", "SeatBeltChime", is_unbelted_drive=belt_not_looked_at),
    mutant("VEH-042", "check", "chime does not notice a belt that is opened while driving", Ic,
           "test_chime_starts_when_the_belt_is_opened", "SeatBeltChime", remind=belt_of_the_beginning),
    mutant("VEH-042", "state", "chime sounds once", Ic,
           "test_chime_starts_when_the_belt_is_opened", "SeatBeltChime", sound=one_chime),
    mutant("VEH-042", "state", "chime never ends", Ic,
           "test_chime_ends_after_90_seconds", "SeatBeltChime", end_chime=nothing),
    # -- VEH-043: telltales ------------------------------------------------------------------------------------------
    mutant("VEH-043", "time", "telltales follow 200 ms late", Ic,
           "test_telltale_follows_its_source", "Telltale", sources_changed=late(Ic.sources_changed, 200 * ms)),
    mutant("VEH-043", "time", "lamp check lasts 2.3 s", Ic,
           "test_all_telltales_are_tested_after_key_on", "Telltale", LAMP_CHECK=2_300 * ms),
    mutant("VEH-043", "time", "lamp check lasts 1.7 s", Ic,
           "test_all_telltales_are_tested_after_key_on", "Telltale", LAMP_CHECK=1_700 * ms),
    mutant("VEH-043", "threshold", "charge is low below 8.5 %", Ic,
           "test_low_charge_telltale", "TelltaleLowCharge", LOW_CHARGE_PERCENT=8.5),
    mutant("VEH-043", "threshold", "charge is low below 11.5 %", Ic,
           "test_low_charge_telltale", "TelltaleLowCharge", LOW_CHARGE_PERCENT=11.5),
    mutant("VEH-043", "state", "charge is looked at after key-on only", Ic,
           "test_low_charge_telltale_follows_the_charge", "TelltaleLowCharge", charge_is_low=low_charge_at_key_on),
    mutant("VEH-043", "check", "airbag telltale does not follow", Ic,
           "test_telltale_follows_its_source", "TelltaleAirbag", is_lit=without("TelltaleAirbag")),
    mutant("VEH-043", "check", "temperature telltale does not follow", Ic,
           "test_telltale_follows_a_warning", "TelltaleTemperature", is_lit=without("TelltaleTemperature")),
    mutant("VEH-043", "check", "telltale of the anti-lock system does not follow", Ic,
           "test_abs_telltale_follows_the_anti_lock_system", "TelltaleAbs", is_lit=without("TelltaleAbs")),
    mutant("VEH-043", "check", "indicator telltales do not follow", Ic,
           "test_indicator_telltale_flashes_with_its_lamps", "TelltaleIndicator",
           is_lit=without("TelltaleIndicatorLeft", "TelltaleIndicatorRight")),
    mutant("VEH-043", "check", "high beam is left out of the lamp check", Ic,
           "test_all_telltales_are_tested_after_key_on", "TelltaleHighBeam", show_telltales=one_left_out_of_the_check),
    mutant("VEH-043", "check", "sources take precedence of the lamp check", Ic,
           "test_lamp_test_takes_precedence", "TelltaleDoorOpen", show_telltales=sources_before_the_check),
    mutant("VEH-043", "state", "telltales stay on", Ic,
           "test_telltale_follows_its_source", "Telltale", is_lit=lit_for_ever),
    mutant("VEH-043", "state", "lamps are checked at the first key-on only", Ic,
           "test_telltales_are_tested_at_every_key_on", "LampTest", key_turned=check_once),
    # -- VEH-044: no data --------------------------------------------------------------------------------------------
    mutant("VEH-044", "time", "no data from the sixth missed cycle on", Ic,
           "test_missing_value_shows_no_data", "Display", MISSED_CYCLES=6),
    mutant("VEH-044", "time", "no data from the fourth missed cycle on", Ic,
           "test_missing_value_shows_no_data", "Display", MISSED_CYCLES=4),
    mutant("VEH-044", "check", "only a missing speed is noticed", Ic,
           "test_missing_value_shows_no_data", "Display", check=no_data_only_for_speed),
    mutant("VEH-044", "check", "range is shown without data", Ic,
           "test_missing_value_shows_no_data", "RangeDisplay", check=range_stays_valid),
    mutant("VEH-044", "state", "no data stays when the message is back", Ic,
           "test_missing_value_shows_no_data", "Display", arrived=no_data_for_ever),
    # -- VEH-052: compressor -----------------------------------------------------------------------------------------
    mutant("VEH-052", "threshold", "compressor is refused below 29 % derating", Vcu,
           "test_derated_battery_cuts_the_compressor", "CompressorPower", COMPRESSOR_MIN_DERATING_PERCENT=29.0),
    mutant("VEH-052", "threshold", "compressor is refused below 30.5 % derating", Vcu,
           "test_little_derating_leaves_the_compressor_on", "CompressorPower", COMPRESSOR_MIN_DERATING_PERCENT=30.5),
    mutant("VEH-052", "time", "permission is followed 200 ms late", Hvac,
           "test_derated_battery_cuts_the_compressor", "CompressorPower",
           _receiver=hears_late("DriveStatusBody", 200 * ms)),
    mutant("VEH-052", "time", "derating is followed 200 ms late", Vcu,
           "test_derated_battery_cuts_the_compressor", "CompressorPower",
           compressor_limit_kw=past(Vcu.compressor_limit_kw, 200 * ms)),
    mutant("VEH-052", "check", "compressor may always draw 1 kW", Hvac,
           "test_derated_battery_cuts_the_compressor", "CompressorPower", permitted_power=half_power_when_refused),
    mutant("VEH-052", "check", "cut is reported, but the compressor runs on", Hvac,
           "test_derated_battery_cuts_the_compressor", "== 0", apply=reported_only),
    mutant("VEH-052", "check", "compressor is permitted during the first second in Ready", Vcu,
           "test_hot_battery_keeps_the_compressor_off_from_the_start", "CompressorPower",
           compressor_limit_kw=granted_at_start),
    mutant("VEH-052", "state", "compressor that was refused once never runs again", Hvac,
           "test_battery_that_cooled_down_lets_the_compressor_run_again", "CompressorPower",
           permitted_power=refused_for_ever),
)  # fmt: skip
