"""The offline evaluation against a reference that looks at every nanosecond."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.temporal.formula import Formula
from harness.temporal.offline import Chunks, judge, robustness
from harness.temporal.operators import always
from harness.temporal.steps import BLOCK, StepFunction, backwards, coalesced, extremum
from tests.temporal.reference import LAST, Recording, Reference, columns, expected, formulas, recordings


def table(steps: StepFunction, begin: int, end: int) -> list[tuple[float, float]]:
    """The value at every nanosecond."""
    assert steps.time[0] == begin
    assert (np.diff(steps.time) > 0).all() and steps.time[-1] <= end
    return [steps.at(time) for time in range(begin, end + 1)]


@settings(max_examples=150, deadline=None)
@given(formulas(), recordings())
def test_values_at_every_nanosecond(formula: Formula, recording: Recording) -> None:
    reference = Reference(recording, 0, LAST)
    found = table(robustness(formula, columns(recording), 0, LAST), 0, LAST)
    assert found == [reference.at(formula, time) for time in range(LAST + 1)]


@settings(max_examples=100, deadline=None)
@given(formulas(), recordings())
def test_values_with_windows_cut_at_both_ends(formula: Formula, recording: Recording) -> None:
    reference = Reference(recording, 0, LAST, clip=True)
    found = table(robustness(formula, columns(recording), 0, LAST, clip=True), 0, LAST)
    assert found == [reference.at(formula, time) for time in range(LAST + 1)]


@settings(max_examples=150, deadline=None)
@given(formulas(), recordings())
def test_verdicts(formula: Formula, recording: Recording) -> None:
    judgement = judge(formula, columns(recording), 0, LAST)
    wanted = expected(formula, recording, 0, LAST)
    found = (judgement.verdict, judgement.robustness, judgement.count, judgement.judged_ns)
    assert found == wanted
    assert bool(judgement.doubt) == (wanted.verdict == "inconclusive")
    assert len(judgement.violations) == min(wanted.count, 20) or wanted.count > 20


@settings(max_examples=100, deadline=None)
@given(formulas(), recordings(), st.sets(st.integers(0, LAST - 1)))
def test_blocks_come_to_the_same_as_the_whole(formula: Formula, recording: Recording, cuts: set[int]) -> None:
    whole = columns(recording)
    chunks = Chunks(formula, 0)
    since = -10
    for upto in [*sorted(cuts), LAST]:
        block = {
            path: [sample for sample in samples if since < sample.time <= upto] for path, samples in recording.items()
        }
        chunks.feed(columns(block), upto)
        since = upto
    assert chunks.finish() == judge(formula, whole, 0, LAST)


@settings(max_examples=100, deadline=None)
@given(formulas(depth=1), recordings())
def test_blocks_of_one_nanosecond(formula: Formula, recording: Recording) -> None:
    chunks = Chunks(formula, 0)
    for upto in range(-4, LAST + 1):
        chunks.feed(
            columns({path: [each for each in found if each.time == upto] for path, found in recording.items()}), upto
        )
    assert chunks.finish() == judge(formula, columns(recording), 0, LAST)


@settings(max_examples=150, deadline=None)
@given(formulas(), recordings())
def test_a_violation_is_certain_at_its_time_and_not_before(formula: Formula, recording: Recording) -> None:
    judgement = judge(always(formula), columns(recording), 0, LAST)
    for violation in judgement.violations:
        assert violation.start <= violation.end <= LAST and violation.start <= violation.time

        def told(seen: int, start: int = violation.start) -> bool:
            reference = Reference(recording, 0, seen, more=True)
            stop = seen if formula.horizon is None else min(start + formula.horizon, seen)
            return any(reference.at(formula, time)[1] < 0 for time in range(start, stop + 1))

        assert not told(violation.time - 1)
        assert told(violation.time) or (violation.time == LAST and formula.horizon is None)


@pytest.mark.parametrize("pick", [np.minimum, np.maximum])
@given(st.data())
def test_the_extremum_of_ranges(pick: np.ufunc, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 5 * BLOCK))
    values = np.array(data.draw(st.lists(st.integers(-99, 99), min_size=size, max_size=size)), float)
    ranges = data.draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), min_size=1, max_size=9))
    left, right = (np.array(side, np.int64) for side in zip(*map(sorted, ranges), strict=True))
    found = extremum(values, left, right, pick)
    assert found.tolist() == [float(pick.reduce(values[one : two + 1])) for one, two in zip(left, right, strict=True)]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=30))
def test_coalesced_steps_mean_the_same(values: list[int]) -> None:
    numbers = np.array(values, float)
    steps = StepFunction(np.arange(len(values)), numbers, numbers)
    assert table(coalesced(steps), 0, len(values) - 1) == [(float(each), float(each)) for each in values]


@given(st.data(), st.sampled_from([-inf, 0.5, inf]))
def test_what_is_handed_backwards(data: st.DataObject, beyond: float) -> None:
    number = st.sampled_from([-inf, -2.0, -1.0, 0.0, 1.0, 2.0, inf])
    pairs = data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=60))
    value, found = beyond, []
    for left, right in reversed(pairs):
        value = max(right, min(left, value))
        found.append(value)
    left, right = (np.array(each) for each in zip(*pairs, strict=True))
    assert backwards(left, right, beyond).tolist() == found[::-1]
