"""Faulty brakes, regeneration and speed limiters."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, hears_late, mutant

from harness.units import ms
from simulators.bms import Bms
from simulators.esp import Esp
from simulators.governor import Governor
from simulators.plant import VehiclePlant
from simulators.vcu import Vcu

# -- regeneration and speed limiter ------------------------------------------------------------------------------------


def regenerating_into_a_full_battery(self: Vcu) -> float:
    return self.get("MotorRegenLimit", 0.0) * self.regen_by_speed()


def regenerating_backward(self: Vcu) -> float:
    return 1.0 if self.get("MotorSpeed", 0) < 0 else Vcu.regen_by_speed(self)


def one_percent_less(self: Bms) -> float:
    return max(0.0, Bms.charge_by_voltage(self) - 1.0)


def governor(**changes: float) -> Any:
    """The method ``start`` of a VCU with another governor."""
    faulty = type("FaultyGovernor", (Governor,), {"__slots__": (), **changes})

    def start(self: Vcu) -> None:
        Vcu.start(self)
        self.governor = faulty()

    return start


def limit_with_margin(self: Vcu) -> float:
    target = Vcu.target_speed(self)
    return target + 2.5 if target < self.TOP_SPEED_KMH and not self.limping() else target


def first_limit(self: Vcu) -> float:
    if not self.get("SpeedLimiterSwitchPowertrain", 0):
        return getattr(self, "kept_target", Vcu.target_speed(self))
    self.kept_target = Vcu.target_speed(self)
    return self.kept_target


def limit_when_switched_on(self: Vcu) -> float:
    target = Vcu.target_speed(self)
    if not self.get("SpeedLimiterSwitchPowertrain", 0):
        self.limit_at_first = None
        return target
    self.limit_at_first = getattr(self, "limit_at_first", None) or target
    return self.limit_at_first


def limit_for_acceleration_only(self: Vcu) -> float:
    target = Vcu.target_speed(self)
    return target if self.speed_kmh < target + 3.0 else self.TOP_SPEED_KMH


# -- brakes and speed --------------------------------------------------------------------------------------------------


def front_wheels_only(self: Esp, speed_kmh: float) -> float:
    plant = self.plant.values
    slowest = min(abs(plant["wheel_speed_front_left"]), abs(plant["wheel_speed_front_right"]))
    return max(0.0, 100.0 * (1.0 - slowest / speed_kmh)) if speed_kmh >= self.STANDSTILL_KMH else 0.0


def slip_either_way(self: Esp, speed_kmh: float) -> float:
    if speed_kmh < self.STANDSTILL_KMH:
        return 0.0
    return max(abs(self.plant[f"wheel_slip_{end}_{side}"]) for end in ("front", "rear") for side in ("left", "right"))


def abs_without_brake(self: Esp, speed_kmh: float, slip_percent: float) -> bool:
    return slip_percent > self.ABS_SLIP_PERCENT and speed_kmh > self.ABS_MIN_SPEED_KMH


def abs_after_a_while(self: Esp, speed_kmh: float, slip_percent: float) -> bool:
    if not Esp.abs_wanted(self, speed_kmh, slip_percent):
        self.slipping_since = None
        return False
    self.slipping_since = getattr(self, "slipping_since", None) or self.now
    return self.now - self.slipping_since >= 90 * ms


MOTION: tuple[Mutant, ...] = (
    # -- VEH-016: brakes ---------------------------------------------------------------------------------------------
    mutant("VEH-016", "threshold", "brake pressure is 1.5 % too high", Esp,
           "test_pressure_follows_the_pedal", "BrakePressure", BAR_PER_PERCENT=1.624),
    mutant("VEH-016", "time", "brake pedal is followed 40 ms late", Esp,
           "test_pressure_follows_the_pedal", "BrakePressure", _receiver=hears_late("Pedals", 40 * ms)),
    mutant("VEH-016", "time", "brake hydraulics are ten times too slow", VehiclePlant,
           "test_pressure_follows_the_pedal", "BrakePressure", PRESSURE_BAR_PER_S=2_000.0),
    mutant("VEH-016", "threshold", "anti-lock control begins above 21 % slip", Esp,
           "test_abs_works_on_every_wheel", "AbsActive", ABS_SLIP_PERCENT=21.0),
    mutant("VEH-016", "threshold", "anti-lock control begins at 20 % slip", Esp,
           "test_abs_stays_out_of_it", "AbsActive", ABS_SLIP_PERCENT=19.9),
    mutant("VEH-016", "threshold", "anti-lock control begins above 10.5 km/h", Esp,
           "test_abs_works_on_every_wheel", "AbsActive", ABS_MIN_SPEED_KMH=10.5),
    mutant("VEH-016", "threshold", "anti-lock control begins at 10 km/h", Esp,
           "test_abs_stays_out_of_it", "AbsActive", ABS_MIN_SPEED_KMH=9.95),
    mutant("VEH-016", "time", "anti-lock control begins 90 ms late", Esp,
           "test_abs_reports_in_time", "AbsActive", abs_wanted=abs_after_a_while),
    mutant("VEH-016", "check", "anti-lock control sees the front wheels only", Esp,
           "test_abs_works_on_every_wheel", "AbsActive", largest_slip=front_wheels_only),
    mutant("VEH-016", "check", "anti-lock control does not ask for the brake", Esp,
           "test_abs_stays_out_of_it", "AbsActive", abs_wanted=abs_without_brake),
    mutant("VEH-016", "check", "wheels that spin count as locked", Esp,
           "test_abs_stays_out_of_it", "AbsActive", largest_slip=slip_either_way),
    # -- VEH-017: regeneration ---------------------------------------------------------------------------------------
    mutant("VEH-017", "threshold", "motor brakes down to 4.5 km/h", Vcu,
           "test_no_regeneration_when_slow", "TorqueRequest", REGEN_MIN_SPEED_KMH=4.5),
    mutant("VEH-017", "threshold", "battery takes its charge for 1 % less", Bms,
           "test_no_regeneration_into_a_full_battery", "TorqueRequest", charge_by_voltage=one_percent_less),
    mutant("VEH-017", "check", "motor brakes into a full battery", Vcu,
           "test_no_regeneration_into_a_full_battery", "TorqueRequest", regen_limit=regenerating_into_a_full_battery),
    mutant("VEH-017", "check", "motor brakes at any speed backward", Vcu,
           "test_no_regeneration_when_slow_backward", "TorqueRequest", regen_by_speed=regenerating_backward),
    mutant("VEH-017", "time", "motor brakes until the speed is known to be low", Vcu,
           "test_regeneration_ends_before_the_car_is_slow", "TorqueRequest", REGEN_LOOK_AHEAD_S=0.0),
    # -- VEH-018: speed limiter --------------------------------------------------------------------------------------
    mutant("VEH-018", "threshold", "limiter aims 2.5 km/h above the limit", Vcu,
           "test_speed_limiter_holds_its_limit", "VehicleSpeed", target_speed=limit_with_margin),
    mutant("VEH-018", "threshold", "limiter has no integral", Vcu,
           "test_speed_limiter_holds_its_limit", "VehicleSpeed", start=governor(INTEGRAL_NM_PER_KMH_S=0.0)),
    mutant("VEH-018", "time", "limiter settles slowly", Vcu,
           "test_speed_limiter_holds_its_limit", "VehicleSpeed", start=governor(INTEGRAL_NM_PER_KMH_S=0.5)),
    mutant("VEH-018", "check", "limiter winds up on the way to its limit", Vcu,
           "test_limit_is_not_overshot_after_a_long_approach", "VehicleSpeed", start=governor(BAND_KMH=100.0)),
    mutant("VEH-018", "check", "limit below the speed is ignored", Vcu,
           "test_limit_set_below_the_speed_slows_the_car_down", "TorqueRequest",
           target_speed=limit_for_acceleration_only),
    mutant("VEH-018", "state", "limit cannot be changed while the limiter is on", Vcu,
           "test_limit_can_be_changed_while_it_is_on", "VehicleSpeed", target_speed=limit_when_switched_on),
    mutant("VEH-018", "state", "limit stays when the limiter is switched off", Vcu,
           "test_limiter_that_is_off_limits_nothing", "VehicleSpeed", target_speed=first_limit),
)  # fmt: skip
