"""Bus load over a window."""

from __future__ import annotations

import pytest

from harness.bus.length import frame_bits
from harness.bus.load import Activity
from harness.bus.simulated import SimBus
from harness.errors import BusError
from harness.frames import Frame
from harness.loop import Loop

BIT = 2_000  # ns at 500 kbit/s
MS = 1_000_000


def bus_with_cycle(frames: list[Frame], cycle: int, spread: int = 0) -> SimBus:
    loop = Loop()
    bus = SimBus(loop, "bus")
    bus.attach("Receiver")
    port = bus.attach("Sender")
    for index, frame in enumerate(frames):
        loop.every(cycle, lambda frame=frame: port.send(frame), start=index * spread)  # type: ignore[misc]
    return bus


@pytest.mark.parametrize("spread", [0, 300_000], ids=["at once", "spread"])
def test_load_is_the_share_of_the_bits(spread: int) -> None:
    frames = [Frame(0x100 + index, bytes([index] * 8)) for index in range(20)]
    bus = bus_with_cycle(frames, 10 * MS, spread)
    bus.loop.run_until(995 * MS)
    expected = sum(frame_bits(frame).nominal + 3 for frame in frames) * BIT / (10 * MS)
    assert bus.load(500 * MS) == pytest.approx(expected, rel=0.01)
    assert bus.load(10 * MS) == pytest.approx(expected, rel=0.01)


def test_load_is_nothing_on_an_idle_bus_and_all_on_a_full_one() -> None:
    bus = bus_with_cycle([Frame(1)], 1_000)
    assert bus.load(1 * MS) == 0.0
    bus.loop.run_until(100 * MS)
    assert bus.load(50 * MS) == 1.0
    assert bus.busy_ns == 100 * MS


def test_window_cuts_frames_to_the_nanosecond() -> None:
    loop = Loop()
    bus = SimBus(loop, "bus")
    bus.attach("Receiver")
    bus.attach("Sender").send(Frame(1))
    busy = (frame_bits(Frame(1)).nominal + 3) * BIT
    loop.run_until(30_000)
    assert (bus.busy_ns, bus.load(10_000)) == (30_000, 1.0)
    loop.run_until(busy + 10_000)
    assert bus.busy_ns == busy
    assert bus.load(20_000) == 0.5
    assert bus.load(10_000) == 0.0
    assert bus.load(100 * MS) == busy / (busy + 10_000), "before the world there was nothing"


def test_error_frames_are_load() -> None:
    bus = bus_with_cycle([Frame(1)], 100 * MS)
    bus.loop.run_until(90 * MS)
    clean = bus.busy_ns
    bus.corrupt()
    error_ends: list[int] = []
    bus.observe_errors(lambda error: error_ends.append(error.time))
    bus.loop.run_until(190 * MS)
    assert bus.busy_ns == 2 * clean + error_ends[0] + 3 * BIT - 100 * MS


def test_frame_that_breaks_off_is_load_until_the_end_of_its_error_frame() -> None:
    loop = Loop()
    bus = SimBus(loop, "bus")
    bus.attach("Receiver")
    sender = bus.attach("Sender")
    sender.send(Frame(1, bytes(8)))
    loop.at(30 * BIT, lambda: sender.power(False))
    ends: list[int] = []
    bus.observe_errors(lambda error: ends.append(error.time))
    loop.run_until(10 * MS)
    assert bus.busy_ns == ends[0] + 3 * BIT < (frame_bits(Frame(1, bytes(8))).nominal + 3) * BIT


def test_memory_is_bounded_and_says_so() -> None:
    activity = Activity()
    periods = 200_000
    for index in range(periods):
        activity.begin(10 * index)
        activity.end = 10 * index + 5
    now = periods * 10
    assert activity.load(now, 100_000) == 0.5
    assert activity.load(now, 650_000) == 0.5
    with pytest.raises(BusError, match="remembers"):
        activity.load(now, now - 1)
