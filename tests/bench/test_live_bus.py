"""A real channel as a world sees it, fed with reports by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from harness.adapter.items import Batch, Heard, Missed, Reopened, Report, Sent, Trouble
from harness.adapter.spec import AdapterSpec
from harness.bench.accounting import Accounting
from harness.bench.following import FollowingLoop
from harness.bench.live_bus import LiveBus
from harness.bus.length import BitTimes, Lengths
from harness.errors import AdapterLost, Blocked, Inconclusive, SimulationError
from harness.frames import Frame, Received
from harness.wall import clock_ns

MS = 1_000_000


class Line:
    """A line whose adapter's thread is the test. applied: the items that were played."""

    def __init__(self) -> None:
        self.applied: list[Report] = []
        self.heard = False
        self.left_out: list[Missed] = []
        self.doubts: list[Inconclusive] = []
        self.sink: Callable[[Batch], object] | None = None
        self.adapter = SimpleNamespace(
            apply=lambda item, now: self.applied.append(item),
            capabilities=SimpleNamespace(echo=False),
            spec=AdapterSpec("can", "slcan", "/dev/ttyACM0", 500_000),
        )

    def hand_over(self, sink: Callable[[Batch], object]) -> None:
        self.sink = sink

    def report(self, complete_ns: int, *items: Report) -> None:
        assert self.sink is not None
        self.sink(Batch(complete_ns, 0, items))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def loop() -> Iterator[FollowingLoop]:
    loop = FollowingLoop(["can"])
    yield loop
    loop.close()


@pytest.fixture
def bus(line: Line, loop: FollowingLoop) -> LiveBus:
    unused: Any = line
    return LiveBus(
        loop, "can", unused, bitrate=500_000, data_bitrate=None, lengths=Lengths(BitTimes(500_000, None)), known={},
        senders={0x12C: "LAMP"}, talks=True, accounting=Accounting({"can": 0}), served=None, note=lambda text: None,
        left_out=line.left_out.append, doubt=line.doubts.append,
    )  # fmt: skip


def begun(bus: LiveBus, loop: FollowingLoop) -> tuple[int, list[Received]]:
    """Let time pass; its origin, and what is played from now on."""
    seen: list[Received] = []
    bus.observe(seen.append)
    origin = clock_ns()
    loop.start_at(origin)
    bus.begin(origin, origin)
    return origin, seen


def test_a_report_may_be_later_than_what_its_batch_declares_complete(
    bus: LiveBus, line: Line, loop: FollowingLoop
) -> None:
    origin, seen = begun(bus, loop)
    line.report(origin - MS, Sent(origin + 2 * MS, "PEDAL", Frame(0x0A0)))
    line.report(origin + 3 * MS)
    loop.run_until(3 * MS)
    assert [(rx.time, rx.sender) for rx in seen] == [(2 * MS, "PEDAL")] and len(line.applied) == 1


def test_frames_of_ours_that_were_left_out_are_told_as_they_are_noted(
    bus: LiveBus, line: Line, loop: FollowingLoop
) -> None:
    origin, _ = begun(bus, loop)
    missed = Missed(origin, "PEDAL", "Pedals", 3)
    line.report(origin + MS, missed)
    loop.run_until(MS)
    assert line.left_out == [missed]


def test_an_adapter_that_is_lost_and_found_again_is_a_doubt(bus: LiveBus, line: Line, loop: FollowingLoop) -> None:
    origin, _ = begun(bus, loop)
    line.report(origin + MS, Trouble(origin, "slcan:/dev/ttyACM0 is gone", False, lost=True), Reopened(origin + 1))
    loop.run_until(MS)
    (doubt,) = line.doubts
    assert str(doubt).startswith("channel 'can' (slcan:/dev/ttyACM0): slcan:/dev/ttyACM0 is gone; what was on the bus")
    assert bus.diagnosis.reason() == "can: slcan:/dev/ttyACM0 is gone"


def test_a_channel_is_named_once(bus: LiveBus, line: Line, loop: FollowingLoop) -> None:
    origin, _ = begun(bus, loop)
    said = "channel 'can': slcan:/dev/ttyACM0 is gone"
    bus.diagnosis.take(Trouble(origin, said, True))
    assert bus.diagnosis.reason() == said
    line.report(origin, Trouble(origin, said, True))
    with pytest.raises(AdapterLost, match=f"^{said}$"):
        loop.run_until(MS)


def test_what_was_heard_before_the_world_began_is_not_its_own(bus: LiveBus, line: Line, loop: FollowingLoop) -> None:
    origin, seen = begun(bus, loop)
    line.report(origin + MS, Heard(origin - 1, Frame(0x12C)), Heard(origin, Frame(0x12C, b"\x01")))
    loop.run_until(MS)
    assert [(rx.time, rx.sender, rx.frame.data) for rx in seen] == [(0, "LAMP", b"\x01")]


def test_a_frame_that_this_bench_sends_itself_means_two_senders(bus: LiveBus, line: Line, loop: FollowingLoop) -> None:
    origin, _ = begun(bus, loop)
    bus.ours[0x12C] = "LAMP"
    line.report(origin + MS, Heard(origin, Frame(0x12C)))
    with pytest.raises(Blocked, match="two senders: 0x12C"):
        loop.run_until(MS)


def test_how_late_a_frame_may_be_stamped_is_known_when_it_is_judged(
    bus: LiveBus, line: Line, loop: FollowingLoop
) -> None:
    origin, _ = begun(bus, loop)
    known: list[int] = []
    accounting = bus._accounting
    bus.observe(lambda rx: known.append(accounting.uncertainty(rx.time, rx.time)))
    assert line.sink is not None
    line.sink(Batch(origin + 5 * MS, 7 * MS, (Heard(origin + 2 * MS, Frame(0x12C)),)))
    line.sink(Batch(origin + 6 * MS, MS, (Sent(origin + 8 * MS, "PEDAL", Frame(0x0A0), 4 * MS),)))
    line.sink(Batch(origin + 9 * MS, 0, ()))
    loop.run_until(9 * MS)
    assert known == [7 * MS, 4 * MS], "also of what is later than its batch declares complete"


def test_whoever_asks_for_a_message_by_a_remote_frame_is_no_second_sender(
    bus: LiveBus, line: Line, loop: FollowingLoop
) -> None:
    origin, seen = begun(bus, loop)
    bus.ours[0x12C] = "LAMP"
    line.report(origin + MS, Heard(origin, Frame(0x12C, remote=True)))
    loop.run_until(MS)
    assert len(seen) == 1 and bus.diagnosis.reason() is None


@pytest.mark.parametrize(("broken", "error"), [(False, AdapterLost), (True, SimulationError)])
def test_a_fatal_trouble_stops_the_world_although_time_may_stand(
    bus: LiveBus, line: Line, loop: FollowingLoop, broken: bool, error: type[Exception]
) -> None:
    origin, _ = begun(bus, loop)
    line.report(origin, Trouble(origin, "it is gone", True, broken))
    with pytest.raises(error, match="it is gone"):
        loop.run_until(3600_000 * MS)
