"""Climate control: the compressor may only run while the battery can spare the power."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, Quantity, degC, ms, percent, s
from vehicle_states import switch_on


def cooling_car(bench: Bench, cell_temperature: Quantity = 25 * degC) -> None:
    """A car that is Ready, hot inside, with the compressor running."""
    bench.plant["cell_temperature"] = cell_temperature
    bench.plant["cabin_temperature"] = 45 * degC
    bench.set("ClimateControls", CabinSetPointRequest=20, AirConditioning="On", FanRequest=4)
    switch_on(bench)
    bench.wait_until(bench.signal("CompressorPower") > 1, timeout=3 * s)


@pytest.mark.requirement("VEH-052")
@pytest.mark.parametrize("temperature", [55.6 * degC, 65 * degC], ids=str)
def test_derated_battery_cuts_the_compressor(bench: Bench, temperature: Quantity, phase: Duration) -> None:
    """Within 200 ms of derating below 30 % (above 55.5 °C) the compressor has no power, and gets none."""
    cooling_car(bench)
    bench.wait(phase)
    bench.plant["cell_temperature"] = temperature
    cut = bench.expect(bench.signal("CompressorPower") == 0, within=200 * ms)
    assert bench.plant["compressor_power"] == 0
    bench.stays(bench.signal("CompressorPower") == 0, during=500 * ms, after=cut.time)
    bench.expect(bench.signal("CompressorState") == "Refused", within=500 * ms)


@pytest.mark.requirement("VEH-052")
@pytest.mark.parametrize("temperature", [50 * degC, 55.4 * degC, 55.5 * degC], ids=str)
def test_little_derating_leaves_the_compressor_on(bench: Bench, temperature: Quantity) -> None:
    """At 30 % derating and above the compressor goes on."""
    cooling_car(bench)
    bench.plant["cell_temperature"] = temperature
    bench.wait(200 * ms)
    bench.stays(bench.signal("DeratingFactor") >= 30 * percent, during=100 * ms)
    bench.stays(bench.signal("CompressorPower") > 0, during=1 * s)


@pytest.mark.requirement("VEH-052")
def test_battery_that_cooled_down_lets_the_compressor_run_again(bench: Bench) -> None:
    """When derating is over the compressor starts again."""
    cooling_car(bench)
    bench.plant["cell_temperature"] = 58 * degC
    bench.expect(bench.signal("CompressorPower") == 0, within=200 * ms)
    bench.plant["cell_temperature"] = 30 * degC
    bench.expect(bench.signal("CompressorPower") > 1, within=3 * s)


@pytest.mark.requirement("VEH-052")
def test_hot_battery_keeps_the_compressor_off_from_the_start(bench: Bench) -> None:
    """With derating below 30 % the compressor does not start at all."""
    bench.plant["cell_temperature"] = 57 * degC
    bench.plant["cabin_temperature"] = 45 * degC
    bench.set("ClimateControls", CabinSetPointRequest=20, AirConditioning="On", FanRequest=4)
    switch_on(bench)
    bench.stays(bench.signal("CompressorPower") == 0, during=2 * s)
