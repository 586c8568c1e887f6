"""Parts of a channel process by themselves: the connection, what waits to be reported, how lateness is kept."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.adapter import scheduling
from harness.adapter.connection import LONGEST, Connection, Garbled, accept, connect, listen
from harness.adapter.items import Batch, Heard
from harness.adapter.outbox import MOST_AT_ONCE, Outbox, Turn
from harness.adapter.statistics import RESOLUTION, Account, Histogram
from harness.errors import AdapterLost
from harness.frames import Frame
from tests.adapter.channel_here import WAIT_S

TOKEN = b"t" * 32
Pair = tuple[Connection, Connection]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with listen() as listener:
        inner = connect(f"127.0.0.1:{listener.getsockname()[1]}", TOKEN)
        outer = accept(listener, TOKEN, WAIT_S)
    assert outer is not None
    one, other = (Connection(each, slice_s=0.2, patience_s=0.5) for each in (inner, outer))
    yield one, other
    one.close()
    other.close()


def received(connection: Connection, count: int) -> list[Any]:
    items: list[Any] = []
    while len(items) < count:
        items += connection.receive()
    return items


# -- the connection ----------------------------------------------------------------------------------------------------


def test_objects_come_whole_and_in_order_whatever_their_size(pair: Pair) -> None:
    one, other = pair
    objects = [number * b"x" for number in (0, 1, 1000, 3_000_000, 7)]

    def send() -> None:
        for each in objects:
            one.send(each)

    sender = threading.Thread(target=send)
    sender.start()
    assert received(other, len(objects)) == objects
    sender.join()
    assert other.receive() == []


def test_half_an_object_is_waited_for_and_holds_up_nothing(pair: Pair) -> None:
    one, other = pair
    one.send("whole")
    one._out.sendall(b"vhc1\x05\x00\x00\x00\x80")
    assert received(other, 1) == ["whole"]
    assert other.receive() == []
    one._out.sendall(b"\x05K\x07.")
    assert received(other, 1) == [7]


@pytest.mark.parametrize(
    "garbage", [b"vhc2\x01\x00\x00\x00N", b"vhc1" + (LONGEST + 1).to_bytes(4, "little"), b"vhc1\x01\x00\x00\x00X"]
)
def test_garbage_is_found_out_at_once(pair: Pair, garbage: bytes) -> None:
    one, other = pair
    one._out.sendall(garbage)
    with pytest.raises(Garbled):
        received(other, 1)


def test_the_end_is_told_to_both(pair: Pair) -> None:
    one, other = pair
    one.send("last")
    one.close()
    one.close()
    assert received(other, 1) == ["last"]
    with pytest.raises(EOFError):
        other.receive()
    with pytest.raises(AdapterLost, match="is gone"):
        for _ in range(100):
            other.send(b"x" * 100_000)


def test_a_peer_that_takes_nothing_is_given_up(pair: Pair) -> None:
    one, other = pair
    with pytest.raises(AdapterLost, match=r"has taken nothing for 0\.5 s"):
        for _ in range(1000):
            one.send(b"x" * 100_000)
    with pytest.raises(AdapterLost):
        one.send("more")
    with pytest.raises((EOFError, Garbled)):
        received(other, 2000)


@pytest.mark.parametrize("shown", [b"", b"t" * 31, b"u" * 32])
def test_who_does_not_know_the_token_is_not_let_in(shown: bytes) -> None:
    with listen() as listener, socket.create_connection(listener.getsockname()) as stranger:
        stranger.sendall(shown)
        stranger.shutdown(socket.SHUT_WR)
        assert accept(listener, TOKEN, 1.0) is None
        assert stranger.recv(1) == b""
        assert accept(listener, TOKEN, 0.01) is None


# -- what waits to be reported -----------------------------------------------------------------------------------------


class Taker:
    """Stands for the connection: keeps the batches."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def send(self, batch: Batch) -> None:
        self.batches.append(batch)


def handed_over(outbox: Outbox) -> list[Batch]:
    taker: Any = Taker()
    with outbox.turn:
        outbox.close()
    outbox.deliver(taker)
    batches: list[Batch] = taker.batches
    return batches


def test_only_the_last_of_several_batches_says_that_all_is_complete() -> None:
    now = [1000]
    outbox = Outbox(lambda: now[0])
    for number in range(2 * MOST_AT_ONCE + 1):
        outbox.put(Heard(1001 + number, Frame(1)))
    outbox.completed(5000)
    outbox.was_late(7)
    outbox.was_late(3)
    batches = handed_over(outbox)
    assert [len(batch.items) for batch in batches] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert [batch.complete_ns for batch in batches] == [0, 0, 5000]
    assert [batch.late_ns for batch in batches] == [7, 0, 0]


def test_what_was_stamped_too_early_counts_as_the_next_instant() -> None:
    outbox = Outbox(lambda: 1000)
    assert handed_over(outbox)[-1].complete_ns == 1000
    outbox.completed(900)  # time does not go back
    outbox.put(Heard(400, Frame(1)))
    outbox.put(Heard(1500, Frame(1)))
    (batch,) = handed_over(outbox)
    assert [item.time for item in batch.items] == [1001, 1500]
    assert batch.complete_ns == 1000


def test_the_turn_is_given_to_who_waits() -> None:
    turn, ended = Turn(), threading.Event()
    got: list[int] = []

    def greedy() -> None:
        while not ended.is_set():
            with turn:
                got.append(1)
                time.sleep(0.001)

    thread = threading.Thread(target=greedy)
    thread.start()
    try:
        for _ in range(50):
            before = len(got)
            with turn:
                assert len(got) - before <= 2
            time.sleep(0.001)
    finally:
        ended.set()
        thread.join()


# -- how lateness is kept ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-5, 1 << 40), min_size=1), st.sampled_from([0, 1, 50, 90, 99, 100]))
@example([0], 50)
@example([15, 16, 17], 50)
def test_a_percentile_is_never_too_small_and_little_too_large(durations: list[int], percent: int) -> None:
    histogram = Histogram()
    for each in durations:
        histogram.add(each)
    ordered = sorted(max(each, 0) for each in durations)
    true = ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
    assert true <= histogram.percentile(percent) <= true * (1 + RESOLUTION)
    assert (histogram.count, histogram.worst) == (len(ordered), ordered[-1])


def test_a_histogram_stays_small() -> None:
    histogram = Histogram()
    for number in range(200_000):
        histogram.add(number * 37)
    assert len(histogram._bins) < 200
    assert Histogram().percentile(99) == 0


@given(st.lists(st.integers(0, 1 << 30)), st.lists(st.integers(0, 1 << 30)))
def test_histograms_add_up(left: list[int], right: list[int]) -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    for histogram, durations in ((one, left), (other, right), (both, left + right)):
        for each in durations:
            histogram.add(each)
    one.merge(other)
    assert [one.percentile(each) for each in (1, 50, 99)] == [both.percentile(each) for each in (1, 50, 99)]
    assert (one.count, one.worst) == (both.count, both.worst)


def test_an_account_tells_messages_and_the_whole() -> None:
    account = Account()
    account.sent("A", 1000, 0)
    account.sent("A", 3000, 2)
    account.sent("B", 2000, 0)
    account.missed("B", 4)
    account.overruns += 1
    statistics = account.statistics()
    assert (statistics.messages["A"].frames, statistics.messages["A"].max_ns, statistics.messages["A"].retries) == (
        2, 3000, 2,
    )  # fmt: skip
    assert (statistics.messages["B"].lost, statistics.total.lost, statistics.total.frames) == (4, 4, 3)
    assert statistics.overruns == 1
    assert str(statistics.total) == "3 frames, p50 2.05 µs, p99 3 µs, max 3 µs late, 2 retries, 4 lost"


# -- what the operating system grants ----------------------------------------------------------------------------------


def refused(*_: object) -> None:
    raise PermissionError


@pytest.mark.skipif(sys.platform == "win32", reason="priorities of POSIX")
def test_the_best_scheduling_that_is_allowed_is_taken_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(sys, "setswitchinterval", asked.append)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given), raising=False)
    monkeypatch.setattr(os, "setpriority", lambda *given: asked.append(given))
    assert scheduling.hurry().startswith("real-time") == hasattr(os, "SCHED_FIFO")
    monkeypatch.setattr(os, "sched_setscheduler", refused)
    assert scheduling.hurry() == "before others (nice -10); real-time priority is not allowed"
    assert (os.PRIO_PROCESS, 0, -10) in asked
    monkeypatch.delattr(os, "sched_setscheduler")
    monkeypatch.setattr(os, "setpriority", refused)
    assert scheduling.hurry().startswith("ordinary: neither")
    assert asked.count(scheduling.SWITCH_INTERVAL_S) == 3
