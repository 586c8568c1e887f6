"""Gateway: what it forwards, how fast, and what not; and how it sends the networks to sleep and wakes them."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

import pytest
from body_car import PHASES, car, switched_on
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import Duration, Frame, ms, s
from harness.bench import Bench, Disturbance, Silence, UnknownFrame, WrongCounter, WrongCrc, WrongLength
from harness.frames import Received
from simulators.gw import ROUTES

at_phases = pytest.mark.parametrize("phase", PHASES, ids=str)
CHANNELS = ("powertrain", "body")
PROTECTED = [source for source in ROUTES if source not in ("BatteryCharge", "OccupantStatus", "HvacRequest")]


@pytest.fixture
def body() -> Bench:
    return car()


def place(bench: Bench, message: str) -> tuple[str, int]:
    """Channel and key of a message."""
    tx = bench.world.tx(message)
    return tx.channel, tx.key


def cycle(bench: Bench, message: str) -> int:
    """Cycle time of a message, ns."""
    planned = bench.world.tx(message).plan.cycle_ns
    assert planned
    return planned


def content(bench: Bench, message: str, rx: Received, *, suffix: str) -> dict[str, Any]:
    """The signals of a frame, without counter and CRC, under the names of the source."""
    definition = bench.world.channel(rx.channel).network.message(message)
    values = definition.codec.decode(rx.frame.data)
    protection = bench.world.tx(message).plan.protection
    own = (protection.counter, protection.crc) if protection else ()
    return {name.removesuffix(suffix): value for name, value in values.items() if name not in own}


def frames(bench: Bench, message: str, since: int = 0) -> list[Received]:
    channel, key = place(bench, message)
    return [rx for rx in bench.world.channel(channel).network.trace.of(key) if rx.time >= since]


def check_route(bench: Bench, source: str, *, since: int = 0, limit: int = int(5 * ms)) -> int:
    """Every frame of a message has one copy, in order, in time and with the same content; returns how many."""
    copy = ROUTES[source]
    suffix = copy.removeprefix(source)
    sources = [rx for rx in frames(bench, source, since) if rx.time <= bench.now - limit]
    copies = deque(frames(bench, copy, since))
    for rx in sources:
        assert copies, f"{source} at {rx.time} was lost"
        made = copies.popleft()
        assert made.sender == "GW"
        assert 0 < made.time - rx.time <= limit, f"{source} at {rx.time} came out at {made.time}"
        assert content(bench, copy, made, suffix=suffix) == content(bench, source, rx, suffix="")
    assert len(copies) <= 1, f"{copy} was sent without a source"
    return len(sources)


def check_only_routes(bench: Bench) -> None:
    """The gateway sends its own messages and the listed copies, nothing else."""
    own = {"NetworkStatus", "NetworkStatusBody", "GatewayStatistics"}
    allowed = {place(bench, name) for name in (*ROUTES.values(), *own)}
    for channel in CHANNELS:
        for rx in bench.world.channel(channel).network.trace.frames:
            assert rx.sender != "GW" or (channel, rx.frame.key) in allowed, rx


# -- VEH-050 -----------------------------------------------------------------------------------------------------------


def test_every_listed_message_is_forwarded_in_time_in_order_and_once(body: Bench) -> None:
    switched_on(body)
    body.wait(2 * s)
    for source in ROUTES:
        assert check_route(body, source) >= body.now // cycle(body, source) - 2
    check_only_routes(body)


@at_phases
def test_events_and_their_repetitions_are_forwarded(body: Bench, phase: Duration) -> None:
    body.wait(phase)
    since = int(body.now)
    body.set("CrashDetected", "Crash")
    body.expect(body.signal("CrashDetectedBody") == "Crash", within=5 * ms)
    body.set("KeyPosition", "On")
    body.expect(body.signal("KeyPositionPowertrain") == "On", within=5 * ms)
    body.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=80)
    body.expect(body.signal("SpeedLimitPowertrain") == 80, within=5 * ms)
    body.wait(100 * ms)
    assert check_route(body, "CrashStatus", since=since) >= 4
    for source in ROUTES:
        check_route(body, source, since=since)


SETTABLE = ["AcceleratorPedal", "BrakePedal", "VehicleSpeed", "LongitudinalAcceleration", "Gear", "FaultCode",
            "IsolationResistance", "IsolationWarning", "CellVoltageWarning", "StateOfCharge", "RemainingEnergy",
            "ChargeCounter", "DriverSeatBelt", "AirbagFault", "SpeedLimit", "SpeedLimiterSwitch", "RegenDeceleration",
            "CompressorPowerLimit", "CrashDetected", "KeyPosition", "RemoteCommand"]  # fmt: skip


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[str, float, int]]:
    """Changes of routed signals: name, position in the range 0 to 1, time to the next change in µs."""
    step = st.tuples(st.sampled_from(SETTABLE), st.floats(0, 1), st.integers(0, 30_000))
    return draw(st.lists(step, min_size=1, max_size=25))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(traffic(), st.integers(0, 100_000))
def test_any_traffic_is_forwarded_unchanged(steps: list[tuple[str, float, int]], phase: int) -> None:
    body = car()
    body.wait(phase * 1_000 // 1_000_000 * ms)
    for name, share, microseconds in steps:
        definition = body.signal(name).definition
        labels = list(definition.choices.values())
        if labels:
            body.set(name, labels[round(share * (len(labels) - 1))])
        else:
            low, high = definition.physical_range
            body.set(name, low + share * (high - low))
        body.wait(Duration(microseconds * 1000))
    body.wait(120 * ms)
    for source in ROUTES:
        assert check_route(body, source) >= 1
    check_only_routes(body)
    assert max(body.load(channel, 1 * s) for channel in CHANNELS) < 0.6


def test_forwarding_in_time_with_60_percent_load(body: Bench) -> None:
    """A third network node fills both networks with frames of the highest priority."""
    switched_on(body)
    since = int(body.now)
    fill = [
        UnknownFrame("powertrain", Frame(0x001, bytes(8)), period=1 * ms),
        UnknownFrame("body", Frame(0x001, bytes(64), fd=True, brs=True), period=0.75 * ms),
    ]
    with body.disturb(*fill):
        body.wait(1 * s)
        for channel in CHANNELS:
            assert 0.4 < body.load(channel, 500 * ms) <= 0.6
    for source in ROUTES:
        assert check_route(body, source, since=since) >= 8


def test_statistics_count_what_was_forwarded(body: Bench) -> None:
    switched_on(body)
    body.wait(1 * s)
    counted = body.signal("ForwardedPedals").history[-1]
    forwarded = len([rx for rx in frames(body, "Pedals") if rx.time <= counted.time])
    assert counted.value in (forwarded, forwarded - 1)
    assert body.signal("ForwardDelayMax").value == 0


def test_a_reset_of_the_gateway_ends_after_one_cycle(body: Bench) -> None:
    switched_on(body)
    body.node("GW").reset()
    since = int(body.now) + int(1 * ms)
    body.wait(500 * ms)
    for source in ROUTES:
        check_route(body, source, since=since)


# -- VEH-051 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", PROTECTED)
@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_checksum_is_not_forwarded_and_the_next_right_frame_is(body: Bench, source: str, count: int) -> None:
    switched_on(body)
    copy, rejected = ROUTES[source], rejections(body, source)
    before, copies = len(frames(body, source)), len(frames(body, copy))
    with body.disturb(WrongCrc(source, count=count)):
        body.wait(count * 100 * ms + 10 * ms)
    body.wait(300 * ms)
    assert len(frames(body, copy)) - copies == len(frames(body, source)) - before - count
    assert rejections(body, source) - rejected == count
    assert content(body, copy, frames(body, copy)[-1], suffix=copy.removeprefix(source)) == content(
        body, source, frames(body, source)[-1], suffix=""
    )


@pytest.mark.parametrize("source", PROTECTED)
@pytest.mark.parametrize("offset", [-1, 1, 5])
def test_a_counter_that_does_not_follow_is_not_forwarded(body: Bench, source: str, offset: int) -> None:
    switched_on(body)
    since = frames(body, source)[-1].time
    with body.disturb(WrongCounter(source, offset=offset, count=1)):
        body.wait(110 * ms)
    body.wait(300 * ms)
    protector = body.world.tx(source).protector
    assert protector is not None
    counters = [protector.check(rx.frame.data).counter for rx in frames(body, source, since)]
    follows = [(after - before) % protector.counter_modulo == 1 for before, after in pairwise(counters)]
    assert follows.count(False) == 2  # the wrong one, and the right one that does not follow it
    assert len(frames(body, ROUTES[source], since)) == 1 + follows.count(True)


def rejections(bench: Bench, source: str) -> float:
    """What the gateway says it refused on the way of a message."""
    bench.wait(210 * ms)
    target = "Body" if place(bench, source)[0] == "powertrain" else "Powertrain"
    value = bench.signal(f"RejectedTo{target}").value
    assert value is not None
    return float(value)


@pytest.mark.parametrize(
    "disturbance",
    [
        WrongLength("Pedals", 3, count=5),
        UnknownFrame("powertrain", Frame(0x123, b"\1\2\3"), period=10 * ms, count=20),
        UnknownFrame("body", Frame(0x0A0 + 1, bytes(6), fd=True, brs=True), period=10 * ms, count=20),
    ],
    ids=lambda each: each.title,
)
def test_nothing_else_is_forwarded(body: Bench, disturbance: Disturbance) -> None:
    switched_on(body)
    with body.disturb(disturbance):
        body.wait(300 * ms)
    check_only_routes(body)


@pytest.mark.parametrize("source", ["Pedals", "KeyStatus", "BatteryCharge"])
def test_what_is_silent_is_not_made_up(body: Bench, source: str) -> None:
    switched_on(body)
    with body.disturb(Silence(source)):
        body.wait(6 * ms)
        body.silent(ROUTES[source], during=1 * s)


# -- VEH-015 -----------------------------------------------------------------------------------------------------------


def test_vehicle_speed_agrees_on_both_networks(body: Bench) -> None:
    switched_on(body)
    for kmh in (0.01, 3.3, 50, 120.55, 199.99, 80, 0):
        body.set("VehicleSpeed", kmh)
        body.wait(33 * ms)
    there, here = (body.signal(name).history for name in ("VehicleSpeed", "VehicleSpeedBody"))
    assert [sample.value for sample in there] == [sample.value for sample in here]
    assert all(0 < b.time - a.time <= 5 * ms for a, b in zip(there, here, strict=True))


# -- VEH-063 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", ["GW", "BCM", "IC", "HVAC"])
def test_a_node_recovers_from_bus_off(body: Bench, node: str) -> None:
    switched_on(body)
    bus = body.world.channel("body").bus
    off: list[int] = []
    controller = body.world.node(node).controllers["body"]
    controller.on_state(lambda state: off.append(int(body.now)) if state.name == "BUS_OFF" else None)
    injection = bus.corrupt(sender=node, count=32)
    body.world.loop.run_until(body.now + int(2 * s), lambda: bool(off))
    injection.cancel()
    assert off
    body.set_policy(protection="collect")
    body.set("BrakePedal", 50)
    body.set("AirConditioning", "On")
    body.wait(500 * ms)
    body.set("IndicatorStalk", "LeftTap")
    body.expect(body.signal("IndicatorLeft") == "On", within=200 * ms)
    body.expect(body.signal("BrakeLamp") == "On", within=80 * ms)
    body.expect(body.signal("SpeedDisplay") == "Valid", within=80 * ms)


# -- VEH-064 -----------------------------------------------------------------------------------------------------------


def asleep() -> Bench:
    """A car whose networks sleep."""
    body = car()
    body.wait(6 * s)
    for channel in CHANNELS:
        assert body.load(channel, 100 * ms) == 0
    return body


@at_phases
def test_the_networks_go_silent_5_s_after_key_off(body: Bench, phase: Duration) -> None:
    switched_on(body)
    body.wait(6 * s + phase)
    off = body.set("KeyPosition", "Off")
    body.expect(body.signal("KeyPositionPowertrain") == "Off", within=5 * ms)
    assert off.delivered is not None
    for signal in ("NetworkState", "NetworkStateBody"):
        end = body.wait_until(body.signal(signal) == "PrepareSleep", timeout=6 * s).time
        assert abs(end - off.delivered - 5 * s) <= 10 * ms
    body.wait(20 * ms)
    slept = int(body.now)
    body.wait(3 * s)
    for channel in CHANNELS:
        senders = {rx.sender for rx in body.world.channel(channel).network.trace.frames if rx.time > slept}
        assert senders.isdisjoint({"GW", "BCM", "IC", "HVAC"})
        assert body.load(channel, 2 * s) == 0


@pytest.mark.parametrize(
    ("signal", "keeps", "lets"),
    [
        ("DriverDoor", "Open", "Closed"),
        ("RearRightDoor", "Open", "Closed"),
        ("HazardSwitch", "On", "Off"),
        ("DcLinkVoltage", 60, 59.9),
        ("KeyPosition", "On", "Off"),
        ("KeyPosition", "Accessory", "Off"),
    ],
)
def test_what_keeps_the_networks_awake(body: Bench, signal: str, keeps: float | str, lets: float | str) -> None:
    body.set(signal, keeps)
    body.stays(body.signal("NetworkStateBody") == "Awake", during=12 * s)
    assert body.signal("SleepCountdown").raw == 63
    body.set(signal, lets)
    body.wait_until(body.signal("NetworkStateBody") == "PrepareSleep", timeout=5.1 * s)
    body.wait(600 * ms)
    body.silent("body", during=2 * s)


def test_the_hold_after_a_crash_keeps_the_networks_awake_and_lets_them_sleep(body: Bench) -> None:
    body.set("CrashDetected", "Crash")
    body.stays(body.signal("NetworkStateBody") == "Awake", during=10 * s)
    body.wait_until(body.signal("NetworkStateBody") == "PrepareSleep", timeout=6 * s)
    body.wait(600 * ms)
    body.silent("powertrain", during=2 * s)


WAKERS = [("DriverDoor", "Open", "Door"), ("BootLid", "Open", "Door"), ("KeyPosition", "On", "Key"),
          ("KeyPosition", "Accessory", "Key"), ("RemoteCommand", "Unlock", "Key"), ("HazardSwitch", "On", "Hazard"),
          ("CrashDetected", "Crash", "Crash")]  # fmt: skip


@pytest.mark.parametrize(("signal", "value", "reason"), WAKERS)
@pytest.mark.parametrize("phase", PHASES[:3], ids=str)
def test_an_event_wakes_both_networks(signal: str, value: str, reason: str, phase: Duration) -> None:
    body = asleep()
    body.wait(phase)
    event = body.set(signal, value)
    awake = (body.signal("NetworkState") == "Awake") & (body.signal("NetworkStateBody") == "Awake")
    body.expect(awake & (body.signal("WakeReasonBody") == reason), within=150 * ms)
    assert event.delivered is not None
    body.wait(150 * ms)
    woken = int(event.delivered)
    own = {"body": ("LampStatus", "ClusterDisplay", "HvacStatus", "PedalsBody"), "powertrain": ("KeyStatusPowertrain",)}
    for names in own.values():
        for name in names:
            first = frames(body, name, woken)[0]
            assert first.time - woken <= 2 * cycle(body, name), name
    if signal == "KeyPosition":
        assert frames(body, "KeyStatusPowertrain", woken)[0].time - woken <= 5 * ms
        assert body.signal("KeyPositionPowertrain").text == value


def test_after_a_short_event_the_networks_sleep_again() -> None:
    body = asleep()
    body.set("RemoteCommand", "Lock")
    body.wait(100 * ms)
    body.set("RemoteCommand", "None")
    body.wait(100 * ms)
    assert body.signal("DriverDoorLock").text == "Locked"
    body.wait(6 * s)
    body.silent("body", during=1 * s)
    body.set("RemoteCommand", "Unlock")
    body.expect(body.signal("DriverDoorLock") == "Unlocked", within=150 * ms)


@pytest.mark.parametrize("node", ["BCM", "IC", "GW"])
def test_a_reset_on_a_sleeping_network_ends_in_silence_again(node: str) -> None:
    body = asleep()
    body.wait(1 * s)
    body.node(node).reset()
    body.wait(7 * s)
    for channel in CHANNELS:
        assert body.load(channel, 100 * ms) == 0
