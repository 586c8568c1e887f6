"""Bus load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from every_state import STATES
from harness import Bench, Duration, kmh, ms, s
from vehicle_states import car_on_rollers

CHANNELS = ("powertrain", "body")


@pytest.mark.requirement("VEH-062")
@pytest.mark.parametrize("enter", STATES)
def test_load_stays_below_60_percent(bench: Bench, enter: Callable[[Bench], None]) -> None:
    """In no second is a network loaded by 60 % or more."""
    enter(bench)
    bench.wait(1.2 * s)
    for channel in CHANNELS:
        assert 0 < bench.peak_load(channel, 1 * s, 0 * s) < 0.6


@pytest.mark.requirement("VEH-062")
def test_load_stays_below_60_percent_in_a_storm_of_events(bench: Bench) -> None:
    """Also when every sensor changes its values as often as it can."""
    car_on_rollers(bench, 50 * kmh)
    begin: Duration = bench.now
    for turn in range(120):
        on = turn % 2
        bench.set("StalkStatus", WiperStalk=3 * on, HazardSwitch=on, LightSwitch=2 * on, IndicatorStalk=4 * on)
        bench.set("DoorStatus", DriverDoor=on, PassengerDoor=on, BootLid=on)
        bench.set("KeyStatus", RemoteCommand=on)
        bench.set("DriverRequest", SpeedLimiterSwitch=on, SpeedLimit=100 + turn)
        bench.set("CrashStatus", CrashDetected=0)
        bench.set("OccupantStatus", DriverSeatBelt=on, AirbagFault=on)
        bench.set("LockButton", on)
        bench.wait(10 * ms)
    for channel in CHANNELS:
        assert 0.1 < bench.peak_load(channel, 1 * s, begin) < 0.6
