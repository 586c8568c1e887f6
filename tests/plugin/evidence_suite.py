"""Brake lamps.

What a reviewer looks at: one test per way to go wrong, and one that went well.
"""

import pytest

from harness import bus_contract, ms, percent, s

pytestmark = pytest.mark.requirement("LMP-1")


@pytest.mark.parametrize("pedal", [4, 40])
def test_lamp_follows_the_pedal(bench, pedal):
    """Pressing the pedal lights the lamp in time, and it stays lit."""
    bench.wait(500 * ms)
    bench.set("BrakePedal", pedal * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=80 * ms)
    bench.stays(bench.signal("Level").near(pedal, 5), during=1 * s)
    bench.plot("BrakePedal", "BrakeLamp", "Level")


def test_lamp_is_faster_than_it_can_be(bench):
    """Pressing the pedal lights the lamp within 20 ms."""
    bench.wait(1 * s)
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)


def test_level_is_never_too_high(bench):
    """The level of the lamp never exceeds 42 %."""
    lamp_follows = "always((BrakePedal > 3) >> eventually(BrakeLamp == 'On', within=80 * ms))"
    with bench.watch("always(Level <= 42)", lamp_follows):
        for pedal in (10, 0, 30, 0, 60):
            bench.set("BrakePedal", pedal * percent)
            bench.wait(150 * ms)


def test_bus_is_all_but_idle(bench):
    """The bus keeps its contract, and its load stays below 1 %."""
    with bench.watch(bus_contract(load=0.01)):
        bench.wait(5 * s)


def test_switch_is_not_observed(bench):
    """The hazard switch rests."""
    bench.stays(bench.signal("HazardSwitch") == "Off", during=100 * ms)


def test_pressure_is_not_there(bench):
    """Brake pressure lights the lamp too."""
    bench.plant["pressure"] = 3
