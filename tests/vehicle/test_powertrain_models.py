"""VCU and ESP on the powertrain network alone: rules, timers and faults that the suites do not reach.

The suites test the requirements; here stands what the models do beside them, and each model against silent partners.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from powertrain_car import drive, key, load, ready, values

from harness.bench.bench import Bench
from harness.bench.blueprint import Blueprint
from harness.bench.disturb import BitFault, Silence
from harness.bus.port import ErrorState
from harness.units import Duration, kmh, ms, s
from simulators.governor import Governor

PHASES = [0 * ms, 1.7 * ms, 3.9 * ms, 6.1 * ms, 8.8 * ms, 13.3 * ms]


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return load()


@pytest.fixture
def bench(blueprint: Blueprint) -> Iterator[Bench]:
    with Bench(blueprint) as bench:
        yield bench


@pytest.fixture(params=PHASES, ids=str)
def phase(request: pytest.FixtureRequest) -> Duration:
    delay: Duration = request.param
    return delay


# -- VCU ---------------------------------------------------------------------------------------------------------------


def test_first_frames_after_power_on_are_safe(bench: Bench) -> None:
    bench.wait(50 * ms)
    assert values(bench, "TorqueRequest", "InverterEnable", "ContactorRequest", "DriveState") == [0, 0, 0, 0]
    assert bench.signal("Gear").text == "P"


def test_invalid_key_changes_nothing(bench: Bench) -> None:
    ready(bench)
    key(bench, "Invalid")
    bench.stays(bench.signal("DriveState") == "Ready", during=500 * ms)


def test_key_on_again_while_rolling_out_goes_on(bench: Bench) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", 50)
    key(bench, "Off")
    bench.expect(bench.signal("TorqueRequest") == 0, within=1 * s)
    key(bench, "On")
    bench.expect(bench.signal("TorqueRequest") > 50, within=50 * ms)


def test_lever_held_in_d_during_power_on_asks_for_nothing(bench: Bench) -> None:
    bench.set({"GearRequest": "D", "BrakePedal": 30})
    ready(bench)
    bench.stays(bench.signal("Gear") == "P", during=500 * ms)
    assert bench.signal("GearRefusedReason").text == "None"


def test_invalid_lever_is_reported(bench: Bench) -> None:
    drive(bench)
    bench.set("GearRequest", "Invalid")
    bench.expect(bench.signal("GearRefusedReason") == "LeverInvalid", within=200 * ms)
    bench.stays(bench.signal("Gear") == "D", during=200 * ms)


def test_gear_is_park_again_after_key_off(bench: Bench) -> None:
    drive(bench)
    key(bench, "Off")
    bench.expect(bench.signal("Gear") == "P", within=200 * ms)
    assert bench.plant["park_lock"] == 1


def test_reverse_drives_backward_and_not_too_fast(bench: Bench) -> None:
    drive(bench, 0, "R")
    bench.plant["vehicle_speed_held"] = 0
    bench.set("AcceleratorPedal", 80)
    bench.expect(bench.signal("TorqueRequest") < -50, within=50 * ms)
    bench.wait(10 * s)
    assert 20 < -bench.plant["vehicle_speed"] < 27


@pytest.mark.parametrize("gear", ["D", "R"])
def test_regeneration_brakes_in_both_directions(bench: Bench, gear: str) -> None:
    drive(bench, 20, gear)
    torque, motor = values(bench, "MotorTorque", "MotorSpeed")
    assert torque * motor < 0


def test_override_takes_torque_in_reverse_too(bench: Bench) -> None:
    drive(bench, 2, "R")
    bench.set("Pedals", AcceleratorPedal=50, BrakePedal=50)
    bench.expect(bench.signal("BrakeOverride") == "Active", within=150 * ms)
    bench.expect(bench.signal("TorqueRequest") == 0, within=150 * ms)


@pytest.mark.parametrize("node", ["INV", "BMS"])
def test_missing_partner_takes_torque_at_once_and_is_a_fault_after_a_second(bench: Bench, node: str) -> None:
    drive(bench, 20)
    bench.set("AcceleratorPedal", 50)
    bench.wait(100 * ms)
    with bench.disturb(Silence(node)):
        start = bench.now
        bench.expect(bench.signal("TorqueRequest") == 0, within=150 * ms, after=start)
        bench.stays(bench.signal("DriveState") == "Drive", during=900 * ms, after=start)
        bench.expect(bench.signal("DriveState") == "Fault", within=1.2 * s, after=start)
        expected = "InverterMissing" if node == "INV" else "BatteryMissing"
        assert bench.signal("FaultCode").text == expected


def test_missing_esp_leads_to_limp_after_a_second(bench: Bench) -> None:
    drive(bench, 20)
    with bench.disturb(Silence("ESP")):
        start = bench.now
        bench.stays(bench.signal("DriveState") == "Drive", during=900 * ms, after=start)
        bench.expect(bench.signal("DriveState") == "Limp", within=1.2 * s, after=start)
        assert bench.signal("FaultCode").text == "SpeedMissing"


def test_key_off_works_without_esp(bench: Bench) -> None:
    drive(bench, 0)
    with bench.disturb(Silence("ESP")):
        bench.wait(300 * ms)
        key(bench, "Off")
        bench.expect(bench.signal("ContactorPositive") == "Open", within=100 * ms)


def test_bus_off_of_the_vcu_ends_in_limp(bench: Bench) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", 50)
    bench.wait(100 * ms)
    vcu = bench.node("VCU")
    with bench.disturb(BitFault("VCU", count=32)):
        bench.wait(100 * ms)
    assert vcu.error_state("powertrain") is ErrorState.BUS_OFF
    assert bench.plant["motor_torque"] == 0
    bench.wait(100 * ms)
    vcu.restart()
    bench.expect(bench.signal("DriveState") == "Limp", within=250 * ms)
    bench.stays((bench.signal("TorqueRequest") <= 20) & (bench.signal("BatteryState") == "Closed"), during=500 * ms)


def test_reset_of_the_vcu_while_driving_is_safe(bench: Bench) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", 50)
    bench.wait(105 * ms)
    bench.node("VCU").reset()
    bench.expect(bench.signal("TorqueRequest") == 0, within=50 * ms)
    bench.stays(bench.signal("TorqueRequest") == 0, during=1 * s)
    bench.expect(bench.signal("DriveState") == "Ready", within=2 * s)


@pytest.mark.parametrize(
    ("temperature", "permission"), [(20, "Granted"), (55.49, "Granted"), (55.51, "Refused"), (60, "Refused")]
)
def test_compressor_needs_thirty_percent_of_the_current(bench: Bench, temperature: float, permission: str) -> None:
    ready(bench)
    bench.plant["cell_temperature"] = temperature
    bench.wait(60 * ms)
    bench.stays(bench.signal("CompressorPermission") == permission, during=200 * ms)


def test_compressor_power_is_taken_from_the_drive(bench: Bench) -> None:
    drive(bench, 90)
    bench.plant["cell_temperature"] = 50
    bench.wait(100 * ms)
    before = values(bench, "BatteryTorqueLimit")[0]
    bench.set({"CompressorRequestPowertrain": "On", "CompressorPowerRequestPowertrain": 3})
    bench.wait(150 * ms)
    motor = 90 / 3.6 / 0.305 * 9
    assert before - values(bench, "BatteryTorqueLimit")[0] == pytest.approx(3000 * 0.92 / motor, abs=0.5)


@pytest.mark.parametrize("pedal", [0, 100])
def test_limiter_state(bench: Bench, pedal: float) -> None:
    drive(bench, 50)
    bench.set("AcceleratorPedal", pedal)
    bench.set("DriverRequestPowertrain", SpeedLimiterSwitchPowertrain="On", SpeedLimitPowertrain=50)
    bench.wait(200 * ms)
    assert bench.signal("SpeedLimiterState").text == ("Limiting" if pedal else "Standby")
    bench.set("SpeedLimiterSwitchPowertrain", "Off")
    bench.expect(bench.signal("SpeedLimiterState") == "Off", within=50 * ms)


def test_fault_memory_is_shown_page_by_page_and_survives_power_off(bench: Bench) -> None:
    bench.plant["contactor_precharge_fault"] = 1
    for _ in range(2):
        key(bench, "On")
        bench.wait_until(bench.signal("DriveState") == "Fault", timeout=2 * s)
        key(bench, "Off")
        bench.wait(205 * ms)
    bench.node("VCU").power_off()
    bench.wait(100 * ms)
    bench.node("VCU").power_on()
    slots: dict[tuple[str | None, float | int | None], float | int | None] = {}
    pages = set()
    for _ in range(40):
        bench.wait(50 * ms)
        pages.add(bench.signal("InfoPage").value)
        slots[bench.signal("StoredFaultCode").text, bench.signal("FaultSlot").value] = 1
        count = bench.signal("StoredFaultCount").value
        if bench.signal("StoredFaultCode").text == "PrechargeTimeout":
            assert count == 2
    assert pages == {0, 1, 2, 3}
    assert ("PrechargeTimeout", 0) in slots
    assert bench.signal("FaultTotal").value == 2
    assert bench.signal("PowerOnCount").value == 2


@pytest.mark.parametrize("grade", [-0.08, 0.0, 0.08])
@pytest.mark.parametrize("start", [0.0, 40.0])
def test_governor_overshoots_little_and_settles(grade: float, start: float) -> None:
    governor, speed = Governor(), start
    pending = [0.0] * 5
    trace = []
    for _ in range(4000):
        torque = min(200.0, max(-80.0, governor.limit(speed, 60.0, 0.01)))
        pending.append(torque)
        force = pending.pop(0) * 9 / 0.305 - 1350 * 9.81 * (grade + 0.01) - 0.372 * (speed / 3.6) ** 2
        speed += force / 1410 * 0.01 * 3.6
        trace.append(speed)
    reached = next(index for index, each in enumerate(trace) if each > 58)
    assert max(trace) <= 62
    assert all(abs(each - 60) <= 1 for each in trace[reached + 1000 :])


# -- ESP ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "stands"), [(0, "Yes"), (0.09, "Yes"), (0.1, "No"), (-0.2, "No"), (3, "No")])
def test_standstill(bench: Bench, speed: float, stands: str) -> None:
    bench.plant["vehicle_speed_held"] = 1
    bench.plant["vehicle_speed"] = speed * kmh
    bench.wait(60 * ms)
    assert bench.signal("Standstill").text == stands


@pytest.mark.parametrize("friction", [0.15, 0.4])
def test_abs_shortens_nothing_but_keeps_wheels_turning(bench: Bench, friction: float) -> None:
    bench.wait(100 * ms)
    bench.plant["park_lock"] = 0
    bench.plant["road_friction"] = friction
    bench.plant["vehicle_speed"] = 80
    bench.set("BrakePedal", 100)
    bench.expect(bench.signal("AbsActive") == "Yes", within=500 * ms)
    locked = 0
    while bench.plant["vehicle_speed"] > 15:
        bench.wait(10 * ms)
        locked += bench.plant["wheel_slip_front_left"] > 60
    assert locked < 10
    assert bench.now / 1e9 < 80 / 3.6 / (0.7 * friction * 9.81) + 1


def test_abs_lets_go_when_the_driver_does(bench: Bench) -> None:
    bench.plant["vehicle_speed_held"] = 1
    bench.plant["vehicle_speed"] = 60
    bench.plant["wheel_slip_rear_left"] = 40
    bench.set("BrakePedal", 50)
    bench.wait(200 * ms)
    assert values(bench, "BrakePressure")[0] < 40
    bench.plant["wheel_slip_held"] = 0
    bench.wait(700 * ms)
    assert values(bench, "BrakePressure", "AbsActive") == [80, 0]
    bench.set("BrakePedal", 0)
    bench.expect(bench.signal("BrakePressure") == 0, within=40 * ms)


# -- all ---------------------------------------------------------------------------------------------------------------


def test_nodes_sleep_and_wake_with_the_network(bench: Bench, phase: Duration) -> None:
    bench.wait(300 * ms + phase)
    bench.set("NetworkState", "PrepareSleep")
    bench.wait(20 * ms)
    for message in ("TorqueRequest", "BatteryStatus", "MotorStatus", "VehicleSpeed", "VcuInfo", "CellVoltages"):
        bench.silent(message, during=110 * ms)
    bench.set("NetworkState", "Awake")
    for message in ("TorqueRequest", "BatteryStatus", "MotorStatus", "VehicleSpeed"):
        bench.expect(bench.signal(f"{message}.{message}Counter").received(), within=40 * ms)
