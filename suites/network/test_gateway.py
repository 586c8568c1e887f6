"""Gateway: forwards what is listed, all of it, in order, at once; and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness import Bench, Duration, Frame, UnknownFrame, WrongCounter, WrongCrc, kmh, ms, ohm_per_V, percent, s
from harness.scenario import Timeline, play, timeline
from vehicle_states import car_on_rollers, press, switch_on

ROUTES = {
    "Pedals": "PedalsBody",
    "DriveStatus": "DriveStatusBody",
    "VehicleSpeed": "VehicleSpeedBody",
    "BatteryWarnings": "BatteryWarningsBody",
    "BatteryCharge": "BatteryChargeBody",
    "CrashStatus": "CrashStatusBody",
    "OccupantStatus": "OccupantStatusBody",
    "KeyStatus": "KeyStatusPowertrain",
    "DriverRequest": "DriverRequestPowertrain",
    "HvacRequest": "HvacRequestPowertrain",
}
"""Message -> its copy on the other network."""

OWN = {"powertrain": ("NetworkStatus",), "body": ("NetworkStatusBody", "GatewayStatistics")}
"""What the gateway sends of its own."""

PROTECTED = [name for name in ROUTES if name not in ("BatteryCharge", "OccupantStatus", "HvacRequest")]

DRIVER: Mapping[str, st.SearchStrategy[float | str]] = {
    "AcceleratorPedal": st.integers(0, 100),
    "BrakePedal": st.integers(0, 100),
    "DriverSeatBelt": st.sampled_from(["Unfastened", "Fastened"]),
    "AirbagFault": st.sampled_from(["Ok", "Failed"]),
    "CrashDetected": st.sampled_from(["NoCrash", "Crash"]),
    "RemoteCommand": st.sampled_from(["None", "Lock", "Unlock"]),
    "SpeedLimit": st.integers(0, 250),
    "AirConditioning": st.sampled_from(["Off", "On"]),
}
"""What the driver and the sensors may do, on both networks."""

LOAD = {"powertrain": Frame(0x7, bytes(8)), "body": Frame(0x7, bytes(32), fd=True, brs=True)}
"""Frames that nobody knows and that everybody else has to wait for."""


def content(bench: Bench, message: str, since: Duration) -> list[tuple[float, ...]]:
    """The values of every frame of a message since then, in the order of their arrival; without counter and CRC."""
    protection = (f"{message}Counter", f"{message}Crc")
    names = [name for name in bench.traffic(message).signals if not name.endswith(protection)]
    with bench.still():
        columns = [bench.signal(name).samples_since(since) for name in names]
    return [tuple(sample.value for sample in row) for row in zip(*columns, strict=True)]


def assert_everything_was_forwarded(bench: Bench, since: Duration) -> None:
    """Each frame of each routed message since then was copied once, in order, unchanged, within 5 ms."""
    bench.wait(5 * ms)
    for source, copy in ROUTES.items():
        with bench.still():
            sent, copied, now = bench.traffic(source).since(since), bench.traffic(copy).since(since), bench.now
        # A copy in flight at the beginning belongs to a frame before it; a frame within the last 5 ms may have none.
        due = [time for time in sent.times if time <= now - 5 * ms]
        arrived = [time for time in copied.times if due and time > due[0]][: len(due)]
        assert len(arrived) == len(due), f"{source}: {len(due)} frames, {len(arrived)} copies"
        delays = [copy_time - time for time, copy_time in zip(due, arrived, strict=True)]
        assert all(0 < delay <= 5 * ms for delay in delays), f"{source}: copies {min(delays)} to {max(delays)} later"
        first = due[0] if due else now
        with bench.still():
            before, after = content(bench, source, first), content(bench, copy, first)
        assert after[: len(due)] == before[: len(due)]
        assert len(after) <= len(before)


def forwarded(bench: Bench, message: str, since: Duration) -> list[bool]:
    """Of each frame of a message since then whether a copy of it came within 5 ms."""
    copies = bench.traffic(ROUTES[message]).since(since).times
    return [any(time < copy <= time + 5 * ms for copy in copies) for time in bench.traffic(message).since(since).times]


@pytest.mark.requirement("VEH-050")
def test_every_message_is_forwarded(bench: Bench) -> None:
    """On a drive with all sorts of events every frame of every routed message is copied within 5 ms."""
    car_on_rollers(bench, 50 * kmh)
    begin = bench.now
    for pedal, belt, lock in ((10, "Fastened", "Lock"), (60, "Unfastened", "None"), (0, "Fastened", "Unlock")):
        press(bench, accelerator=pedal * percent)
        bench.set({"DriverSeatBelt": belt, "RemoteCommand": lock, "SpeedLimit": pedal, "AirConditioning": "On"})
        bench.wait(400 * ms)
    assert_everything_was_forwarded(bench, begin)


@pytest.mark.requirement("VEH-050")
@pytest.mark.parametrize(
    ("source", "signal", "value", "copy"),
    [
        ("Pedals", "BrakePedal", 33.3, "BrakePedalBody"),
        ("CrashStatus", "CrashDetected", "Crash", "CrashDetectedBody"),
        ("OccupantStatus", "DriverSeatBelt", "Fastened", "DriverSeatBeltBody"),
        ("KeyStatus", "RemoteCommand", "Lock", "RemoteCommandPowertrain"),
        ("DriverRequest", "SpeedLimit", 77, "SpeedLimitPowertrain"),
    ],
)
def test_change_arrives_in_time(
    bench: Bench, source: str, signal: str, value: float | str, copy: str, phase: Duration
) -> None:
    """A value that changes is on the other network within 5 ms."""
    bench.wait(200 * ms + phase)
    bench.set(f"{source}.{signal}", value)
    bench.expect(bench.signal(copy) == value, within=5 * ms)


@pytest.mark.requirement("VEH-050")
@pytest.mark.parametrize(
    ("signal", "value", "copy"),
    [
        ("CrashDetected", "Crash", "CrashDetectedBody"),
        ("KeyPosition", "On", "KeyPositionPowertrain"),
        ("RemoteCommand", "Lock", "RemoteCommandPowertrain"),
    ],
)
def test_frame_that_wakes_the_networks_is_forwarded(bench: Bench, signal: str, value: str, copy: str) -> None:
    """What wakes the networks is on the other one within 5 ms."""
    bench.wait(7 * s)
    bench.set(signal, value)
    bench.expect(bench.signal(copy) == value, within=5 * ms)


@pytest.mark.requirement("VEH-050")
@settings(max_examples=25)
@given(
    timeline(DRIVER, duration=1 * s, min_step=1 * ms, max_changes=30),
    st.sampled_from([None, 5 * ms, 2 * ms, 1 * ms]),
    st.sampled_from([None, 3 * ms, 1 * ms]),
)
def test_any_traffic_is_forwarded(
    open_bench: Callable[..., AbstractContextManager[Bench]],
    scenario: Timeline,
    powertrain_load: Duration | None,
    body_load: Duration | None,
) -> None:
    """Whatever happens on both networks, up to 60 % load every frame is copied once, in order, within 5 ms."""
    loads = {"powertrain": powertrain_load, "body": body_load}
    with open_bench() as bench:
        switch_on(bench)
        begin = bench.now
        with bench.disturb(
            *(UnknownFrame(channel, LOAD[channel], period=period) for channel, period in loads.items() if period)
        ):
            play(bench, scenario)
            bench.wait(200 * ms)
        assume(max(bench.peak_load(channel, 10 * ms, begin) for channel in loads) <= 0.6)
        assert_everything_was_forwarded(bench, begin)


@pytest.mark.requirement("VEH-051")
def test_nothing_else_is_forwarded(bench: Bench) -> None:
    """On a drive with a fault the gateway sends nothing but the listed copies and what is its own."""
    car_on_rollers(bench, 50 * kmh)
    bench.set({"HazardSwitch": "On", "WiperStalk": "Fast", "DriverDoor": "Open", "LockButton": "Lock"})
    press(bench, accelerator=50 * percent, brake=50 * percent)
    bench.plant["isolation_resistance"] = 50 * ohm_per_V
    bench.wait(1.5 * s)
    for channel, own in OWN.items():
        listed = [copy for copy in ROUTES.values() if bench.traffic(copy).channel == channel]
        with bench.still():
            sent = sum(rx.sender == "GW" for rx in bench.traffic(channel).frames)
            assert sent == sum(len(bench.traffic(message).frames) for message in (*listed, *own))


@pytest.mark.requirement("VEH-051")
@pytest.mark.parametrize(("channel", "other"), [("powertrain", "body"), ("body", "powertrain")])
@pytest.mark.parametrize("identifier", [0x001, 0x0A1, 0x7FF, 0x18FF10D1])
def test_unknown_frames_are_not_forwarded(bench: Bench, channel: str, other: str, identifier: int) -> None:
    """Frames that no database knows stay on their network."""
    bench.wait(200 * ms)
    stranger = Frame(identifier, b"\x12\x34\x56", extended=identifier > 0x7FF)
    with bench.disturb(UnknownFrame(channel, stranger, period=20 * ms)):
        bench.wait(500 * ms)
    assert any(rx.frame.key == stranger.key for rx in bench.traffic(channel).frames)
    assert not any(rx.frame.key == stranger.key for rx in bench.traffic(other).frames)


@pytest.mark.requirement("VEH-051")
@pytest.mark.parametrize("message", PROTECTED)
def test_wrong_checksum_is_not_forwarded(bench: Bench, message: str) -> None:
    """While a message has wrong checksums there is no copy of it, and with right ones there is again."""
    switch_on(bench)
    cycle = bench.traffic(message).cycle
    assert cycle is not None
    with bench.disturb(WrongCrc(message)):
        bench.wait(5 * ms)
        begin = bench.now
        bench.silent(ROUTES[message], during=3 * cycle)
        assert len(bench.traffic(message).since(begin).frames) >= 2
    bench.wait(3 * cycle)
    assert forwarded(bench, message, bench.now - cycle - 5 * ms)[0]


@pytest.mark.requirement("VEH-051")
@pytest.mark.parametrize("message", PROTECTED)
@pytest.mark.parametrize("offset", [-1, -3, 5])
def test_wrong_counter_is_not_forwarded(bench: Bench, message: str, offset: int) -> None:
    """A frame whose counter is repeated, or jumps back or ahead, is not copied."""
    switch_on(bench)
    traffic = bench.traffic(message)
    assert traffic.cycle is not None
    bench.wait_until(bench.signal(traffic.signals[0]).received(), timeout=traffic.cycle * 2)
    wrong = WrongCounter(message, offset=offset, count=1)
    with bench.disturb(wrong):
        bench.wait(traffic.cycle + 5 * ms)
    assert wrong.spent is not None
    # A real bench may disturb a frame later than the next one.
    assert forwarded(bench, message, Duration(wrong.spent))[0] is False
    bench.wait(4 * traffic.cycle)
    assert forwarded(bench, message, bench.now - 2 * traffic.cycle)[0]


@pytest.mark.requirement("VEH-051")
@settings(max_examples=25)
@given(st.lists(st.sampled_from(["right", "checksum", "counter"]), min_size=1, max_size=40))
def test_only_right_pedal_frames_are_forwarded(
    open_bench: Callable[..., AbstractContextManager[Bench]], frames: list[str]
) -> None:
    """Of any mix of right and wrong pedal frames the wrong ones are not copied, and the right ones are."""
    wrong = {"checksum": WrongCrc, "counter": WrongCounter}
    with open_bench() as bench:
        bench.wait(95 * ms)
        next_frame = bench.signal("BrakePedal").received()
        bench.wait_until(next_frame, timeout=20 * ms)
        begin = bench.now + 1 * ms
        made: list[tuple[int, str]] = []
        for kind in frames:
            disturbances = [wrong[kind]("Pedals", count=1)] if kind in wrong else []
            with bench.disturb(*disturbances):
                bench.wait_until(next_frame, timeout=20 * ms)
            made += [(each.spent, kind) for each in disturbances if each.spent is not None]
        bench.wait(5 * ms)
        with bench.still():
            copied, times = forwarded(bench, "Pedals", begin), bench.traffic("Pedals").since(begin).times
        assert len(copied) >= len(frames)
        # A real bench may disturb a frame later than the next one.
        sent = [
            next((kind for at, kind in made if before < at <= time), "right")
            for before, time in pairwise([int(begin), *map(int, times)])
        ]
        assert sum(kind != "right" for kind in sent) == len(made)
        for before, kind, was_copied in zip(["right", *sent], sent, copied, strict=False):
            # What follows on a wrong frame may be refused for the gap in the counter, and taken for the same reason.
            if kind == "checksum" or before == "right":
                assert was_copied == (kind == "right")
