"""What holds for any history of pedals, gears and temperatures: generated scenarios, each in a fresh world."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Bench, Duration, kmh, ms, s
from harness.scenario import Timeline, play, timeline
from vehicle_states import car_in_drive, car_reversing, driving_car

OpenBench = Callable[[], AbstractContextManager[Bench]]

REACTION = 30 * ms
pedals = st.sampled_from([0.0, 2.9, 3.0, 10.0, 10.1, 100.0]) | st.floats(0, 100).map(lambda value: round(value, 1))
delays = st.integers(1, 300).map(lambda count: count * ms)


def largest_recent(bench: Bench, signals: list[str], time: int) -> float:
    """Largest value that the smallest of some signals of one message had in the 30 ms up to ``time``."""
    start = bench.signal(signals[0]).sample_at(time - REACTION)
    since = start.time if start is not None else time - REACTION
    with bench.still():
        columns = [bench.signal(name).samples_since(since) for name in signals]
    samples = zip(*columns, strict=True)
    largest: float = max(min(sample.value for sample in moment) for moment in samples if moment[0].time <= time)
    return largest


def in_gear(bench: Bench, time: int) -> bool:
    """Whether D or R was shown, or was just being asked for, at some instant of the 30 ms up to ``time``."""

    def recent(name: str) -> list[str | None]:
        signal, start = bench.signal(name), time - REACTION
        samples = [signal.sample_at(start), *signal.samples_since(start)]
        return [sample.text for sample in samples if sample is not None and sample.time <= time]

    shown = any(gear in ("D", "R") for gear in recent("Gear"))
    asked = any(now in ("D", "R") and now != before for before, now in pairwise(recent("GearRequest")))
    return shown or asked


@pytest.mark.requirement("VEH-006")
@given(
    speed=st.sampled_from([-5, 0, 5, 40, 110]),
    history=st.lists(
        st.tuples(delays, pedals, st.floats(20, 65), st.sampled_from([40, 90, 100, 110])), min_size=1, max_size=8
    ),
)
@settings(max_examples=20)
def test_torque_never_exceeds_its_limits(
    open_bench: OpenBench, speed: int, history: list[tuple[Duration, float, float, int]]
) -> None:
    """For any history of pedal and temperatures, also in Reverse, the torque respects the limits of the last 30 ms."""
    with open_bench() as bench:
        if speed < 0:
            car_reversing(bench, -speed * kmh)
        else:
            driving_car(bench, speed * kmh)
        begin = bench.now
        for delay, pedal, cell_temperature, inverter_temperature in history:
            bench.set("AcceleratorPedal", pedal)
            bench.plant["cell_temperature"] = cell_temperature
            bench.plant["inverter_temperature"] = inverter_temperature
            bench.wait(delay)
        for request in bench.signal("TorqueRequest").samples_since(begin):
            for limits in (["InverterTorqueLimit", "BatteryTorqueLimit", "SpeedTorqueLimit"], ["MotorTorqueLimit"]):
                limit, at = largest_recent(bench, limits, request.time), Duration(request.time)
                driving = -request.value if speed < 0 else request.value
                assert driving <= limit, f"torque request {request.value:g} Nm at {at}, at most {limit:g} Nm"


@pytest.mark.requirement("VEH-014")
@given(
    speed=st.sampled_from([0, 2, 40]),
    history=timeline(
        {
            "GearRequest": st.sampled_from(["None", "P", "R", "N", "D"]),
            "AcceleratorPedal": pedals,
            "BrakePedal": pedals,
        },
        duration=2 * s,
        max_changes=10,
    ),
)
@settings(max_examples=25)
def test_no_torque_without_a_gear(open_bench: OpenBench, speed: int, history: Timeline) -> None:
    """For any history of pedals and gear lever: without D or R, shown or just asked for, there is no torque."""
    with open_bench() as bench:
        car_in_drive(bench)
        bench.plant["vehicle_speed"] = speed * kmh
        begin = bench.now
        play(bench, history)
        bench.wait(200 * ms)
        for request in bench.signal("TorqueRequest").samples_since(begin):
            at = Duration(request.time)
            assert request.value == 0 or in_gear(bench, at), f"torque request {request.value:g} Nm at {at} without gear"
