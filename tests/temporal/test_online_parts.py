"""The two engines of online evaluation, against the definition of the operators instant by instant."""

from __future__ import annotations

from math import inf

import pytest
from brute_force import evaluator, switches
from hypothesis import given
from hypothesis import strategies as st

from harness.temporal.formula import And, Formula, Not, Or, Until, Window, formula_of
from harness.temporal.online_spans import Spans
from harness.temporal.online_stream import stream
from harness.temporal.online_truth import TruthNet
from harness.temporal.online_values import Limit, Segment

NETWORK = switches(4)
ATOMS = [formula_of(NETWORK.signal(f"S{each}") == 1) for each in range(4)]
FIRST = -20


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(-3, 4))
    return start, draw(st.integers(start, 6))


def formulas(atoms: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    def deeper(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        return st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(*parts, text="and")),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(*parts, text="or")),
            st.builds(
                lambda part, window, every: Window(part, *window, every=every, text="window"),
                inner,
                windows(),
                st.booleans(),
            ),
            st.builds(
                lambda left, right, start, more: Until(left, right, start, start + more, text="until"),
                inner,
                inner,
                st.integers(0, 3),
                st.integers(0, 4),
            ),
        )

    return st.recursive(atoms, deeper, max_leaves=5)


ANY = formulas(st.sampled_from(ATOMS))
NUMBERS = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])
VALUES = st.one_of(NUMBERS.map(lambda number: (number, number)), st.just((-inf, inf)))


def histories(values: st.SearchStrategy[tuple[float, float]]) -> st.SearchStrategy[list[list[tuple[float, float]]]]:
    return st.integers(1, 14).flatmap(
        lambda length: st.lists(st.lists(values, min_size=length, max_size=length), min_size=4, max_size=4)
    )


def segments(values: list[tuple[float, float]], start: int) -> list[Segment]:
    found: list[Segment] = []
    for time, (lo, hi) in enumerate(values, start):
        if found and found[-1][1:] == (lo, hi):
            found[-1] = (time, lo, hi)
        else:
            found.append((time, lo, hi))
    return found


@given(ANY, histories(VALUES), st.data())
def test_streams_give_the_values_of_every_instant(
    formula: Formula, history: list[list[tuple[float, float]]], data: st.DataObject
) -> None:
    length = len(history[0])
    full = {atom: [(-inf, inf)] * -FIRST + values for atom, values in zip(ATOMS, history, strict=True)}
    value = evaluator(full, FIRST, length - 1)
    flow = stream(formula, 0, None, Limit())
    found: list[Segment] = []
    at = FIRST
    while at < length:
        step = data.draw(st.integers(1, 20))
        batch = {atom: segments(values[at - FIRST : at - FIRST + step], at) for atom, values in full.items()}
        found += flow.extend(batch)
        at += step
    beyond = length + (formula.horizon or 0)
    found += flow.extend({atom: [(beyond, -inf, inf)] for atom in ATOMS})
    index = 0
    for now in range(length):
        while found[index][0] < now:
            index += 1
        assert found[index][1:] == value(formula, now), now


@given(ANY, histories(VALUES), st.data())
def test_truth_is_what_the_values_say_so_far(
    formula: Formula, history: list[list[tuple[float, float]]], data: st.DataObject
) -> None:
    length = len(history[0])
    net = TruthNet()
    root = net.add(formula, formula.horizon or 0)
    told = dict.fromkeys(net.atoms, FIRST)
    of = dict(zip(ATOMS, history, strict=True))
    for now in range(length):
        if now < length - 1 and data.draw(st.booleans()):
            continue
        for atom, node in net.atoms.items():
            values = of[atom]
            for then in range(max(0, told[atom]), now + 1):
                lo, hi = values[then]
                if lo >= 0 or hi < 0:
                    node.learn(lo >= 0, then, then)
            told[atom] = now + 1
        full = {atom: [(-inf, inf)] * -FIRST + values[: now + 1] for atom, values in zip(ATOMS, history, strict=True)}
        value = evaluator(full, FIRST, now)
        for then in range(max(0, now - (formula.horizon or 0)), now + 3):
            lo, hi = value(formula, then)
            assert bool(root.true.inside(then, then)) is (lo >= 0), then
            assert bool(root.false.inside(then, then)) is (hi < 0), then
        net.forget(now)


@given(formulas(st.sampled_from(ATOMS)), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=12))
def test_something_becomes_certain_only_when_it_is_due(formula: Formula, changes: list[tuple[int, int]]) -> None:
    """Between changes and the delays after them nothing new is certain about the instants that have begun."""
    net = TruthNet()
    root = net.add(formula, 1000)
    state = dict.fromkeys(ATOMS, False)
    due = {0, *net.delays}
    before: list[tuple[int, int]] = []
    for now in range(40):
        for time, which in changes:
            if time == now:
                state[ATOMS[which]] = not state[ATOMS[which]]
                due |= {now} | {now + delay for delay in net.delays}
        for atom, node in net.atoms.items():
            node.learn(state[atom], now, now)
        starts = root.false.inside(0, 1000)
        fresh = [start for start, _ in starts if all(not first <= start <= last for first, last in before)]
        assert not fresh or now in due, (now, fresh)
        before = starts


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=20))
def test_spans_are_sets(added: list[tuple[int, int]]) -> None:
    spans, plain = Spans(), set[int]()
    for start, length in added:
        wanted = set(range(start, start + length + 1))
        new = spans.add(start, start + length)
        told = [each for first, last in new for each in range(first, last + 1)]
        assert sorted(told) == sorted(wanted - plain)
        plain |= wanted
        assert all(start > end + 1 for start, end in zip(spans.starts[1:], spans.ends, strict=False))
    for time in range(55):
        around = spans.around(time)
        assert (around is not None) is (time in plain)
    assert [each for first, last in spans.inside(5, 30) for each in range(first, last + 1)] == sorted(
        plain & set(range(5, 31))
    )


@pytest.mark.parametrize("bits", range(16))
def test_until_by_hand(bits: int) -> None:
    left, right = ATOMS[:2]
    p, q = ([bool(bits >> 2 * each + which & 1) for each in range(2)] for which in range(2))
    net = TruthNet()
    root = net.add(Until(left, right, 0, 1, text="until"), 1)
    for now, (hold, goal) in enumerate(zip(p, q, strict=True)):
        net.atoms[left].learn(hold, now, now)
        net.atoms[right].learn(goal, now, now)
    expected = q[0] or (p[0] and q[1])
    assert bool(root.true.inside(0, 0)) is expected
    assert bool(root.false.inside(0, 0)) is not expected


def test_what_is_forgotten_is_no_longer_kept() -> None:
    formula = Window(ATOMS[0], 0, 100, every=False, text="window")
    net = TruthNet()
    net.add(formula, 100)
    for now, truth in zip(range(10_000), [True, False] * 5_000, strict=True):
        net.atoms[ATOMS[0]].learn(truth, now, now)
        net.forget(now)
    node = net.atoms[ATOMS[0]]
    assert len(node.true.starts) + len(node.false.starts) <= 110
