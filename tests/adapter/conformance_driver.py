"""What the driver must do on every interface, written once, run against each that works where the tests run.

A test module makes a class of :class:`DriverConformance` with a fixture ``rig``. Limits are wide: only what hangs
exceeds them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from harness.adapter.driver import Driver
from harness.adapter.items import Heard, Item
from harness.adapter.spec import AdapterSpec
from harness.adapter.traits import traits_of
from harness.errors import AdapterError, BusError
from harness.frames import FD_LENGTHS, Frame
from harness.wall import clock_ns

WAIT_S = 10.0
QUIET_S = 0.3


@dataclass
class Rig:
    """Two drivers on one bus, and the spec of an adapter on another bus, which nobody opened yet.

    remote: its remote frames may be tried.
    """

    left: Driver
    right: Driver
    elsewhere: AdapterSpec
    remote: bool = True

    @property
    def fd(self) -> bool:
        return self.left.spec.fd


def heard(driver: Driver, count: int, wait_s: float = WAIT_S) -> list[Heard]:
    """The next ``count`` frames, whoever sent them."""
    frames: list[Heard] = []
    end = clock_ns() + round(wait_s * 1e9)
    while len(frames) < count and clock_ns() < end:
        item = driver.receive(0.2)
        if isinstance(item, Heard):
            frames.append(item)
        else:
            assert item is None, item
    assert len(frames) == count, f"only {frames}"
    return frames


def rest(driver: Driver, quiet_s: float = QUIET_S) -> list[Item]:
    """All that comes until it is quiet."""
    items: list[Item] = []
    end = clock_ns() + round(WAIT_S * 1e9)
    while (item := driver.receive(quiet_s)) is not None:
        items.append(item)
        assert clock_ns() < end, f"it does not become quiet: {items[-3:]}"
    return items


def send(driver: Driver, frame: Frame) -> None:
    end = clock_ns() + round(WAIT_S * 1e9)
    while not driver.send(frame):
        assert clock_ns() < end, "there was never room"


def kinds(rig: Rig) -> list[Frame]:
    frames = [
        Frame(0x123, b"\x01\x02"),
        Frame(0x18FF1234, b"", extended=True),
        Frame(0x123, b"\xff", extended=True),
        Frame(0x7FF, bytes(range(8))),
        Frame(0x000, b"\x00"),
    ]
    if rig.remote:
        frames += [Frame(0x321, remote=True, length=5), Frame(0x321, extended=True, remote=True, length=0)]
    if rig.fd:
        frames += [Frame(0x200 + size, bytes(range(size)), fd=True, brs=bool(size % 8)) for size in FD_LENGTHS]
        frames += [Frame(0x1ABCDEF, bytes(64), extended=True, fd=True, brs=True)]
    return frames


class DriverConformance:
    """The tests; no interface may leave one out."""

    def test_frames_arrive_as_they_were_sent(self, rig: Rig) -> None:
        for frame in kinds(rig):
            send(rig.left, frame)
            assert [each.frame for each in heard(rig.right, 1)] == [frame]
            assert not rig.left.capabilities.echo or [each.frame for each in heard(rig.left, 1)] == [frame]

    def test_stamps_lie_between_sending_and_reading(self, rig: Rig) -> None:
        send(rig.left, Frame(0x100))
        heard(rig.right, 1)
        for number in range(20):
            before = clock_ns()
            send(rig.left, Frame(0x101, bytes([number])))
            (seen,) = heard(rig.right, 1)
            error = rig.right.capabilities.stamp_uncertainty_ns
            assert before - error <= seen.time <= clock_ns()

    def test_many_frames_keep_order_and_their_times_never_fall(self, rig: Rig) -> None:
        count = 300
        frames = [Frame(0x10, number.to_bytes(2, "big")) for number in range(count)]
        sender = threading.Thread(target=lambda: [send(rig.left, frame) for frame in frames])
        sender.start()
        seen = heard(rig.right, count, 60)
        sender.join()
        assert [each.frame for each in seen] == frames
        assert [each.time for each in seen] == sorted(each.time for each in seen)

    def test_own_frames_come_back_as_own_or_not_at_all(self, rig: Rig) -> None:
        frames = [Frame(0x300, bytes([number])) for number in range(10)]
        for frame in frames:
            send(rig.left, frame)
        assert all(not each.own for each in heard(rig.right, len(frames)))
        echoes = heard(rig.left, len(frames)) if rig.left.capabilities.echo else []
        assert [each.frame for each in echoes] == (frames if rig.left.capabilities.echo else [])
        assert all(each.own for each in echoes)
        assert rest(rig.left) == rest(rig.right) == []

    def test_an_equal_frame_of_somebody_else_is_not_ours(self, rig: Rig) -> None:
        frame = Frame(0x123, b"\x01")
        for _ in range(3):
            for sender, other in ((rig.left, rig.right), (rig.right, rig.left)):
                # One after the other: sent at the same time, equal frames are one frame on a bus.
                send(sender, frame)
                assert [each.own for each in heard(other, 1)] == [False]
                if sender.capabilities.echo:
                    assert [each.own for each in heard(sender, 1)] == [True]

    def test_nothing_comes_from_a_quiet_bus(self, rig: Rig) -> None:
        assert rig.left.receive(0) is None
        began = clock_ns()
        assert rig.left.receive(0.05) is None
        assert clock_ns() - began >= 40_000_000

    @pytest.mark.parametrize(
        "frame",
        [Frame(0x800), Frame(0x2000_0000, extended=True), Frame(0x123, bytes(9)), Frame(0x123, brs=True)],
        ids=str,
    )
    def test_what_no_bus_carries_is_refused(self, rig: Rig, frame: Frame) -> None:
        with pytest.raises(BusError):
            rig.left.send(frame)

    def test_can_fd_is_refused_on_a_classic_channel(self, rig: Rig) -> None:
        if not rig.fd:
            with pytest.raises(BusError, match="channel is classic CAN"):
                rig.left.send(Frame(0x123, bytes(12), fd=True))

    def test_a_remote_frame_that_would_become_something_else_is_refused(self, rig: Rig) -> None:
        if not traits_of(rig.left.spec.interface).remote:
            assert not rig.remote
            with pytest.raises(AdapterError, match="cannot send remote frames"):
                rig.left.send(Frame(0x123, remote=True))

    def test_a_blocked_reader_wakes_when_the_channel_is_closed(self, rig: Rig) -> None:
        done: list[Item | None] = []
        began = threading.Event()

        def read() -> None:
            began.set()
            done.append(rig.left.receive(60))

        reader = threading.Thread(target=read)
        reader.start()
        assert began.wait(WAIT_S)
        before = clock_ns()
        rig.left.close()
        reader.join(WAIT_S)
        assert not reader.is_alive() and done == [None]
        assert clock_ns() - before < WAIT_S * 1e9
        rig.left.close()
        assert rig.left.receive(1) is None
        with pytest.raises(AdapterError, match="has been closed"):
            rig.left.send(Frame(0x123))

    def test_two_channels_do_not_disturb_each_other(self, rig: Rig) -> None:
        other = Driver(rig.elsewhere)
        try:
            send(rig.left, Frame(0x123, b"\x01"))
            heard(rig.right, 1)
            assert rest(other) == []
        finally:
            other.close()
        send(rig.left, Frame(0x124))
        assert [each.frame for each in heard(rig.right, 1)] == [Frame(0x124)]

    def test_opened_again_it_works_again(self, rig: Rig) -> None:
        rig.left.reopen()
        send(rig.left, Frame(0x111))
        send(rig.right, Frame(0x222))
        assert 0x111 in [each.frame.id for each in heard(rig.right, 1)]
        assert 0x222 in [each.frame.id for each in heard(rig.left, 2 if rig.left.capabilities.echo else 1)]

    def test_reopening_while_somebody_reads(self, rig: Rig) -> None:
        seen: list[Item | None] = []
        reader = threading.Thread(target=lambda: seen.append(rig.left.receive(60)))
        reader.start()
        before = clock_ns()
        rig.left.reopen()
        assert clock_ns() - before < WAIT_S * 1e9
        send(rig.right, Frame(0x222))
        reader.join(WAIT_S)
        assert not reader.is_alive()
        assert isinstance(seen[0], Heard) and seen[0].frame == Frame(0x222)

    def test_echoes_of_before_are_forgotten_when_it_is_opened_again(self, rig: Rig) -> None:
        send(rig.left, Frame(0x123, b"\x01"))
        heard(rig.right, 1)
        rig.left.reopen()
        send(rig.right, Frame(0x123, b"\x01"))
        assert [each.own for each in heard(rig.left, 1)] == [False]

    def test_a_listener_sends_nothing(self, rig: Rig) -> None:
        rig.right.close()
        listener = Driver(replace(rig.right.spec, listen_only=True))
        try:
            with pytest.raises(AdapterError, match="listen only"):
                listener.send(Frame(0x123))
            send(rig.left, Frame(0x124))
            assert [each.frame for each in heard(listener, 1)] == [Frame(0x124)]
        finally:
            listener.close()

    def test_it_says_what_it_is(self, rig: Rig) -> None:
        capabilities = rig.left.capabilities
        assert capabilities.fd == rig.fd
        assert capabilities.stamp_uncertainty_ns < 50_000_000
        assert f"{capabilities.stamps} stamps within" in str(capabilities)
