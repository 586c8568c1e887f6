"""Brake lamps: by pedal and by regenerative deceleration, each with its hysteresis."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, kmh, mps2, ms, percent, s
from vehicle_states import car_on_rollers, press, roll

LAMPS = ("brake_lamp_left", "brake_lamp_right", "brake_lamp_centre")

SLOW = 5 * kmh
"""Speed at which the motor does not brake (VEH-017)."""
FASTER = 30 * kmh
"""Speed at which it brakes with more than 1.3 m/s² when both pedals are released."""


@pytest.mark.requirement("VEH-020")
@pytest.mark.parametrize("pedal", [3.1 * percent, 100 * percent], ids=str)
def test_pedal_switches_the_lamps_on(bench: Bench, pedal: Quantity, phase: Duration) -> None:
    """Within 80 ms of the pedal passing 3 % all three brake lamps are on, and stay on."""
    press(bench)
    bench.wait(phase)
    bench.set("BrakePedal", pedal)
    on = bench.expect(bench.signal("BrakeLamp").changes(to="On"), within=80 * ms)
    bench.stays(bench.signal("BrakeLamp") == "On", during=300 * ms, after=on.time)
    assert all(bench.plant[lamp] for lamp in LAMPS)


@pytest.mark.requirement("VEH-020")
@pytest.mark.parametrize("pedal", [1.9 * percent, 0 * percent], ids=str)
def test_pedal_switches_the_lamps_off(bench: Bench, pedal: Quantity, phase: Duration) -> None:
    """Within 80 ms of the pedal falling below 2 % all three brake lamps are off, and stay off."""
    press(bench, brake=30 * percent)
    bench.wait(phase)
    bench.set("BrakePedal", pedal)
    off = bench.expect(bench.signal("BrakeLamp").changes(to="Off"), within=80 * ms)
    bench.stays(bench.signal("BrakeLamp") == "Off", during=300 * ms, after=off.time)
    assert not any(bench.plant[lamp] for lamp in LAMPS)


@pytest.mark.requirement("VEH-020")
@pytest.mark.parametrize("before", [0 * percent, 50 * percent], ids=["from-off", "from-on"])
@pytest.mark.parametrize("pedal", [2 * percent, 2.1 * percent, 2.9 * percent, 3 * percent], ids=str)
def test_pedal_between_the_limits_changes_nothing(bench: Bench, before: Quantity, pedal: Quantity) -> None:
    """From 2 % to 3 %, both included, the lamps stay as they were."""
    press(bench, brake=before)
    was = bench.signal("BrakeLamp").text
    assert was == ("On" if before.value else "Off")
    bench.set("BrakePedal", pedal)
    bench.stays(bench.signal("BrakeLamp") == was, during=500 * ms)


@pytest.mark.requirement("VEH-020")
def test_regeneration_switches_the_lamps_on(bench: Bench, phase: Duration) -> None:
    """Within 80 ms of regenerative deceleration above 1.3 m/s² the lamps are on, without the pedal."""
    car_on_rollers(bench, SLOW)
    bench.wait(phase)
    bench.plant["vehicle_speed"] = FASTER
    exceeded = bench.wait_until(bench.signal("RegenDeceleration") > 1.3 * mps2, timeout=500 * ms)
    bench.expect(bench.signal("BrakeLamp").changes(to="On"), within=80 * ms, after=exceeded.time)
    bench.stays(bench.signal("BrakeLamp") == "On", during=300 * ms)


@pytest.mark.requirement("VEH-020")
def test_regeneration_switches_the_lamps_off(bench: Bench, phase: Duration) -> None:
    """Within 80 ms of regenerative deceleration below 0.7 m/s² the lamps are off."""
    car_on_rollers(bench, FASTER)
    bench.wait(phase)
    bench.plant["vehicle_speed"] = SLOW
    fallen = bench.wait_until(bench.signal("RegenDeceleration") < 0.7 * mps2, timeout=500 * ms)
    bench.expect(bench.signal("BrakeLamp").changes(to="Off"), within=80 * ms, after=fallen.time)
    bench.stays(bench.signal("BrakeLamp") == "Off", during=300 * ms)


@pytest.mark.requirement("VEH-020")
def test_regeneration_between_the_limits_changes_nothing(bench: Bench) -> None:
    """A deceleration that grows and falls slowly switches the lamps above 1.3 and below 0.7 m/s², not at them."""
    car_on_rollers(bench, SLOW)
    lamp, regeneration = bench.signal("BrakeLamp"), bench.signal("RegenDeceleration")
    for acceleration, state, until in ((0.2, "Off", regeneration > 1.3), (-0.2, "On", regeneration < 0.7)):
        begin = bench.now
        bench.plant["held_acceleration"] = acceleration * mps2
        passed = bench.wait_until(until, timeout=10 * s)
        limit = 1.3 if state == "Off" else 0.7
        assert any(abs(sample.value - limit) < 0.005 for sample in regeneration.samples_since(begin)), "sweep too fast"
        bench.stays(lamp == state, during=passed.time - begin, after=begin)
        bench.expect(lamp != state, within=80 * ms, after=passed.time)


@pytest.mark.requirement("VEH-020")
def test_either_cause_keeps_the_lamps_on(bench: Bench) -> None:
    """The lamps go off when both the pedal and the regeneration have let go of them, not before."""
    car_on_rollers(bench, FASTER)
    bench.stays(bench.signal("BrakeLamp") == "On", during=100 * ms)
    for pedal in (30 * percent, 0 * percent, 30 * percent):
        bench.set("BrakePedal", pedal)
        bench.stays(bench.signal("BrakeLamp") == "On", during=300 * ms)
    roll(bench, SLOW)
    bench.stays(bench.signal("BrakeLamp") == "On", during=500 * ms)
    bench.set("BrakePedal", 0 * percent)
    bench.expect(bench.signal("BrakeLamp").changes(to="Off"), within=80 * ms)
