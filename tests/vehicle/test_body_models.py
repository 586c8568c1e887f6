"""Lamps, locks and wipers of the body control module: every requirement at its limits, by day and by night."""

from __future__ import annotations

import pytest
from body_car import PHASES, car, edges, periods, switched_on

from harness import Duration, ms, s
from harness.bench import Bench, Silence

at_phases = pytest.mark.parametrize("phase", PHASES, ids=str)


@pytest.fixture
def body() -> Bench:
    return car()


def decelerate(body: Bench, kmh: float, mps2: float) -> None:
    body.set("VehicleSpeed", VehicleSpeed=kmh, LongitudinalAcceleration=-mps2, Standstill="No")


# -- VEH-020 brake lamps -----------------------------------------------------------------------------------------------


@at_phases
def test_brake_lamps_follow_the_pedal_in_time(body: Bench, phase: Duration) -> None:
    lamp = body.signal("BrakeLamp")
    body.wait(phase)
    body.set("BrakePedal", 3.1)
    body.expect(lamp == "On", within=80 * ms)
    assert body.plant["brake_lamp_left"] == body.plant["brake_lamp_centre"] == 1
    body.wait(phase)
    body.set("BrakePedal", 1.9)
    body.expect(lamp == "Off", within=80 * ms)
    assert body.plant["brake_lamp_left"] == 0


@at_phases
def test_brake_lamps_follow_regeneration_in_time(body: Bench, phase: Duration) -> None:
    lamp = body.signal("BrakeLamp")
    body.wait(phase)
    body.set("RegenDeceleration", 1.31)
    body.expect(lamp == "On", within=80 * ms)
    body.wait(phase)
    body.set("RegenDeceleration", 0.69)
    body.expect(lamp == "Off", within=80 * ms)


@pytest.mark.parametrize(
    ("signal", "values", "states"),
    [
        ("BrakePedal", (2.9, 3.0, 3.1, 3.0, 2.0, 1.9, 3.0), ("Off", "Off", "On", "On", "On", "Off", "Off")),
        ("RegenDeceleration", (1.29, 1.3, 1.31, 0.71, 0.7, 0.69, 1.3), ("Off", "Off", "On", "On", "On", "Off", "Off")),
    ],
)  # fmt: skip
def test_both_limits_of_the_brake_lamps_change_nothing(
    body: Bench, signal: str, values: tuple[float, ...], states: tuple[str, ...]
) -> None:
    for value, state in zip(values, states, strict=True):
        body.set(signal, value)
        body.wait(80 * ms)
        assert body.signal("BrakeLamp").text == state, value


def test_pedal_and_regeneration_do_not_disturb_each_other(body: Bench) -> None:
    lamp = body.signal("BrakeLamp")
    body.set("RegenDeceleration", 1.5)
    body.expect(lamp == "On", within=80 * ms)
    body.set("BrakePedal", 5)
    body.wait(80 * ms)
    body.set("RegenDeceleration", 0)
    body.stays(lamp == "On", during=200 * ms)
    body.set("BrakePedal", 0)
    body.expect(lamp == "Off", within=80 * ms)


# -- VEH-021 direction indicators --------------------------------------------------------------------------------------


@at_phases
@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_latched_stalk_flashes_until_it_leaves_the_latch(body: Bench, phase: Duration, side: str) -> None:
    switched_on(body)
    body.wait(phase)
    body.set("IndicatorStalk", side)
    begin = body.expect(body.signal(f"Indicator{side}") == "On", within=200 * ms).time
    body.wait(8 * s)
    flashes = periods(edges(body, f"Indicator{side}", "On", begin))
    assert len(flashes) >= 10
    assert all(500 * ms <= period <= 1000 * ms for period in flashes)  # 60 to 120 a minute
    other = "Right" if side == "Left" else "Left"
    assert edges(body, f"Indicator{other}", "On") == []
    assert body.signal("IndicatorMode").text == side
    body.set("IndicatorStalk", "Neutral")
    body.expect(body.signal(f"Indicator{side}") == "Off", within=10 * ms)
    body.stays(body.signal(f"Indicator{side}") == "Off", during=2 * s)


@pytest.mark.parametrize("held", [60 * ms, 400 * ms, 1.2 * s, 5 * s], ids=str)
@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_tap_gives_exactly_three_flashes(body: Bench, held: Duration, side: str) -> None:
    switched_on(body)
    body.set("IndicatorStalk", f"{side}Tap")
    body.expect(body.signal(f"Indicator{side}") == "On", within=200 * ms)
    body.wait(held)
    body.set("IndicatorStalk", "Neutral")
    body.wait(6 * s)
    assert len(edges(body, f"Indicator{side}", "On")) == len(edges(body, f"Indicator{side}", "Off")) == 3
    assert body.signal("IndicatorMode").text == "Off"


def test_a_tap_to_the_other_side_takes_over(body: Bench) -> None:
    switched_on(body)
    body.set("IndicatorStalk", "LeftTap")
    body.wait(300 * ms)
    body.set("IndicatorStalk", "Neutral")
    body.wait(300 * ms)
    body.set("IndicatorStalk", "RightTap")
    body.wait(60 * ms)
    body.set("IndicatorStalk", "Neutral")
    body.wait(6 * s)
    assert (len(edges(body, "IndicatorLeft", "On")), len(edges(body, "IndicatorRight", "On"))) == (1, 3)


def test_the_way_out_of_the_latch_is_no_tap_and_an_invalid_stalk_changes_nothing(body: Bench) -> None:
    switched_on(body)
    body.set("IndicatorStalk", "Left")
    body.wait(1 * s)
    body.set("IndicatorStalk", "Invalid")
    body.stays(body.signal("IndicatorMode") == "Left", during=1 * s)
    body.set("IndicatorStalk", "LeftTap")
    body.expect(body.signal("IndicatorMode") == "Off", within=10 * ms)
    body.set("IndicatorStalk", "Neutral")
    body.stays(body.signal("IndicatorMode") == "Off", during=2 * s)


# -- VEH-022, VEH-023 hazard lights, emergency stop signal -------------------------------------------------------------


@at_phases
@pytest.mark.parametrize("key", ["Off", "On"])
def test_hazard_lights_work_with_any_key(body: Bench, phase: Duration, key: str) -> None:
    body.set("KeyPosition", key)
    body.wait(phase)
    body.set("HazardSwitch", "On")
    both = (body.signal("IndicatorLeft") == "On") & (body.signal("IndicatorRight") == "On")
    body.expect(both, within=150 * ms)
    body.wait(7 * s)
    assert edges(body, "IndicatorLeft", "On") == edges(body, "IndicatorRight", "On")
    assert all(500 * ms <= period <= 1000 * ms for period in periods(edges(body, "IndicatorLeft", "On")))
    body.set("HazardSwitch", "Off")
    body.expect(body.signal("IndicatorMode") == "Off", within=10 * ms)


@at_phases
def test_hazard_lights_start_with_a_crash_and_end_with_key_off_after_the_hold(body: Bench, phase: Duration) -> None:
    switched_on(body)
    body.wait(phase)
    body.set("CrashDetected", "Crash")
    both = (body.signal("IndicatorLeft") == "On") & (body.signal("IndicatorRight") == "On")
    body.expect(both, within=150 * ms)
    body.set("CrashDetected", "NoCrash")
    body.stays(body.signal("IndicatorMode") == "Crash", during=12 * s)
    body.set("KeyPosition", "Off")
    body.expect(body.signal("IndicatorMode") == "Off", within=10 * ms)


def test_hazard_before_emergency_stop_before_indicators(body: Bench) -> None:
    switched_on(body)
    mode = body.signal("IndicatorMode")
    body.set("IndicatorStalk", "Left")
    body.expect(mode == "Left", within=200 * ms)
    decelerate(body, 80, 8)
    body.expect(mode == "EmergencyStop", within=200 * ms)
    body.set("HazardSwitch", "On")
    body.expect(mode == "Hazard", within=150 * ms)
    body.set("HazardSwitch", "Off")
    body.expect(mode == "EmergencyStop", within=150 * ms)
    decelerate(body, 30, 2)
    body.expect(mode == "Left", within=200 * ms)
    body.set("HazardSwitch", "On")
    body.expect(mode == "Hazard", within=150 * ms)
    decelerate(body, 80, 8)
    body.stays(mode == "Hazard", during=1 * s)


def test_a_tap_that_is_overridden_does_not_come_back(body: Bench) -> None:
    switched_on(body)
    body.set("IndicatorStalk", "LeftTap")
    body.wait(100 * ms)
    body.set("HazardSwitch", "On")
    body.wait(200 * ms)
    body.set("HazardSwitch", "Off")
    body.expect(body.signal("IndicatorMode") == "Off", within=10 * ms)


@at_phases
def test_emergency_stop_signal_flashes_at_4_hz(body: Bench, phase: Duration) -> None:
    switched_on(body)
    body.wait(phase)
    decelerate(body, 50.01, 6.01)
    left, right = body.signal("IndicatorLeft"), body.signal("IndicatorRight")
    begin = body.expect((left == "On") & (right == "On"), within=200 * ms).time
    body.wait(100 * ms)
    decelerate(body, 10, 2.5)  # neither speed nor this deceleration ends it
    body.wait(2 * s)
    flashes = periods(edges(body, "IndicatorLeft", "On", begin))
    assert len(flashes) >= 6
    assert all(200 * ms <= period <= 333 * ms for period in flashes)
    decelerate(body, 10, 2.49)
    body.expect(body.signal("IndicatorMode") == "Off", within=200 * ms)


@pytest.mark.parametrize(("kmh", "mps2"), [(50.0, 8.0), (49.99, 8.0), (80.0, 6.0), (80.0, 5.99), (80.0, -8.0)])
def test_no_emergency_stop_signal_at_the_limits(body: Bench, kmh: float, mps2: float) -> None:
    switched_on(body)
    decelerate(body, kmh, mps2)
    body.never(body.signal("IndicatorMode") == "EmergencyStop", during=500 * ms)


def test_emergency_stop_signal_ends_without_speed_messages(body: Bench) -> None:
    switched_on(body)
    decelerate(body, 80, 8)
    body.expect(body.signal("IndicatorMode") == "EmergencyStop", within=200 * ms)
    with body.disturb(Silence("VehicleSpeed")):
        body.wait(400 * ms)
        assert body.signal("IndicatorMode").text == "Off"


# -- VEH-024 failed lamps ----------------------------------------------------------------------------------------------


@at_phases
@pytest.mark.parametrize("lamp", ["front_left", "rear_left", "front_right", "rear_right"])
def test_a_failed_lamp_doubles_the_rate_of_its_side(body: Bench, phase: Duration, lamp: str) -> None:
    side, other = ("Left", "Right") if lamp.endswith("left") else ("Right", "Left")
    switched_on(body)
    body.set("IndicatorStalk", side)
    body.wait(2 * s + phase)
    body.plant[f"indicator_{lamp}_failed"] = 1
    since = body.now
    body.expect(body.signal("TelltaleLampFailure") == "On", within=1 * s)
    assert body.signal(f"Indicator{side}Lamp").text == "Failed"
    assert body.signal(f"Indicator{other}Lamp").text == "Ok"
    body.wait(3 * s)
    fast = periods(edges(body, f"Indicator{side}", "On", since + int(1 * s)))
    body.set("IndicatorStalk", other)
    start = int(body.now)
    body.wait(3 * s)
    normal = periods(edges(body, f"Indicator{other}", "On", start))
    assert len(fast) >= 5 and len(normal) >= 2
    assert all(abs(2 * period - normal[0]) < 1 * ms for period in fast)
    assert all(abs(period - normal[0]) < 1 * ms for period in normal)
    body.plant[f"indicator_{lamp}_failed"] = 0
    body.expect(body.signal("TelltaleLampFailure") == "Off", within=1 * s)


def test_a_dark_lamp_is_monitored_too_and_stays_dark(body: Bench) -> None:
    seen: list[float] = []
    body.plant["indicator_rear_right_failed"] = 1
    body.expect(body.signal("IndicatorRightLamp") == "Failed", within=1 * s)
    body.plant["brake_lamp_centre_failed"] = 1
    body.expect(body.signal("BrakeLampMonitor") == "Failed", within=1 * s)
    body.wait(1 * s)
    seen += [body.plant["indicator_front_right"], body.plant["brake_lamp_left"], body.plant["brake_lamp_left_current"]]
    assert seen == [0, 0, 0]


def test_hazard_lights_double_on_the_failed_side_only_and_the_emergency_stop_signal_on_none(body: Bench) -> None:
    body.plant["indicator_front_left_failed"] = 1
    body.wait(300 * ms)
    body.set("HazardSwitch", "On")
    body.wait(4 * s)
    left, right = edges(body, "IndicatorLeft", "On"), edges(body, "IndicatorRight", "On")
    assert periods(left[::2]) == periods(right)
    body.set("HazardSwitch", "Off")
    since = int(body.now)
    decelerate(body, 80, 8)
    body.wait(2 * s)
    assert edges(body, "IndicatorLeft", "On", since) == edges(body, "IndicatorRight", "On", since)


def test_headlamps(body: Bench) -> None:
    low, high = body.signal("LowBeam"), body.signal("HighBeam")
    for switch, states in (("LowBeam", ("On", "Off")), ("HighBeam", ("On", "On")), ("Off", ("Off", "Off"))):
        body.set("LightSwitch", switch)
        body.expect((low == states[0]) & (high == states[1]), within=50 * ms)
        assert (body.plant["low_beam"], body.plant["high_beam"]) == tuple(float(state == "On") for state in states)
