"""Wipers and washer."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, ms, s
from observations import intervals, times_of
from vehicle_states import switch_on


def wipes(bench: Bench, since: Duration) -> list[Duration]:
    """When each wipe began, from ``since`` on."""
    return times_of(bench, "WiperMotion", "Wiping", since)


def wipe_period(bench: Bench, stalk: str, during: Duration) -> tuple[Duration, Duration]:
    """Shortest and longest time from one wipe to the next with the stalk in a position."""
    since = bench.now
    bench.set("WiperStalk", stalk)
    bench.wait(during)
    found = intervals(wipes(bench, since))
    assert len(found) >= 3, f"only {len(found) + 1} wipes in {during}"
    return min(found), max(found)


@pytest.mark.requirement("VEH-033")
def test_intermittent_wipes_every_four_seconds(bench: Bench) -> None:
    """In position Intermittent a wipe begins every 4 s, 5 % more or less."""
    switch_on(bench)
    shortest, longest = wipe_period(bench, "Intermittent", 16.5 * s)
    assert shortest >= 3.8 * s and longest <= 4.2 * s


@pytest.mark.requirement("VEH-033")
def test_fast_wipes_faster_than_slow(bench: Bench) -> None:
    """Slow and Fast wipe without a pause, Fast the faster; Off ends it with the blade parked."""
    switch_on(bench)
    slow = wipe_period(bench, "Slow", 6 * s)
    bench.stays(bench.signal("WiperMotion") == "Wiping", during=500 * ms, after=Duration(wipes(bench, 0 * s)[-1]))
    fast = wipe_period(bench, "Fast", 4 * s)
    assert fast[0] < slow[0] and slow[1] < 2 * s
    bench.set("WiperStalk", "Off")
    bench.wait(2 * s)
    bench.stays(bench.signal("WiperMotion") == "Parked", during=3 * s)
    assert bench.plant["wiper_position"] == 0


@pytest.mark.requirement("VEH-033")
@pytest.mark.parametrize("stalk", ["Intermittent", "Slow", "Fast"])
def test_wiping_begins_at_once(bench: Bench, stalk: str) -> None:
    """Each position of the stalk begins with a wipe."""
    switch_on(bench)
    bench.set("WiperStalk", stalk)
    bench.expect(bench.signal("WiperMotion").changes(to="Wiping"), within=500 * ms)
    bench.expect(bench.signal("WiperMode") == stalk, within=500 * ms)


@pytest.mark.requirement("VEH-033")
@pytest.mark.parametrize("pressed", [50 * ms, 2.5 * s], ids=str)
def test_washing_gives_three_wipes(bench: Bench, pressed: Duration) -> None:
    """After the wash button is released the wipers wipe exactly three times, however long it was pressed."""
    switch_on(bench)
    bench.set("WashButton", "Pressed")
    bench.expect(bench.signal("WasherPump") == "On", within=200 * ms)
    bench.wait(pressed)
    released = bench.set("WashButton", "Released")
    bench.expect(bench.signal("WasherPump") == "Off", within=200 * ms)
    bench.wait(6 * s)
    assert len(wipes(bench, Duration(released.at))) == 3
    bench.stays(bench.signal("WiperMotion") == "Parked", during=500 * ms)


@pytest.mark.requirement("VEH-033")
def test_washing_twice_gives_three_wipes_each_time(bench: Bench) -> None:
    """A second wash request gives three wipes again."""
    switch_on(bench)
    for _ in range(2):
        bench.set("WashButton", "Pressed")
        bench.wait(200 * ms)
        released = bench.set("WashButton", "Released")
        bench.wait(6 * s)
        assert len(wipes(bench, Duration(released.at))) == 3
