"""Networks go to sleep, and are woken."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, V, ms, s
from vehicle_states import switch_off, switch_on

CHANNELS = ("powertrain", "body")
SENSORS = ("PEDAL", "SRS", "STALK", "DOORS", "KEY")

FOLLOWING = 600 * ms
"""Until when the sensors have followed the other nodes, which are silent at once."""


def senders(bench: Bench, since: Duration) -> set[str]:
    """The nodes that have sent anything since then."""
    return {rx.sender for channel in CHANNELS for rx in bench.traffic(channel).since(since).frames}


def sleeping_car(bench: Bench) -> None:
    """A car that was left alone until its networks slept."""
    bench.wait(6 * s)
    for channel in CHANNELS:
        bench.silent(channel, during=200 * ms)


# -- falling asleep ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-064")
def test_networks_sleep_5_seconds_after_key_off(bench: Bench, phase: Duration) -> None:
    """5 s after key-off both networks are silent; until then every node sends."""
    switch_on(bench)
    bench.wait(phase)
    key_off = bench.set("KeyPosition", "Off")
    bench.expect(bench.signal("DcLinkVoltage") < 60 * V, within=4 * s)
    bench.wait(until=key_off.at + 4.87 * s)
    before = bench.now
    bench.wait(120 * ms)
    assert len(senders(bench, before)) == 13
    bench.wait(100 * ms)
    quiet = bench.now
    bench.wait(FOLLOWING)
    assert senders(bench, quiet) <= set(SENSORS)
    quiet = bench.now
    bench.wait(1 * s)
    assert not senders(bench, quiet)


@pytest.mark.requirement("VEH-064")
@pytest.mark.parametrize(
    ("signal", "value", "end"),
    [
        ("DriverDoor", "Open", "Closed"),
        ("BootLid", "Open", "Closed"),
        ("HazardSwitch", "On", "Off"),
        ("KeyPosition", "Accessory", "Off"),
    ],
)
def test_networks_stay_awake_with_reason(bench: Bench, signal: str, value: str, end: str) -> None:
    """An open door, hazard lights and a key that is not off keep the networks awake; 5 s after that they sleep."""
    bench.set(signal, value)
    bench.wait(7 * s)
    now = bench.now
    bench.wait(550 * ms)
    assert len(senders(bench, now)) == 13
    bench.set(signal, end)
    bench.wait(5.2 * s + FOLLOWING)
    for channel in CHANNELS:
        bench.silent(channel, during=500 * ms)


@pytest.mark.requirement("VEH-064")
def test_charged_dc_link_keeps_the_networks_awake(bench: Bench) -> None:
    """With a DC link of 60 V or more nobody sleeps; below that the networks do."""
    switch_on(bench)
    bench.plant["active_discharge_fault"] = 1
    switch_off(bench)
    bench.wait(7 * s)
    while bench.plant["dc_link_voltage"] >= 60:
        now = bench.now
        bench.wait(200 * ms)
        assert "BMS" in senders(bench, now)
        if bench.now > 9 * s:
            bench.plant["active_discharge_fault"] = 0
    bench.wait(300 * ms + FOLLOWING)
    for channel in CHANNELS:
        bench.silent(channel, during=500 * ms)


@pytest.mark.requirement("VEH-064")
def test_crash_hold_keeps_the_networks_awake(bench: Bench) -> None:
    """For the 10 s after a crash in which the doors cannot be locked nobody sleeps; then the networks do."""
    bench.wait(200 * ms)
    bench.set("CrashDetected", "Crash")
    bench.wait(200 * ms)
    bench.set("CrashDetected", "NoCrash")
    bench.wait(9.2 * s)
    now = bench.now
    bench.wait(550 * ms)
    assert len(senders(bench, now)) == 13
    bench.wait_until(bench.signal("CrashHold") == "Inactive", timeout=1 * s)
    bench.wait(5.2 * s + FOLLOWING)
    for channel in CHANNELS:
        bench.silent(channel, during=500 * ms)


# -- waking up ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("VEH-064")
@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("DriverDoor", "Open"),
        ("PassengerDoor", "Open"),
        ("RearLeftDoor", "Open"),
        ("RearRightDoor", "Open"),
        ("BootLid", "Open"),
        ("KeyPosition", "Accessory"),
        ("KeyPosition", "On"),
        ("RemoteCommand", "Unlock"),
    ],
)
def test_event_wakes_both_networks(bench: Bench, signal: str, value: str) -> None:
    """A door or key event wakes both networks within 150 ms, and all nodes send again."""
    sleeping_car(bench)
    event = bench.set(signal, value)
    bench.expect(bench.signal("NetworkState") == "Awake", within=150 * ms)
    bench.expect(bench.signal("NetworkStateBody") == "Awake", within=150 * ms)
    bench.wait(until=event.at + 150 * ms)
    assert {"VCU", "BMS", "INV", "ESP", "GW", "BCM", "IC", "HVAC"} <= senders(bench, Duration(event.at))


@pytest.mark.requirement("VEH-064")
@pytest.mark.parametrize("ahead", [20 * ms, 5 * ms, 1 * ms, 0 * ms, -1 * ms, -5 * ms, -50 * ms, -400 * ms], ids=str)
def test_event_while_falling_asleep_wakes_everybody(bench: Bench, ahead: Duration) -> None:
    """An event just before, at, or after the instant of falling asleep leaves everybody awake within 150 ms."""
    bench.wait(5 * s - ahead)
    event = bench.set("DriverDoor", "Open")
    bench.expect(bench.signal("DriverDoor") == "Open", within=0 * ms)
    bench.wait(150 * ms)
    awake = bench.now
    bench.stays(bench.signal("NetworkState") == "Awake", during=1 * s)
    bench.stays(bench.signal("NetworkStateBody") == "Awake", during=1 * s)
    assert len(senders(bench, awake)) == 13
    assert event.delivered is not None


@pytest.mark.requirement("VEH-064")
def test_woken_networks_sleep_again(bench: Bench) -> None:
    """When the event is over and nothing keeps them awake the networks sleep again."""
    sleeping_car(bench)
    bench.set("RemoteCommand", "Lock")
    bench.expect(bench.signal("DriverDoorLock") == "Locked", within=300 * ms)
    bench.set("RemoteCommand", "None")
    bench.wait(5.2 * s + FOLLOWING)
    for channel in CHANNELS:
        bench.silent(channel, during=500 * ms)
