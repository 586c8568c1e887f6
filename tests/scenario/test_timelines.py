"""Timelines: strictly increasing times on their grid, real changes only, and short after shrinking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from harness.errors import SignalError, UnitError
from harness.scenario import Timeline, play, timeline, values
from harness.signals.definitions import SignalDef, Value
from harness.units import Duration, ms, s

BRAKE = SignalDef("Brake", "Pedals", 0, 8, scale=0.4, minimum=0, maximum=100, unit="%")
GEAR = SignalDef("Gear", "Lever", 0, 2, choices={0: "P", 1: "R", 2: "N", 3: "D"})
GEARS = {"Gear": values(GEAR, labels=True)}


@given(
    st.data(),
    st.integers(0, 2000),
    st.integers(1, 500),
    st.integers(0, 12),
    st.sampled_from([(BRAKE,), (BRAKE, GEARS), (BRAKE, GEAR), (GEARS,)]),
)
def test_times_and_changes(
    data: st.DataObject,
    duration: int,
    step: int,
    changes: int,
    signals: tuple[SignalDef | Mapping[str, st.SearchStrategy[Value]], ...],
) -> None:
    scenario = data.draw(timeline(*signals, duration=duration * ms, min_step=step * ms, max_changes=changes))
    times = [time for time, _ in scenario]
    assert times[0] == 0
    assert all(isinstance(time, Duration) for time in times)
    assert all(later - earlier >= step * ms for earlier, later in pairwise(times))
    assert times[-1] <= duration * ms
    assert len(scenario) <= 1 + changes
    present: dict[str, Value] = {}
    for _, news in scenario:
        assert news
        assert all(name not in present or present[name] != value for name, value in news.items())
        present.update(news)
    assert len(scenario[0][1]) == len(present) == len(signals)


def test_it_shrinks_to_the_one_change_that_matters() -> None:
    scenarios = timeline(BRAKE, GEARS, duration=60 * s, min_step=10 * ms)

    def braked(scenario: Timeline) -> bool:
        # A change that a caller would call the cause: the pedal passes 50 % at some time after one second.
        brakes = [(time, news["Pedals.Brake"]) for time, news in scenario if "Pedals.Brake" in news]
        return any(time >= 1 * s and isinstance(value, float) and value > 50 for time, value in brakes)

    found = find(scenarios, braked)
    assert found[0] == (0, {"Pedals.Brake": 0.0, "Gear": "P"})
    assert list(found[1:]) == [(1 * s, {"Pedals.Brake": 50.400000000000006})]


@given(timeline(GEARS, duration=0 * s))
def test_without_time_there_is_only_the_beginning(scenario: Timeline) -> None:
    assert len(scenario) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"duration": 5}, UnitError, "duration takes a duration"),
        ({"duration": 5 * s, "min_step": 0 * s}, UnitError, "min_step must be more than zero"),
        ({"duration": 5 * s, "max_changes": -1}, SignalError, "0 or more changes"),
    ],
)
def test_bad_bounds_are_refused(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        timeline(BRAKE, **arguments)  # type: ignore[arg-type]


def test_bad_signals_are_refused() -> None:
    with pytest.raises(SignalError, match="at least one signal"):
        timeline(duration=1 * s)
    with pytest.raises(SignalError, match=r"'Pedals\.Brake' comes twice"):
        timeline(BRAKE, {"Pedals.Brake": values(BRAKE)}, duration=1 * s)


@dataclass
class Notes:
    """Stands for a bench: notes when what was set."""

    now: Duration = field(default_factory=lambda: Duration(7))
    seen: list[tuple[int, Mapping[str, Value]]] = field(default_factory=list)

    def wait(self, *, until: Duration) -> None:
        assert until >= self.now
        self.now = until

    def set(self, news: Mapping[str, Value]) -> None:
        self.seen.append((self.now, news))


@given(timeline(BRAKE, GEARS, duration=1 * s))
def test_play_sets_everything_at_its_time_from_now_on(scenario: Timeline) -> None:
    notes = Notes()
    play(notes, scenario)  # type: ignore[arg-type]
    assert notes.seen == [(7 + time, news) for time, news in scenario]
