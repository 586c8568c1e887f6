"""What is on the bus is what the databases say: identifiers, lengths, ranges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from every_state import STATES
from harness import Bench, s

CHANNELS = ("powertrain", "body")


@pytest.mark.requirement("VEH-061")
@pytest.mark.parametrize("enter", STATES)
def test_all_frames_are_as_defined(bench: Bench, enter: Callable[[Bench], None]) -> None:
    """No undefined identifier, no wrong length, no value outside its range."""
    enter(bench)
    bench.wait(1.5 * s)
    for channel in CHANNELS:
        with bench.still():
            traffic, whole = [bench.traffic(message) for message in bench.messages(channel)], bench.traffic(channel)
        for each in traffic:
            assert all(len(rx.frame.data) == each.length for rx in each.frames), each.name
        assert sum(len(each.frames) for each in traffic) == len(whole.frames)
    assert not values_out_of_range(bench)


def values_out_of_range(bench: Bench) -> list[str]:
    """Each signal that had a value outside its range, or one that its value table does not name."""
    names = [name for each in CHANNELS for message in bench.messages(each) for name in bench.traffic(message).signals]
    return [f"{name} = {found:g}" for name in names if (found := first_out_of_range(bench, name)) is not None]


def first_out_of_range(bench: Bench, name: str) -> float | None:
    """The first value of a signal that is neither in its range nor in its value table; None where all are."""
    signal = bench.signal(name)
    (low, high), half_a_step = signal.definition.physical_range, abs(signal.definition.scale) / 2
    words = bool(signal.definition.choices) and not signal.unit
    for sample in signal.history:
        in_range = low - half_a_step <= sample.value <= high + half_a_step
        if sample.text is None and (words or not in_range):
            return sample.value
    return None
