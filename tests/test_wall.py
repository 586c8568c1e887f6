"""The wall clock. What is measured in real time is only bounded from one side, or widely: machines are shared."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from harness.errors import Blocked, SimulationError, WaitInCallbackError
from harness.loop import DEADLINE, DELIVER, MODEL, WAKE
from harness.wall import WallLoop

MS = 1_000_000


@pytest.fixture
def loop() -> Iterator[WallLoop]:
    with WallLoop() as running:
        yield running


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def __call__(self) -> int:
        return self.ns


def test_time_passes_by_itself(loop: WallLoop) -> None:
    ran = threading.Event()
    loop.after(2 * MS, ran.set)
    assert ran.wait(10)  # nobody waits in the loop


def test_ctrl_c_in_a_callback_cuts_it_off_and_the_world_goes_on() -> None:
    """It comes in the test's thread, which may be the one that runs what is due."""
    clock = ManualClock()
    ran: list[int] = []

    def interrupted() -> None:
        raise KeyboardInterrupt

    with WallLoop(clock) as loop, loop.held():
        loop.after(2 * MS, interrupted)
        loop.every(1 * MS, lambda: ran.append(loop.now))
        clock.ns += 3 * MS
        with pytest.raises(KeyboardInterrupt):
            loop.run_until(10 * MS)
        assert loop.failure is None and isinstance(loop.interrupted, Blocked)
        assert "was cut off at t = 2 ms: the run was interrupted" in str(loop.interrupted)
        clock.ns += 7 * MS
        assert loop.run_until(8 * MS) is False
        assert ran == [number * MS for number in range(1, 11)]


def test_a_wait_takes_its_time(loop: WallLoop) -> None:
    began = time.monotonic_ns()
    assert loop.run_until(loop.elapsed + 20 * MS) is False  # now may be older: nothing has happened since
    assert time.monotonic_ns() - began >= 19 * MS


def test_a_wait_ends_with_its_condition(loop: WallLoop) -> None:
    seen: list[int] = []
    loop.every(5 * MS, lambda: seen.append(loop.now))
    assert loop.run_until(3_600_000 * MS, lambda: len(seen) >= 3) is True
    assert len(seen) >= 3


def test_events_run_at_their_own_time_however_late() -> None:
    clock = ManualClock()
    loop = WallLoop(clock)
    seen: list[int] = []
    loop.every(10 * MS, lambda: seen.append(loop.now))
    with loop:
        clock.ns += 35 * MS
        with loop.held():
            assert seen == [10 * MS, 20 * MS, 30 * MS]
        clock.ns += 10 * MS
        with loop.held():
            assert seen[3:] == [40 * MS]
    assert loop.lateness.worst_ns == 25 * MS


def test_the_order_inside_an_instant_is_that_of_the_virtual_clock() -> None:
    clock = ManualClock()
    loop = WallLoop(clock)
    order: list[str] = []
    for phase, name in ((WAKE, "wake"), (DEADLINE, "deadline"), (MODEL, "model"), (DELIVER, "deliver")):
        loop.at(5 * MS, lambda name=name: order.append(name), phase=phase)  # type: ignore[misc]
    with loop:
        clock.ns += 6 * MS
        with loop.held():
            pass
    assert order == ["deliver", "model", "deadline", "wake"]


def test_what_a_callback_raises_ends_the_wait_and_every_later_one(loop: WallLoop) -> None:
    loop.after(MS, lambda: [][0])
    for _ in range(2):
        with pytest.raises(SimulationError, match="raised IndexError"):
            loop.run_until(loop.now + 10_000 * MS)
    with pytest.raises(SimulationError, match="raised IndexError"):
        loop.call(lambda: None)


def test_a_bench_thread_that_is_ended_is_noticed(loop: WallLoop) -> None:
    def leave() -> None:
        raise SystemExit("injected")

    loop.after(MS, leave)
    with pytest.raises(SimulationError, match="SystemExit: injected"):
        loop.run_until(loop.now + 10_000 * MS)


def test_nobody_waits_in_a_callback(loop: WallLoop) -> None:
    loop.after(MS, lambda: loop.run_until(loop.now + 5 * MS))
    with pytest.raises(WaitInCallbackError):
        loop.run_until(loop.now + 10_000 * MS)


def test_whoever_may_not_wait_can_know_it(loop: WallLoop) -> None:
    seen: list[bool] = []
    loop.after(1 * MS, lambda: seen.append(loop.holding))
    loop.run_until(loop.now + 10_000 * MS, lambda: bool(seen))
    assert seen == [True] and not loop.holding
    with loop.held():
        assert loop.holding


def test_the_world_stands_still_while_it_is_held(loop: WallLoop) -> None:
    ran: list[int] = []
    with loop.held():
        loop.after(MS, lambda: ran.append(loop.now))
        time.sleep(0.02)
        assert ran == []
        with loop.held():
            assert ran == []
    loop.run_until(loop.now + 10_000 * MS, lambda: bool(ran))
    assert ran


def test_a_wait_inside_lets_it_go_on(loop: WallLoop) -> None:
    ran: list[int] = []
    with loop.held():
        loop.after(MS, lambda: ran.append(loop.now))
        assert loop.run_until(loop.now + 10_000 * MS, lambda: bool(ran))


def test_several_threads_wait_each_for_its_own(loop: WallLoop) -> None:
    counted = [0]
    loop.every(2 * MS, lambda: counted.__setitem__(0, counted[0] + 1))
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(loop.run_until(10_000 * MS, lambda: counted[0] >= n)))
        for n in (2, 4, 6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [True] * 3


def test_a_closed_world_says_so() -> None:
    loop = WallLoop()
    loop.start()
    with pytest.raises(SimulationError, match="passes already"):
        loop.start()
    loop.close()
    loop.close()
    with pytest.raises(SimulationError, match="has been closed"):
        loop.run_until(loop.now + MS)


def test_a_closed_loop_runs_nothing_any_more_when_somebody_holds_it() -> None:
    now, ran = [0], []
    loop = WallLoop(clock=lambda: now[0])
    loop.start()
    loop.after(1_000, lambda: ran.append("late"))
    loop.close()
    now[0] = 1_000_000
    with loop.held():
        pass
    assert ran == []
