"""Who sends when: arbitration on the wire, intermission, queues, phases."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.controller import QUEUE_LIMIT
from harness.bus.length import BitTimes, arbitration_order
from harness.bus.simulated import SimBus
from harness.bus.wire import wire
from harness.frames import ErrorFrame, Frame, Received
from harness.loop import ARBITRATE, MODEL, Loop

BIT = 2_000  # ns at 500 kbit/s


class Scene:
    """One bus whose frames are recorded."""

    def __init__(self, *nodes: str, data_bitrate: int | None = None) -> None:
        self.loop = Loop()
        self.bus = SimBus(self.loop, "bus", data_bitrate=data_bitrate)
        self.node = {name: self.bus.attach(name) for name in (*nodes, "Listener")}
        self.seen: list[Received] = []
        self.errors: list[ErrorFrame] = []
        self.bus.observe(self.seen.append)
        self.bus.observe_errors(self.errors.append)

    def warm_up(self) -> int:
        """One frame, after which the bus takes its short ways; returns the time, ns."""
        self.node["Listener"].send(Frame(0x7FF))
        self.run(1_000_000)
        self.seen.clear()
        return self.loop.now

    def run(self, time: int = 100_000_000) -> list[Received]:
        self.loop.run_until(self.loop.now + time)
        return self.seen


def duration(frame: Frame) -> int:
    return BitTimes(500_000, None).duration(frame)


# What stands on the wire decides, so the wire is what the rank is compared with.
ORDERED = [
    Frame(0x000),
    Frame(0x001, remote=True),
    Frame(0x001 << 18, extended=True),
    Frame((0x001 << 18) + 1, extended=True),
    Frame((0x001 << 18) + 1, extended=True, remote=True),
    Frame(0x002),
    Frame(0x7FF, remote=True),
    Frame(0x1FFF_FFFF, extended=True),
]


@pytest.mark.parametrize(("winner", "loser"), [*itertools.combinations(ORDERED, 2)], ids=str)
def test_dominant_bits_win(winner: Frame, loser: Frame) -> None:
    scene = Scene("A", "B")
    scene.node["A"].send(loser)
    scene.node["B"].send(winner)
    first, second = scene.run()
    assert (first.frame, first.time) == (winner, duration(winner))
    assert (second.frame, second.time) == (loser, duration(winner) + 3 * BIT + duration(loser))
    assert wire(winner).levels < wire(loser).levels


ARBITRATION_FIELDS = st.builds(
    lambda base, extension, extended, remote: Frame(
        (base << 18 | extension) if extended else base, extended=extended, remote=remote
    ),
    st.integers(0, 7) | st.integers(0, 0x7FF),
    st.integers(0, 0x3FFFF),
    st.booleans(),
    st.booleans(),
)


@given(ARBITRATION_FIELDS, ARBITRATION_FIELDS)
def test_arbitration_order_is_the_order_of_the_bits_on_the_wire(one: Frame, other: Frame) -> None:
    first, second = wire(one).levels, wire(other).levels
    if arbitration_order(one) == arbitration_order(other):
        assert one == other
    else:
        assert (arbitration_order(one) < arbitration_order(other)) == (first < second)


def test_remote_frame_loses_to_an_fd_frame_of_the_same_identifier() -> None:
    scene = Scene("A", "B", data_bitrate=2_000_000)
    scene.node["A"].send(Frame(0x123, remote=True))
    scene.node["B"].send(Frame(0x123, b"\x01", fd=True))
    assert [one.frame.fd for one in scene.run()] == [True, False]
    assert scene.errors == []


def test_one_node_sends_its_lowest_identifier_first_and_equal_ones_in_order() -> None:
    scene = Scene("A")
    for frame in (Frame(3, b"a"), Frame(2, b"b"), Frame(2, b"c"), Frame(1, b"d")):
        scene.node["A"].send(frame)
    assert [one.frame.data for one in scene.run()] == [b"d", b"b", b"c", b"a"]


def test_frame_on_the_wire_is_not_displaced() -> None:
    scene = Scene("A", "B")
    scene.node["A"].send(Frame(0x700))
    scene.loop.at(10 * BIT, lambda: scene.node["B"].send(Frame(0x001)))
    assert [one.frame.id for one in scene.run()] == [0x700, 0x001]


@pytest.mark.parametrize("late", [0, 1, 3 * BIT - 1, 3 * BIT])
def test_who_asks_within_the_intermission_contends_at_its_end(late: int) -> None:
    scene = Scene("A", "B")
    first, low, high = Frame(0x010), Frame(0x050), Frame(0x060)
    start = scene.warm_up()
    scene.node["A"].send(first)
    scene.node["A"].send(high)
    scene.loop.at(start + duration(first) + late, lambda: scene.node["B"].send(low))
    assert [one.frame for one in scene.run()] == [first, low, high]
    assert scene.seen[1].time == start + duration(first) + 3 * BIT + duration(low)


def test_who_asks_after_the_start_of_the_next_frame_waits_for_its_end() -> None:
    scene = Scene("A", "B")
    first, low, high = Frame(0x010), Frame(0x050), Frame(0x060)
    start = scene.warm_up()
    scene.node["A"].send(first)
    scene.node["A"].send(high)
    scene.loop.at(start + duration(first) + 3 * BIT + 1, lambda: scene.node["B"].send(low))
    assert [one.frame for one in scene.run()] == [first, high, low]


def test_test_that_wakes_at_the_end_of_the_intermission_contends_too() -> None:
    scene = Scene("A", "B")
    first, low, high = Frame(0x010), Frame(0x050), Frame(0x060)
    start = scene.warm_up()
    scene.node["A"].send(first)
    scene.node["A"].send(high)
    scene.loop.run_until(start + duration(first) + 3 * BIT)
    scene.node["B"].send(low)
    assert [one.frame for one in scene.run()] == [first, low, high]


def test_test_that_stops_waiting_at_a_frame_contends_for_the_next() -> None:
    scene = Scene("A", "B")
    first, low, high = Frame(0x010), Frame(0x050), Frame(0x060)
    scene.warm_up()
    scene.node["A"].send(first)
    scene.node["A"].send(high)
    assert scene.loop.run_until(100_000_000, stop=lambda: len(scene.seen) == 1)
    scene.node["B"].send(low)
    assert [one.frame for one in scene.run()] == [first, low, high]


def test_all_who_ask_in_one_instant_contend_whatever_their_phase() -> None:
    scene = Scene("A", "B", "C")
    scene.loop.at(5 * BIT, lambda: scene.node["A"].send(Frame(3)), phase=MODEL)
    scene.loop.at(5 * BIT, lambda: scene.node["B"].send(Frame(2)), phase=ARBITRATE)
    scene.loop.run_until(5 * BIT)
    scene.node["C"].send(Frame(1))
    first, *_ = scene.run()
    assert (first.frame.id, first.time) == (1, 5 * BIT + duration(Frame(1)))


def test_idle_bus_starts_at_once_whatever_the_bit_grid() -> None:
    scene = Scene("A")
    for time in (777, 1_234_567):
        scene.loop.at(time, lambda: scene.node["A"].send(Frame(1)))
    assert [one.time for one in scene.run()] == [777 + duration(Frame(1)), 1_234_567 + duration(Frame(1))]


def test_fd_frame_takes_its_two_bit_rates() -> None:
    scene = Scene("A", data_bitrate=2_000_000)
    frame = Frame(0x555, bytes(64), fd=True, brs=True)
    scene.node["A"].send(frame)
    scene.node["A"].send(frame._replace(brs=False))
    fast, slow = scene.run()
    assert fast.time == 26 * 2_000 + 652 * 500
    # Without BRS the same bits but one: the BRS bit is dominant, which here costs no other stuff bits.
    assert slow.time - fast.time - 3 * BIT == BitTimes(500_000, 2_000_000).duration(frame._replace(brs=False))
    assert slow.time - fast.time > 600 * 2_000


# -- several nodes, one identifier ------------------------------------------------------------------------------------


def test_equal_frames_of_two_nodes_at_once_both_arrive_as_one() -> None:
    scene = Scene("A", "B")
    sent: list[Received] = []
    received: list[Received] = []
    scene.node["B"].subscribe(received.append)
    for name in ("A", "B"):
        scene.node[name].send(Frame(0x123, b"\x01"), sent.append)
    assert [one.frame for one in scene.run()] == [Frame(0x123, b"\x01")]
    assert len(sent) == 2
    assert received == [], "who sends does not receive"
    assert scene.errors == []


def test_different_data_under_one_identifier_collide_until_a_passive_node_gives_way() -> None:
    """Both repeat together and collide again, 16 times; then both are passive, and a passive flag destroys nothing."""
    scene = Scene("A", "B")
    start = scene.warm_up()
    scene.node["A"].send(Frame(0x123, b"\x80"))
    scene.node["A"].send(Frame(0x124))
    scene.node["B"].send(Frame(0x123, b"\x00"))
    seen = scene.run()
    assert [error.kind for error in scene.errors] == ["bit"] * 16
    assert [one.frame.data for one in seen] == [b"\x00", b"\x80", b""], "dominant goes through first"
    assert scene.node["B"].tec == 16 * 8 - 1
    assert scene.node["A"].tec == 16 * 8 + 8 - 2
    assert scene.node["Listener"].rec == 16 - 3
    # SOF, identifier, RTR, IDE, FDF, DLC and a stuff bit are 20 bits. In the first data bit, number 20, A sees the
    # error, its flag begins with bit 21. In bit 25, the sixth dominant one, the listener sees it, and B too, in its
    # stuff bit. Their flags are bits 26 to 31, the delimiter bits 32 to 39.
    assert scene.errors[0].time == start + 40 * BIT


def test_classic_and_fd_frame_of_one_identifier_collide() -> None:
    scene = Scene("A", "B", data_bitrate=2_000_000)
    scene.node["A"].send(Frame(0x123, fd=True))
    scene.node["B"].send(Frame(0x123))
    scene.run()
    assert len(scene.errors) == 16
    assert [one.frame.fd for one in scene.seen] == [False, True], "FDF is recessive"


# -- queues -----------------------------------------------------------------------------------------------------------


def test_cleared_frames_are_not_sent_but_the_one_on_the_wire_is() -> None:
    scene = Scene("A")
    scene.node["A"].send(Frame(1))
    scene.node["A"].send(Frame(2))
    scene.loop.run_until(10 * BIT)
    assert scene.node["A"].queued == 2
    scene.node["A"].clear()
    assert scene.node["A"].queued == 1
    assert [one.frame.id for one in scene.run()] == [1]
    assert scene.node["A"].queued == 0


def test_cleared_frame_on_the_wire_is_not_repeated_after_an_error() -> None:
    scene = Scene("A")
    scene.bus.corrupt()
    scene.node["A"].send(Frame(1))
    scene.loop.run_until(10 * BIT)
    scene.node["A"].clear()
    scene.node["A"].send(Frame(2))
    assert [one.frame.id for one in scene.run()] == [2]
    assert len(scene.errors) == 1


def test_a_queue_out_of_bounds_keeps_the_newest_of_each_identifier() -> None:
    loop = Loop()
    bus = SimBus(loop, "bus")
    alone = bus.attach("Alone")
    for number in range(QUEUE_LIMIT + 2):
        alone.send(Frame(number % 2, number.to_bytes(2, "big")))
    loop.run_until(1_000_000)
    assert alone.queued <= 3
    assert alone.dropped >= QUEUE_LIMIT - 1
    seen: list[Received] = []
    bus.attach("Other").subscribe(seen.append)
    loop.run_until(10_000_000)
    newest = {one.frame.id: int.from_bytes(one.frame.data) for one in seen}
    assert newest == {0: QUEUE_LIMIT, 1: QUEUE_LIMIT + 1}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000_000), st.integers(0, 20)), max_size=30))
def test_no_frame_is_lost_and_none_overlaps(requests: list[tuple[int, int, int]]) -> None:
    scene = Scene("N0", "N1", "N2", "N3")
    for number, (node, time, identifier) in enumerate(requests):
        frame = Frame(identifier << 2 | node, bytes([number]))
        scene.loop.at(time, lambda node=node, frame=frame: scene.node[f"N{node}"].send(frame))  # type: ignore[misc]
    seen = scene.run()
    assert sorted(one.frame.data[0] for one in seen) == list(range(len(requests)))
    starts = [one.time - duration(one.frame) for one in seen]
    for before, start in zip(seen, starts[1:], strict=False):
        assert start >= before.time + 3 * BIT
