"""Cycle times of all messages, and their first frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from every_state import STATES
from harness import Bench, Duration, ms, s
from harness.bench.traffic import Traffic
from vehicle_states import ready_car


def cyclic(bench: Bench) -> Iterator[tuple[Traffic, Duration]]:
    """The traffic of every cyclic message on both networks, with its cycle time."""
    for channel in ("powertrain", "body"):
        for message in bench.messages(channel):
            traffic = bench.traffic(message)
            if traffic.cycle is not None:
                yield traffic, traffic.cycle


def longest_gap(traffic: Traffic, begin: Duration, end: Duration) -> Duration:
    """Longest time without a frame from ``begin`` to ``end``."""
    return max(after - before for before, after in pairwise((begin, *traffic.since(begin).times, end)))


@pytest.mark.requirement("VEH-060")
@pytest.mark.parametrize("enter", STATES)
def test_cycle_times(bench: Bench, enter: Callable[[Bench], None]) -> None:
    """Every cyclic message comes with its cycle time, 10 % more or less; events come in between."""
    enter(bench)
    begin = bench.now
    bench.wait(1.8 * s)
    wrong = []
    for traffic, cycle in cyclic(bench):
        shortest, longest = min(traffic.since(begin).gaps, default=cycle), longest_gap(traffic, begin, bench.now)
        if longest > cycle * 1.1 or (shortest < cycle * 0.9 and not traffic.on_event):
            wrong.append(f"{traffic.name}: {shortest} to {longest} instead of {cycle}")
    assert not wrong


@pytest.mark.requirement("VEH-060")
def test_no_events_without_reason(bench: Bench) -> None:
    """While nothing changes, messages that are also sent on events keep their cycle time too."""
    ready_car(bench)
    bench.wait(500 * ms)
    begin = bench.now
    bench.wait(1.5 * s)
    every = [(traffic.since(begin), cycle) for traffic, cycle in cyclic(bench) if traffic.on_event]
    early = [traffic.name for traffic, cycle in every if min(traffic.gaps) < cycle * 0.9]
    assert len(every) > 10
    assert not early


@pytest.mark.requirement("VEH-060")
def test_first_frames_after_power_on(bench: Bench) -> None:
    """The first frame of every cyclic message comes within two cycles of power-on."""
    bench.wait(1.1 * s)
    late = [traffic.name for traffic, cycle in cyclic(bench) if not traffic.times or traffic.times[0] > 2 * cycle]
    assert not late


@pytest.mark.requirement("VEH-060")
@pytest.mark.parametrize(("signal", "value"), [("KeyPosition", "On"), ("RearLeftDoor", "Open")])
def test_first_frames_after_wake_up(bench: Bench, signal: str, value: str) -> None:
    """The first frame of every cyclic message comes within two cycles of wake-up, and the next ones in their cycle."""
    bench.wait(7 * s)
    slept = bench.now
    bench.set(signal, value)
    bench.wait_until(bench.signal("NetworkState") == "Awake", timeout=150 * ms)
    awake = bench.now
    bench.wait(1.1 * s)
    late = [
        f"{traffic.name} after {traffic.since(slept).times[:1]}"
        for traffic, cycle in cyclic(bench)
        if not any(time <= awake + 2 * cycle for time in traffic.since(slept).times)
    ]
    assert not late


@pytest.mark.requirement("VEH-060")
@pytest.mark.parametrize("node", ["VCU", "BMS", "INV", "ESP", "GW", "BCM", "IC", "HVAC"])
def test_cycle_times_after_a_reset(bench: Bench, node: str) -> None:
    """500 ms after a reset the node's messages have their cycle time again."""
    ready_car(bench)
    bench.node(node).reset()
    bench.wait(500 * ms)
    begin = bench.now
    bench.wait(600 * ms)
    late = [
        traffic.name
        for traffic, cycle in cyclic(bench)
        if traffic.sender == node and longest_gap(traffic, begin, bench.now) > cycle * 1.1
    ]
    assert not late
