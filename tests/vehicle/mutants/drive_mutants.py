"""Faulty drives: gears, torque, limp-home."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, always, hears_late, late, mutant, nothing, past

from harness.ecu import RxMessage
from harness.units import ms
from simulators.esp import Esp
from simulators.ic import Ic
from simulators.inv import Inv
from simulators.vcu import BRAKE_NOT_PRESSED, NO_REASON, NOT_READY, NOT_STANDSTILL, SPEED_TOO_HIGH, D, N, P, R, Vcu

# -- gears -------------------------------------------------------------------------------------------------------------


def brake_at_its_limit(self: Vcu) -> int:
    reason = Vcu.refusal_of_drive(self)
    return NO_REASON if reason == BRAKE_NOT_PRESSED and self.brake >= self.GEAR_BRAKE_PERCENT else reason


def drive_unless(forgiven: int) -> Any:
    """Drive is not refused for this reason."""

    def refusal_of_drive(self: Vcu) -> int:
        reason = Vcu.refusal_of_drive(self)
        return NO_REASON if reason == forgiven else reason

    return refusal_of_drive


def limited_forward_only(self: Vcu, driver: float, limit: float) -> float:
    return driver if self.gear == R and not self.brake_override else Vcu.drive_torque(self, driver, limit)


def overridden_forward_only(self: Vcu, driver: float, limit: float) -> float:
    return min(driver, max(0.0, limit)) if self.gear == R else Vcu.drive_torque(self, driver, limit)


def drive_in_limp(self: Vcu) -> int:
    return NO_REASON if self.machine.state == "Limp" else Vcu.refusal_of_drive(self)


def silent_refusal(self: Vcu, value: float, previous: float | None) -> None:
    before = self.reason
    Vcu.follow_lever(self, value, previous)
    if self.reason:
        self.reason = before
        self.refresh()


def request_is_kept(self: Vcu) -> None:
    if self.get("GearRequest") == D and self.gear not in (D, R) and not self.refusal(D):
        self.engage(D)
    Vcu.tick(self)


def reverse_is_kept(self: Vcu) -> None:
    if self.get("GearRequest") == R and self.gear == D and not self.refusal(R):
        self.engage(R)
    Vcu.tick(self)


def reverse_by_speed_in_drive(self: Vcu) -> int:
    reason = Vcu.refusal_of_reverse(self)
    return NO_REASON if reason == SPEED_TOO_HIGH and self.gear != D else reason


def reverse_out_of_drive_only(self: Vcu) -> int:
    return Vcu.refusal_of_reverse(self) or (NOT_READY if self.gear != D else NO_REASON)


def neutral_instead_of_reverse(self: Vcu) -> int:
    reason = Vcu.refusal_of_reverse(self)
    if reason == SPEED_TOO_HIGH:
        self.engage(N)
    return reason


def direction_by_state(self: Vcu) -> int:
    """A gear is looked at in Drive only, and Ready counts as Drive."""
    return 1 if self.machine.state in ("Ready", "Drive") else Vcu.direction(self)


def direction_in_limp(self: Vcu) -> int:
    return 1 if self.machine.state == "Limp" and self.gear in (N, P) else Vcu.direction(self)


def neutral_out_of_reverse(self: Vcu) -> int:
    if self.gear == R:
        self.was_in_reverse = True
    elif self.gear != N:
        self.was_in_reverse = False
    return -1 if self.gear == N and getattr(self, "was_in_reverse", False) else Vcu.direction(self)


def braking_in_neutral(self: Vcu) -> int:
    rolling = self.machine.state == "Ready" and self.gear == N and not self.accelerator
    return 1 if rolling else Vcu.direction(self)


def creep(self: Vcu) -> int:
    return 1 if self.machine.state == "Ready" and self.gear == N else Vcu.direction(self)


def parked_only(self: Vcu) -> int:
    return 1 if self.machine.state == "Ready" and self.gear == P and self.accelerator > 90 else Vcu.direction(self)


def torque_for_a_floored_accelerator(self: Vcu) -> None:
    Vcu.update_torque(self)
    if self.machine.state == "Ready" and self.accelerator > 90.0:
        self.set(TorqueRequest=0.2)


# -- torque ------------------------------------------------------------------------------------------------------------


def driver_alone(self: Vcu, driver: float, limit: float) -> float:
    return 0.0 if self.brake_override else driver


def driver_and_speed(self: Vcu, limit: float) -> float:
    return max(0.0, self.speed_limit())


def limit_that_stays(self: Vcu, limit: float) -> float:
    self.lowest = min(getattr(self, "lowest", limit) or limit, limit or 5.0)
    return min(limit, self.lowest)


def half_torque_backward(self: Vcu, driver: float, limit: float) -> float:
    return Vcu.drive_torque(self, driver, limit) * (0.5 if self.gear == R else 1.0)


def both_pressed_at_the_limit(self: Vcu) -> bool:
    return self.accelerator >= self.OVERRIDE_PERCENT and self.brake >= self.OVERRIDE_PERCENT


def released_below(percent: float) -> Any:
    return lambda self: self.accelerator < percent


def override_without_time(self: Vcu) -> None:
    if self.both_pressed():
        self.brake_override = True
    Vcu.watch_both_pedals(self)


def accelerator_first(self: Vcu) -> bool:
    """Pedals count as pressed together only when the brake comes on top of the accelerator."""
    both = Vcu.both_pressed(self)
    if not both:
        self.brake_was_first = self.brake > self.OVERRIDE_PERCENT
    return both and not getattr(self, "brake_was_first", False)


def overlaps_that_add_up(self: Vcu) -> None:
    """The time for which both pedals were pressed is kept when one is released."""
    if self.both_pressed():
        self.pressed_at = getattr(self, "pressed_at", None) or self.now
        if self.now - self.pressed_at + getattr(self, "pressed_for", 0) >= self.OVERRIDE_TIME:
            self.brake_override = True
    elif getattr(self, "pressed_at", None):
        self.pressed_for = getattr(self, "pressed_for", 0) + self.now - self.pressed_at
        self.pressed_at = None
        self.brake_override = self.pressed_for >= self.OVERRIDE_TIME
    Vcu.watch_both_pedals(self)


def override_of_any_overlap(self: Vcu) -> None:
    self.brake_override = True
    self.refresh()


# -- limp-home ---------------------------------------------------------------------------------------------------------


def limp_forgotten(self: Vcu, message: RxMessage) -> None:
    Vcu.follow_pedals(self, message)
    if self.machine.state == "Limp" and self.machine.elapsed > 800 * ms:
        self.machine.to("Drive" if self.gear in (D, R) else "Ready")


def engage_out_of_limp(self: Vcu, gear: int) -> None:
    if self.machine.state == "Limp":
        self.machine.to("Ready")
    Vcu.engage(self, gear)


def limp_for_ever(self: Vcu) -> None:
    been = self.machine.state == "Limp" or self.nvm.get("been_in_limp", False)
    Vcu.switch_off(self)
    self.nvm["been_in_limp"] = been


def switch_on_to_limp(self: Vcu) -> None:
    Vcu.switch_on(self)
    if self.nvm.get("been_in_limp"):
        self.limp(6)


def limp_in_drive_only(self: Vcu, code: int) -> None:
    if self.machine.state == "Drive":
        Vcu.limp(self, code)


def errors_added_up(self: Vcu, message: RxMessage) -> None:
    self.wrong_pedals = getattr(self, "wrong_pedals", 0) + 1
    self.pedals_heard = max(self.now, self.pedals_heard)
    if self.wrong_pedals >= self.PEDAL_ERRORS:
        self.limp(7)


DRIVE: tuple[Mutant, ...] = (
    # -- VEH-004: Drive ----------------------------------------------------------------------------------------------
    mutant("VEH-004", "threshold", "Drive needs more than 5.2 % of brake", Vcu,
           "test_drive_is_selected_with_the_brake_pressed", "Gear", GEAR_BRAKE_PERCENT=5.2),
    mutant("VEH-004", "threshold", "Drive comes in at 5 % of brake", Vcu,
           "test_drive_is_refused_without_the_brake", "GearRefusedReason", refusal_of_drive=brake_at_its_limit),
    mutant("VEH-004", "threshold", "a car below 1.5 km/h counts as standing", Esp,
           "test_drive_is_refused_while_rolling", "GearRefusedReason", STANDSTILL_KMH=1.5),
    mutant("VEH-004", "time", "gear lever is followed 200 ms late", Vcu,
           "test_drive_is_selected_with_the_brake_pressed", "Gear", follow_lever=late(Vcu.follow_lever, 200 * ms)),
    mutant("VEH-004", "time", "refusal is shown 200 ms late", Vcu,
           "test_drive_is_refused_without_the_brake", "GearRefusedReason",
           follow_lever=late(Vcu.follow_lever, 200 * ms)),
    mutant("VEH-004", "check", "Drive does not need the brake", Vcu,
           "test_drive_is_refused_without_the_brake", "GearRefusedReason",
           refusal_of_drive=drive_unless(BRAKE_NOT_PRESSED)),
    mutant("VEH-004", "check", "Drive does not need standstill", Vcu,
           "test_drive_is_refused_while_rolling", "GearRefusedReason", refusal_of_drive=drive_unless(NOT_STANDSTILL)),
    mutant("VEH-004", "check", "Drive comes in when the drive is not ready", Vcu,
           "test_drive_is_refused_when_the_car_is_not_on", "GearRefusedReason",
           refusal_of_drive=drive_unless(NOT_READY)),
    mutant("VEH-004", "check", "Drive comes in while in Limp", Vcu,
           "test_drive_is_refused_in_limp", "GearRefusedReason", refusal_of_drive=drive_in_limp),
    mutant("VEH-004", "check", "refusal gives no reason", Vcu,
           "test_drive_is_refused_during_precharge", "GearRefusedReason", follow_lever=silent_refusal),
    mutant("VEH-004", "state", "refused request for Drive comes in later", Vcu,
           "test_drive_is_refused_during_precharge", "Gear", tick=request_is_kept),
    # -- VEH-005: Reverse --------------------------------------------------------------------------------------------
    mutant("VEH-005", "threshold", "Reverse comes in at 3 km/h", Vcu,
           "test_reverse_is_ignored_when_fast", "Gear", REVERSE_MAX_KMH=3.05),
    mutant("VEH-005", "threshold", "Reverse is refused from 2.8 km/h on", Vcu,
           "test_reverse_is_selected_when_slow", "Gear", REVERSE_MAX_KMH=2.8),
    mutant("VEH-005", "check", "Reverse comes in at any speed", Vcu,
           "test_reverse_is_ignored_when_fast", "Gear", REVERSE_MAX_KMH=400.0),
    mutant("VEH-005", "check", "Reverse comes in at any speed out of N", Vcu,
           "test_reverse_is_ignored_when_rolling_in_neutral", "Gear", refusal_of_reverse=reverse_by_speed_in_drive),
    mutant("VEH-005", "check", "Reverse comes in out of Drive only", Vcu,
           "test_reverse_is_selected_out_of_park", "Gear", refusal_of_reverse=reverse_out_of_drive_only),
    mutant("VEH-005", "state", "ignored request for Reverse comes in later", Vcu,
           "test_ignored_reverse_does_not_come_in_later", "Gear", tick=reverse_is_kept),
    mutant("VEH-005", "state", "ignored request for Reverse leaves Drive for N", Vcu,
           "test_reverse_is_ignored_when_fast", "Gear", refusal_of_reverse=neutral_instead_of_reverse),
    # -- VEH-006: torque ---------------------------------------------------------------------------------------------
    mutant("VEH-006", "threshold", "accelerator map ends at 201 Nm", Vcu,
           "test_torque_follows_the_accelerator", "TorqueRequest", MAX_TORQUE_NM=201.0),
    mutant("VEH-006", "threshold", "accelerator map begins at 3.5 %", Vcu,
           "test_torque_follows_the_accelerator", "TorqueRequest", ACCELERATOR_RELEASED_PERCENT=3.5),
    mutant("VEH-006", "time", "pedals are followed 30 ms late", Vcu,
           "test_torque_follows_the_accelerator", "TorqueRequest", _receiver=hears_late("Pedals", 30 * ms)),
    mutant("VEH-006", "time", "limit of the inverter is followed 40 ms late", Vcu,
           "test_hot_inverter_limits_the_torque", "TorqueRequest", inverter_limit=past(Vcu.inverter_limit, 40 * ms)),
    mutant("VEH-006", "check", "torque request respects no limit", Vcu,
           "test_hot_inverter_limits_the_torque", "TorqueRequest", drive_torque=driver_alone),
    mutant("VEH-006", "check", "torque request respects the limit by speed only", Vcu,
           "test_torque_never_exceeds_its_limits", "torque request", limit_of_request=driver_and_speed),
    mutant("VEH-006", "time", "limit that rises is used before it is known", Vcu,
           "test_torque_never_exceeds_its_limits", "torque request", limit_of_request=lambda self, limit: limit),
    mutant("VEH-006", "check", "Reverse gives half the torque", Vcu,
           "test_torque_follows_the_accelerator_in_reverse", "TorqueRequest", drive_torque=half_torque_backward),
    mutant("VEH-006", "state", "limit that has ended stays", Vcu,
           "test_torque_comes_back_when_the_limit_does", "TorqueRequest", limit_of_request=limit_that_stays),
    mutant("VEH-006", "check", "limits do not hold in Reverse", Vcu,
           "test_limits_hold_in_reverse", "TorqueRequest", drive_torque=limited_forward_only),
    # -- VEH-007: brake override -------------------------------------------------------------------------------------
    mutant("VEH-007", "threshold", "pedals count as pressed above 10.2 %", Vcu,
           "test_brake_overrides_the_accelerator", "TorqueRequest", OVERRIDE_PERCENT=10.2),
    mutant("VEH-007", "threshold", "pedals count as pressed at 10 %", Vcu,
           "test_one_pedal_at_its_limit_overrides_nothing", "TorqueRequest", both_pressed=both_pressed_at_the_limit),
    mutant("VEH-007", "threshold", "accelerator counts as released at 3 %", Vcu,
           "test_override_lasts_until_the_accelerator_is_released", "TorqueRequest",
           accelerator_released=released_below(3.05)),
    mutant("VEH-007", "threshold", "accelerator counts as released below 2.8 % only", Vcu,
           "test_override_lasts_until_the_accelerator_is_released", "TorqueRequest",
           accelerator_released=released_below(2.8)),
    mutant("VEH-007", "time", "brake overrides after 160 ms", Vcu,
           "test_brake_overrides_the_accelerator", "TorqueRequest", OVERRIDE_TIME=160 * ms),
    mutant("VEH-007", "time", "brake overrides after 85 ms", Vcu,
           "test_short_overlap_overrides_nothing", "TorqueRequest", OVERRIDE_TIME=85 * ms),
    mutant("VEH-007", "check", "brake overrides at once", Vcu,
           "test_short_overlap_overrides_nothing", "TorqueRequest", watch_both_pedals=override_without_time),
    mutant("VEH-007", "check", "overlap that is over overrides all the same", Vcu,
           "test_short_overlap_overrides_nothing", "TorqueRequest", override_torque=override_of_any_overlap),
    mutant("VEH-007", "check", "brake does not override in Reverse", Vcu,
           "test_brake_overrides_the_accelerator_in_reverse", "TorqueRequest",
           drive_torque=overridden_forward_only),
    mutant("VEH-007", "check", "brake that was pressed first does not override", Vcu,
           "test_brake_that_was_pressed_first_overrides_the_accelerator", "TorqueRequest",
           both_pressed=accelerator_first),
    mutant("VEH-007", "state", "short overlaps add up", Vcu,
           "test_short_overlaps_do_not_add_up", "TorqueRequest", watch_both_pedals=overlaps_that_add_up),
    mutant("VEH-007", "state", "releasing the brake ends the override", Vcu,
           "test_override_lasts_until_the_accelerator_is_released", "TorqueRequest",
           accelerator_released=lambda self: self.brake < 10.0),
    mutant("VEH-007", "state", "override never ends", Vcu,
           "test_override_lasts_until_the_accelerator_is_released", "TorqueRequest",
           accelerator_released=always(False)),
    # -- VEH-008: limp-home ------------------------------------------------------------------------------------------
    mutant("VEH-008", "time", "missing pedals are noticed after 105 ms", Vcu,
           "test_missing_pedals_lead_to_limp", "DriveState", PEDAL_TIMEOUT=105 * ms),
    mutant("VEH-008", "time", "four missing pedal messages lead to Limp", Vcu,
           "test_few_missing_pedal_messages_are_tolerated", "DriveState", PEDAL_TIMEOUT=45 * ms),
    mutant("VEH-008", "time", "Limp follows wrong pedals 60 ms late", Vcu,
           "test_wrong_checksums_lead_to_limp", "DriveState", limp=late(Vcu.limp, 60 * ms)),
    mutant("VEH-008", "threshold", "four wrong pedal messages lead to Limp, three do not", Vcu,
           "test_wrong_checksums_lead_to_limp", "DriveState", PEDAL_ERRORS=4),
    mutant("VEH-008", "threshold", "two wrong pedal messages lead to Limp", Vcu,
           "test_few_wrong_checksums_are_tolerated", "DriveState", PEDAL_ERRORS=2),
    mutant("VEH-008", "threshold", "Limp allows 20.5 Nm", Vcu,
           "test_limp_limits_the_torque", "TorqueRequest", LIMP_TORQUE_NM=20.5),
    mutant("VEH-008", "threshold", "Limp allows 31 km/h", Vcu,
           "test_limp_limits_the_speed", "VehicleSpeed", LIMP_SPEED_KMH=31.5),
    mutant("VEH-008", "check", "wrong pedal messages are ignored", Vcu,
           "test_wrong_checksums_lead_to_limp", "DriveState", refuse_pedals=nothing),
    mutant("VEH-008", "check", "missing pedal messages are ignored", Vcu,
           "test_missing_pedals_lead_to_limp", "DriveState", supervise_pedals=nothing),
    mutant("VEH-008", "check", "Limp does not limit the torque", Vcu,
           "test_limp_limits_the_torque", "TorqueRequest", LIMP_TORQUE_NM=200.0),
    mutant("VEH-008", "check", "counter of the pedals may jump", Vcu,
           "test_counter_that_stands_still_leads_to_limp", "DriveState", max_counter_delta=14),
    mutant("VEH-008", "state", "wrong pedal messages add up over right ones", Vcu,
           "test_wrong_checksums_with_right_ones_between_are_tolerated", "DriveState", refuse_pedals=errors_added_up),
    mutant("VEH-008", "check", "Limp lights no telltale", Ic,
           "test_missing_pedals_lead_to_limp", "TelltaleLimp",
           is_lit=lambda self, name: name != "TelltaleLimp" and Ic.is_lit(self, name)),
    # -- VEH-009: way out of Limp ------------------------------------------------------------------------------------
    mutant("VEH-009", "check", "Limp ends with sound pedals", Vcu,
           "test_limp_stays_when_the_cause_is_gone", "DriveState", follow_pedals=limp_forgotten),
    mutant("VEH-009", "check", "Limp ends with the gear lever", Vcu,
           "test_limp_stays_when_the_cause_is_gone", "DriveState", engage=engage_out_of_limp),
    mutant("VEH-009", "check", "key cycle ends Limp while the cause lasts", Vcu,
           "test_key_cycle_does_not_end_limp_while_the_cause_lasts", "DriveState", limp=limp_in_drive_only),
    mutant("VEH-009", "state", "Limp outlasts a key cycle", Vcu,
           "test_key_cycle_ends_limp", "DriveState", switch_off=limp_for_ever, switch_on=switch_on_to_limp),
    # -- VEH-014: no motion without a gear ---------------------------------------------------------------------------
    mutant("VEH-014", "time", "gear lever is followed 30 ms late", Vcu,
           "test_neutral_takes_the_torque_away", "TorqueRequest", follow_lever=late(Vcu.follow_lever, 30 * ms)),
    mutant("VEH-014", "check", "torque depends on the state alone, not on the gear", Vcu,
           "test_pedals_do_nothing_in_park_and_neutral", "TorqueRequest", direction=direction_by_state),
    mutant("VEH-014", "check", "accelerator works in N", Vcu,
           "test_park_and_neutral_take_the_torque_away_at_standstill", "TorqueRequest", direction=creep),
    mutant("VEH-014", "state", "N out of Reverse leaves the torque", Vcu,
           "test_neutral_takes_the_torque_away_in_reverse", "TorqueRequest", direction=neutral_out_of_reverse),
    mutant("VEH-014", "check", "motor brakes in N", Vcu,
           "test_no_torque_without_a_gear", "without gear", direction=braking_in_neutral),
    mutant("VEH-014", "check", "accelerator works in N and P while in Limp", Vcu,
           "test_no_torque_in_limp_without_a_gear", "TorqueRequest", direction=direction_in_limp),
    mutant("VEH-014", "threshold", "accelerator on the floor asks for 0.2 Nm in N and P", Vcu,
           "test_pedals_do_nothing_in_park_and_neutral", "TorqueRequest",
           update_torque=torque_for_a_floored_accelerator),
    mutant("VEH-014", "check", "accelerator on the floor works in P", Vcu,
           "test_pedals_do_nothing_in_park_and_neutral", "TorqueRequest", direction=parked_only),
    mutant("VEH-014", "state", "motor keeps its last torque", Inv,
           "test_neutral_takes_the_torque_away", "== 0",
           permitted_torque=lambda self: Inv.permitted_torque(self) or self.plant["motor_torque_command"]),
    mutant("VEH-014", "time", "motor follows the torque request 40 ms late", Inv,
           "test_neutral_takes_the_torque_away", "== 0", permitted_torque=past(Inv.permitted_torque, 40 * ms)),
)  # fmt: skip
