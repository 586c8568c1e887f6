"""What every port must do, whatever is behind it; written once, run against each filling.

A filling's test module makes a class of :class:`PortConformance` with a fixture ``rig``: two nodes that hear each other
on one channel of their own, and a way to let time pass until everything that was sent has arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.bus.port import Port
from harness.errors import BusError
from harness.frames import EXTENDED, Frame, Received


@dataclass
class Rig:
    """Two ports on one channel. settle: let time pass until the channel is quiet."""

    left: Port
    right: Port
    settle: Callable[[], object]


class PortConformance:
    """The tests; no filling may leave one out."""

    def test_frame_arrives_at_the_other_node_with_its_content(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.right.subscribe(received.append)
        frames = [Frame(0x123, b"\x01\x02"), Frame(0x18FF1234, b"", extended=True), Frame(0x7FF, bytes(range(8)))]
        for frame in frames:
            rig.left.send(frame)
            rig.settle()
        assert [one.frame for one in received] == frames
        assert {one.channel for one in received} == {rig.right.channel} == {rig.left.channel}
        assert all(one.sender in (rig.left.node, "") for one in received)

    def test_times_of_arrival_rise(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.right.subscribe(received.append)
        for number in range(5):
            rig.left.send(Frame(0x100, bytes([number])))
        rig.settle()
        times = [one.time for one in received]
        assert len(times) == 5
        assert times == sorted(set(times))

    def test_remote_frame_arrives_with_the_length_it_asks_for(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.right.subscribe(received.append)
        rig.left.send(Frame(0x321, remote=True, length=5))
        rig.settle()
        assert [one.frame for one in received] == [Frame(0x321, remote=True, length=5)]

    def test_subscriber_does_not_get_its_own_frames(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.left.subscribe(received.append)
        rig.left.send(Frame(0x123))
        rig.settle()
        assert received == []

    def test_sent_is_called_once_with_the_frame_as_it_was_seen(self, rig: Rig) -> None:
        sent: list[Received] = []
        received: list[Received] = []
        rig.right.subscribe(received.append)
        rig.left.send(Frame(0x123, b"\x05"), sent.append)
        rig.settle()
        assert [one.frame for one in sent] == [Frame(0x123, b"\x05")]
        assert sent[0].time <= received[0].time

    def test_keys_choose_the_frames_standard_and_extended_apart(self, rig: Rig) -> None:
        chosen: list[Received] = []
        nothing: list[Received] = []
        rig.right.subscribe(chosen.append, {0x123, EXTENDED | 0x200})
        rig.right.subscribe(nothing.append, ())
        for identifier in (0x123, 0x200):
            rig.left.send(Frame(identifier))
            rig.left.send(Frame(identifier, extended=True))
        rig.settle()
        assert sorted(one.frame.key for one in chosen) == [0x123, EXTENDED | 0x200]
        assert nothing == []

    def test_cancelled_subscription_is_silent_and_may_be_cancelled_again(self, rig: Rig) -> None:
        received: list[Received] = []
        cancel = rig.right.subscribe(received.append)
        rig.left.send(Frame(0x123))
        rig.settle()
        cancel()
        cancel()
        rig.left.send(Frame(0x124))
        rig.settle()
        assert [one.frame.id for one in received] == [0x123]

    def test_all_subscribers_are_served_in_the_order_in_which_they_subscribed(self, rig: Rig) -> None:
        order: list[str] = []
        rig.right.subscribe(lambda _: order.append("first"))
        rig.right.subscribe(lambda _: order.append("second"), {0x123})
        rig.left.send(Frame(0x123))
        rig.settle()
        assert order == ["first", "second"]

    def test_frames_of_one_identifier_keep_their_order(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.right.subscribe(received.append)
        for number in range(20):
            rig.left.send(Frame(0x123, bytes([number])))
        rig.settle()
        assert [one.frame.data[0] for one in received] == list(range(20))

    def test_answer_from_a_callback_arrives(self, rig: Rig) -> None:
        received: list[Received] = []
        rig.left.subscribe(received.append)
        rig.right.subscribe(lambda one: rig.right.send(Frame(one.frame.id + 1, one.frame.data)))
        rig.left.send(Frame(0x123, b"\x07"))
        rig.settle()
        assert [one.frame for one in received] == [Frame(0x124, b"\x07")]

    @pytest.mark.parametrize(
        "frame",
        [
            Frame(0x800),
            Frame(-1),
            Frame(0x2000_0000, extended=True),
            Frame(0x123, bytes(9)),
            Frame(0x123, b"\x01", remote=True),
            Frame(0x123, brs=True),
            Frame(0x123, bytes(9), fd=True),
            Frame(0x123, fd=True, remote=True),
        ],
        ids=str,
    )
    def test_what_no_bus_carries_is_refused(self, rig: Rig, frame: Frame) -> None:
        with pytest.raises(BusError):
            rig.left.send(frame)
