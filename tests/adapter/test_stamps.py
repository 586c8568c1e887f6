"""Stamps of other clocks, mapped to ours."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.adapter.stamps import DRIFT_PPM, RESTART_NS, SYNC_EVERY_NS, AdapterClock, UnixClock

S = 1_000_000_000
MS = 1_000_000


class Clocks:
    """Our clock and the clock of day, moved by hand; reading either takes ``reading`` ns."""

    def __init__(self, reading: int = 100) -> None:
        self.now, self.day, self.reading = 5 * S, 1_700_000_000 * S, reading

    def clock(self) -> int:
        self.pass_by(self.reading)
        return self.now

    def clock_of_day(self) -> int:
        self.pass_by(self.reading)
        return self.day

    def pass_by(self, duration: int) -> None:
        self.now += duration
        self.day += duration


def test_unix_stamps_keep_their_distance_from_now() -> None:
    clocks = Clocks()
    unix = UnixClock(clocks.clock, clocks.clock_of_day)
    for age in (0, 3 * MS, 200 * MS):
        stamp = clocks.day - age
        assert abs(unix.map(stamp, clocks.now) - (clocks.now - age)) <= unix.uncertainty_ns <= 2 * clocks.reading
        clocks.pass_by(10 * MS)


@pytest.mark.parametrize("step", [3600 * S, -3600 * S], ids=["forward", "back"])
def test_a_clock_of_day_that_is_set_is_noticed_at_once(step: int) -> None:
    clocks = Clocks()
    unix = UnixClock(clocks.clock, clocks.clock_of_day)
    clocks.pass_by(10 * MS)
    clocks.day += step
    now = clocks.now
    assert abs(unix.map(clocks.day - 5 * MS, now) - (now - 5 * MS)) <= unix.uncertainty_ns


def test_a_clock_of_day_that_is_slewed_is_followed() -> None:
    clocks = Clocks()
    unix = UnixClock(clocks.clock, clocks.clock_of_day)
    for _ in range(20):
        clocks.pass_by(SYNC_EVERY_NS)
        clocks.day -= 100_000
        now = clocks.now
        assert abs(unix.map(clocks.day - MS, now) - (now - MS)) <= unix.uncertainty_ns + 100_000


@given(
    drift_ppm=st.integers(-DRIFT_PPM, DRIFT_PPM),
    start=st.integers(-(10**15), 10**15),
    delays=st.lists(st.integers(50_000, 3 * MS), min_size=200, max_size=400),
    gap=st.integers(MS, 40 * MS),
)
def test_an_adapters_clock_is_followed_within_the_stated_uncertainty(
    drift_ppm: int, start: int, delays: list[int], gap: int
) -> None:
    clock = AdapterClock()
    shortest = 50_000  # what every frame takes at least on its way to us
    for number, delay in enumerate(delays):
        true = number * gap
        delay = shortest if number % 16 == 0 else delay  # in each second some come through as fast as they can
        stamp = start + true + true * drift_ppm // 1_000_000
        mapped = clock.map(stamp, true + delay)
        assert mapped <= true + delay
        assert abs(mapped - true - shortest) <= 2 * clock.uncertainty_ns + shortest


@pytest.mark.parametrize("drift_ppm", [-300, 300])
def test_a_drift_does_not_add_up(drift_ppm: int) -> None:
    clock = AdapterClock()
    for number in range(60_000):  # ten minutes
        true = number * 10 * MS
        mapped = clock.map(true + true * drift_ppm // 1_000_000, true)
    assert abs(mapped - true) <= clock.uncertainty_ns


def test_intervals_are_the_adapters_whatever_the_way_takes() -> None:
    clock = AdapterClock()
    clock.map(0, 10 * S)  # this one came at once
    times = [clock.map(number * MS, 10 * S + number * MS + number % 7 * 300_000) for number in range(1, 900)]
    assert {b - a for a, b in pairwise(times)} == {MS}


def test_a_second_in_which_everything_was_slow_is_no_drift() -> None:
    clock = AdapterClock()
    for number in range(1000):
        clock.map(number * 10 * MS, number * 10 * MS + 100_000)
    for number in range(1000, 1300):  # nobody read for long
        clock.map(number * 10 * MS, number * 10 * MS + 500 * MS)
    mapped = clock.map(13_000 * MS, 13_000 * MS + 500 * MS)
    assert 0 <= mapped - 13_000 * MS <= 100_000 + 4 * clock.uncertainty_ns


def test_a_clock_that_starts_again_is_mapped_anew() -> None:
    clock = AdapterClock()
    assert clock.map(4_294 * S, 20 * S) == 20 * S
    assert clock.map(4_294 * S + MS, 20 * S + MS) == 20 * S + MS
    # 32 bits of microseconds are full.
    assert clock.map(5 * MS, 20 * S + 6 * MS) == 20 * S + 6 * MS
    assert clock.map(7 * MS, 20 * S + 9 * MS) == 20 * S + 8 * MS


def test_frames_that_come_out_of_order_are_no_restart() -> None:
    clock = AdapterClock()
    clock.map(10 * S, 100 * S)
    assert clock.map(10 * S - RESTART_NS // 2, 100 * S + MS) == 100 * S - RESTART_NS // 2
