"""Bus-off: nodes come back, and their functions with them."""

from __future__ import annotations

import pytest

from harness import Bench, BitFault, Duration, degC, kmh, ms, percent, s, us
from harness.bus.port import ErrorState
from harness.signals.predicate import Predicate
from vehicle_states import car_on_rollers, ready_car

CHANNELS = {
    "VCU": ("powertrain",),
    "BMS": ("powertrain",),
    "INV": ("powertrain",),
    "ESP": ("powertrain",),
    "GW": ("powertrain", "body"),
    "BCM": ("body",),
    "IC": ("body",),
    "HVAC": ("body",),
    "PEDAL": ("powertrain",),
    "STALK": ("body",),
}


def drive_into_bus_off(bench: Bench, node: str) -> Duration:
    """Destroy a node's frames until it is bus-off on all its channels; returns when that was."""
    with bench.disturb(BitFault(node, count=32)):
        while any(bench.node(node).error_state(each) is not ErrorState.BUS_OFF for each in CHANNELS[node]):
            bench.wait(100 * us)
    return bench.now


def function_of(bench: Bench, node: str) -> Predicate:
    """Ask a node for something, and say how it shows that it has done so."""
    if node in ("ESP", "GW", "BCM", "PEDAL"):
        bench.set("BrakePedal", 50 * percent)
    elif node == "STALK":
        bench.set("HazardSwitch", "On")
    elif node == "IC":
        bench.set("AirbagFault", "Failed")
    elif node == "HVAC":
        bench.set("CabinSetPointRequest", 25)
    else:
        bench.plant["cell_temperature"] = 50 * degC
        bench.plant["motor_temperature"] = 90 * degC
    return {
        "VCU": bench.signal("BatteryTorqueLimit") < 200,
        "BMS": bench.signal("DeratingActive") == "On",
        "INV": bench.signal("MotorTemperature").near(90 * degC, 1),
        "ESP": bench.signal("BrakePressure") > 50,
        "GW": bench.signal("BrakePedalBody") == 50 * percent,
        "BCM": bench.signal("BrakeLamp") == "On",
        "IC": bench.signal("TelltaleAirbag") == "On",
        "HVAC": bench.signal("CabinSetPoint") == 25,
        "PEDAL": bench.signal("BrakePressure") > 50,
        "STALK": bench.signal("IndicatorMode") == "Hazard",
    }[node]


@pytest.mark.requirement("VEH-063")
@pytest.mark.parametrize("node", CHANNELS)
def test_node_comes_back_after_bus_off(bench: Bench, node: str) -> None:
    """Within 250 ms of bus-off the node sends again, within 500 ms it does its work again."""
    ready_car(bench)
    off = drive_into_bus_off(bench, node)
    done = function_of(bench, node)
    bench.wait(until=off + 250 * ms)
    for channel in CHANNELS[node]:
        assert bench.node(node).error_state(channel) is not ErrorState.BUS_OFF
        assert any(rx.sender == node for rx in bench.traffic(channel).since(off).frames)
    bench.expect(done, within=500 * ms, after=off)


@pytest.mark.requirement("VEH-063")
def test_recovery_at_every_phase(bench: Bench, phase: Duration) -> None:
    """The gateway forwards again within 500 ms, whenever it was struck."""
    bench.wait(200 * ms + phase)
    off = drive_into_bus_off(bench, "GW")
    bench.set("BrakePedal", 20 * percent)
    bench.expect(bench.signal("BrakePedalBody") == 20 * percent, within=500 * ms, after=off)


@pytest.mark.requirement("VEH-063")
@pytest.mark.requirement("VEH-009")
@pytest.mark.parametrize("node", ["VCU", "PEDAL"])
def test_missed_pedals_lead_to_limp(bench: Bench, node: str) -> None:
    """A VCU that missed the pedals, since it or they were bus-off, is in Limp after that, and stays there."""
    car_on_rollers(bench, 20 * kmh)
    off = drive_into_bus_off(bench, node)
    bench.expect(bench.signal("DriveState") == "Limp", within=500 * ms, after=off)
    bench.wait(until=off + 500 * ms)
    bench.stays(bench.signal("DriveState") == "Limp", during=1 * s)


@pytest.mark.requirement("VEH-063")
@pytest.mark.parametrize("faults", [1, 16, 31])
def test_fewer_faults_leave_a_node_on_the_bus(bench: Bench, faults: int) -> None:
    """Up to 31 destroyed frames in a row do not lead to bus-off."""
    bench.wait(200 * ms)
    with bench.disturb(BitFault("BCM", count=faults)):
        bench.wait(100 * ms)
    assert bench.node("BCM").error_state("body") is not ErrorState.BUS_OFF
    bench.set("BrakePedal", 20 * percent)
    bench.expect(bench.signal("BrakeLamp").changes(to="On"), within=80 * ms)
