"""Cyclic sending by the kernel. Its period is judged loosely: an emulated machine's timers are late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

import pytest
from conformance_driver import heard, rest

from harness.adapter.driver import Driver
from harness.adapter.items import Heard
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError, BusError
from harness.frames import Frame

MS = 1_000_000
SPEC = AdapterSpec("body", "socketcan", "vcan0", 500_000, 2_000_000, cyclic="kernel")


@pytest.fixture
def driver() -> Iterator[Driver]:
    opened = Driver(SPEC)
    yield opened
    opened.close()


def sequence(base: int, length: int = 16, identifier: int = 0x123) -> list[Frame]:
    """A message with a counter in its first byte."""
    return [Frame(identifier, bytes([counter, base])) for counter in range(length)]


def test_the_kernel_sends_a_sequence_over_and_over(driver: Driver) -> None:
    assert driver.capabilities.kernel_cyclic
    cyclic = driver.cyclic(sequence(1), 10 * MS)
    assert rest(driver) == [] and not cyclic.running
    cyclic.start()
    seen = heard(driver, 50)
    cyclic.stop()
    assert [each.frame.data for each in seen] == [bytes([number % 16, 1]) for number in range(50)]
    assert all(each.own for each in seen)
    assert 9.9 * MS < mean(b.time - a.time for a, b in pairwise(seen)) < 30 * MS
    rest(driver)
    assert rest(driver) == []


def test_an_update_keeps_the_place_in_the_sequence(driver: Driver) -> None:
    cyclic = driver.cyclic(sequence(0), 10 * MS)
    cyclic.start()
    seen: list[Heard] = []
    for base in range(1, 8):
        seen += heard(driver, 7)
        cyclic.update(sequence(base))
    seen += heard(driver, 20)
    cyclic.stop()
    counters = [each.frame.data[0] for each in seen]
    assert counters == [number % 16 for number in range(len(seen))]
    bases = [each.frame.data[1] for each in seen]
    assert bases == sorted(bases) and set(bases) == set(range(8))
    assert all(each.own for each in seen)
    gaps = [b.time - a.time for a, b in pairwise(seen)]
    assert min(gaps) > 5 * MS, "an update must not send a frame of its own"


def test_frames_of_before_an_update_are_still_ours_when_they_are_read_late(driver: Driver) -> None:
    cyclic = driver.cyclic(sequence(0), 10 * MS)
    cyclic.start()
    for base in (1, 2):
        threading.Event().wait(0.2)
        cyclic.update(sequence(base))
    threading.Event().wait(0.2)
    cyclic.stop()
    seen = [item for item in rest(driver) if isinstance(item, Heard)]
    assert {each.frame.data[1] for each in seen} == {0, 1, 2}
    assert all(each.own for each in seen)


def test_256_frames_and_no_more(driver: Driver) -> None:
    cyclic = driver.cyclic([Frame(0x123, bytes([counter])) for counter in range(256)], 2 * MS)
    cyclic.start()
    assert [each.frame.data[0] for each in heard(driver, 300)] == [number % 256 for number in range(300)]
    cyclic.stop()
    with pytest.raises(BusError, match="1 to 256 frames in turn, not 257"):
        driver.cyclic([Frame(0x123)] * 257, MS)


def test_can_fd_and_several_at_once(driver: Driver) -> None:
    wide = driver.cyclic([Frame(0x456, bytes([n] * 64), fd=True, brs=True) for n in range(4)], 20 * MS)
    small = driver.cyclic([Frame(0x18FF1234, b"\x01", extended=True)], 10 * MS)
    wide.start()
    small.start()
    seen = heard(driver, 60)
    wide.stop()
    small.stop()
    of_wide = [each.frame for each in seen if each.frame.id == 0x456]
    assert [frame.data[0] for frame in of_wide] == [n % 4 for n in range(len(of_wide))]
    assert all(frame.fd and frame.brs and len(frame.data) == 64 for frame in of_wide)
    assert 10 < len(of_wide) < 40 and all(each.own for each in seen)


def test_another_length_starts_anew(driver: Driver) -> None:
    cyclic = driver.cyclic(sequence(0), 10 * MS)
    cyclic.start()
    heard(driver, 5)
    cyclic.update(sequence(1, length=4))
    seen = [each for each in heard(driver, 20) if each.frame.data[1] == 1]
    assert [each.frame.data[0] for each in seen] == [number % 4 for number in range(len(seen))]
    cyclic.stop()
    cyclic.stop()


def test_starting_again_begins_with_the_first(driver: Driver) -> None:
    cyclic = driver.cyclic(sequence(0), 50 * MS)
    for _ in range(2):
        cyclic.start()
        assert [each.frame.data[0] for each in heard(driver, 3)] == [0, 1, 2]
        cyclic.stop()
        rest(driver)


def test_a_strangers_frame_with_that_identifier_is_not_ours(driver: Driver) -> None:
    stranger = Driver(SPEC)
    try:
        driver.cyclic([Frame(0x123, b"\x01")], 20 * MS).start()
        stranger.send(Frame(0x123, b"\x02"))
        seen = heard(driver, 5)
        assert {each.frame.data: each.own for each in seen} == {b"\x01": True, b"\x02": False}
        assert not any(each.own for each in heard(stranger, 3) if each.frame.data == b"\x01")
    finally:
        stranger.close()


def test_what_is_no_sequence(driver: Driver) -> None:
    for frames in ([], [Frame(0x123), Frame(0x124)], [Frame(0x123), Frame(0x123, fd=True)]):
        with pytest.raises(BusError):
            driver.cyclic(frames, MS)
    with pytest.raises(BusError, match="shortest period"):
        driver.cyclic([Frame(0x123)], 999)
    cyclic = driver.cyclic([Frame(0x123)], MS)
    with pytest.raises(BusError, match="0x123 cannot become 0x124"):
        cyclic.update([Frame(0x124)])


def test_closing_the_channel_ends_it() -> None:
    driver = Driver(SPEC)
    driver.cyclic([Frame(0x123)], 5 * MS).start()
    listener = Driver(SPEC)
    try:
        heard(listener, 2)
        driver.close()
        rest(listener)
        assert rest(listener) == []
    finally:
        listener.close()


def test_a_listener_sends_nothing_cyclically() -> None:
    listener = Driver(AdapterSpec("body", "socketcan", "vcan0", 500_000, listen_only=True))
    try:
        with pytest.raises(AdapterError, match="cyclic"):
            listener.cyclic([Frame(0x123)], MS)
    finally:
        listener.close()
