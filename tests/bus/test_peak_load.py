"""The largest load of a sliding window, against looking at every window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.load import Activity
from harness.errors import BusError


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), max_size=12),
    st.integers(0, 20),
    st.integers(1, 15),
    st.integers(0, 40),
)
def test_peak_is_the_largest_of_all_windows(periods: list[tuple[int, int]], begin: int, window: int, more: int) -> None:
    activity, time = Activity(), 0
    for pause, busy in periods:
        if pause:
            activity.begin(time + pause)
        time += pause + busy
        activity.end = time
    end = begin + window + more
    every = [(activity.busy(at + window) - activity.busy(at)) / window for at in range(begin, end - window + 1)]
    assert activity.peak(begin, end, window) == max(every)


def test_window_must_fit() -> None:
    with pytest.raises(BusError, match="no window of 10 ns within 9 ns"):
        Activity().peak(0, 9, 10)
