"""A channel process whose cyclic frames the kernel sends, on ``vcan0``. No limit on time: machines may be slow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from conformance_driver import rest

from harness.adapter.client import Adapter
from harness.adapter.driver import Driver
from harness.adapter.items import Heard, Sent, Trouble
from harness.adapter.spec import AdapterSpec
from harness.protection import Check
from harness.restbus import MessagePlan
from harness.restbus.alterations import FlippedBit
from tests.adapter.channel_here import World
from tests.restbus.scripted_port import PLANS

SPEED = replace(PLANS["Speed"], start_delay_ns=0, cycle_ns=40_000_000)
CLASSIC = AdapterSpec("body", "socketcan", "vcan0", 500_000)


@contextmanager
def channel(
    plans: tuple[MessagePlan, ...] = (SPEED,), cyclic: Literal["process", "kernel"] = "kernel"
) -> Iterator[Adapter]:
    adapter = Adapter(replace(CLASSIC, cyclic=cyclic), {"BODY": plans})
    adapter.open()
    try:
        yield adapter
        assert adapter.close(), "the process has to confirm its end"
    finally:
        adapter.close()


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    with channel() as opened:
        yield opened


@pytest.fixture
def listener() -> Iterator[Driver]:
    """Somebody else, who sees what is really on the bus."""
    driver = Driver(CLASSIC)
    yield driver
    driver.close()


def in_the_kernel() -> int:
    """How many messages the broadcast manager sends cyclically."""
    return sum(path.read_text().count("tx_op") for path in Path("/proc/net/can-bcm").glob("*"))


def judged(data: bytes) -> Check:
    assert SPEED.protector is not None
    return SPEED.protector.check(data)


def unbroken(counters: list[int]) -> bool:
    return all(b == (a + 1) % 15 for a, b in pairwise(counters))


def frames_of(world: World) -> list[Sent]:
    return [item for item in world.of(Sent) if item.frame.key == SPEED.message.key]


def more(world: World, count: int) -> Callable[[], bool]:
    wanted = len(frames_of(world)) + count
    return lambda: len(frames_of(world)) >= wanted


def finished(world: World, listener: Driver) -> list[Heard]:
    """End the world; all that was on the bus, which is what was reported, in the same order, and nobody else's."""
    world.transmitter("BODY").stop()
    seen = [item for item in rest(listener) if isinstance(item, Heard)]
    world.until(lambda: len(world.of(Sent)) >= len(seen), "the last frame")
    assert [item.frame for item in world.of(Sent)] == [item.frame for item in seen]
    assert world.of(Heard) == [] and not [item for item in world.of(Trouble) if "kernel" in item.text]
    assert in_the_kernel() == 0
    return seen


def test_the_sequence_is_unbroken_over_changes_of_values(adapter: Adapter, listener: Driver) -> None:
    world = World(adapter)
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    body.start()
    world.until(more(world, 20))
    assert in_the_kernel() == 1
    for value in range(20, 32):
        change = speed.set({"VehicleSpeed": value})
        world.until(lambda change=change: change.delivered is not None)
    last = speed.set({"VehicleSpeed": 31})
    world.until(lambda: last.delivered is not None)
    for value in range(40, 140):  # far more than frames
        last = speed.set({"VehicleSpeed": value})
    world.until(lambda: last.delivered is not None)
    world.until(more(world, 20))
    seen = finished(world, listener)
    checks = [judged(item.frame.data) for item in seen]
    assert all(check.crc_ok for check in checks)
    assert checks[0].counter == 0 and unbroken([check.counter for check in checks])
    values = [SPEED.message.codec.decode(item.frame.data)["VehicleSpeed"] for item in seen]
    assert values == sorted(values) and {10, *range(20, 32), 139} <= set(values)


def test_a_disturbance_and_a_frame_out_of_turn_in_between(adapter: Adapter, listener: Driver) -> None:
    world = World(adapter)
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    body.start()
    for _ in range(3):
        world.until(more(world, 7))
        altered: list[bytes] = []
        speed.on_tampered = altered.append
        speed.tamper = FlippedBit(2, 0)
        world.until(lambda altered=altered: len(altered) == 2)
        world.until(lambda: in_the_kernel() == 0)
        speed.tamper = None
        world.until(lambda: in_the_kernel() == 1)
        world.until(more(world, 3))
        now = speed.send_now()
        world.until(lambda now=now: now.delivered is not None)
    world.until(more(world, 5))
    checks = [judged(item.frame.data) for item in finished(world, listener)]
    assert [check.crc_ok for check in checks].count(False) == 6
    assert unbroken([check.counter for check in checks])


def test_stops_and_resets(adapter: Adapter, listener: Driver) -> None:
    world = World(adapter)
    body = world.transmitter("BODY")
    body.start()
    for number in range(1, 6):
        world.until(more(world, 4 + number))
        body.message("Speed").stop()
        body.message("Speed").start()
        world.until(more(world, 4 + number))
        body.reset()
        body.start()
        world.until(lambda number=number: len(body.resets) == number)
    world.until(more(world, 4))
    counters = [judged(item.frame.data).counter for item in finished(world, listener)]
    breaks = [at for at, (a, b) in enumerate(pairwise(counters), 1) if b != (a + 1) % 15]
    assert len(breaks) <= 5 and {counters[at] for at in breaks} == {0}


def test_the_next_world_begins_anew(adapter: Adapter) -> None:
    for _ in range(2):
        world = World(adapter)
        world.transmitter("BODY").start()
        world.until(more(world, 5))
        assert judged(frames_of(world)[0].frame.data) == (True, 0)
        assert world.of(Heard) == world.of(Trouble) == []


def test_a_link_that_goes_down_and_comes_back(adapter: Adapter, administer: Callable[..., None]) -> None:
    world = World(adapter, reconnect=True)
    world.transmitter("BODY").start()
    world.until(more(world, 5))
    administer("ip", "link", "set", "vcan0", "down")
    try:
        assert "is gone" in world.trouble(fatal=False)
    finally:
        administer("ip", "link", "set", "vcan0", "up")
    world.until(more(world, 20))
    assert in_the_kernel() == 1
    assert not any(item.fatal for item in world.of(Trouble)) and world.of(Heard) == []
    assert unbroken([judged(item.frame.data).counter for item in frames_of(world)][-15:])


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost_s(cyclic: Literal["process", "kernel"]) -> float:
    """Processor time of the channel process for one frame, 8 messages of 10 ms that are due one after the other.

    Those that are due together it sends and reads in one go, for less than it costs to read each when it comes.
    """
    spread = tuple(
        replace(
            SPEED,
            cycle_ns=10_000_000,
            start_delay_ns=number * 1_250_000,
            message=replace(SPEED.message, id=0x200 + number),
        )
        for number in range(8)
    )
    with channel(spread, cyclic) as adapter:
        world = World(adapter)
        world.transmitter("BODY").start()
        world.wait_for(Sent, 50)
        assert adapter.pid is not None
        before, count = cpu_s(adapter.pid), len(world.of(Sent))
        world.wait_for(Sent, count + 300)
        used = (cpu_s(adapter.pid) - before) / (len(world.of(Sent)) - count)
        print(f"{cyclic}: {used * 1e6:.0f} µs a frame; {adapter.statistics().total}")
        assert world.of(Heard) == []
        return used


def test_sending_costs_the_process_less() -> None:
    """What is left is reading the echoes. A busy machine makes it dearer: the cheapest of several times tells."""
    costs = [(cost_s("kernel"), cost_s("process")) for _ in range(3)]
    kernel, process = (min(each) for each in zip(*costs, strict=True))
    assert kernel < process
