"""Our values against those of rtamt's discrete-time offline evaluation, on the formulas that both have.

Stated differences:

- rtamt knows only sampled grids. Here one sample is one step of the grid, the last one included, and both look at the
  instants of samples.
- rtamt cuts every window at the ends of the recording, as ``clip=True`` does. It takes what lies before the first
  sample of ``rise`` and ``fall`` for the opposite of what makes an edge, so its first instant may be one; ours is
  compared from the second sample on.
- A strict comparison that is just not true has the robustness 0 there, and the smallest number below 0 here.
- rtamt has no slack for quantisation; values here are a whole number of steps away from the limits.
- Between two samples of the grid, ``until`` with a window that begins later demands its left side of a part of the step
  in which the right side comes true; a grid has no such instants. So windows of ``until`` begin at 0 here.
- rtamt prolongs the list of a variable in place when a window is longer than the recording, which changes what its
  other operators see; so windows here are shorter than the recording.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.signals.live import Sample
from harness.temporal.formula import Formula
from harness.temporal.offline import robustness
from harness.temporal.operators import always, eventually, fall, held_for, rise, until
from harness.units import ns
from tests.temporal.reference import SIGNALS, columns

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="rtamt needs Python below 3.13")
rtamt = pytest.importorskip("rtamt", reason="rtamt is not installed")

STEP = 4
"""One sample every 4 ns; Speed is lost after 5."""

COUNT = 12

Pair = tuple[Formula, str]
"""A formula, and the same in rtamt's language."""


@st.composite
def pairs(draw: st.DrawFn, depth: int = 3) -> Pair:
    speed, torque = SIGNALS["Speed"], SIGNALS["Torque"]
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        limit = draw(st.integers(-2, 2))
        return draw(
            st.sampled_from(
                [
                    (speed > limit, f"(Speed > {limit}.0)"),
                    (speed <= limit, f"(Speed <= {limit}.0)"),
                    (torque < limit, f"(Torque < {limit}.0)"),
                    (torque >= limit, f"(Torque >= {limit}.0)"),
                    (abs(speed) * 2 >= 2 * limit, f"(abs(Speed) * 2.0 >= {2 * limit}.0)"),
                ]
            )
        )
    ours, theirs = draw(pairs(depth - 1))
    start = draw(st.integers(0, 3))
    end = start + draw(st.integers(0, 4))
    window = {"between": (start * STEP * ns, end * STEP * ns)}
    kind = draw(st.sampled_from(["not", "and", "or", "implies", "always", "eventually", "bounded", "held", "until"]))
    if kind == "not":
        return ~ours, f"(not {theirs})"
    if kind == "always":
        return always(ours), f"(always {theirs})"
    if kind == "eventually":
        return eventually(ours), f"(eventually {theirs})"
    if kind == "bounded":
        if draw(st.booleans()):
            return always(ours, **window), f"(always[{start}:{end}] {theirs})"
        return eventually(ours, **window), f"(eventually[{start}:{end}] {theirs})"
    if kind == "held":
        return held_for(ours, end * STEP * ns), f"(historically[0:{end}] {theirs})"
    more, others = draw(pairs(depth - 1))
    if kind == "until":
        if draw(st.booleans()):
            return until(ours, more), f"({theirs} until {others})"
        return until(ours, more, within=end * STEP * ns), f"({theirs} until[0:{end}] {others})"
    if kind == "implies":
        return ours >> more, f"({theirs} implies {others})"
    return (ours & more, f"({theirs} and {others})") if kind == "and" else (ours | more, f"({theirs} or {others})")


VALUES = st.lists(st.integers(-3, 3), min_size=COUNT, max_size=COUNT)


def theirs(spec: str, speed: list[int], torque: list[int]) -> list[float]:
    specification = rtamt.StlDiscreteTimeSpecification()
    specification.declare_var("Speed", "float")
    specification.declare_var("Torque", "float")
    specification.spec = spec
    specification.parse()
    dataset = {"time": list(range(COUNT)), "Speed": list(map(float, speed)), "Torque": list(map(float, torque))}
    return [value for _, value in specification.evaluate(dataset)]


def ours(formula: Formula, speed: list[int], torque: list[int]) -> list[float]:
    recording = {
        SIGNALS[name].path: [Sample(i * STEP, value, value, None) for i, value in enumerate(values)]
        for name, values in (("Speed", speed), ("Torque", torque))
    }
    steps = robustness(formula, columns(recording), 0, COUNT * STEP - 1, clip=True)
    assert steps.lo is steps.hi or (steps.lo == steps.hi).all()
    return [steps.at(i * STEP)[0] for i in range(COUNT)]


@settings(max_examples=120, deadline=None)
@given(pairs(), VALUES, VALUES)
def test_the_same_values(pair: Pair, speed: list[int], torque: list[int]) -> None:
    assert ours(pair[0], speed, torque) == pytest.approx(theirs(pair[1], speed, torque), abs=1e-300)


@settings(max_examples=30, deadline=None)
@given(pairs(1), VALUES, VALUES)
def test_the_same_edges(pair: Pair, speed: list[int], torque: list[int]) -> None:
    for edge, word in ((rise, "rise"), (fall, "fall")):
        found = ours(edge(pair[0]), speed, torque)
        assert found[1:] == pytest.approx(theirs(f"{word}({pair[1]})", speed, torque)[1:], abs=1e-300)
