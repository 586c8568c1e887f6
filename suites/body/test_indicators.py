"""Direction indicators, hazard lights, emergency stop signal: who owns the indicators, and how they flash."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, kmh, mps2, ms, s
from observations import intervals, times_of
from vehicle_states import ready_car, roll, switch_on

SIDES = ("Left", "Right")
OTHER = {"Left": "Right", "Right": "Left"}
LAMPS = ("indicator_front_left", "indicator_rear_left", "indicator_front_right", "indicator_rear_right")


def flashes(bench: Bench, side: str, since: Duration) -> list[Duration]:
    """When the indicators of one side went on, from ``since`` on."""
    return times_of(bench, f"Indicator{side}", "On", since)


def flash_period(bench: Bench, side: str, during: Duration = 3 * s) -> tuple[Duration, Duration]:
    """Shortest and longest time from one flash of a side to the next, watched for so long from now."""
    since = bench.now
    bench.wait(during)
    found = intervals(flashes(bench, side, since))
    assert len(found) >= 2, f"{side} flashed only {len(found) + 1} times in {during}"
    return min(found), max(found)


def flashes_as_direction_indicator(period: tuple[Duration, Duration]) -> bool:
    """Whether a period is that of 60 to 120 flashes a minute."""
    return 500 * ms <= period[0] and period[1] <= 1000 * ms


def flashes_as_emergency_stop(period: tuple[Duration, Duration]) -> bool:
    """Whether a period is that of 3 to 5 flashes a second; lamps are reported with a delay that differs by 5 ms."""
    return 195 * ms <= period[0] and period[1] <= 338 * ms


def brake_hard(bench: Bench, speed: Quantity, deceleration: float) -> None:
    """Let the rollers slow the car down from ``speed`` with so many m/s²."""
    roll(bench, speed)
    bench.plant["held_acceleration"] = -deceleration * mps2


# -- direction indicators ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-021")
@pytest.mark.parametrize("stalk", ["Left", "RightTap"])
def test_first_flash_comes_at_once(bench: Bench, stalk: str, phase: Duration) -> None:
    """The first flash comes within 200 ms of the stalk."""
    switch_on(bench)
    bench.wait(phase)
    bench.set("IndicatorStalk", stalk)
    bench.expect(bench.signal(f"Indicator{stalk.removesuffix('Tap')}").changes(to="On"), within=200 * ms)


@pytest.mark.requirement("VEH-021")
@pytest.mark.parametrize("side", SIDES)
def test_latched_stalk_flashes_its_side(bench: Bench, side: str) -> None:
    """The latched stalk flashes its side 60 to 120 times a minute, and not the other one, until it is released."""
    switch_on(bench)
    bench.set("IndicatorStalk", side)
    begin = bench.now
    assert flashes_as_direction_indicator(flash_period(bench, side, 6 * s))
    assert not flashes(bench, OTHER[side], begin)
    bench.set("IndicatorStalk", "Neutral")
    bench.wait(1 * s)
    bench.stays((bench.signal("IndicatorLeft") == "Off") & (bench.signal("IndicatorRight") == "Off"), during=2 * s)


@pytest.mark.requirement("VEH-021")
@pytest.mark.parametrize(
    ("side", "held"), [("Left", 50 * ms), ("Right", 300 * ms), ("Left", 1 * s), ("Right", 3 * s)], ids=str
)
def test_tap_gives_three_flashes(bench: Bench, side: str, held: Duration) -> None:
    """A tap gives exactly three flashes of its side, however long the stalk is held there."""
    switch_on(bench)
    begin = bench.now
    bench.set("IndicatorStalk", f"{side}Tap")
    bench.wait(held)
    bench.set("IndicatorStalk", "Neutral")
    bench.wait(4 * s - held)
    found = flashes(bench, side, begin)
    assert len(found) == 3
    assert not flashes(bench, OTHER[side], begin)
    assert flashes_as_direction_indicator((min(intervals(found)), max(intervals(found))))


@pytest.mark.requirement("VEH-021")
def test_second_tap_gives_three_flashes_again(bench: Bench) -> None:
    """When the three flashes of one tap are over, the next tap gives three again."""
    switch_on(bench)
    for side in ("Left", "Right", "Right"):
        begin = bench.now
        bench.set("IndicatorStalk", f"{side}Tap")
        bench.wait(100 * ms)
        bench.set("IndicatorStalk", "Neutral")
        bench.wait(3 * s)
        assert len(flashes(bench, side, begin)) == 3


# -- hazard lights and crash -------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-022")
@pytest.mark.parametrize(
    ("key", "before"), [("On", 1 * s), ("Accessory", 1 * s), ("Off", 1 * s), ("Off", 7 * s)], ids=str
)
def test_hazard_lights_work_with_any_key(bench: Bench, key: str, before: Duration) -> None:
    """The hazard switch flashes both sides together, in every position of the key, also after the networks slept."""
    bench.set("KeyPosition", key)
    bench.wait(before)
    bench.set("HazardSwitch", "On")
    bench.expect((bench.signal("IndicatorLeft") == "On") & (bench.signal("IndicatorRight") == "On"), within=200 * ms)
    begin = bench.now
    assert flashes_as_direction_indicator(flash_period(bench, "Left", 3 * s))
    assert flashes(bench, "Left", begin) == flashes(bench, "Right", begin)
    bench.set("HazardSwitch", "Off")
    bench.expect((bench.signal("IndicatorLeft") == "Off") & (bench.signal("IndicatorRight") == "Off"), within=200 * ms)


@pytest.mark.requirement("VEH-022")
@pytest.mark.parametrize("key", ["Off", "On"])
def test_crash_starts_the_hazard_lights(bench: Bench, key: str, phase: Duration) -> None:
    """Within 150 ms of the crash signal all indicators flash, whatever the key, and go on."""
    bench.set("KeyPosition", key)
    bench.wait(500 * ms + phase)
    bench.set("CrashDetected", "Crash")
    bench.expect((bench.signal("IndicatorLeft") == "On") & (bench.signal("IndicatorRight") == "On"), within=150 * ms)
    assert all(bench.plant[lamp] for lamp in LAMPS)


@pytest.mark.requirement("VEH-022")
def test_crash_starts_the_hazard_lights_of_a_sleeping_car(bench: Bench, phase: Duration) -> None:
    """Within 150 ms of the crash signal all indicators flash, although the networks slept."""
    bench.wait(7 * s + phase)
    bench.set("CrashDetected", "Crash")
    bench.expect((bench.signal("IndicatorLeft") == "On") & (bench.signal("IndicatorRight") == "On"), within=150 * ms)


@pytest.mark.requirement("VEH-022")
def test_hazard_lights_of_a_crash_go_on(bench: Bench) -> None:
    """After a crash both sides go on flashing, also when the crash signal has ended and with the stalk latched."""
    switch_on(bench)
    bench.set("CrashDetected", "Crash")
    bench.wait(1 * s)
    bench.set("CrashDetected", "NoCrash")
    bench.set("IndicatorStalk", "Left")
    assert flashes_as_direction_indicator(flash_period(bench, "Right"))


@pytest.mark.requirement("VEH-022")
def test_hazard_overrides_the_indicators(bench: Bench) -> None:
    """With the stalk latched the hazard switch flashes both sides; without it the stalk's side flashes on."""
    switch_on(bench)
    bench.set("IndicatorStalk", "Left")
    bench.wait(1 * s)
    bench.set("HazardSwitch", "On")
    assert flashes_as_direction_indicator(flash_period(bench, "Right"))
    bench.set("HazardSwitch", "Off")
    bench.wait(1 * s)
    assert flashes_as_direction_indicator(flash_period(bench, "Left"))
    bench.stays(bench.signal("IndicatorRight") == "Off", during=1 * s)


@pytest.mark.requirement("VEH-022")
def test_hazard_overrides_the_emergency_stop_signal(bench: Bench) -> None:
    """Braking hard with the hazard lights on flashes as the hazard lights do; without them as an emergency stop."""
    switch_on(bench)
    bench.set("HazardSwitch", "On")
    brake_hard(bench, 190 * kmh, 8)
    assert flashes_as_direction_indicator(flash_period(bench, "Right"))
    bench.set("HazardSwitch", "Off")
    bench.wait(200 * ms)
    assert flashes_as_emergency_stop(flash_period(bench, "Right", 1.5 * s))


@pytest.mark.requirement("VEH-022")
def test_hazard_takes_over_from_the_emergency_stop_signal(bench: Bench) -> None:
    """Hazard lights that are switched on while braking hard flash as hazard lights do."""
    switch_on(bench)
    brake_hard(bench, 190 * kmh, 8)
    assert flashes_as_emergency_stop(flash_period(bench, "Left", 1 * s))
    bench.set("HazardSwitch", "On")
    bench.wait(200 * ms)
    assert flashes_as_direction_indicator(flash_period(bench, "Left"))


@pytest.mark.requirement("VEH-022")
def test_emergency_stop_signal_overrides_the_indicators(bench: Bench) -> None:
    """Braking hard with the stalk latched flashes both sides quickly; afterwards the stalk's side flashes on."""
    switch_on(bench)
    bench.set("IndicatorStalk", "Left")
    brake_hard(bench, 120 * kmh, 8)
    bench.wait(200 * ms)
    assert flashes_as_emergency_stop(flash_period(bench, "Right", 2 * s))
    bench.plant["held_acceleration"] = 0 * mps2
    bench.wait(1 * s)
    assert flashes_as_direction_indicator(flash_period(bench, "Left"))
    bench.stays(bench.signal("IndicatorRight") == "Off", during=1 * s)


# -- emergency stop signal ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-023")
@pytest.mark.parametrize(("speed", "deceleration"), [(52 * kmh, 9), (120 * kmh, 6.1)], ids=str)
def test_hard_braking_flashes_all_indicators(
    bench: Bench, speed: Quantity, deceleration: float, phase: Duration
) -> None:
    """More than 6 m/s² above 50 km/h: all indicators flash within 200 ms."""
    switch_on(bench)
    roll(bench, speed)
    bench.wait(phase)
    bench.plant["held_acceleration"] = -deceleration * mps2
    bench.expect((bench.signal("IndicatorLeft") == "On") & (bench.signal("IndicatorRight") == "On"), within=200 * ms)
    assert all(bench.plant[lamp] for lamp in LAMPS)


@pytest.mark.requirement("VEH-023")
def test_emergency_stop_signal_flashes_quickly(bench: Bench) -> None:
    """The emergency stop signal flashes both sides together, 3 to 5 times a second."""
    switch_on(bench)
    brake_hard(bench, 150 * kmh, 7)
    bench.wait(200 * ms)
    begin = bench.now
    assert flashes_as_emergency_stop(flash_period(bench, "Left", 3 * s))
    assert flashes(bench, "Left", begin) == flashes(bench, "Right", begin)


@pytest.mark.requirement("VEH-023")
@pytest.mark.parametrize(
    ("speed", "deceleration"),
    [(50 * kmh, 9), (49 * kmh, 12), (120 * kmh, 6), (120 * kmh, 5.9)],
    ids=["speed-at-limit", "speed-below", "deceleration-at-limit", "deceleration-below"],
)
def test_ordinary_braking_flashes_nothing(bench: Bench, speed: Quantity, deceleration: float) -> None:
    """At 50 km/h or 6 m/s², and below, the indicators stay off."""
    switch_on(bench)
    brake_hard(bench, speed, deceleration)
    bench.stays((bench.signal("IndicatorLeft") == "Off") & (bench.signal("IndicatorRight") == "Off"), during=1 * s)


@pytest.mark.requirement("VEH-023")
@pytest.mark.parametrize("deceleration", [2.4, 0])
def test_emergency_stop_signal_ends(bench: Bench, deceleration: float, phase: Duration) -> None:
    """Below 2.5 m/s² the indicators go off, and stay off."""
    switch_on(bench)
    brake_hard(bench, 120 * kmh, 8)
    bench.wait(500 * ms + phase)
    bench.plant["held_acceleration"] = -deceleration * mps2
    bench.expect(bench.signal("IndicatorMode") == "Off", within=200 * ms)
    bench.stays((bench.signal("IndicatorLeft") == "Off") & (bench.signal("IndicatorRight") == "Off"), during=1 * s)


@pytest.mark.requirement("VEH-023")
@pytest.mark.parametrize("deceleration", [5, 2.6, 2.5])
def test_emergency_stop_signal_goes_on(bench: Bench, deceleration: float) -> None:
    """At 2.5 m/s² and above it goes on, also when the speed is below 50 km/h by then."""
    switch_on(bench)
    brake_hard(bench, 75 * kmh, 8)
    bench.wait(1 * s)
    bench.plant["held_acceleration"] = -deceleration * mps2
    assert flashes_as_emergency_stop(flash_period(bench, "Left", 1.5 * s))


# -- failed lamps ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-024")
@pytest.mark.parametrize("lamp", LAMPS)
@pytest.mark.parametrize("stalk", ["Neutral", "Left"])
def test_failed_lamp_sets_a_telltale(bench: Bench, lamp: str, stalk: str) -> None:
    """A failed indicator lamp sets the telltale within 1 s, lit or dark."""
    ready_car(bench)
    bench.set("IndicatorStalk", stalk)
    bench.wait(300 * ms)
    bench.plant[f"{lamp}_failed"] = 1
    bench.expect(bench.signal("TelltaleLampFailure").changes(to="On"), within=1 * s)


@pytest.mark.requirement("VEH-024")
def test_failed_lamp_is_found_in_time(bench: Bench, phase: Duration) -> None:
    """The telltale comes within 1 s at every phase of the cycles."""
    ready_car(bench)
    bench.wait(60 * phase)
    bench.plant["indicator_front_right_failed"] = 1
    bench.expect(bench.signal("TelltaleLampFailure").changes(to="On"), within=1 * s)


@pytest.mark.requirement("VEH-024")
@pytest.mark.parametrize("lamp", LAMPS)
def test_failed_lamp_doubles_the_rate_of_its_side(bench: Bench, lamp: str) -> None:
    """The side with the failed lamp flashes twice as fast as the other one."""
    switch_on(bench)
    failed = "Left" if lamp.endswith("left") else "Right"
    bench.plant[f"{lamp}_failed"] = 1
    bench.set("HazardSwitch", "On")
    bench.wait(1 * s)
    begin = bench.now
    intact = flash_period(bench, OTHER[failed])
    doubled = intervals(flashes(bench, failed, begin))
    assert flashes_as_direction_indicator(intact)
    assert all(0.475 * intact[1] <= period <= 0.525 * intact[0] for period in doubled)


@pytest.mark.requirement("VEH-024")
def test_replaced_lamp_is_accepted(bench: Bench) -> None:
    """With a new lamp the telltale goes off and the side flashes as usual."""
    ready_car(bench)
    bench.set("IndicatorStalk", "Left")
    bench.plant["indicator_rear_left_failed"] = 1
    bench.expect(bench.signal("TelltaleLampFailure") == "On", within=1 * s)
    bench.plant["indicator_rear_left_failed"] = 0
    bench.expect(bench.signal("TelltaleLampFailure") == "Off", within=1 * s)
    assert flashes_as_direction_indicator(flash_period(bench, "Left"))
