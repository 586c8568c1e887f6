"""Faulty batteries: contactors and precharge, supervision, derating, state of charge; and what discharges the link."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, always, late, mutant, nothing, past

from harness.ecu import every
from harness.units import ms, s
from simulators.battery import DcLink
from simulators.bms import ISOLATION_LOW, OVER, UNDER, Bms
from simulators.ic import Ic
from simulators.inv import Inv
from simulators.plant import VehiclePlant
from simulators.vcu import Vcu

NEVER_S = 10_000 * s


def precharge_first(self: Bms) -> None:
    if self.machine.state == "Open" and self.get("ContactorRequest", 0):
        self.drive(negative=0, precharge=1, positive=0)
        self.machine.after(self.CONTACTOR_CLOSE_TIME, lambda: self.drive(negative=1, precharge=1, positive=0))


def drive_that_opens_late(self: Bms, *, negative: int, precharge: int, positive: int) -> None:
    opening = not (negative or precharge or positive) and self.closing_or_closed()
    move = lambda: Bms.drive(self, negative=negative, precharge=precharge, positive=positive)  # noqa: E731
    self.after(100 * ms if opening else 0 * ms, move)


def drive_that_forgets_the_negative(self: Bms, *, negative: int, precharge: int, positive: int) -> None:
    closed = int(self.plant["contactor_negative_command"])
    Bms.drive(self, negative=negative or closed, precharge=precharge, positive=positive)


def open_below_100_kmh(self: Bms) -> None:
    if self.get("VehicleSpeed", 0.0) <= 100.0:
        Bms.open_contactors(self)


def precharge_goes_on(self: Bms, value: float, previous: float | None) -> None:
    if value or self.machine.state != "Precharge":
        Bms.follow_request(self, value, previous)
    else:
        self.machine.after(300 * ms, lambda: Bms.follow_request(self, value, previous))


def plant_with_slow_discharge(self: VehiclePlant) -> None:
    VehiclePlant.__init__(self)
    self.link = type("SlowLink", (DcLink,), {"DISCHARGE_OHM": 3_400.0, "__slots__": ()})()


def derating_by_square(self: Bms) -> float:
    return Bms.derating(self) ** 2


def discharge_limit_without_derating(self: Bms) -> float:
    return self.FULL_DISCHARGE_A * self.cell_ramp()


def isolation_that_never_opens(self: Bms, fault: int) -> None:
    if fault != ISOLATION_LOW:
        Bms.fail(self, fault)


def isolation_warned_after_a_second(self: Bms) -> None:
    before = self.isolation_warning
    Bms.supervise_isolation(self)
    if self.isolation_warning and not before and self.now - self.__dict__.setdefault("low_since", self.now) < 1 * s:
        self.isolation_warning = False


def overvoltage_only(self: Bms) -> int:
    return OVER if Bms.cell_out_of_limits(self) == OVER else 0


def cells_at_their_limits(self: Bms) -> int:
    plant = self.plant.values
    if plant["cell_voltage_max"] >= self.CELL_MAX_V:
        return OVER
    return UNDER if plant["cell_voltage_min"] <= self.CELL_MIN_V else 0


def first_32_cells(self: Bms) -> int:
    cells = [self.plant[f"cell_voltage_{cell}"] for cell in range(1, 33)]
    return OVER if max(cells) > self.CELL_MAX_V else UNDER if min(cells) < self.CELL_MIN_V else 0


def cells_that_add_up(self: Bms) -> None:
    since = self.cell_out_since
    Bms.supervise_cells(self)
    if self.cell_out_since is None:
        self.cell_out_since = since


def charge_counted_with(factor: float, *, braking: float = 1.0) -> Any:
    def count_charge(self: Bms) -> None:
        current = self.plant.values["pack_current"]
        wrong = current * (factor - 1.0) if current > 0.0 else current * (braking - 1.0)
        self.charge_percent -= 100.0 * wrong * int(self.TICK) / 3.6e12 / 110.0
        Bms.count_charge(self)

    return count_charge


def fault_of_battery_without_code(self: Vcu, code: int) -> None:
    Vcu.store_fault(self, 0)


BATTERY: tuple[Mutant, ...] = (
    # -- VEH-001: switching on ---------------------------------------------------------------------------------------
    mutant("VEH-001", "threshold", "positive contactor closes at 90 % of pack voltage", Bms,
           "test_positive_contactor_waits_for_the_dc_link", "0.949", PRECHARGED=0.90),
    mutant("VEH-001", "threshold", "positive contactor closes at 94 % of pack voltage", Bms,
           "test_positive_contactor_waits_for_the_dc_link", "0.949", PRECHARGED=0.94),
    mutant("VEH-001", "check", "positive contactor does not wait for the DC link", Bms,
           "test_positive_contactor_waits_for_the_dc_link", "0.949", precharged=always(True)),
    mutant("VEH-001", "time", "contactors begin to close 700 ms late", Bms,
           "test_slowest_precharge_still_makes_ready_in_time", "DriveState",
           begin_closing=late(Bms.begin_closing, 700 * ms)),
    mutant("VEH-001", "time", "a good precharge is given up after 760 ms", Bms,
           "test_slowest_precharge_still_makes_ready_in_time", "DriveState", PRECHARGE_TIMEOUT=760 * ms),
    mutant("VEH-001", "state", "precharge contactor closes before the negative one", Bms,
           "test_contactors_close_in_order", "time", begin_closing=precharge_first),
    mutant("VEH-001", "state", "Ready is never reported", Vcu,
           "test_car_is_ready_soon_after_key_on", "DriveState", battery_closed=always(False)),
    # -- VEH-002: precharge that fails -------------------------------------------------------------------------------
    mutant("VEH-002", "threshold", "93 % of pack voltage count as precharged", Bms,
           "test_precharge_that_takes_too_long_is_given_up", "ContactorPositive", PRECHARGED=0.93),
    mutant("VEH-002", "time", "precharge is given up 60 ms late", Bms,
           "test_precharge_that_takes_too_long_is_given_up", "Contactor", PRECHARGE_TIMEOUT=860 * ms),
    mutant("VEH-002", "check", "precharge has no time limit", Bms,
           "test_precharge_that_takes_too_long_is_given_up", "Contactor", check_precharge=nothing),
    mutant("VEH-002", "state", "drive stays in Precharge when the battery has failed", Vcu,
           "test_contactor_that_does_not_close_is_a_fault", "DriveState",
           follow_battery=nothing, PARTNER_TIMEOUT=NEVER_S),
    mutant("VEH-002", "check", "fault of the battery leaves no code", Vcu,
           "test_precharge_that_takes_too_long_is_given_up", "FaultCode", store_fault=fault_of_battery_without_code),
    mutant("VEH-002", "state", "negative contactor stays closed after a fault", Bms,
           "test_precharge_that_takes_too_long_is_given_up", "ContactorNegative",
           drive=drive_that_forgets_the_negative),
    # -- VEH-003: switching off --------------------------------------------------------------------------------------
    mutant("VEH-003", "threshold", "key-off counts as slow below 3 km/h, not at it", Vcu,
           "test_key_off_when_slow_opens_contactors", "Contactor", KEY_OFF_SPEED_KMH=2.95),
    mutant("VEH-003", "threshold", "key-off counts as slow up to 3.2 km/h", Vcu,
           "test_key_off_when_moving_ramps_torque_and_waits_for_standstill", "Contactor", KEY_OFF_SPEED_KMH=3.2),
    mutant("VEH-003", "time", "contactors open 100 ms late", Bms,
           "test_key_off_when_slow_opens_contactors", "Contactor", drive=drive_that_opens_late),
    mutant("VEH-003", "time", "contactors open 100 ms late after a crash", Bms,
           "test_crash_opens_contactors_at_any_speed", "Contactor", drive=drive_that_opens_late),
    mutant("VEH-003", "check", "contactors do not open above 100 km/h", Bms,
           "test_crash_opens_contactors_at_any_speed", "Contactor", open_contactors=open_below_100_kmh),
    mutant("VEH-003", "time", "torque takes 1.1 s to ramp down after key-off", Vcu,
           "test_key_off_when_moving_ramps_torque_and_waits_for_standstill", "TorqueRequest", RUN_DOWN_TIME=1_100 * ms),
    mutant("VEH-003", "time", "torque is cut at key-off", Vcu,
           "test_key_off_ramps_torque_rather_than_cutting_it", "TorqueRequest", RUN_DOWN_TIME=1 * ms),
    mutant("VEH-003", "state", "contactors stay closed at the standstill after key-off", Vcu,
           "test_key_off_when_moving_ramps_torque_and_waits_for_standstill", "Contactor", end_run_down=nothing),
    mutant("VEH-003", "time", "standstill after key-off is noticed 100 ms late", Vcu,
           "test_car_that_brakes_after_key_off_comes_to_a_safe_stop", "Contactor",
           standing=past(Vcu.standing, 100 * ms)),
    mutant("VEH-003", "check", "DC link is not discharged", Inv,
           "test_key_off_when_slow_opens_contactors", "DcLinkVoltage", discharge_wanted=always(False)),
    mutant("VEH-003", "state", "precharge that has begun goes on after key-off", Bms,
           "test_key_off_during_precharge_opens_contactors", "Contactor", follow_request=precharge_goes_on),
    mutant("VEH-003", "threshold", "discharge of the DC link ends at 75 V", Inv,
           "test_crash_opens_contactors_at_any_speed", "DcLinkVoltage", SAFE_LINK_V=75.0),
    mutant("VEH-003", "time", "discharge resistor is three times too large", VehiclePlant,
           "test_key_off_when_slow_opens_contactors", "DcLinkVoltage", __init__=plant_with_slow_discharge),
    # -- VEH-010: derating -------------------------------------------------------------------------------------------
    mutant("VEH-010", "threshold", "derating begins at 45.2 °C", Bms,
           "test_discharge_current_falls_with_temperature", "DischargeCurrentLimit", DERATING_START_DEGC=45.2),
    mutant("VEH-010", "threshold", "derating ends at 60.2 °C", Bms,
           "test_discharge_current_falls_with_temperature", "DischargeCurrentLimit", DERATING_END_DEGC=60.2),
    mutant("VEH-010", "check", "derating falls with the square", Bms,
           "test_discharge_current_falls_with_temperature", "DischargeCurrentLimit", derating=derating_by_square),
    mutant("VEH-010", "check", "hot cells leave the discharge current as it is", Bms,
           "test_discharge_current_falls_with_temperature", "DischargeCurrentLimit",
           discharge_limit=discharge_limit_without_derating),
    mutant("VEH-010", "time", "battery measures every 100 ms", Bms,
           "test_torque_follows_the_derating", "TorqueRequest",
           measure=every(100 * ms)(lambda self: Bms.measure(self))),
    mutant("VEH-010", "time", "torque follows the battery's limit 50 ms late", Vcu,
           "test_torque_follows_the_derating", "TorqueRequest", battery_limit=past(Vcu.battery_limit, 50 * ms)),
    # -- VEH-011: isolation ------------------------------------------------------------------------------------------
    mutant("VEH-011", "threshold", "isolation is low below 99.5 ohm/V only", Bms,
           "test_low_isolation_at_standstill_opens_contactors", "TelltaleIsolation", ISOLATION_MIN_OHM_PER_V=99.5),
    mutant("VEH-011", "threshold", "isolation is low at 100 ohm/V already", Bms,
           "test_sufficient_isolation_gives_no_warning", "IsolationWarning", ISOLATION_MIN_OHM_PER_V=100.5),
    mutant("VEH-011", "time", "low isolation is warned of after a second", Bms,
           "test_low_isolation_at_standstill_opens_contactors", "TelltaleIsolation",
           supervise_isolation=isolation_warned_after_a_second),
    mutant("VEH-011", "time", "contactors open 200 ms after the isolation warning at the earliest", Bms,
           "test_low_isolation_at_standstill_opens_contactors", "Contactor", ISOLATION_OPEN_DELAY=200 * ms),
    mutant("VEH-011", "check", "low isolation opens the contactors while driving", Bms,
           "test_low_isolation_when_driving_waits_for_standstill", "Contactor", standing=always(True)),
    mutant("VEH-011", "state", "low isolation never opens the contactors", Bms,
           "test_low_isolation_when_driving_waits_for_standstill", "ContactorPositive",
           fail=isolation_that_never_opens),
    mutant("VEH-011", "check", "low isolation lights no telltale", Ic,
           "test_low_isolation_at_standstill_opens_contactors", "TelltaleIsolation",
           is_lit=lambda self, name: name != "TelltaleIsolation" and Ic.is_lit(self, name)),
    # -- VEH-012: cell voltages --------------------------------------------------------------------------------------
    mutant("VEH-012", "threshold", "cell voltage is too high above 4.252 V only", Bms,
           "test_cell_voltage_out_of_limits", "CellVoltageWarning", CELL_MAX_V=4.252),
    mutant("VEH-012", "threshold", "cell voltage is too low below 2.798 V only", Bms,
           "test_cell_voltage_out_of_limits", "CellVoltageWarning", CELL_MIN_V=2.798),
    mutant("VEH-012", "threshold", "cell voltages are out of limits at the limits already", Bms,
           "test_cell_voltage_at_its_limit_is_allowed", "CellVoltageWarning", cell_out_of_limits=cells_at_their_limits),
    mutant("VEH-012", "time", "cell warning comes after 560 ms", Bms,
           "test_cell_voltage_out_of_limits", "CellVoltageWarning", CELL_TIME=560 * ms),
    mutant("VEH-012", "time", "cell warning comes after 470 ms", Bms,
           "test_short_excursion_of_a_cell_voltage_is_tolerated", "CellVoltageWarning", CELL_TIME=470 * ms),
    mutant("VEH-012", "time", "contactors open 3.12 s after a cell warning", Bms,
           "test_cell_voltage_out_of_limits", "Contactor", CELL_OPEN_TIME=3_120 * ms),
    mutant("VEH-012", "time", "contactors open 2.88 s after a cell warning", Bms,
           "test_cell_voltage_out_of_limits", "Contactor", CELL_OPEN_TIME=2_880 * ms),
    mutant("VEH-012", "check", "torque is not ramped after a cell warning", Bms,
           "test_cell_voltage_out_of_limits", "TorqueRequest", cell_ramp=always(1.0)),
    mutant("VEH-012", "time", "torque is cut by a cell warning", Bms,
           "test_cell_warning_ramps_the_torque", "TorqueRequest", CELL_RAMP_TIME=1 * ms),
    mutant("VEH-012", "check", "undervoltage is not looked for", Bms,
           "test_cell_voltage_out_of_limits", "CellVoltageWarning", cell_out_of_limits=overvoltage_only),
    mutant("VEH-012", "check", "only the first 32 cells are watched", Bms,
           "test_cell_warning_ramps_the_torque", "CellVoltageWarning", cell_out_of_limits=first_32_cells),
    mutant("VEH-012", "state", "short excursions of a cell add up", Bms,
           "test_short_excursion_of_a_cell_voltage_is_tolerated", "CellVoltageWarning",
           supervise_cells=cells_that_add_up),
    # -- VEH-013: state of charge ------------------------------------------------------------------------------------
    mutant("VEH-013", "threshold", "charge is counted 10 % too fast", Bms,
           "test_charge_is_counted", "StateOfCharge", count_charge=charge_counted_with(1.1, braking=1.1)),
    mutant("VEH-013", "check", "charge that comes back by braking is not counted", Bms,
           "test_charge_is_counted", "StateOfCharge", count_charge=charge_counted_with(1.0, braking=0.0)),
    mutant("VEH-013", "threshold", "charge is counted 20 % too slowly", Bms,
           "test_charge_is_counted_over_an_hour", "StateOfCharge", count_charge=charge_counted_with(0.8)),
)  # fmt: skip
