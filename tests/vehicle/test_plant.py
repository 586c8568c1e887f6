"""The plant alone: physics, holds, contactors, lamps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import Blocked, UnitError, ValueRangeError
from harness.loop import Loop
from harness.units import V, degC, kmh, ms, ohm_per_V, s
from simulators.cell_data import open_circuit_voltage, state_of_charge
from simulators.plant import VehiclePlant
from simulators.roles import LAMPS, ROLES


class Rig:
    """A plant on a loop of its own."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.plant = VehiclePlant()
        self.plant.start(self.loop)
        self.plant["park_lock"] = 0

    def run(self, span: int) -> None:
        self.loop.run_until(self.loop.now + span)

    def close(self) -> None:
        """Close the main contactors; the link jumps to pack voltage."""
        self.plant["contactor_negative_command"] = 1
        self.plant["contactor_positive_command"] = 1
        self.run(30 * ms)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_every_role_has_a_unique_name_and_a_doc() -> None:
    assert len({role.name for role in ROLES}) == len(ROLES)
    assert all(role.doc for role in ROLES)


def test_unknown_role_is_blocked_with_candidates(rig: Rig) -> None:
    with pytest.raises(Blocked, match="cell_temperature"):
        rig.plant["cell_temprature"] = 20


def test_wrong_unit_and_range_are_refused(rig: Rig) -> None:
    with pytest.raises(UnitError):
        rig.plant["isolation_resistance"] = 5 * V
    with pytest.raises(ValueRangeError):
        rig.plant["road_friction"] = -0.1


# -- motion ------------------------------------------------------------------------------------------------------------


def test_stands_still_without_torque(rig: Rig) -> None:
    rig.run(1 * s)
    assert rig.plant["vehicle_speed"] == 0.0
    assert rig.plant["distance"] == 0.0


def test_torque_needs_the_dc_link(rig: Rig) -> None:
    rig.plant["motor_torque_command"] = 100
    rig.run(1 * s)
    assert rig.plant["motor_torque"] == 0.0 == rig.plant["vehicle_speed"]


def test_torque_moves_the_vehicle_as_newton_says(rig: Rig) -> None:
    rig.close()
    rig.plant["motor_torque_command"] = 50
    rig.run(1 * s)
    force = 50 * 9.0 / 0.305 - 0.010 * 1350 * 9.81
    assert rig.plant["vehicle_speed"] / 3.6 == pytest.approx(force / 1410, rel=0.03)


def test_torque_works_at_once_and_ends_with_the_contactors(rig: Rig) -> None:
    rig.close()
    rig.plant["motor_torque_command"] = 50
    assert rig.plant["motor_torque"] == 50
    rig.plant["contactor_positive_command"] = 0
    rig.plant["active_discharge"] = 1
    rig.run(2 * s)
    assert rig.plant["motor_torque"] == 0.0


def test_brakes_stop_and_hold_on_a_slope(rig: Rig) -> None:
    rig.plant["gradient"] = 15
    rig.plant["vehicle_speed"] = 40 * kmh
    rig.plant["brake_pressure_command"] = 60
    rig.run(3 * s)
    assert rig.plant["vehicle_speed"] == 0.0
    rig.plant["brake_pressure_command"] = 0
    rig.run(1 * s)
    assert rig.plant["vehicle_speed"] < -3.0


def test_park_lock_holds_on_a_slope(rig: Rig) -> None:
    rig.plant["park_lock"] = 1
    rig.plant["gradient"] = 20
    rig.run(1 * s)
    assert rig.plant["vehicle_speed"] == 0.0


@given(mu=st.floats(0.05, 1.2), bar=st.floats(0, 200))
def test_deceleration_never_exceeds_friction(mu: float, bar: float) -> None:
    rig = Rig()
    rig.plant["road_friction"] = mu
    rig.plant["vehicle_speed"] = 100 * kmh
    rig.plant["brake_pressure_command"] = bar
    rig.run(200 * ms)
    resistance = 0.010 * 9.81 + 0.5 * 1.2 * 0.62 * (100 / 3.6) ** 2 / 1350
    assert -rig.plant["acceleration"] <= mu * 9.81 + resistance
    assert rig.plant["acceleration"] <= 0.0


def test_wheels_lock_on_ice_and_recover(rig: Rig) -> None:
    rig.plant["road_friction"] = 0.15
    rig.plant["vehicle_speed"] = 80 * kmh
    rig.plant["brake_pressure_command"] = 100
    rig.run(300 * ms)
    assert rig.plant["wheel_slip_front_left"] == 100.0
    assert rig.plant["wheel_speed_front_left"] == 0.0
    rig.plant["brake_pressure_command"] = 0
    rig.run(300 * ms)
    assert rig.plant["wheel_slip_front_left"] < 5.0


def test_no_slip_limit_on_a_dry_road_at_half_brake(rig: Rig) -> None:
    rig.plant["vehicle_speed"] = 80 * kmh
    rig.plant["brake_pressure_command"] = 60
    rig.run(500 * ms)
    assert 0 < rig.plant["wheel_slip_front_left"] < 10
    assert 0 < rig.plant["wheel_slip_rear_left"] < 10


def test_held_speed_stays_exactly(rig: Rig) -> None:
    rig.plant["vehicle_speed_held"] = 1
    rig.plant["vehicle_speed"] = 3 * kmh
    rig.plant["brake_pressure_command"] = 100
    rig.run(1 * s)
    assert rig.plant["vehicle_speed"] == pytest.approx(3.0, abs=1e-9)
    assert rig.plant["acceleration"] == 0.0


def test_held_acceleration_ends_at_standstill(rig: Rig) -> None:
    rig.plant["vehicle_speed_held"] = 1
    rig.plant["vehicle_speed"] = 36 * kmh
    rig.plant["held_acceleration"] = -5
    rig.run(1 * s)
    assert rig.plant["vehicle_speed"] == pytest.approx(18.0, abs=0.2)
    assert rig.plant["acceleration"] == pytest.approx(-5.0)
    rig.run(2 * s)
    assert rig.plant["vehicle_speed"] == 0.0
    assert rig.plant["distance"] == pytest.approx(10.0, abs=0.1)


def test_held_slip_shows_in_the_wheel_speed(rig: Rig) -> None:
    rig.plant["vehicle_speed_held"] = 1
    rig.plant["vehicle_speed"] = 50 * kmh
    rig.plant["wheel_slip_rear_left"] = 30
    rig.run(100 * ms)
    assert rig.plant["wheel_speed_rear_left"] == pytest.approx(35.0)
    assert rig.plant["wheel_speed_rear_right"] == pytest.approx(50.0)
    rig.plant["wheel_slip_held"] = 0
    rig.run(5 * ms)
    assert rig.plant["wheel_speed_rear_left"] == pytest.approx(50.0)


# -- battery -----------------------------------------------------------------------------------------------------------


@given(st.floats(0, 100))
def test_data_sheet_inverts(charge: float) -> None:
    assert state_of_charge(open_circuit_voltage(charge)) == pytest.approx(charge, abs=1e-6)


def test_charge_is_the_integral_of_the_current(rig: Rig) -> None:
    rig.close()
    rig.plant["vehicle_speed_held"] = 1
    rig.plant["vehicle_speed"] = 60 * kmh
    rig.plant["motor_torque_command"] = 100
    before = rig.plant["state_of_charge"]
    used = 0.0
    for _ in range(2000):
        rig.run(5 * ms)
        used += rig.plant["pack_current"] * 0.005
    assert used > 500
    assert before - rig.plant["state_of_charge"] == pytest.approx(100 * used / 3600 / 110, rel=1e-3)


def test_battery_power_is_that_of_motor_and_losses(rig: Rig) -> None:
    rig.close()
    rig.plant["vehicle_speed_held"] = 1
    rig.plant["vehicle_speed"] = 60 * kmh
    rig.plant["motor_torque_command"] = 100
    rig.run(100 * ms)
    motor = rig.plant["motor_speed"] * 3.14159265 / 30
    power = 100 * motor + 0.09 * 100**2 + 1.1 * motor
    assert rig.plant["pack_voltage"] * rig.plant["pack_current"] == pytest.approx(power, rel=2e-3)


def test_regeneration_charges(rig: Rig) -> None:
    rig.close()
    rig.plant["vehicle_speed"] = 60 * kmh
    rig.plant["motor_torque_command"] = -80
    rig.run(100 * ms)
    assert rig.plant["pack_current"] < 0
    assert rig.plant["pack_voltage"] > 96 * 3.69


def test_cell_temperature_is_held_when_set(rig: Rig) -> None:
    rig.plant["cell_temperature"] = 20 * degC
    rig.plant["outside_temperature"] = -20
    rig.run(60 * s)
    assert rig.plant["cell_temperature"] == 20.0
    rig.plant["cell_temperature_held"] = 0
    rig.run(60 * s)
    assert 19.0 < rig.plant["cell_temperature"] < 20.0


@pytest.mark.parametrize("cell", [1, 5, 8, 13, 96])
def test_single_cell_is_held_when_set(rig: Rig, cell: int) -> None:
    name = f"cell_voltage_{cell}"
    normal = rig.plant[name]
    rig.plant[name] = 4.26 * V
    assert rig.plant[name] == 4.26 == rig.plant["cell_voltage_max"]
    assert rig.plant["cell_highest"] == cell
    rig.plant[name] = 2.5 * V
    rig.run(1 * s)
    assert (rig.plant["cell_lowest"], rig.plant["cell_voltage_min"]) == (cell, 2.5)
    rig.plant["cell_voltage_held"] = 0
    assert rig.plant[name] == pytest.approx(normal)
    rig.plant[name] = 2.5 * V
    assert rig.plant[name] == 2.5


def test_extremes_are_those_of_the_cells(rig: Rig) -> None:
    cells = {cell: rig.plant[f"cell_voltage_{cell}"] for cell in range(1, 97)}
    assert rig.plant["cell_voltage_min"] == pytest.approx(min(cells.values()))
    assert rig.plant["cell_voltage_max"] == pytest.approx(max(cells.values()))
    assert sum(cells.values()) == pytest.approx(rig.plant["pack_voltage"])
    rig.plant["cell_voltage_8"] = 3.7
    assert rig.plant["cell_lowest"] == 16


def test_isolation_is_per_volt(rig: Rig) -> None:
    rig.plant["isolation_resistance"] = 99.9 * ohm_per_V
    assert rig.plant["isolation_resistance"] == 99.9


# -- high voltage ------------------------------------------------------------------------------------------------------


def precharge(rig: Rig) -> None:
    rig.plant["contactor_negative_command"] = 1
    rig.plant["contactor_precharge_command"] = 1


@pytest.mark.parametrize("ohm", [60, 200])
def test_precharge_is_exponential(rig: Rig, ohm: float) -> None:
    rig.plant["precharge_resistance"] = ohm
    precharge(rig)
    rig.run(20 * ms + round(3 * ohm) * 1_000_000)
    assert rig.plant["dc_link_voltage"] / rig.plant["pack_voltage"] == pytest.approx(0.95, abs=0.015)


def test_open_precharge_resistor_charges_nothing(rig: Rig) -> None:
    rig.plant["precharge_resistance"] = 1e9
    precharge(rig)
    rig.run(2 * s)
    assert rig.plant["dc_link_voltage"] < 1


def test_contactors_take_their_time(rig: Rig) -> None:
    rig.plant["contactor_negative_command"] = 1
    rig.run(20 * ms - 1)
    assert rig.plant["contactor_negative"] == 0
    rig.run(1)
    assert rig.plant["contactor_negative"] == 1
    rig.plant["contactor_negative_command"] = 0
    rig.run(10 * ms - 1)
    assert rig.plant["contactor_negative"] == 1
    rig.run(1)
    assert rig.plant["contactor_negative"] == 0


def test_contactor_that_does_not_close(rig: Rig) -> None:
    rig.plant["contactor_positive_fault"] = 1
    rig.close()
    assert rig.plant["contactor_positive"] == 0
    assert rig.plant["dc_link_voltage"] == 0.0


def test_contactor_that_does_not_open(rig: Rig) -> None:
    rig.close()
    rig.plant["contactor_positive_fault"] = 2
    rig.plant["contactor_positive_command"] = 0
    rig.run(1 * s)
    assert rig.plant["contactor_positive"] == 1
    rig.plant["contactor_positive_fault"] = 0
    rig.run(20 * ms)
    assert rig.plant["contactor_positive"] == 0


def test_discharge_reaches_60_v_in_time_only_when_active(rig: Rig) -> None:
    rig.close()
    rig.plant["contactor_positive_command"] = 0
    rig.run(5 * s)
    assert rig.plant["dc_link_voltage"] > 200
    rig.plant["active_discharge"] = 1
    rig.run(3 * s)
    assert rig.plant["dc_link_voltage"] < 60
    assert rig.plant["dc_link_voltage"] > 5


def test_broken_discharge_resistor_discharges_nothing(rig: Rig) -> None:
    rig.close()
    rig.plant["contactor_negative_command"] = 0
    rig.plant["active_discharge_fault"] = 1
    rig.plant["active_discharge"] = 1
    rig.run(3 * s)
    assert rig.plant["dc_link_voltage"] > 200


# -- body --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lamp", LAMPS)
def test_lamp_draws_current_unless_it_failed(rig: Rig, lamp: str) -> None:
    rig.plant[lamp] = 1
    assert rig.plant[f"{lamp}_current"] == 1.75
    rig.plant[f"{lamp}_failed"] = 1
    assert rig.plant[f"{lamp}_current"] == 0
    rig.plant[f"{lamp}_failed"] = 0
    assert rig.plant[f"{lamp}_current"] == 1.75
    rig.plant[lamp] = 0
    assert rig.plant[f"{lamp}_current"] == 0


def test_wiper_parks_at_the_end_of_a_wipe(rig: Rig) -> None:
    rig.plant["wiper_motor"] = 1
    rig.run(660 * ms)
    assert rig.plant["wiper_position"] == pytest.approx(100, abs=3)
    rig.plant["wiper_motor"] = 0
    rig.run(600 * ms)
    assert rig.plant["wiper_position"] == pytest.approx(0, abs=1e-6)


def test_cabin_cools_with_the_compressor(rig: Rig) -> None:
    rig.plant["cabin_temperature"] = 35
    rig.plant["compressor_power"] = 3
    rig.run(60 * s)
    assert rig.plant["cabin_temperature"] < 30


def test_supply_is_charged_with_high_voltage(rig: Rig) -> None:
    rig.run(2 * s)
    assert rig.plant["supply_voltage"] < 12.7
    assert rig.plant["supply_current"] > 0
    rig.close()
    rig.plant["dcdc_converter"] = 1
    rig.run(2 * s)
    assert rig.plant["supply_voltage"] == pytest.approx(14.1, abs=0.05)
    rig.plant["supply_voltage"] = 9
    rig.run(1 * s)
    assert rig.plant["supply_voltage"] == 9
