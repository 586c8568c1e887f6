"""What passes on the steady path is judged as if every check had seen it: nothing changes but the time it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from block_traffic import LIMITS, MS, Car, Faults, Seen, checks, fold, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bench import watching
from harness.frames import ErrorFrame, Received
from harness.loop import DELIVER, Loop
from harness.monitors.check import Check
from harness.monitors.contents import Contents
from harness.monitors.cycle import CycleCheck
from harness.monitors.e2e import E2ECheck
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import ContractLimits
from harness.monitors.steady import steady_path

END = 1100 * MS
OFTEN = st.sampled_from([0.0, 0.0, 0.01, 0.1])
FAULTS = st.builds(Faults, **{name: OFTEN for name in Faults.__dataclass_fields__ if name != "crowded"}) | st.builds(
    Faults, lost=OFTEN, late=OFTEN, silence=OFTEN, sleep=st.just(0.7), crowded=st.sampled_from([0.0, 0.005])
)
Told = list[tuple[int, Violation]]
"""Violations, and the instant at which each was told."""


class Observed:
    """Stands for a channel's bus."""

    def __init__(self) -> None:
        self.frames: list[Callable[[Received], None]] = []
        self.errors: list[Callable[[ErrorFrame], None]] = []

    def observe(self, callback: Callable[[Received], None]) -> Callable[[], None]:
        self.frames.append(callback)
        return lambda: None

    def observe_errors(self, callback: Callable[[ErrorFrame], None]) -> Callable[[], None]:
        self.errors.append(callback)
        return lambda: None

    def deliver(self, seen: Seen) -> None:
        if isinstance(seen, ErrorFrame):
            for error in self.errors:
                error(seen)
        else:
            for frame in self.frames:
                frame(seen)


def watch(every: Sequence[Check], seen: Sequence[Seen], excused: int = 0) -> tuple[Told, list[Outcome]]:
    """Checks in a world in which this is seen. excused: of so many violations one is explained, 0 for none."""
    loop = Loop()
    told: Told = []
    buses = {name: Observed() for name in ("a", "b")}
    incidents = SimpleNamespace(
        violated=lambda each: told.append((loop.now, each)), decide=lambda: None, untold=[], doubts=[],
        too_near=lambda monitor, outcome: None,
    )  # fmt: skip
    world = SimpleNamespace(
        loop=loop, incidents=incidents, channels={name: SimpleNamespace(bus=bus) for name, bus in buses.items()}
    )

    def until(violation: Violation) -> int | None:
        return violation.time + MS if excused and violation.time % excused == 0 else None

    bench: Any = SimpleNamespace(world=world, excuses=SimpleNamespace(until=until), journal=[])
    running = watching.Watching(bench, every)
    for each in seen:
        loop.post(each.time, DELIVER, buses[each.channel].deliver, each)
    loop.run_until(END)
    running.finish()
    return told, [outcome for check in every for outcome in check.finish(END)]


@contextmanager
def the_long_way() -> Iterator[None]:
    """Every check sees every frame."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "steady_path", lambda monitors: None)
        yield


def order(violations: Sequence[Violation]) -> list[tuple[object, ...]]:
    return sorted((each.time, each.kind, each.check, each.actual, each.start) for each in violations)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), FAULTS, st.booleans(), st.sampled_from([0, 2, 3]))
def test_the_steady_path_changes_nothing(seed: int, faults: Faults, sleeps: bool, excused: int) -> None:
    seen, limits = Car(seed, faults).drive(), replace(LIMITS, network_sleeps=sleeps)
    quick = watch(checks(limits), seen, excused)
    with the_long_way():
        assert watch(checks(limits), seen, excused) == quick


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), FAULTS, st.booleans())
def test_a_world_tells_what_the_folds_tell_at_its_instant(seed: int, faults: Faults, sleeps: bool) -> None:
    seen, limits = Car(seed, faults).drive(), replace(LIMITS, network_sleeps=sleeps)
    told, outcomes = watch(checks(limits), seen)
    expected, finished = fold(checks(limits), seen, 0, END)
    assert outcomes == finished
    assert order([violation for _, violation in told]) == order(expected)
    for now, violation in told:
        assert now == violation.time or violation.kind == "load"  # a window may end before the frame that tells so


def test_what_is_right_does_not_reach_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for kind in (CycleCheck, E2ECheck, Contents):
        receive = kind.receive

        def counted(self: Check, rx: Received, receive: Callable[..., object] = receive) -> object:
            asked.append(self.title)
            return receive(self, rx)

        monkeypatch.setattr(kind, "receive", counted)
    seen = Car(1, Faults()).drive()
    watch(checks(replace(LIMITS, routes=())), seen)
    # The state machine needs ten right frames to trust a message, and cycle checks are lenient after the first one.
    assert len(asked) < 100 < len(seen) / 3


@pytest.mark.parametrize("without", ["cycle silence", "crc counter e2e", "undecodable range reserved"])
def test_a_message_that_is_not_checked_for_everything_has_no_steady_path(without: str) -> None:
    box = rules()[0].message.key
    some = checks(ContractLimits(without=frozenset(without.split())))
    assert steady_path([each for each in some if box in (each.wants("a") or ())]) is None


def test_two_contracts_at_once_judge_as_one_each() -> None:
    seen = Car(4, Faults(crc=0.05, lost=0.05, value=0.05)).drive()
    (told, outcomes), (_, twice) = watch(checks(LIMITS), seen), watch([*checks(LIMITS), *checks(LIMITS)], seen)
    assert told and twice == outcomes * 2
