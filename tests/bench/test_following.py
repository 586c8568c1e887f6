"""The loop that follows its channels: order by stamps, deadlines after the frames of their instant, what stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.bench.following import NEAR_NS, STALLED_NS, FollowingLoop
from harness.errors import AdapterLost, Blocked, SimulationError
from harness.loop import DEADLINE
from harness.wall import clock_ns

MS = 1_000_000


@pytest.fixture
def loop() -> Iterator[FollowingLoop]:
    following = FollowingLoop(["powertrain", "body"], lambda: 0)  # however slow this machine is
    following.start_at(0)
    yield following
    following.close()


def test_time_is_that_of_the_slowest_channel(loop: FollowingLoop) -> None:
    loop.feed("powertrain", [], 50 * MS)
    assert loop.elapsed == 0
    loop.feed("body", [], 20 * MS)
    assert loop.elapsed == 20 * MS
    loop.feed("body", [], 10 * MS)
    assert loop.elapsed == 20 * MS, "what was complete stays so"


def test_frames_of_all_channels_come_in_the_order_of_their_stamps(loop: FollowingLoop) -> None:
    seen: list[tuple[int, str]] = []

    def hear(name: str) -> None:
        seen.append((loop.now, name))

    loop.feed("powertrain", [(3 * MS, hear, "p3"), (9 * MS, hear, "p9")], 10 * MS)
    loop.feed("body", [(2 * MS, hear, "b2"), (5 * MS, hear, "b5")], 10 * MS)
    loop.run_until(10 * MS)
    assert seen == [(2 * MS, "b2"), (3 * MS, "p3"), (5 * MS, "b5"), (9 * MS, "p9")]


def test_a_deadline_comes_after_every_frame_of_its_instant_however_late_that_is_handed_over(
    loop: FollowingLoop,
) -> None:
    order: list[str] = []
    with loop.held():
        loop.post(5 * MS, DEADLINE, order.append, "deadline")
    loop.feed("powertrain", [], 100 * MS)
    loop.feed("body", [(5 * MS, order.append, "frame")], 100 * MS)
    loop.run_until(6 * MS)
    assert order == ["frame", "deadline"]


def test_what_was_stamped_too_early_counts_as_of_now(loop: FollowingLoop) -> None:
    loop.feed("powertrain", [], 10 * MS)
    loop.feed("body", [], 10 * MS)
    loop.run_until(10 * MS)
    seen: list[int] = []
    loop.feed("body", [(3 * MS, lambda _: seen.append(loop.now), None)], 11 * MS)
    loop.feed("powertrain", [], 11 * MS)
    loop.run_until(11 * MS)
    assert seen == [10 * MS]


def test_a_wait_ends_with_its_condition_while_another_thread_feeds(loop: FollowingLoop) -> None:
    seen: list[str] = []

    def feed() -> None:
        for step in range(1, 20):
            loop.feed("powertrain", [(step * MS, seen.append, f"p{step}")], step * MS)
            loop.feed("body", [], step * MS)

    thread = threading.Thread(target=feed)
    thread.start()
    assert loop.run_until(3_600_000 * MS, lambda: "p7" in seen) is True
    thread.join()


def test_an_error_of_a_channel_is_raised_from_the_wait(loop: FollowingLoop) -> None:
    threading.Timer(0.01, loop.fail, [Blocked("the adapter is gone")]).start()
    with pytest.raises(Blocked, match="the adapter is gone"):
        loop.run_until(3_600_000 * MS)
    with pytest.raises(Blocked, match="the adapter is gone"):
        loop.run_until(3_600_000 * MS)


def test_an_exception_in_a_callback_stops_the_world(loop: FollowingLoop) -> None:
    loop.feed("powertrain", [], 2 * MS)
    loop.feed("body", [(MS, lambda _: 1 // 0, None)], 2 * MS)
    with pytest.raises(SimulationError, match="ZeroDivisionError"):
        loop.run_until(2 * MS)


def test_a_channel_that_says_nothing_any_more_stops_the_world() -> None:
    now = clock_ns()
    clock = [now]
    loop = FollowingLoop(["body"], lambda: clock[0])
    loop.start_at(now)
    try:
        for _ in range(STALLED_NS // (500 * MS) + 1):
            with loop._lock:
                clock[0] += 500 * MS
                loop._sleep_s()
        with pytest.raises(AdapterLost, match="'body': its process has said nothing for 3"):
            loop.run_until(3_600_000 * MS)
    finally:
        loop.close()


def test_a_channel_is_not_blamed_when_the_test_process_itself_stood_still() -> None:
    now = clock_ns()
    clock = [now]
    loop = FollowingLoop(["body"], lambda: clock[0])
    loop.start_at(now)
    try:
        clock[0] += 100 * STALLED_NS
        loop._sleep_s()
        loop.feed("body", [], 5 * MS)
        loop.run_until(5 * MS)
    finally:
        loop.close()


def test_a_test_that_has_kept_the_interpreter_to_itself_waits_for_what_came_meanwhile() -> None:
    clock = [0]
    loop = FollowingLoop(["body"], lambda: clock[0])
    loop.start_at(0)
    seen: list[int] = []
    try:
        clock[0] = 29_000 * MS
        assert (loop.now, loop.present) == (0, 29_000 * MS)
        feeding = threading.Timer(0.05, loop.feed, ["body", [(28_000 * MS, seen.append, 28)], 28_990 * MS])
        feeding.start()
        with loop.held():
            assert (seen, loop.now) == ([28], 28_990 * MS)
        feeding.join()
        clock[0] += NEAR_NS - 15 * MS
        with loop.held():
            assert loop.now == 28_990 * MS, "that is near enough"
    finally:
        loop.close()


def test_a_test_that_acts_in_a_world_that_has_stopped_does_not_wait_for_it() -> None:
    clock = [0]
    loop = FollowingLoop(["body"], lambda: clock[0])
    loop.start_at(0)
    clock[0] = 29_000 * MS
    threading.Timer(0.05, loop.fail, [Blocked("the adapter is gone")]).start()
    with loop.held():
        assert loop.now == 0
    with pytest.raises(Blocked, match="the adapter is gone"):
        loop.run_until(MS)
    loop.close()
