"""A formula watched frame by frame comes to the same as over columns, and no verdict could have come earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from struct import pack

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.errors import FormulaError
from harness.frames import Frame, Received
from harness.monitors.monitor import Violation
from harness.signals.trace import Trace
from harness.temporal.formula import Formula
from harness.temporal.judging import parts
from harness.temporal.offline import judge
from harness.temporal.online import FormulaMonitor
from tests.temporal import reference
from tests.temporal.reference import LAST, NETWORK, SIGNALS, Recording, Reference, columns, formulas

DRIVE = st.builds(lambda speed, gear: pack("bB", speed, gear), st.integers(-3, 3), st.integers(0, 3))
MOTOR = reference.RAWS["Torque"].map(lambda torque: pack("<f", torque))
TANK = reference.RAWS["Level"].map(lambda level: pack("B", level))
SHORT = st.just(b"")
CONTENTS = st.one_of(
    *(
        st.tuples(st.just(message.id), st.one_of(data, data, data, SHORT))
        for message, data in ((reference.DRIVE, DRIVE), (reference.MOTOR, MOTOR), (reference.TANK, TANK))
    )
)


@st.composite
def traffic(draw: st.DrawFn, first: int = -6) -> list[Received]:
    """Frames, some before the beginning (0), several in one instant, some undecodable, with gaps and repetitions."""
    found = []
    for time in sorted(draw(st.lists(st.integers(first, LAST), max_size=25))):
        identifier, data = draw(CONTENTS)
        found.append(Received(time, "can", Frame(identifier, data)))
    return found


def samples(frames: Sequence[Received]) -> Recording:
    found: dict[str, list] = {}
    for signal in SIGNALS.values():
        for rx in frames:
            if rx.frame.id == signal.message.id and (sample := signal.sample_of(rx)) is not None:
                found.setdefault(signal.path, []).append(sample)
    return found


def watch(formula: Formula, frames: Sequence[Received], end: int = LAST) -> tuple[FormulaMonitor, list[Violation]]:
    """Drive a monitor as a bench does."""
    monitor = FormulaMonitor("property", formula)
    NETWORK.trace = Trace("can")
    for rx in frames:
        if rx.time < 0:
            NETWORK.trace.append(rx)
    monitor.begin(0)
    found: list[Violation] = []
    for time in range(end + 1):
        for rx in frames:
            if rx.time == time:
                found += monitor.receive(rx)
        if monitor.due is not None and monitor.due <= time:
            found += monitor.advance(time)
        assert monitor.due is None or monitor.due > time
    monitor.finish(end)
    return monitor, found


def watchable(formula: Formula) -> bool:
    try:
        FormulaMonitor("property", formula)
    except FormulaError:
        return False
    return True


class Foreseeing(Reference):
    """It uses what the past says about the future: held_for(p, 1 s) is false for a second after p was."""

    def __init__(self, recording: Recording, seen: int) -> None:
        super().__init__(recording, 0, 1_000)
        self.seen = seen

    def atom(self, atom: Formula, time: int) -> tuple[float, float]:
        return reference.UNKNOWN if time > self.seen else super().atom(atom, time)


@settings(max_examples=250, deadline=None)
@given(formulas().filter(watchable), traffic())
def test_watching_comes_to_the_same_as_judging_columns(formula: Formula, frames: list[Received]) -> None:
    monitor, _ = watch(formula, frames)
    watched, judged = monitor.judgement, judge(formula, columns(samples(frames)), 0, LAST, check="property")
    assert watched is not None
    assert replace(watched, violations=()) == replace(judged, violations=())
    assert len(watched.violations) == len(judged.violations)
    for ours, theirs in zip(watched.violations, judged.violations, strict=True):
        if ours.time == theirs.time:
            assert ours == theirs
        else:  # foreseen
            assert ours.time < theirs.time
            assert replace(ours, time=0, end=0, actual="") == replace(theirs, time=0, end=0, actual="")


@settings(max_examples=150, deadline=None)
@given(formulas().filter(watchable), traffic())
def test_a_violation_is_told_as_soon_as_nothing_can_avoid_it(formula: Formula, frames: list[Received]) -> None:
    """And not before: the first instant in which what was seen leaves no value at which the formula holds."""
    demands = parts(formula)
    assume(all(part.every for part in demands))
    _, told = watch(formula, frames)
    recording = samples(frames)
    first = None
    for now in range(LAST + 1):
        seen = Foreseeing(recording, now)
        for part in demands:
            stop = now if part.stop is None else min(now, part.stop)
            if any(seen.at(part.operand, time)[1] < 0 for time in range(part.start, stop + 1)):
                first = now
        if first is not None:
            break
    assert (told[0].time if told else None) == first
