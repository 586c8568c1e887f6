"""Telltales, seat-belt chime, and what the cluster shows when a value is missing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness import Bench, Duration, Quantity, Silence, V, degC, kmh, ms, ohm_per_V, percent, s
from vehicle_states import car_on_rollers, press, ready_car, roll, switch_off, switch_on

TELLTALES = (
    "Ready", "Limp", "Fault", "Isolation", "CellVoltage", "Temperature", "Derating", "Abs", "SeatBelt", "DoorOpen",
    "IndicatorLeft", "IndicatorRight", "LampFailure", "Airbag", "LowCharge", "SpeedLimiter", "HighBeam",
)  # fmt: skip

SWITCHED = [
    ("SeatBelt", "DriverSeatBelt", "Fastened", "Unfastened"),
    ("Airbag", "AirbagFault", "Ok", "Failed"),
    ("DoorOpen", "DriverDoor", "Closed", "Open"),
    ("DoorOpen", "PassengerDoor", "Closed", "Open"),
    ("DoorOpen", "RearLeftDoor", "Closed", "Open"),
    ("DoorOpen", "RearRightDoor", "Closed", "Open"),
    ("DoorOpen", "BootLid", "Closed", "Open"),
    ("HighBeam", "LightSwitch", "LowBeam", "HighBeam"),
    ("SpeedLimiter", "SpeedLimiterSwitch", "Off", "On"),
]
"""Telltale, the signal that it follows, that signal's value when the telltale is off, and when it is on."""

CAUSED: list[tuple[str, str, str, Mapping[str, float | Quantity], Mapping[str, float | Quantity]]] = [
    ("Isolation", "IsolationWarning", "On", {"isolation_resistance": 99 * ohm_per_V}, {}),
    ("CellVoltage", "CellVoltageWarning", "Overvoltage", {"cell_voltage_17": 4.3 * V}, {}),
    ("CellVoltage", "CellVoltageWarning", "Undervoltage", {"cell_voltage_17": 2.7 * V}, {}),
    ("Temperature", "TemperatureWarning", "On", {"cell_temperature": 65 * degC}, {}),
    ("Derating", "DeratingActive", "On", {"cell_temperature": 50 * degC}, {"cell_temperature": 20 * degC}),
    ("LampFailure", "BrakeLampMonitor", "Failed", {"brake_lamp_centre_failed": 1}, {"brake_lamp_centre_failed": 0}),
    ("LampFailure", "IndicatorRightLamp", "Failed", {"indicator_rear_right_failed": 1}, {}),
    ("Fault", "DriveState", "Fault", {"isolation_resistance": 50 * ohm_per_V}, {}),
]
"""Telltale, the signal that it follows and its value when the telltale is on, what causes that, and what ends it."""

DISPLAYS = [
    ("VehicleSpeed", "VehicleSpeedBody", "SpeedDisplay"),
    ("VehicleSpeedBody", "VehicleSpeedBody", "SpeedDisplay"),
    ("DriveStatus", "DriveStatusBody", "GearDisplay"),
    ("DriveStatusBody", "DriveStatusBody", "GearDisplay"),
    ("BatteryCharge", "BatteryChargeBody", "ChargeDisplay"),
    ("BatteryChargeBody", "BatteryChargeBody", "RangeDisplay"),
    ("HvacStatus", "HvacStatus", "CabinTemperatureDisplay"),
]
"""Message that is silenced, message that the cluster misses then, and what shows that there is no data."""


# -- telltales ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-043")
@pytest.mark.parametrize(("telltale", "source", "off", "on"), SWITCHED)
def test_telltale_follows_its_source(bench: Bench, telltale: str, source: str, off: str, on: str) -> None:
    """The telltale goes on and off within 200 ms of its source."""
    ready_car(bench)
    bench.set(source, off)
    bench.wait(500 * ms)
    bench.stays(bench.signal(f"Telltale{telltale}") == "Off", during=100 * ms)
    bench.set(source, on)
    bench.expect(bench.signal(f"Telltale{telltale}").changes(to="On"), within=200 * ms)
    bench.wait(500 * ms)
    bench.set(source, off)
    bench.expect(bench.signal(f"Telltale{telltale}").changes(to="Off"), within=200 * ms)


@pytest.mark.requirement("VEH-043")
def test_telltales_follow_in_time(bench: Bench, phase: Duration) -> None:
    """Telltales come within 200 ms at every phase of the cycles, whichever network their source is on."""
    ready_car(bench)
    for telltale, source, _, on in (SWITCHED[1], SWITCHED[2], SWITCHED[7]):
        bench.wait(3 * phase)
        bench.set(source, on)
        bench.expect(bench.signal(f"Telltale{telltale}").changes(to="On"), within=200 * ms)


@pytest.mark.requirement("VEH-043")
@pytest.mark.parametrize(("telltale", "source", "value", "cause", "end"), CAUSED)
def test_telltale_follows_a_warning(
    bench: Bench,
    telltale: str,
    source: str,
    value: str,
    cause: Mapping[str, float | Quantity],
    end: Mapping[str, float | Quantity],
) -> None:
    """The telltale goes on, and where the warning ends off, within 200 ms of what another node reports."""
    ready_car(bench)
    bench.stays(bench.signal(f"Telltale{telltale}") == "Off", during=200 * ms)
    for role, disturbed in cause.items():
        bench.plant[role] = disturbed
    warned = bench.wait_until(bench.signal(source) == value, timeout=2 * s)
    bench.expect(bench.signal(f"Telltale{telltale}").changes(to="On"), within=200 * ms, after=warned.time)
    for role, normal in end.items():
        bench.plant[role] = normal
        ended = bench.wait_until(bench.signal(source) != value, timeout=2 * s)
        bench.expect(bench.signal(f"Telltale{telltale}").changes(to="Off"), within=200 * ms, after=ended.time)


@pytest.mark.requirement("VEH-043")
def test_abs_telltale_follows_the_anti_lock_system(bench: Bench) -> None:
    """The telltale is on while the anti-lock system works."""
    car_on_rollers(bench, 60 * kmh)
    bench.wait_until(bench.signal("LampTest") == "Inactive", timeout=3 * s)
    press(bench, brake=30 * percent)
    bench.plant["wheel_slip_front_left"] = 40 * percent
    active = bench.wait_until(bench.signal("AbsActive") == "Yes", timeout=200 * ms)
    bench.expect(bench.signal("TelltaleAbs").changes(to="On"), within=200 * ms, after=active.time)
    bench.plant["wheel_slip_front_left"] = 0 * percent
    over = bench.wait_until(bench.signal("AbsActive") == "No", timeout=1 * s)
    bench.expect(bench.signal("TelltaleAbs").changes(to="Off"), within=200 * ms, after=over.time)


@pytest.mark.requirement("VEH-043")
@pytest.mark.parametrize(("charge", "state"), [(9 * percent, "On"), (11 * percent, "Off")], ids=str)
def test_low_charge_telltale(bench: Bench, charge: Quantity, state: str) -> None:
    """Below 10 % state of charge the telltale is on, above it is off."""
    bench.plant["state_of_charge"] = charge
    ready_car(bench)
    bench.wait(200 * ms)
    bench.stays(bench.signal("TelltaleLowCharge") == state, during=500 * ms)


@pytest.mark.requirement("VEH-043")
def test_low_charge_telltale_follows_the_charge(bench: Bench) -> None:
    """The telltale goes on within 200 ms of the state of charge falling below 10 %."""
    bench.plant["state_of_charge"] = 10.05 * percent
    ready_car(bench)
    car_on_rollers(bench, 60 * kmh)
    bench.stays(bench.signal("TelltaleLowCharge") == "Off", during=100 * ms)
    bench.set("AcceleratorPedal", 60 * percent)
    low = bench.wait_until(bench.signal("StateOfCharge") < 10 * percent, timeout=20 * s)
    bench.expect(bench.signal("TelltaleLowCharge").changes(to="On"), within=200 * ms, after=low.time)


@pytest.mark.requirement("VEH-043")
@pytest.mark.parametrize("side", ["Left", "Right"])
def test_indicator_telltale_flashes_with_its_lamps(bench: Bench, side: str) -> None:
    """Each flash of the indicators is shown within 200 ms, on and off."""
    ready_car(bench)
    bench.set("IndicatorStalk", side)
    lamps, telltale = bench.signal(f"Indicator{side}"), bench.signal(f"TelltaleIndicator{side}")
    for _ in range(3):
        for state in ("On", "Off"):
            lit = bench.wait_until(lamps == state, timeout=1 * s)
            bench.expect(telltale == state, within=200 * ms, after=lit.time)


@pytest.mark.requirement("VEH-043")
def test_ready_and_limp_telltales_follow_the_drive(bench: Bench) -> None:
    """Ready is on with the drive ready, Limp in limp-home only; both go off with the key."""
    ready_car(bench)
    bench.expect(bench.signal("TelltaleReady") == "On", within=200 * ms)
    bench.stays(bench.signal("TelltaleLimp") == "Off", during=200 * ms)
    with bench.disturb(Silence("Pedals")):
        limp = bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)
    bench.expect(bench.signal("TelltaleLimp").changes(to="On"), within=200 * ms, after=limp.time)
    bench.set("KeyPosition", "Off")
    off = bench.wait_until(bench.signal("DriveState") == "Off", timeout=5 * s)
    bench.expect(bench.signal("TelltaleLimp") == "Off", within=200 * ms, after=off.time)
    bench.expect(bench.signal("TelltaleReady") == "Off", within=200 * ms, after=off.time)


@pytest.mark.requirement("VEH-043")
def test_all_telltales_are_tested_after_key_on(bench: Bench, phase: Duration) -> None:
    """After key-on all telltales are on for 1.8 to 2.2 s, whatever their sources say."""
    bench.set("DriverSeatBelt", "Fastened")
    bench.wait(500 * ms + phase)
    bench.set("KeyPosition", "On")
    every = bench.signal("LampTest") == "Active"
    for telltale in TELLTALES:
        every = every & (bench.signal(f"Telltale{telltale}") == "On")
    begin = bench.expect(every, within=200 * ms)
    bench.stays(every, during=1.8 * s, after=begin.time)
    bench.expect(bench.signal("TelltaleSeatBelt") == "Off", within=2.2 * s, after=begin.time)
    bench.stays(bench.signal("LampTest") == "Inactive", during=500 * ms)


@pytest.mark.requirement("VEH-043")
def test_lamp_test_takes_precedence(bench: Bench) -> None:
    """A source that changes during the test is shown only after it."""
    bench.wait(500 * ms)
    bench.set("KeyPosition", "On")
    begun = bench.wait_until(bench.signal("LampTest") == "Active", timeout=200 * ms)
    bench.set("DoorStatus", DriverDoor="Open")
    bench.wait(300 * ms)
    bench.set("DoorStatus", DriverDoor="Closed")
    tested = bench.wait_until(bench.signal("LampTest") == "Inactive", timeout=3 * s)
    bench.stays(bench.signal("TelltaleDoorOpen") == "On", during=1.8 * s, after=begun.time)
    bench.expect(bench.signal("TelltaleDoorOpen") == "Off", within=200 * ms, after=tested.time)


@pytest.mark.requirement("VEH-043")
def test_telltales_are_tested_at_every_key_on(bench: Bench) -> None:
    """The second key-on tests the telltales again."""
    ready_car(bench)
    switch_off(bench)
    bench.stays(bench.signal("LampTest") == "Inactive", during=500 * ms)
    bench.set("KeyPosition", "On")
    bench.expect(bench.signal("LampTest").changes(to="Active"), within=200 * ms)


# -- seat-belt chime ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-042")
def test_chime_starts_when_driving_unbelted(bench: Bench, phase: Duration) -> None:
    """Within 1 s of passing 10 km/h without belt the chime sounds."""
    switch_on(bench)
    roll(bench, 9 * kmh)
    bench.wait(phase)
    bench.plant["vehicle_speed"] = 10.1 * kmh
    bench.expect(bench.signal("SeatBeltChime").changes(to="On"), within=1 * s)
    bench.stays(bench.signal("SeatBeltChime") == "On", during=300 * ms)
    assert bench.plant["chime"]


@pytest.mark.requirement("VEH-042")
def test_chime_starts_when_the_belt_is_opened(bench: Bench, phase: Duration) -> None:
    """Within 1 s of opening the belt while driving the chime sounds; closing it ends the chime."""
    switch_on(bench)
    bench.set("DriverSeatBelt", "Fastened")
    roll(bench, 50 * kmh)
    bench.stays(bench.signal("SeatBeltChime") == "Off", during=300 * ms)
    bench.wait(phase)
    for _ in range(2):
        bench.set("DriverSeatBelt", "Unfastened")
        bench.expect(bench.signal("SeatBeltChime").changes(to="On"), within=1 * s)
        bench.set("DriverSeatBelt", "Fastened")
        bench.expect(bench.signal("SeatBeltChime").changes(to="Off"), within=1 * s)


@pytest.mark.requirement("VEH-042")
@pytest.mark.parametrize(
    ("speed", "belt"),
    [(0, "Unfastened"), (9.9, "Unfastened"), (10, "Unfastened"), (10.1, "Fastened"), (90, "Fastened")],
)
def test_no_chime_without_reason(bench: Bench, speed: float, belt: str) -> None:
    """Up to 10 km/h, and with the belt closed, there is no chime."""
    switch_on(bench)
    bench.set("DriverSeatBelt", belt)
    bench.wait(200 * ms)
    roll(bench, speed * kmh)
    bench.stays(bench.signal("SeatBeltChime") == "Off", during=1.5 * s)


@pytest.mark.requirement("VEH-042")
def test_chime_ends_after_90_seconds(bench: Bench) -> None:
    """The chime of an unbelted drive lasts 90 s at most, and the telltale goes on."""
    switch_on(bench)
    roll(bench, 50 * kmh)
    on = bench.expect(bench.signal("SeatBeltChime") == "On", within=1 * s)
    bench.wait(40 * s)
    bench.expect(bench.signal("SeatBeltChime") == "Off", within=50 * s, after=on.time + 40 * s)
    bench.stays((bench.signal("SeatBeltChime") == "Off") & (bench.signal("TelltaleSeatBelt") == "On"), during=2 * s)


# -- no data -----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-044")
@pytest.mark.parametrize(("silenced", "missing", "display"), DISPLAYS)
def test_missing_value_shows_no_data(bench: Bench, silenced: str, missing: str, display: str) -> None:
    """From the fifth missed cycle on there is no data, and with the message it is back; told once in 50 ms.

    A frame is not missed as long as it may still come: 10 % later than its cycle (VEH-060).
    """
    cycle, report = bench.traffic(missing).cycle, bench.traffic("ClusterDisplay").cycle
    assert cycle and report
    switch_on(bench)
    bench.wait_until(bench.signal(display) == "Valid", timeout=1 * s)
    for wait in (0, 0.23, 0.41, 0.67, 0.89):
        bench.wait(200 * ms + report * wait)
        with bench.disturb(Silence(silenced)):
            bench.wait(cycle)
            last = bench.traffic(missing).times[-1]
            bench.stays(bench.signal(display) == "Valid", during=last + 5 * cycle - 1 * ms - bench.now)
            bench.expect(bench.signal(display) == "NoData", within=cycle * 5.1 + report * 1.1, after=last)
            bench.stays(bench.signal(display) == "NoData", during=200 * ms)
        bench.expect(bench.signal(display) == "Valid", within=2 * cycle + report, after=bench.now)


@pytest.mark.requirement("VEH-044")
@pytest.mark.parametrize(("silenced", "missing", "display"), DISPLAYS)
def test_four_missing_messages_are_tolerated(bench: Bench, silenced: str, missing: str, display: str) -> None:
    """Four missing messages in a row leave the value on the display."""
    cycle = bench.traffic(missing).cycle
    assert cycle
    switch_on(bench)
    bench.wait_until(bench.signal(display) == "Valid", timeout=1 * s)
    with bench.disturb(Silence(silenced, count=4)):
        bench.stays(bench.signal(display) == "Valid", during=5 * cycle)
    bench.stays(bench.signal(display) == "Valid", during=5 * cycle)
