"""Emulated adapters: testers that come, go and are killed, and one that does not read."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from queue import SimpleQueue

import can
import pytest

from harness.frames import Frame, Received
from harness.wall import clock_ns

WAIT_S = 30.0

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
slcan = pytest.importorskip("harness.serve.slcan", reason="pseudo-terminals exist on POSIX only")


class Outside:
    """An emulated adapter, and what testers have sent through it."""

    def __init__(self) -> None:
        self.line = slcan.SlcanLine()
        self.came: SimpleQueue[Frame] = SimpleQueue()
        self.line.start(lambda frame, at: self.came.put(frame))

    def send(self, number: int) -> None:
        """The vehicle sends a frame of that number."""
        self.line.send(Received(0, "body", Frame(0x100, number.to_bytes(4, "big"))))

    def tester(self) -> can.BusABC:
        """A tester with python-can's own driver, as soon as the adapter has opened its channel."""
        bus = can.Bus(interface="slcan", channel=self.line.name, bitrate=500_000, sleep_after_open=0.0)
        bus.send(can.Message(arbitration_id=0x7E0, data=[7], is_extended_id=False))
        assert self.came.get(timeout=WAIT_S) == Frame(0x7E0, b"\x07")
        return bus


@pytest.fixture
def outside() -> Iterator[Outside]:
    outside = Outside()
    yield outside
    outside.line.close()


def number_of(bus: can.BusABC) -> int:
    """The number of the next frame."""
    message = bus.recv(WAIT_S)
    while message is not None and message.arbitration_id != 0x100:
        message = bus.recv(WAIT_S)
    assert message is not None, "nothing came"
    return int.from_bytes(message.data, "big")


def until_closed(outside: Outside) -> None:
    end = clock_ns() + round(WAIT_S * 1e9)
    while outside.line.opened:
        assert clock_ns() < end, "the channel stays open"
        outside.send(0)


def test_a_tester_may_close_and_open_again_and_again(outside: Outside) -> None:
    for number in range(20):
        with outside.tester() as bus:
            outside.send(number)
            assert number_of(bus) == number
        until_closed(outside)
        outside.send(99)  # nobody has the channel open, so this is nobody's
    assert outside.line.counts.refused == 0


def test_a_second_life_of_a_tester_reads_nothing_of_the_first(outside: Outside) -> None:
    first = outside.tester()
    for number in range(500):
        outside.send(number)
    first.shutdown()
    until_closed(outside)
    with outside.tester() as second:
        outside.send(1000)
        assert number_of(second) == 1000


KILLED = """
import os, sys, can
bus = can.Bus(interface="slcan", channel=sys.argv[1], bitrate=500_000, sleep_after_open=0.0)
bus.send(can.Message(arbitration_id=0x7E0, data=[7], is_extended_id=False))
os.write(bus.fileno(), b"t1232AAB")  # in the middle of a frame
print("there", flush=True)
sys.stdin.read()
"""


def test_a_tester_that_is_killed_leaves_nothing_behind(outside: Outside) -> None:
    for number in range(4):
        command = [sys.executable, "-c", KILLED, outside.line.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tester:
            assert tester.stdout is not None and tester.stdout.readline() == b"there\n"
            assert outside.came.get(timeout=WAIT_S).id == 0x7E0
            for unread in range(2_000):
                outside.send(unread)
            tester.send_signal(signal.SIGKILL)
        until_closed(outside)
        with outside.tester() as next_one:
            outside.send(5_000 + number)
            assert number_of(next_one) == 5_000 + number
        until_closed(outside)
    assert outside.line.counts.refused == 0, outside.line.counts.trouble


def test_a_tester_that_does_not_read_loses_the_oldest_and_delays_nobody(outside: Outside) -> None:
    with outside.tester() as bus:
        total = 20_000
        worst = 0
        for number in range(total):
            start = clock_ns()
            outside.send(number)
            worst = max(worst, clock_ns() - start)
        counts = outside.line.counts
        assert worst < 1_000_000_000  # it would have waited for ever
        assert counts.lost > total // 2 and "does not read" in counts.trouble
        assert counts.sent + counts.lost == total
        read = [number_of(bus) for _ in range(counts.sent)]
        # First what the terminal had taken by then, then the newest; every line is whole.
        assert read == sorted(set(read)) and read[0] == 0
        assert read[-slcan.QUEUE :] == list(range(total - slcan.QUEUE, total))
        outside.send(total)
        assert number_of(bus) == total


def test_what_a_tester_has_not_read_is_gone_before_the_next_one_comes(outside: Outside) -> None:
    def opened() -> int:
        descriptor = os.open(outside.line.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(descriptor, termios.TCSANOW)  # its default flushes, as pyserial does
        return descriptor

    first = opened()
    os.write(first, b"O\rt1232AABB\r")
    assert outside.came.get(timeout=WAIT_S).id == 0x123
    outside.send(1)
    os.close(first)
    until_closed(outside)
    # The adapter flushes its terminal right after it has closed the channel; pyserial's flush is not needed for that.
    second = opened()
    try:
        os.write(second, b"V\r")
        assert select.select([second], [], [], WAIT_S)[0]
        assert os.read(second, 4096).startswith(b"V1013")
    finally:
        os.close(second)


def test_bytes_that_come_one_by_one_are_a_frame(outside: Outside) -> None:
    descriptor = os.open(outside.line.name, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(descriptor)
        for byte in b"S6\rO\rt1232AABB\r":
            os.write(descriptor, bytes([byte]))
        assert outside.came.get(timeout=WAIT_S) == Frame(0x123, b"\xaa\xbb")
    finally:
        os.close(descriptor)


def test_an_adapter_may_be_closed_twice() -> None:
    line = slcan.SlcanLine()
    line.close()
    line.close()
    line.send(Received(0, "body", Frame(1, b"")))
    never_started = slcan.SlcanLine()
    never_started.start(lambda frame, at: None)
    never_started.stop()
    never_started.close()


def test_a_reader_that_comes_back_late_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells when a terminal was written to: it may have been as soon as it was last looked at."""
    clock, step = [0], 10_000_000
    came: SimpleQueue[int] = SimpleQueue()

    def busy() -> int:
        clock[0] += step
        return clock[0]

    monkeypatch.setattr(slcan, "clock_ns", busy)
    line = slcan.SlcanLine()
    line.start(lambda frame, at: came.put(at))
    with can.Bus(interface="slcan", channel=line.name, bitrate=500_000, sleep_after_open=0.0) as bus:
        bus.send(can.Message(arbitration_id=0x7E0, is_extended_id=False))
        assert came.get(timeout=WAIT_S) % step == slcan.BEAT_S * 1e9
    line.close()
