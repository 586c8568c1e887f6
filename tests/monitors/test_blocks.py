"""The bus contract over columns says what its folds say, wherever the recording is cut into blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from block_traffic import BIT_TIMES, KNOWN, LIMITS, MS, Car, Faults, Seen, checks, fold
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.bus.length_columns import FrameTimes
from harness.frames import Frame, Received
from harness.logs.columns import FrameColumns
from harness.monitors.blocks import ContractColumns
from harness.monitors.check import Check
from harness.monitors.contents import Contents, KnownFrames
from harness.monitors.cycle import CycleCheck
from harness.monitors.e2e import E2ECheck
from harness.monitors.latency import LatencyCheck
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import ContractLimits

CHANNELS = ["a", "b"]
OFTEN = st.sampled_from([0.0, 0.0, 0.01, 0.1])
FAULTS = st.builds(Faults, **{name: OFTEN for name in Faults.__dataclass_fields__ if name != "crowded"}) | st.builds(
    Faults, lost=OFTEN, late=OFTEN, silence=OFTEN, sleep=st.just(0.7), crowded=st.sampled_from([0.0, 0.005])
)


def durations(channel: str) -> Callable[[Frame, NDArray[np.uint8]], NDArray[np.int64]]:
    times = FrameTimes(BIT_TIMES[channel])
    gap = BIT_TIMES[channel].time(3)
    return lambda like, data: times.of(like, data) + gap


def columns(
    seen: list[Seen], cuts: list[int], limits: ContractLimits, end: int, early: int = 0
) -> tuple[list[Violation], list[Outcome]]:
    contract = ContractColumns(checks(limits, early), {name: durations(name) for name in CHANNELS}, KNOWN)
    contract.begin(0)
    found = []
    edges = [0, *sorted(cut % (len(seen) + 1) for cut in cuts), len(seen)]
    for first, last in pairwise(edges):
        found += contract.block(FrameColumns.of(seen[first:last], CHANNELS), CHANNELS)
    rest, outcomes = contract.finish(end)
    return [*found, *rest], outcomes


def order(violations: list[Violation]) -> list[tuple[object, ...]]:
    return sorted((each.time, each.kind, each.check, each.actual, each.start) for each in violations)


def agree(seen: list[Seen], cuts: list[int], limits: ContractLimits, end: int, early: int = 0) -> list[Outcome]:
    online, expected = fold(checks(limits, early), seen, 0, end)
    found, outcomes = columns(seen, cuts, limits, end, early)
    for one, other in zip(expected, outcomes, strict=True):
        assert other == one
    strange = {each.title for each in checks(limits) if isinstance(each, KnownFrames)}
    assert order([each for each in found if each.check not in strange]) == order(
        [each for each in online if each.check not in strange]
    )
    return outcomes


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), FAULTS, st.lists(st.integers(0, 1 << 20), max_size=6), st.booleans())
def test_folds_and_columns_agree(seed: int, faults: Faults, cuts: list[int], sleeps: bool) -> None:
    agree(Car(seed, faults).drive(), cuts, replace(LIMITS, network_sleeps=sleeps), 1100 * MS)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), st.lists(st.integers(0, 1 << 20), max_size=6), st.booleans(), OFTEN)
def test_copies_that_another_adapter_has_stamped_too_early_are_found_alike(
    seed: int, cuts: list[int], sleeps: bool, often: float
) -> None:
    faults = Faults(ahead=0.3, uncopied=often, crc=often, sleep=often, late=often)
    limits = replace(LIMITS, network_sleeps=sleeps)
    agree(Car(seed, faults).drive(), cuts, limits, 1100 * MS, early=MS)


def test_copies_stamped_too_early_are_found_alike_one_frame_a_block() -> None:
    seen = Car(3, Faults(ahead=0.5)).drive()[:300]
    outcomes = agree(seen, list(range(len(seen))), LIMITS, seen[-1].time, early=2 * MS)
    (latency,) = [each for each in outcomes if each.check.startswith("latency")]
    assert latency.count == 0 and dict(latency.statistics)["copies"] > "20"


@pytest.mark.parametrize("name", list(Faults.__dataclass_fields__))
@pytest.mark.parametrize("sleeps", [False, True])
def test_every_sort_of_fault_is_found_alike(name: str, sleeps: bool) -> None:
    limits = replace(LIMITS, network_sleeps=sleeps)
    for seed in range(3):
        seen = Car(seed, Faults(**{name: 0.8 if name in ("sleep", "silence") else 0.05})).drive()
        outcomes = agree(seen, [len(seen) // 3, len(seen) // 2], limits, 1200 * MS)
    if name not in ("sleep", "remote", "counter"):
        assert any(each.count for each in outcomes)


def test_a_network_that_dies_awake_is_found_alike() -> None:
    limits = replace(LIMITS, network_sleeps=True)
    found = []
    for seed in range(40):
        seen = Car(seed, Faults(sleep=0.8, remote=0.1, length=0.1)).drive()
        outcomes = agree(seen, [len(seen) // 4, len(seen) // 3, len(seen) // 2], limits, 1200 * MS)
        found += [each for outcome in outcomes for each in outcome.violations if outcome.check == "sleep of a"]
    assert len(found) > 5 and {each.message for each in found} == {"Box"}


def test_a_right_drive_violates_nothing_but_the_load() -> None:
    outcomes = agree(Car(1, Faults()).drive(), [100], LIMITS, 1000 * MS)
    assert {each.check for each in outcomes if each.count} == {"load of a", "load of b"}


def test_one_frame_a_block() -> None:
    seen = Car(3, Faults(lost=0.05, crc=0.05, silence=0.5, late=0.1)).drive()[:300]
    agree(seen, list(range(len(seen))), LIMITS, seen[-1].time)


def test_nothing_at_all() -> None:
    outcomes = agree([], [], LIMITS, 1000 * MS)
    assert any(each.count for each in outcomes), "cyclic messages are missing"


def test_a_long_silence_is_not_looked_through_step_by_step() -> None:
    seen = Car(5, Faults()).drive()
    later = [each._replace(time=each.time + 3_600_000 * MS) for each in Car(6, Faults()).drive()]
    found, outcomes = columns([*seen, *later], [len(seen)], LIMITS, later[-1].time)
    assert sum(each.kind == "cycle" for each in found) == 5
    assert sum(each.count for each in outcomes) >= 5


def test_many_unknown_frames_are_counted() -> None:
    seen: list[Seen] = [Received(n * 1000, "a", Frame(0x600 + n % 2)) for n in range(1001)]
    outcomes = agree(seen, [10, 500], LIMITS, MS)
    (unknown,) = [each for each in outcomes if each.check == "known frames on a"]
    assert unknown.count == 1001 and unknown.statistics[0] == ("0x600", "501 frames")


def test_time_that_runs_backwards_stands_still() -> None:
    seen = Car(7, Faults()).drive()
    seen[50] = seen[50]._replace(time=0)
    found, _ = columns(seen, [30, 55], LIMITS, 1000 * MS)
    assert all(each.time <= 1000 * MS for each in found)


def test_what_is_right_is_not_looked_at_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for kind in (CycleCheck, E2ECheck, Contents, LatencyCheck):
        receive = kind.receive

        def counted(self: Check, rx: Received, receive: Callable[..., object] = receive) -> object:
            asked.append(self.title)
            return receive(self, rx)

        monkeypatch.setattr(kind, "receive", counted)
    seen = Car(1, Faults()).drive()
    columns(seen, [100], LIMITS, 1000 * MS)
    # The state machine needs ten right frames to trust a message, cycle checks need a first frame.
    assert len(asked) < 60 < len(seen) / 4
