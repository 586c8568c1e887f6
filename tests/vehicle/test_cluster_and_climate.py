"""Instrument cluster and climate control at their limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
from body_car import PHASES, car, edges, switched_on
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import Duration, ms, s
from harness.bench import Bench, Silence, WrongCrc
from simulators.ic import TELLTALES, Ic

at_phases = pytest.mark.parametrize("phase", PHASES, ids=str)
KMH = st.integers(0, 20_000).map(lambda hundredths: hundredths / 100)


@pytest.fixture
def body() -> Bench:
    return car()


# -- VEH-040 speedometer, VEH-041 odometer -----------------------------------------------------------------------------


def check_speedometer(body: Bench, since: int) -> None:
    """VEH-040, at the end of every frame of the display."""
    true = body.signal("VehicleSpeed").history
    shown = body.signal("DisplayedSpeed").samples_since(since)
    assert shown
    for sample in shown:
        recent = [each.value for each in true if sample.time - 200_000_000 <= each.time <= sample.time]
        assert any(v - 1e-9 <= sample.value <= 1.1 * v + 4 + 1e-9 for v in recent), (sample, recent)


@pytest.mark.parametrize("kmh", [0, 0.01, 0.5, 1.99, 2, 5, 39.9, 40, 50, 100, 199.99, 200])
def test_displayed_speed_lies_within_its_band(body: Bench, kmh: float) -> None:
    since = int(body.now) + int(300 * ms)
    body.set("VehicleSpeed", kmh)
    body.wait(1 * s)
    check_speedometer(body, since)
    if kmh == 0:
        assert body.signal("DisplayedSpeed").value == 0


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(KMH, st.integers(20, 400)), min_size=1, max_size=6))
def test_displayed_speed_for_any_drive(drive: list[tuple[float, int]]) -> None:
    body = car()
    body.set("KeyPosition", "On")
    since = int(body.now) + int(300 * ms)
    body.wait(300 * ms)
    for kmh, milliseconds in drive:
        body.set("VehicleSpeed", kmh)
        body.wait(milliseconds * ms)
    body.wait(250 * ms)
    check_speedometer(body, since)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(KMH, min_size=2, max_size=5))
def test_odometer_matches_the_integral_and_never_decreases(speeds: list[float]) -> None:
    body = car()
    body.set("KeyPosition", "On")
    for kmh in [*speeds, 200, 0]:
        body.set("VehicleSpeed", kmh)
        body.wait(4 * s)
    body.wait(200 * ms)
    samples = body.signal("VehicleSpeed").history
    km = sum(
        0.5 * (a.value + b.value) * (b.time - a.time) / 3.6e12 for a, b in pairwise(samples)
    )
    shown = [sample.value for sample in body.signal("Odometer").history]
    assert shown == sorted(shown)
    assert abs(shown[-1] - km) <= 0.001 * km + 0.0005  # half a metre is the last digit of the display


def test_odometer_survives_key_cycle_reset_and_loss_of_power(body: Bench) -> None:
    switched_on(body)
    body.set("VehicleSpeed", 180)
    body.wait(20 * s)
    body.set("VehicleSpeed", 0)
    body.wait(200 * ms)
    km = body.signal("Odometer").value
    assert km is not None and km == pytest.approx(1.0, rel=1e-3)
    body.set("KeyPosition", "Off")
    body.wait(500 * ms)
    body.set("KeyPosition", "On")
    body.node("IC").reset()
    body.wait(200 * ms)
    body.node("IC").power_off()
    body.wait(500 * ms)
    body.node("IC").power_on()
    since = int(body.now)
    body.wait(500 * ms)
    assert {sample.value for sample in body.signal("Odometer").samples_since(since + 1)} == {km}
    body.set("VehicleSpeed", 180)
    body.wait(2 * s)
    assert body.signal("Odometer").value == pytest.approx(km + 0.1, abs=0.005)


# -- VEH-042 seat-belt chime -------------------------------------------------------------------------------------------


@at_phases
def test_chime_starts_above_10_kmh_within_a_second(body: Bench, phase: Duration) -> None:
    body.set("KeyPosition", "On")
    chime = body.signal("SeatBeltChime")
    body.set("DriverSeatBelt", "Unfastened")
    body.set("VehicleSpeed", 10.0)
    body.wait(1 * s + phase)
    assert chime.text == "Off"
    body.set("VehicleSpeed", 10.01)
    body.expect(chime == "On", within=1 * s)
    assert body.plant["chime"] == 1
    body.set("DriverSeatBelt", "Fastened")
    body.expect(chime == "Off", within=1 * s)
    assert body.plant["chime"] == 0
    body.wait(phase)
    body.set("DriverSeatBelt", "Unfastened")
    body.expect(chime == "On", within=1 * s)
    body.set("VehicleSpeed", 10.0)
    body.expect(chime == "Off", within=1 * s)


@pytest.mark.parametrize("phase", PHASES[::2], ids=str)
def test_chime_lasts_90_s_at_most(body: Bench, phase: Duration) -> None:
    body.set("KeyPosition", "On")
    body.set("DriverSeatBelt", "Unfastened")
    body.wait(phase)
    start = body.set("VehicleSpeed", 50)
    body.expect(body.signal("SeatBeltChime") == "On", within=1 * s)
    body.wait(88 * s)
    assert body.signal("SeatBeltChime").text == "On"
    body.wait(5 * s)
    assert start.delivered is not None
    (end,) = edges(body, "SeatBeltChime", "Off", start.delivered)
    on = body.signal("SeatBeltChime").history
    assert end - start.delivered <= 90 * s and on[-1].text == "Off"
    assert body.signal("TelltaleSeatBelt").text == "On"


# -- VEH-043 telltales -------------------------------------------------------------------------------------------------

SOURCES = [
    (telltale, signal.removesuffix("Body"), state)
    for telltale, sources in TELLTALES.items() for signal, states in sources for state in sorted(states)
    if not signal.startswith(("Indicator", "BrakeLampMonitor", "HighBeam"))  # what the BCM sends is tested with it
]  # fmt: skip


@pytest.mark.parametrize(("telltale", "signal", "state"), SOURCES)
def test_telltales_follow_their_source(body: Bench, telltale: str, signal: str, state: str) -> None:
    live = body.signal(signal)
    body.set("DriverSeatBelt", "Fastened")
    switched_on(body)
    quiet = next(label for label in live.definition.choices.values() if (telltale, signal, label) not in SOURCES)
    for phase in PHASES[:3]:
        body.wait(phase)
        live.set(state)
        body.expect(body.signal(telltale) == "On", within=200 * ms)
        body.wait(phase)
        live.set(quiet)
        body.expect(body.signal(telltale) == "Off", within=200 * ms)


def test_low_charge_telltale(body: Bench) -> None:
    switched_on(body)
    telltale = body.signal("TelltaleLowCharge")
    for percent, state in ((10.01, "Off"), (10.0, "Off"), (9.99, "On"), (10.0, "Off")):
        body.set("StateOfCharge", percent)
        body.expect(body.signal("StateOfChargeBody").near(percent, 0.001), within=200 * ms)
        body.wait(50 * ms)
        assert telltale.text == state


@at_phases
def test_all_telltales_are_on_for_2_s_after_key_on(body: Bench, phase: Duration) -> None:
    names = [*TELLTALES, "TelltaleLowCharge"]
    body.set("DriverSeatBelt", "Fastened")
    body.wait(200 * ms + phase)
    before = {name: body.signal(name).text for name in names}
    assert set(before.values()) == {"Off"}
    body.set("KeyPosition", "On")
    begin = body.expect(body.signal("LampTest") == "Active", within=200 * ms).time
    assert {body.signal(name).text for name in names} == {"On"}
    body.set("IsolationWarning", "On")
    end = body.expect(body.signal("LampTest") == "Inactive", within=2.2 * s, after=Duration(begin)).time
    assert 1.8 * s <= end - begin <= 2.2 * s
    for name in names:
        assert edges(body, name, "Off", begin) == ([end] if name != "TelltaleIsolation" else [])
    assert body.signal("TelltaleIsolation").text == "On"


def test_a_reset_with_the_key_on_is_no_key_on(body: Bench) -> None:
    switched_on(body)
    body.node("IC").reset()
    body.never(body.signal("LampTest") == "Active", during=500 * ms)


# -- VEH-044 no data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "cycle", "displays"),
    [
        ("VehicleSpeed", 20 * ms, ["SpeedDisplay"]),
        ("DriveStatus", 20 * ms, ["GearDisplay"]),
        ("BatteryCharge", 100 * ms, ["ChargeDisplay", "RangeDisplay"]),
        ("HvacStatus", 50 * ms, ["CabinTemperatureDisplay"]),
    ],
)
def test_no_data_from_the_fifth_missed_cycle(body: Bench, message: str, cycle: Duration, displays: list[str]) -> None:
    with body.disturb(Silence(message)):
        last = body.world.channel(body.world.tx(message).channel).network.trace.of(body.world.tx(message).key)[-1].time
        body.wait(1 * s)
        for display in displays:
            for sample in body.signal(display).samples_since(last):
                late = sample.time - last - 5 * cycle
                assert sample.text == ("Valid" if late < 0 else "NoData") or 0 <= late < 6 * ms, (display, late)
            assert body.signal(display).text == "NoData"
    for display in displays:
        body.wait_until(body.signal(display) == "Valid", timeout=cycle + 110 * ms)


def test_no_data_before_the_first_message_and_while_the_protection_is_wrong(body: Bench) -> None:
    assert {sample.text for sample in body.signal("SpeedDisplay").history} == {"Valid"}
    with body.disturb(WrongCrc("VehicleSpeed")):
        body.wait(200 * ms)
        assert body.signal("SpeedDisplay").text == "NoData"
    body.expect(body.signal("SpeedDisplay") == "Valid", within=200 * ms)
    body.node("GW").power_off()
    body.node("IC").reset()
    since = int(body.now)
    body.wait(300 * ms)
    assert {sample.text for sample in body.signal("SpeedDisplay").samples_since(since + 1)} == {"NoData"}


class Impatient(Ic):
    """Gives up a cycle too early."""

    MISSED_CYCLES = 4


def test_a_threshold_can_be_overridden() -> None:
    body = car(IC=Impatient)
    with body.disturb(Silence("VehicleSpeed", count=5)):
        body.wait(300 * ms)
    assert "NoData" in {sample.text for sample in body.signal("SpeedDisplay").history}


def test_gear_refusal_charge_range_and_cabin_are_shown(body: Bench) -> None:
    body.plant["cabin_temperature"] = 30.5
    body.set("DriveStatus", Gear="R", GearRefusedReason="SpeedTooHigh")
    body.set("BatteryCharge", StateOfCharge=62.5, RemainingEnergy=28)
    body.expect(body.signal("DisplayedRefusedReason") == "SpeedTooHigh", within=200 * ms)
    body.wait(300 * ms)
    shown = [body.signal(name) for name in ("DisplayedGear", "DisplayedCharge", "DisplayedRange")]
    assert (shown[0].text, shown[1].value, shown[2].value) == ("R", 62.5, 200)
    assert body.signal("DisplayedCabinTemperature").value == 30.5


# -- VEH-052 compressor ------------------------------------------------------------------------------------------------


def cool(body: Bench) -> None:
    """A hot cabin, cooled with what the VCU permits."""
    body.plant["cabin_temperature"] = 35
    body.set("DriveStatus", CompressorPermission="Granted", CompressorPowerLimit=5)
    body.set("ClimateControls", AirConditioning="On", CabinSetPointRequest=20, FanRequest=4)
    body.expect(body.signal("CompressorPower") == 5, within=5 * s)


@at_phases
def test_compressor_power_is_cut_when_the_vcu_refuses(body: Bench, phase: Duration) -> None:
    cool(body)
    assert body.plant["compressor_power"] == 5
    assert (body.signal("CompressorState").text, body.signal("CompressorRequestPowertrain").text) == ("Running", "On")
    body.wait(phase)
    body.set("CompressorPermission", "Refused")
    body.expect(body.signal("CompressorPower") == 0, within=100 * ms)
    assert (body.plant["compressor_power"], body.signal("CompressorState").text) == (0, "Refused")
    body.stays(body.signal("CompressorPower") == 0, during=1 * s)
    body.set("CompressorPermission", "Granted")
    body.expect(body.signal("CompressorPower") > 0, within=200 * ms)


def test_compressor_obeys_the_limit_and_stops_without_the_vcu(body: Bench) -> None:
    cool(body)
    body.set("CompressorPowerLimit", 1.5)
    body.expect(body.signal("CompressorPower") == 1.5, within=100 * ms)
    with body.disturb(Silence("DriveStatus")):
        body.expect(body.signal("CompressorPower") == 0, within=300 * ms)
    body.expect(body.signal("CompressorPower") == 1.5, within=200 * ms)
    body.set("AirConditioning", "Off")
    body.expect((body.signal("CompressorPower") == 0) & (body.signal("CompressorState") == "Off"), within=300 * ms)


def test_the_cabin_reaches_its_set_point(body: Bench) -> None:
    body.set("KeyPosition", "On")
    body.plant["outside_temperature"] = 35
    cool(body)
    assert body.plant["fan_speed"] == pytest.approx(4 / 7 * 100)
    body.plant["cabin_temperature"] = 22
    body.wait(60 * s)
    assert body.plant["cabin_temperature"] == pytest.approx(20, abs=1)
    assert body.signal("CabinSetPoint").value == 20
