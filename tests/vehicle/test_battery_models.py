"""BMS and INV on the powertrain network alone: contactors, counting, limits, discharge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from powertrain_car import drive, key, load, ready, values

from harness.bench.bench import Bench
from harness.bench.blueprint import Blueprint
from harness.bench.disturb import Silence
from harness.units import Duration, V, ms, s


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return load()


@pytest.fixture
def bench(blueprint: Blueprint) -> Iterator[Bench]:
    with Bench(blueprint) as bench:
        yield bench


# -- BMS ---------------------------------------------------------------------------------------------------------------


def test_contactors_close_in_order(bench: Bench) -> None:
    seen: list[tuple[int, ...]] = []
    names = ("contactor_negative", "contactor_precharge", "contactor_positive")
    key(bench, "On")
    for _ in range(500):
        bench.wait(1 * ms)
        now = tuple(int(bench.plant[name]) for name in names)
        if not seen or seen[-1] != now:
            seen.append(now)
    assert seen == [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)]


@pytest.mark.parametrize("ohm", [60, 120, 248])
def test_positive_contactor_closes_on_a_charged_link(bench: Bench, ohm: float) -> None:
    bench.plant["precharge_resistance"] = ohm
    key(bench, "On")
    while not bench.plant["contactor_positive_command"]:
        bench.wait(1 * ms)
    assert bench.plant["dc_link_voltage"] >= 0.95 * bench.plant["pack_voltage"]
    assert bench.plant["dc_link_voltage"] <= 0.985 * bench.plant["pack_voltage"]


@pytest.mark.parametrize("contactor", ["negative", "positive"])
def test_contactor_that_does_not_close(bench: Bench, contactor: str) -> None:
    bench.plant[f"contactor_{contactor}_fault"] = 1
    key(bench, "On")
    bench.expect(bench.signal("BatteryFault") == "ContactorFault", within=1 * s)
    bench.expect(bench.signal("FaultCode") == "ContactorFault", within=1 * s)
    assert not bench.plant["contactor_negative_command"]


def test_welded_contactor_forbids_closing(bench: Bench) -> None:
    ready(bench)
    bench.plant["contactor_positive_fault"] = 2
    key(bench, "Off")
    bench.wait(4 * s)
    assert bench.plant["dc_link_voltage"] < 60
    key(bench, "On")
    bench.expect(bench.signal("BatteryFault") == "ContactorFault", within=200 * ms)
    bench.stays(bench.signal("ContactorNegative") == "Open", during=500 * ms)


def test_fault_ends_with_key_off_and_key_on_tries_again(bench: Bench) -> None:
    bench.plant["contactor_precharge_fault"] = 1
    key(bench, "On")
    bench.wait_until(bench.signal("DriveState") == "Fault", timeout=2 * s)
    bench.plant["contactor_precharge_fault"] = 0
    bench.stays(bench.signal("BatteryState") == "Fault", during=1 * s)
    key(bench, "Off")
    bench.expect((bench.signal("BatteryState") == "Open") & (bench.signal("DriveState") == "Off"), within=100 * ms)
    key(bench, "On")
    bench.expect(bench.signal("DriveState") == "Ready", within=1.5 * s)
    assert bench.signal("FaultCode").text == "None"


@pytest.mark.parametrize(
    ("role", "value", "fault"),
    [("isolation_resistance", 50, "IsolationLow"), ("cell_voltage_3", 4.3, "CellOvervoltage")],
)
def test_cause_that_lasts_keeps_contactors_open(bench: Bench, role: str, value: float, fault: str) -> None:
    bench.plant[role] = value
    bench.wait(700 * ms)
    key(bench, "On")
    bench.expect(bench.signal("BatteryFault") == fault, within=100 * ms)
    bench.expect(bench.signal("FaultCode") == fault, within=100 * ms)
    bench.stays(bench.signal("ContactorNegative") == "Open", during=1 * s)


def test_crash_that_lasts_keeps_contactors_open_after_a_key_cycle(bench: Bench) -> None:
    ready(bench)
    bench.set("CrashDetected", "Crash")
    bench.expect(bench.signal("DriveState") == "Fault", within=100 * ms)
    key(bench, "Off")
    bench.wait(200 * ms)
    key(bench, "On")
    bench.expect(bench.signal("FaultCode") == "Crash", within=200 * ms)
    bench.stays(bench.signal("ContactorNegative") == "Open", during=1 * s)


def test_isolation_warning_stays_until_key_off(bench: Bench) -> None:
    drive(bench, 40)
    bench.plant["isolation_resistance"] = 60
    bench.wait(50 * ms)
    bench.plant["isolation_resistance"] = 500
    bench.stays(bench.signal("IsolationWarning") == "On", during=1 * s)
    bench.plant["vehicle_speed"] = 0
    bench.expect(bench.signal("ContactorPositive") == "Open", within=200 * ms)
    key(bench, "Off")
    bench.expect(bench.signal("IsolationWarning") == "Off", within=100 * ms)


@pytest.mark.parametrize("hot", [(79.9, False), (80.1, True)])
def test_overheated_cell_opens_after_three_seconds(bench: Bench, hot: tuple[float, bool]) -> None:
    ready(bench)
    bench.plant["cell_temperature"] = hot[0]
    bench.stays(bench.signal("BatteryState") == "Closed", during=2.9 * s)
    bench.wait(200 * ms)
    assert (bench.signal("BatteryFault").text == "Overtemperature") is hot[1]


def test_second_cell_warning_has_its_own_three_seconds(bench: Bench) -> None:
    drive(bench, 30)
    bench.plant["cell_voltage_3"] = 4.3
    bench.wait_until(bench.signal("CellVoltageWarning") == "Overvoltage", timeout=1 * s)
    bench.plant["cell_voltage_held"] = 0
    bench.plant["vehicle_speed"] = 0
    bench.wait(100 * ms)
    key(bench, "Off")
    bench.wait(500 * ms)
    ready(bench)
    bench.plant["cell_voltage_3"] = 4.3
    warned = bench.wait_until(bench.signal("CellVoltageWarning") == "Overvoltage", timeout=1 * s)
    bench.stays(bench.signal("BatteryState") == "Closed", during=2.9 * s, after=Duration(warned.time))
    bench.expect(bench.signal("BatteryFault") == "CellOvervoltage", within=3.1 * s, after=Duration(warned.time))


def test_battery_without_supply_lets_its_contactors_go(bench: Bench) -> None:
    drive(bench, 30)
    bench.node("BMS").power_off()
    bench.wait(100 * ms)
    assert bench.plant["dc_link_voltage"] < 600
    assert bench.plant["contactor_positive"] == bench.plant["contactor_negative"] == 0
    bench.set("AcceleratorPedal", 50)
    bench.node("BMS").power_on()
    while not bench.plant["contactor_positive"]:
        assert bench.plant["motor_torque"] == 0
        bench.wait(10 * ms)
    bench.expect(bench.signal("TorqueRequest") > 50, within=500 * ms)


def test_silent_vcu_opens_contactors_at_standstill_only(bench: Bench) -> None:
    drive(bench, 30)
    with bench.disturb(Silence("VCU")):
        bench.stays(bench.signal("BatteryState") == "Closed", during=2 * s)
        bench.plant["vehicle_speed"] = 0
        bench.expect(bench.signal("BatteryFault") == "VcuMissing", within=200 * ms)


def test_charge_limit_ends_above_95_percent(bench: Bench) -> None:
    for charge, limit in ((94.9, 150), (95.0, 150), (95.1, 0)):
        bench.plant["state_of_charge"] = charge
        bench.wait(200 * ms)
        assert values(bench, "StateOfCharge", "ChargeCurrentLimit") == pytest.approx([charge, limit])


@pytest.mark.parametrize(("charge", "limit"), [(5, 300), (3, 300), (1.5, 150), (0, 0)])
def test_empty_battery_allows_less(bench: Bench, charge: float, limit: float) -> None:
    bench.plant["state_of_charge"] = charge
    bench.wait(100 * ms)
    assert values(bench, "DischargeCurrentLimit")[0] == pytest.approx(limit, abs=1)


def test_charge_is_counted_not_copied(bench: Bench) -> None:
    """While driving BMS counts: a pack that is exchanged under way is believed when it is far off only."""
    drive(bench, 50)
    bench.plant["state_of_charge"] = 53
    bench.wait(300 * ms)
    assert values(bench, "StateOfCharge")[0] == pytest.approx(50, abs=0.1)
    bench.plant["state_of_charge"] = 80
    bench.wait(300 * ms)
    assert values(bench, "StateOfCharge")[0] == pytest.approx(80, abs=0.1)


def test_charge_survives_a_reset_under_way(bench: Bench) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", 60)
    bench.wait(10 * s)
    before = values(bench, "StateOfCharge")[0]
    bench.node("BMS").reset()
    bench.wait(200 * ms)
    assert values(bench, "StateOfCharge")[0] == pytest.approx(before, abs=0.1)


def test_all_96_cells_come_by(bench: Bench) -> None:
    bench.plant["cell_voltage_77"] = 3.5 * V
    bench.wait(1.3 * s)
    cells = values(bench, *(f"CellVoltage{cell:02}" for cell in range(1, 97)))
    assert cells == pytest.approx([bench.plant[f"cell_voltage_{cell}"] for cell in range(1, 97)], abs=0.00051)
    assert values(bench, "LowestCell", "CellVoltageMin") == [77, 3.5]


# -- INV ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "temperature", "part"),
    [
        ("inverter_temperature", 85, 1), ("inverter_temperature", 95, 0.5), ("inverter_temperature", 105, 0),
        ("motor_temperature", 140, 1), ("motor_temperature", 152.5, 0.5), ("motor_temperature", 170, 0),
    ],
)  # fmt: skip
def test_inverter_derates_by_its_temperatures(bench: Bench, role: str, temperature: float, part: float) -> None:
    drive(bench, 10)
    bench.plant[role] = temperature
    bench.wait(60 * ms)
    assert values(bench, "MotorTorqueLimit")[0] == pytest.approx(200 * part)
    assert bench.signal("InverterState").text == ("Running" if part == 1 else "Derating")


@pytest.mark.parametrize("speed", [30, 80, 120, 250])
def test_motor_power_is_limited(bench: Bench, speed: float) -> None:
    drive(bench, speed)
    motor = speed / 3.6 / 0.305 * 9
    # The slip of the braking wheels makes the motor a little slower.
    assert values(bench, "MotorTorqueLimit")[0] == pytest.approx(min(200, 85e3 / motor), rel=0.02)


def test_silent_vcu_takes_the_motors_torque(bench: Bench) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", 50)
    bench.wait(100 * ms)
    assert bench.plant["motor_torque"] > 50
    with bench.disturb(Silence("VCU")):
        bench.wait(80 * ms)
        assert bench.plant["motor_torque"] == 0


def test_broken_discharge_is_a_fault_and_spares_the_resistor(bench: Bench) -> None:
    ready(bench)
    bench.plant["active_discharge_fault"] = 1
    key(bench, "Off")
    bench.stays(bench.signal("InverterState") != "Fault", during=9 * s)
    bench.expect(bench.signal("InverterState") == "Fault", within=12 * s)
    assert bench.plant["active_discharge"] == 0


def test_discharge_works_with_a_silent_battery(bench: Bench) -> None:
    ready(bench)
    key(bench, "Off")
    bench.wait(50 * ms)
    with bench.disturb(Silence("BMS")):
        bench.wait(3 * s)
    assert bench.plant["dc_link_voltage"] < 60


@pytest.mark.parametrize("pedal", [20, 60, 100])
def test_hour_long_count_is_right_per_minute(bench: Bench, pedal: float) -> None:
    """The rate of the coulomb counter: the error of one minute, times sixty, stays below 0.5 %."""
    bench.plant["state_of_charge"] = 90
    drive(bench, 60)
    for _ in range(3):
        bench.set("AcceleratorPedal", pedal)
        bench.wait(7.3 * s)
        bench.set("AcceleratorPedal", 0)
        bench.wait(3 * s)
    error = values(bench, "StateOfCharge")[0] - bench.plant["state_of_charge"]
    assert abs(error) < 0.02
    assert bench.plant["state_of_charge"] < 90
