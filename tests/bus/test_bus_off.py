"""Bus-off, the way back from it, and power: counting 11 recessive bits to the nanosecond (ISO 11898-1:2015, 12.1.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.controller import Controller
from harness.bus.length import frame_bits
from harness.bus.port import ErrorState
from harness.bus.simulated import SimBus
from harness.bus.wire import wire
from harness.errors import BusError
from harness.frames import ErrorFrame, Frame, Received
from harness.loop import Loop

BIT = 2_000  # ns at 500 kbit/s
RECOVERY = 128 * 11 * BIT
FRAME = Frame(0x123, b"\x80")
LENGTH = frame_bits(FRAME).nominal
TRAFFIC = Frame(0x300, b"\x55")


class Scene:
    """One node that gets into bus-off with its first frame, and two others."""

    def __init__(self, restart_after: int | None = None, bitrate: int = 500_000) -> None:
        self.loop = Loop()
        self.bus = SimBus(self.loop, "bus", bitrate=bitrate)
        self.bit = 1_000_000_000 // bitrate
        self.node = self.bus.attach("Node", restart_after=restart_after)
        self.others = [self.bus.attach("Other"), self.bus.attach("Third")]
        self.states: list[tuple[int, ErrorState]] = []
        self.seen: list[Received] = []
        self.errors: list[ErrorFrame] = []
        self.node.on_state(lambda state: self.states.append((self.loop.now, state)))
        self.bus.observe(self.seen.append)
        self.bus.observe_errors(self.errors.append)

    def fall(self) -> int:
        """Into bus-off; returns the end of the error frame, ns."""
        self.node.counters.tec = 248
        self.node.update_state()
        self.bus.membership_changed()
        self.bus.corrupt(sender="Node")
        self.node.send(FRAME)
        self.loop.run_until(self.loop.now + 61 * self.bit)
        assert self.node.state is ErrorState.BUS_OFF
        time, state = self.states[-1]
        assert (time, state) == (self.errors[-1].time, ErrorState.BUS_OFF)
        self.states.clear()
        return time

    def warm_up(self) -> int:
        """One frame, after which the bus takes its short ways; returns the time, ns."""
        self.others[0].send(TRAFFIC)
        self.loop.run_until(1_000_000)
        self.seen.clear()
        return self.loop.now

    def traffic(self, node: Controller, frames: int) -> None:
        for _ in range(frames):
            node.send(TRAFFIC)

    def recovered(self, time: int = 10_000_000_000) -> int | None:
        """Let time pass; returns when the node was error active again, ns."""
        self.loop.run_until(self.loop.now + time)
        return next((time for time, state in self.states if state is ErrorState.ACTIVE), None)


def test_thirty_two_destroyed_frames_lead_to_bus_off() -> None:
    loop = Loop()
    bus = SimBus(loop, "bus")
    node, _ = bus.attach("Node"), bus.attach("Other")
    tec: list[int] = []
    bus.observe_errors(lambda _: tec.append(node.tec))
    bus.corrupt(count=None)
    node.send(FRAME)
    loop.run_until(1_000_000_000)
    assert tec == [8 * index for index in range(1, 33)]
    assert node.state is ErrorState.BUS_OFF
    assert not node.online


def test_without_a_restart_policy_it_stays_off() -> None:
    scene = Scene()
    scene.fall()
    assert scene.recovered() is None
    assert scene.seen == []


@pytest.mark.parametrize("delay", [0, 1, 50_000_000])
def test_on_an_idle_bus_recovery_takes_1408_bits_from_the_restart(delay: int) -> None:
    scene = Scene(restart_after=delay)
    fallen = scene.fall()
    assert scene.recovered() == fallen + delay + RECOVERY
    assert scene.node.counters.clean
    assert [one.time for one in scene.seen] == [fallen + delay + RECOVERY + LENGTH * BIT], "the frame was kept"


def test_restart_on_request_may_be_asked_for_twice() -> None:
    scene = Scene()
    scene.fall()
    begin = scene.loop.now
    scene.node.restart()
    scene.loop.run_until(begin + RECOVERY // 2)
    scene.node.restart()
    assert scene.recovered() == begin + RECOVERY


def test_restart_means_nothing_to_a_node_that_is_not_in_bus_off() -> None:
    scene = Scene()
    scene.node.restart()
    scene.node.send(FRAME)
    assert scene.recovered(1_000_000) is None
    assert len(scene.seen) == 1


def test_request_overtakes_the_automatic_restart() -> None:
    scene = Scene(restart_after=1_000_000_000)
    scene.fall()
    begin = scene.loop.now
    scene.node.restart()
    assert scene.recovered() == begin + RECOVERY
    scene.states.clear()
    second = scene.fall()
    assert scene.recovered() == second + 1_000_000_000 + RECOVERY, "the first timer is gone"


@pytest.mark.parametrize("bitrate", [500_000, 83_333, 33_333])
def test_every_frame_on_a_full_bus_counts_once(bitrate: int) -> None:
    """ACK delimiter, EOF and intermission are eleven recessive bits, and no more come before the next frame."""
    scene = Scene(restart_after=0, bitrate=bitrate)
    fallen = scene.fall()
    scene.traffic(scene.others[0], 300)
    begun = scene.loop.now
    recovered = scene.recovered()
    missed = (begun - fallen) * bitrate // 11_000_000_000
    frames = 128 - missed
    bits = frames * (frame_bits(TRAFFIC).nominal + 3)
    # Bit times that are no whole number of nanoseconds are rounded in every frame.
    assert recovered == pytest.approx(begun + bits * 1e9 / bitrate, abs=0 if bitrate == 500_000 else frames + 1)
    senders = [one.sender for one in scene.seen]
    assert senders.index("Node") == frames, "its frame has the lower identifier"


@pytest.mark.parametrize(("gap", "each"), [(0, 1), (10, 1), (11, 2), (21, 2), (22, 3)])
def test_longer_pauses_count_more_often(gap: int, each: int) -> None:
    scene = Scene(restart_after=0)
    scene.fall()
    begin = scene.loop.now
    length = frame_bits(TRAFFIC).nominal
    period = (length + 3 + gap) * BIT
    scene.loop.every(period, lambda: scene.others[0].send(TRAFFIC), start=0)
    counted = (begin - scene.errors[-1].time) // (11 * BIT)
    recovered = scene.recovered(1_000_000_000)
    assert recovered is not None
    missing = 128 - counted
    # The last one may come within a pause: the bits since the ACK delimiter of the last frame are counted.
    frames, rest = divmod(missing - 1, each)
    assert recovered == begin + frames * period + (length - 8) * BIT + (rest + 1) * 11 * BIT


@given(st.lists(st.integers(0, 3_000_000), max_size=40), st.integers(0, 3_000_000))
def test_recovery_equals_counting_bit_by_bit(times: list[int], delay: int) -> None:
    scene = Scene(restart_after=delay)
    fallen = scene.fall()
    for time in times:
        scene.loop.at(fallen + 100_000 + time, lambda: scene.others[0].send(TRAFFIC))
    recovered = scene.recovered(100_000_000)
    # By hand: runs of recessive bits between the ACK delimiter of a frame and the SOF of the next.
    length = frame_bits(TRAFFIC).nominal * BIT
    ends = [one.time for one in scene.seen if one.sender == "Other"]
    runs = [
        (begin - 8 * BIT, end - length) for begin, end in zip([fallen, *ends], [*ends, 1_000_000_000_000], strict=True)
    ]
    missing = 128
    for begin, end in runs:
        begin = max(begin, fallen + delay)
        count = max(0, end - begin) // (11 * BIT)
        if count >= missing:
            assert recovered == begin + missing * 11 * BIT
            return
        missing -= count


def test_while_off_it_neither_receives_nor_acknowledges() -> None:
    scene = Scene()
    scene.fall()
    received: list[Received] = []
    scene.node.subscribe(received.append)
    scene.others[1].power(False)
    scene.others[0].send(TRAFFIC)
    scene.loop.run_until(scene.loop.now + 1_000_000)
    assert received == scene.seen == []
    assert scene.errors[-1].kind == "ack"


def test_frames_that_wait_in_bus_off_keep_the_newest_of_each_identifier() -> None:
    scene = Scene()
    scene.fall()
    for number in range(3):
        scene.node.send(Frame(0x200, bytes([number])))
    scene.node.send(FRAME._replace(data=b"\x01"))
    assert scene.node.queued == 2
    assert scene.node.dropped == 3
    scene.node.restart()
    scene.recovered(10_000_000)
    assert [one.frame.data for one in scene.seen] == [b"\x01", b"\x02"]


# -- power ------------------------------------------------------------------------------------------------------------


def test_without_power_a_node_neither_sends_nor_receives_nor_acknowledges() -> None:
    scene = Scene()
    received: list[Received] = []
    scene.node.subscribe(received.append)
    scene.node.power(False)
    with pytest.raises(BusError, match="no power"):
        scene.node.send(FRAME)
    scene.others[0].send(TRAFFIC)
    scene.loop.run_until(1_000_000)
    assert [one.frame for one in scene.seen] == [TRAFFIC]
    assert received == []
    scene.others[1].power(False)
    scene.others[0].send(TRAFFIC)
    scene.loop.run_until(2_000_000)
    assert len(scene.seen) == 1
    assert scene.errors[0].kind == "ack"


@pytest.mark.parametrize("idle", [True, False], ids=["idle", "busy"])
def test_after_power_on_a_node_takes_part_after_eleven_recessive_bits(idle: bool) -> None:
    scene = Scene()
    scene.node.power(False)
    scene.loop.run_until(1_000_000)
    if not idle:
        scene.others[0].send(TRAFFIC)
        scene.loop.run_until(1_000_000 + 10 * BIT)
    scene.node.power(True)
    scene.node.send(FRAME)
    scene.loop.run_until(10_000_000)
    joined = 1_000_000 + (11 if idle else frame_bits(TRAFFIC).nominal + 3) * BIT
    assert scene.seen[-1].frame == FRAME
    assert scene.seen[-1].time == joined + LENGTH * BIT


def test_power_loss_clears_queue_and_counters() -> None:
    scene = Scene(restart_after=1_000_000)
    scene.fall()
    scene.node.send(Frame(0x200))
    scene.node.power(False)
    assert (scene.node.queued, scene.node.tec, scene.node.state) == (0, 0, ErrorState.ACTIVE)
    scene.node.power(True)
    scene.loop.run_until(scene.loop.now + 100_000_000)
    assert scene.seen == []
    assert scene.node.online


@pytest.mark.parametrize("warm", [False, True], ids=["first frame", "later frame"])
def test_frame_whose_sender_loses_power_is_destroyed_and_not_repeated(warm: bool) -> None:
    scene = Scene()
    start = scene.warm_up() if warm else 0
    sent: list[Received] = []
    scene.node.send(FRAME, sent.append)
    scene.loop.at(start + 20 * BIT + 1, lambda: scene.node.power(False))  # in bit 20, the first one of the payload
    scene.loop.run_until(start + 10_000_000)
    assert scene.seen == sent == []
    # Bits 19 and 20 are recessive, and from then on all are: 19 to 24 are six, the receivers flag 25 to 30.
    assert wire(FRAME).levels[18:21] == "011"
    assert [(error.time, error.kind) for error in scene.errors] == [(start + (24 + 1 + 6 + 8) * BIT, "stuff")]
    assert [node.rec for node in scene.others] == [1, 1]
    assert scene.node.tec == 0


@pytest.mark.parametrize("warm", [False, True], ids=["first frame", "later frame"])
def test_sender_that_loses_power_within_the_crc_spoils_it(warm: bool) -> None:
    """No six recessive bits before the CRC ends: the receivers find it wrong, and flag after the ACK delimiter."""
    scene = Scene()
    start = scene.warm_up() if warm else 0
    delimiter = wire(FRAME).delimiter
    scene.node.send(FRAME)
    scene.loop.at(start + (delimiter - 2) * BIT, lambda: scene.node.power(False))
    scene.loop.run_until(start + 10_000_000)
    assert scene.seen == []
    assert [error.time for error in scene.errors] == [start + (delimiter + 2 + 1 + 6 + 8) * BIT]


@pytest.mark.parametrize("warm", [False, True], ids=["first frame", "later frame"])
def test_frame_whose_sender_loses_power_after_the_crc_stands(warm: bool) -> None:
    scene = Scene()
    start = scene.warm_up() if warm else 0
    sent: list[Received] = []
    scene.node.send(FRAME, sent.append)
    scene.loop.at(start + (LENGTH - 7) * BIT, lambda: scene.node.power(False))
    scene.loop.run_until(start + 10_000_000)
    assert [one.time for one in scene.seen] == [start + LENGTH * BIT]
    assert scene.errors == []
    assert sent == [], "who has no power hears nothing of it"


@pytest.mark.parametrize("warm", [False, True], ids=["first frame", "later frame"])
@pytest.mark.parametrize("bit", [5, LENGTH - 9, LENGTH - 8])
def test_frame_whose_only_receiver_loses_power_before_the_end_of_the_ack_slot_fails(bit: int, warm: bool) -> None:
    scene = Scene()
    start = scene.warm_up() if warm else 0
    scene.others[1].power(False)
    if warm:
        scene.node.send(FRAME)
        scene.loop.run_until(start + 1_000_000)
        scene.seen.clear()
        start = scene.loop.now
    scene.node.send(FRAME)
    scene.loop.at(start + bit * BIT, lambda: scene.others[0].power(False))
    scene.loop.run_until(start + LENGTH * BIT + 20 * BIT)
    acknowledged = bit > LENGTH - 9
    assert (len(scene.seen), len(scene.errors)) == ((1, 0) if acknowledged else (0, 1))
    if acknowledged:
        scene.node.send(FRAME)
        scene.loop.run_until(start + 10_000_000)
        assert len(scene.seen) == 1, "nobody is left to acknowledge the next one"


def test_power_switched_twice_to_the_same_is_nothing() -> None:
    scene = Scene()
    scene.node.power(True)
    scene.node.send(FRAME)
    scene.loop.run_until(1_000_000)
    assert [one.time for one in scene.seen] == [LENGTH * BIT]
