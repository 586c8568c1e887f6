"""The loop: order inside an instant, timers and owners, waiting, errors that cannot be lost."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ExpectationFailed, SimulationError, WaitInCallbackError
from harness.loop import ARBITRATE, DEADLINE, DELIVER, MODEL, Loop, Owner, name_of

MS = 1_000_000


def test_phases_order_one_instant_whatever_the_order_of_posting() -> None:
    loop, seen = Loop(), []
    for phase in (ARBITRATE, MODEL, DEADLINE, DELIVER):
        loop.post(5, phase, seen.append, phase)
    loop.run_until(6)
    assert seen == [DELIVER, MODEL, DEADLINE, ARBITRATE]


def test_the_test_wakes_before_arbitration_and_after_all_else() -> None:
    loop, seen = Loop(), []
    for phase in (ARBITRATE, DEADLINE, DELIVER):
        loop.post(5, phase, seen.append, phase)
    loop.run_until(5)
    assert (loop.now, seen) == (5, [DELIVER, DEADLINE])
    loop.post(5, MODEL, seen.append, "test spoke")
    loop.run_until(6)
    assert seen == [DELIVER, DEADLINE, "test spoke", ARBITRATE]


def test_events_of_one_phase_run_in_the_order_of_posting() -> None:
    loop, seen = Loop(), []
    for number in range(20):
        loop.post(1, MODEL, seen.append, number)
    loop.run_until(2)
    assert seen == list(range(20))


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([DELIVER, MODEL, DEADLINE, ARBITRATE])), max_size=40))
def test_any_schedule_runs_in_time_and_phase_order(schedule: list[tuple[int, int]]) -> None:
    loop, seen = Loop(), []
    for index, (time, phase) in enumerate(schedule):
        loop.post(time, phase, seen.append, (time, phase, index))
    loop.run_until(100)
    assert seen == sorted(seen)
    assert len(seen) == len(schedule)


@given(st.lists(st.integers(0, 50), max_size=20), st.lists(st.integers(0, 60), max_size=8))
def test_waiting_in_pieces_equals_waiting_once(times: list[int], pieces: list[int]) -> None:
    def run(stops: list[int]) -> list[tuple[int, int]]:
        loop, seen = Loop(), list[tuple[int, int]]()
        for number, time in enumerate(times):
            loop.post(time, MODEL, lambda n, loop=loop, seen=seen: seen.append((loop.now, n)), number)
        for stop in [*sorted(stops), 100]:
            loop.run_until(stop)
        return seen

    assert run(pieces) == run([])


def test_stop_is_asked_after_the_deadlines_of_the_instant() -> None:
    loop, seen = Loop(), []
    loop.post(5, DELIVER, seen.append, "delivered")
    loop.post(5, DEADLINE, seen.append, "judged")
    loop.post(5, ARBITRATE, seen.append, "arbitrated")
    assert loop.run_until(10, lambda: "delivered" in seen) is True
    assert (loop.now, seen) == (5, ["delivered", "judged"])


def test_stop_that_holds_already_returns_at_once() -> None:
    loop, seen = Loop(), []
    loop.post(0, ARBITRATE, seen.append, "arbitrated")
    assert loop.run_until(10, lambda: True) is True
    assert (loop.now, seen) == (0, [])


def test_stop_that_holds_exactly_at_the_deadline_counts() -> None:
    loop, seen = Loop(), []
    loop.post(10, DELIVER, seen.append, 1)
    assert loop.run_until(10, lambda: bool(seen)) is True


def test_stop_that_never_holds_runs_to_the_deadline() -> None:
    loop = Loop()
    assert loop.run_until(10, lambda: False) is False
    assert loop.now == 10


def test_periodic_timer_keeps_an_absolute_schedule() -> None:
    loop, seen = Loop(), []
    loop.every(3 * MS, lambda: seen.append(loop.now), start=MS)
    loop.run_until(100 * MS)
    assert seen == [MS + 3 * MS * k for k in range(34)]


@pytest.mark.parametrize("period", [0, -1])
def test_period_must_be_positive(period: int) -> None:
    with pytest.raises(SimulationError, match="more than zero"):
        Loop().every(period, lambda: None)


def test_cancelled_timers_do_not_run() -> None:
    loop, seen = Loop(), []
    once, periodic = loop.after(5, lambda: seen.append("once")), loop.every(2, lambda: seen.append("periodic"))
    once.cancel()
    loop.run_until(4)
    periodic.cancel()
    periodic.cancel()
    loop.run_until(20)
    assert seen == ["periodic", "periodic"]
    assert not once.active and not periodic.active


def test_cancelling_an_owner_cancels_its_timers_and_no_others() -> None:
    loop, seen = Loop(), []
    ecu, other = Owner("ECU"), Owner("other")
    loop.every(2, lambda: seen.append("ecu"), owner=ecu)
    loop.every(2, lambda: seen.append("other"), owner=other)
    loop.run_until(2)
    ecu.cancel_timers()
    loop.after(1, lambda: seen.append("new life"), owner=ecu)
    loop.run_until(4)
    assert seen == ["ecu", "other", "new life", "other"]


def test_a_drifting_clock_stretches_its_owners_delays_only() -> None:
    loop, fast, exact = Loop(), [], []
    loop.every(10 * MS, lambda: fast.append(loop.now), owner=Owner("fast", drift_ppm=1000))
    loop.every(10 * MS, lambda: exact.append(loop.now))
    loop.run_until(1001 * MS)
    assert exact[-1] == 1000 * MS
    assert fast[99] == 100 * round(10 * MS / 1.001)


def test_posting_into_the_past_is_refused() -> None:
    loop = Loop()
    loop.run_until(10)
    with pytest.raises(SimulationError, match=r"scheduled for 9 ns, but it is t = 10 ns"):
        loop.post(9, MODEL, print, None)


def test_callbacks_that_keep_time_from_passing_are_an_error() -> None:
    loop = Loop()

    def restless() -> None:
        loop.after(0, restless)

    loop.after(5, restless)
    with pytest.raises(SimulationError, match=r"restless is started again and again at t = 5 ns: time cannot pass"):
        loop.run_until(10)


def test_waiting_in_a_callback_raises_and_names_it() -> None:
    loop = Loop()

    def impatient() -> None:
        loop.run_until(loop.now + 5)

    loop.after(1, impatient)
    with pytest.raises(WaitInCallbackError, match=r"impatient.* tried to wait at t = 1 ns"):
        loop.run_until(10)


def test_an_exception_stops_the_world_and_is_raised_again() -> None:
    loop, seen = Loop(), []
    loop.after(2, lambda: 1 / 0)
    loop.after(3, lambda: seen.append("later"))
    with pytest.raises(SimulationError, match=r"ZeroDivisionError.* at t = 2 ns") as caught:
        loop.run_until(10)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(SimulationError, match="ZeroDivisionError"):
        loop.run_until(20)
    assert seen == []


def test_after_ctrl_c_in_a_callback_a_wait_lasts_as_long_as_it_should() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    loop = Loop()
    loop.after(2 * MS, interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until(10 * MS)
    assert loop.failure is None and loop.interrupted is not None and loop.now == 2 * MS
    loop.run_until(20 * MS)
    assert loop.now == 20 * MS


def test_a_verdict_from_a_callback_passes_through_as_it_is() -> None:
    loop = Loop()

    def judge() -> None:
        raise ExpectationFailed("too late")

    loop.after(1, judge, phase=DEADLINE)
    with pytest.raises(ExpectationFailed, match="too late"):
        loop.run_until(10)
    assert isinstance(loop.failure, ExpectationFailed)


def test_quiet_until_knows_the_next_event_the_deadline_and_the_test() -> None:
    loop, seen = Loop(), []
    ask: Callable[[object], object] = lambda _: seen.append(loop.quiet_until())  # noqa: E731
    loop.post(1, MODEL, ask, None)
    loop.post(7, MODEL, ask, None)
    loop.run_until(10)
    loop.post(11, MODEL, ask, None)
    loop.run_until(20, lambda: loop.now >= 11)
    assert seen == [7, 10, 11]


def test_two_loops_do_not_know_of_each_other() -> None:
    first, second = Loop(), Loop()
    first.after(1, lambda: second.run_until(5))
    first.run_until(2)
    assert (first.now, second.now) == (2, 5)


def test_callback_names_lead_to_the_code() -> None:
    loop = Loop()
    timer = loop.after(1, test_callback_names_lead_to_the_code)
    assert name_of(timer._fire).endswith("test_callback_names_lead_to_the_code")


def test_random_timers_are_deterministic() -> None:
    def run() -> list[int]:
        loop, seen, rng = Loop(), list[int](), random.Random(1)
        for number in range(200):
            loop.every(rng.randint(1, 50), lambda n=number: seen.append(n))
        loop.run_until(1000)
        return seen

    assert run() == run()
