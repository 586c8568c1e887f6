"""Battery: derating, isolation, cell voltages, state of charge."""

from __future__ import annotations

from math import pi

import pytest

from harness import A, Bench, Duration, Nm, Quantity, V, degC, kmh, ms, ohm_per_V, percent, s
from observations import require_shorter
from vehicle_states import car_on_rollers, press, ready_car, roll, shift_to, switch_on

DERATING = [(44.9, 100), (45, 100), (45.1, 99.33), (50, 66.67), (52.5, 50), (59.9, 0.67), (60, 0), (60.1, 0)]
"""Cell temperature in °C, and what it leaves of the discharge current in percent."""


def contactors_open(bench: Bench) -> bool:
    """Whether both main contactors are open in truth."""
    return not (bench.plant["contactor_positive"] or bench.plant["contactor_negative"])


@pytest.mark.requirement("VEH-010")
@pytest.mark.parametrize(("temperature", "left"), DERATING)
def test_discharge_current_falls_with_temperature(bench: Bench, temperature: float, left: float) -> None:
    """The allowed discharge current falls linearly from 100 % at 45 °C to 0 at 60 °C."""
    switch_on(bench)
    full = bench.signal("DischargeCurrentLimit").value
    assert full is not None and full > 100
    bench.plant["cell_temperature"] = temperature * degC
    bench.wait(50 * ms)
    bench.stays(bench.signal("DischargeCurrentLimit").near(full * left / 100, 0.1 * A), during=200 * ms)
    bench.stays(bench.signal("DeratingFactor").near(left * percent, 0.1 * percent), during=200 * ms)
    bench.stays(bench.signal("DeratingActive") == ("On" if left < 100 else "Off"), during=200 * ms)


@pytest.mark.requirement("VEH-010")
@pytest.mark.parametrize(("speed", "temperature"), [(30 * kmh, 50), (30 * kmh, 60), (90 * kmh, 55)], ids=str)
def test_torque_follows_the_derating(bench: Bench, speed: Quantity, temperature: int, phase: Duration) -> None:
    """Within 50 ms of the temperature the motor takes no more current than the battery allows then."""
    car_on_rollers(bench, speed)
    press(bench, accelerator=100 * percent)
    voltage, motor = bench.signal("PackVoltage").value, bench.signal("MotorSpeed").value
    full, torque = bench.signal("DischargeCurrentLimit").value, bench.signal("TorqueRequest").value
    assert voltage and motor and full and torque
    current = full * (60 - temperature) / 15
    allowed = min(torque, current * voltage / (motor * 2 * pi / 60))
    bench.wait(phase)
    bench.plant["cell_temperature"] = temperature * degC
    reached = bench.expect(bench.signal("TorqueRequest") <= allowed * Nm, within=50 * ms)
    bench.stays(bench.signal("TorqueRequest") <= allowed * Nm, during=500 * ms, after=reached.time)
    bench.stays(bench.signal("PackCurrent") <= bench.signal("DischargeCurrentLimit"), during=500 * ms)


@pytest.mark.requirement("VEH-011")
@pytest.mark.parametrize("resistance", [99.9 * ohm_per_V, 0 * ohm_per_V], ids=str)
def test_low_isolation_at_standstill_opens_contactors(bench: Bench, resistance: Quantity, phase: Duration) -> None:
    """Below 100 ohm/V: telltale within 1 s, contactors open within 200 ms of the warning."""
    ready_car(bench)
    bench.wait(phase)
    bench.plant["isolation_resistance"] = resistance
    bench.expect(bench.signal("TelltaleIsolation").changes(to="On"), within=1 * s)
    warning = bench.expect(bench.signal("IsolationWarning") == "On", within=1 * s)
    bench.expect(
        (bench.signal("ContactorPositive") == "Open") & (bench.signal("ContactorNegative") == "Open"),
        within=200 * ms,
        after=warning.time,
    )
    assert contactors_open(bench)
    bench.expect(bench.signal("FaultCode") == "IsolationLow", within=200 * ms)


@pytest.mark.requirement("VEH-011")
@pytest.mark.parametrize("resistance", [100 * ohm_per_V, 101 * ohm_per_V], ids=str)
def test_sufficient_isolation_gives_no_warning(bench: Bench, resistance: Quantity) -> None:
    """At 100 ohm/V and above there is no warning and nothing opens."""
    ready_car(bench)
    bench.plant["isolation_resistance"] = resistance
    bench.stays(
        (bench.signal("IsolationWarning") == "Off") & (bench.signal("ContactorPositive") == "Closed"), during=2 * s
    )
    bench.stays(bench.signal("TelltaleIsolation") == "Off", during=200 * ms)


@pytest.mark.requirement("VEH-011")
@pytest.mark.parametrize("speed", [1 * kmh, 60 * kmh], ids=str)
def test_low_isolation_when_driving_waits_for_standstill(bench: Bench, speed: Quantity, phase: Duration) -> None:
    """When driving, the telltale comes within 1 s too, but the contactors stay closed until standstill."""
    ready_car(bench)
    car_on_rollers(bench, speed)
    bench.wait(phase)
    bench.plant["isolation_resistance"] = 60 * ohm_per_V
    bench.expect(bench.signal("TelltaleIsolation").changes(to="On"), within=1 * s)
    closed = (bench.signal("ContactorPositive") == "Closed") & (bench.signal("ContactorNegative") == "Closed")
    bench.stays(closed, during=1.5 * s)
    bench.plant["vehicle_speed"] = 0 * kmh
    bench.expect(bench.signal("ContactorPositive") == "Open", within=200 * ms)
    bench.expect(bench.signal("ContactorNegative") == "Open", within=200 * ms)


@pytest.mark.requirement("VEH-012")
@pytest.mark.parametrize(("cell", "voltage", "warning"), [(1, 4.251, "Overvoltage"), (96, 2.799, "Undervoltage")])
def test_cell_voltage_out_of_limits(bench: Bench, cell: int, voltage: float, warning: str, phase: Duration) -> None:
    """500 ms out of limits give a warning, torque goes down to 0, contactors open 3 s ± 100 ms after the warning."""
    car_on_rollers(bench, 60 * kmh)
    press(bench, accelerator=50 * percent)
    bench.wait(phase)
    bench.plant[f"cell_voltage_{cell}"] = voltage * V
    fault = bench.latest
    bench.stays(bench.signal("CellVoltageWarning") == "None", during=490 * ms, after=fault)
    warned = bench.expect(bench.signal("CellVoltageWarning") == warning, within=550 * ms, after=fault)
    closed = (bench.signal("ContactorPositive") == "Closed") & (bench.signal("ContactorNegative") == "Closed")
    bench.stays(closed, during=2.9 * s, after=warned.time)
    bench.expect(bench.signal("TorqueRequest") == 0, within=2.9 * s, after=warned.time)
    opened = (bench.signal("ContactorPositive") == "Open") & (bench.signal("ContactorNegative") == "Open")
    bench.expect(opened, within=3.1 * s, after=warned.time)
    assert contactors_open(bench)


@pytest.mark.requirement("VEH-012")
@pytest.mark.parametrize("voltage", [4.26, 2.79])
def test_cell_warning_ramps_the_torque(bench: Bench, voltage: float) -> None:
    """After the warning the torque goes down little by little: the driver can still leave the road."""
    car_on_rollers(bench, 30 * kmh)
    press(bench, accelerator=80 * percent)
    before = bench.signal("TorqueRequest").value
    assert before
    bench.plant["cell_voltage_49"] = voltage * V
    warned = bench.expect(bench.signal("CellVoltageWarning") != "None", within=600 * ms)
    bench.expect(bench.signal("TorqueRequest").between(0.3 * before, 0.7 * before), within=2.5 * s, after=warned.time)
    bench.expect(bench.signal("TorqueRequest") == 0, within=2.9 * s, after=warned.time)


@pytest.mark.requirement("VEH-012")
@pytest.mark.parametrize("voltage", [4.249, 4.25, 2.8, 2.801])
def test_cell_voltage_at_its_limit_is_allowed(bench: Bench, voltage: float) -> None:
    """At 4.25 V and at 2.8 V there is no warning."""
    switch_on(bench)
    bench.plant["cell_voltage_33"] = voltage * V
    bench.stays(bench.signal("CellVoltageWarning") == "None", during=1.5 * s)


@pytest.mark.requirement("VEH-012")
@pytest.mark.parametrize("voltage", [4.3, 2.5])
def test_short_excursion_of_a_cell_voltage_is_tolerated(bench: Bench, voltage: float, phase: Duration) -> None:
    """A cell voltage that is out of limits for less than 500 ms gives no warning, also when it happens twice."""
    switch_on(bench)
    bench.wait(phase)
    for _ in range(2):
        bench.plant["cell_voltage_33"] = voltage * V
        out = bench.latest
        bench.wait(480 * ms)
        bench.plant["cell_voltage_held"] = 0
        require_shorter(out, bench.latest, 490 * ms)
        bench.wait(30 * ms)
    bench.stays(bench.signal("CellVoltageWarning") == "None", during=1 * s, after=bench.now - 500 * ms)


@pytest.mark.requirement("VEH-013")
def test_charge_is_counted(bench: Bench) -> None:
    """After half a minute of driving hard and braking hard the state of charge is right to 0.05 %."""
    bench.plant["state_of_charge"] = 85 * percent
    bench.wait(200 * ms)
    car_on_rollers(bench, 70 * kmh)
    for _ in range(3):
        press(bench, accelerator=80 * percent)
        bench.wait(8 * s)
        press(bench, brake=30 * percent)
        bench.wait(1.5 * s)
    left = bench.plant["state_of_charge"]
    assert left < 84.5
    bench.stays(bench.signal("StateOfCharge").near(left, 0.05), during=100 * ms)


@pytest.mark.slow
@pytest.mark.requirement("VEH-013")
def test_charge_is_counted_over_an_hour(bench: Bench) -> None:
    """After one hour of driving the state of charge is wrong by less than 0.5 %."""
    bench.plant["state_of_charge"] = 90 * percent
    bench.wait(200 * ms)
    switch_on(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "D")
    roll(bench, 50 * kmh)
    for minute in range(60):
        bench.plant["vehicle_speed"] = (30 + 10 * (minute % 6)) * kmh
        press(bench, accelerator=(20 + 4 * (minute % 7)) * percent)
        bench.wait(53 * s)
        press(bench, brake=20 * percent)
        bench.wait(5 * s)
        press(bench)
        bench.wait(1.7 * s)
        bench.stays(bench.signal("StateOfCharge").near(bench.plant["state_of_charge"], 0.49), during=100 * ms)
    assert bench.plant["state_of_charge"] < 70
