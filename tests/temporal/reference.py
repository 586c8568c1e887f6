"""Temporal properties nanosecond by nanosecond, straight from docs/temporal-properties.md: slow, and simple to trust.

Also what both evaluators are tested on: a small world, its recordings, and formulas over them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from harness.loop import Loop
from harness.signals.column import SignalColumn
from harness.signals.comparison import number_range
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.live import LiveSignal, Sample
from harness.signals.network import Network
from harness.signals.term import Leaf, evaluate
from harness.temporal.formula import TINY, And, Arrived, Changed, Compare, Formula, Not, Or, Shown, Until, Window, atoms
from harness.temporal.judging import parts
from harness.temporal.operators import always, change, delay, derivative, eventually, fall, held_for, rise, until
from harness.units import ns

Recording = Mapping[str, Sequence[Sample]]
"""Samples by path, by time."""

UNKNOWN = (-math.inf, math.inf)
LAST = 40
"""Recordings end here, ns."""

SPEED = SignalDef("Speed", "Drive", start=0, length=8, signed=True, unit="km/h")
GEAR = SignalDef("Gear", "Drive", start=8, length=2, choices={0: "P", 1: "R", 2: "D"})
TORQUE = SignalDef("Torque", "Motor", start=0, length=32, is_float=True, unit="Nm")
LEVEL = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, minimum=0, maximum=5, choices={14: "invalid"})
DRIVE = MessageDef("Drive", 1, 2, (SPEED, GEAR), cycle_time_ns=1)  # lost after 5 ns
MOTOR = MessageDef("Motor", 2, 4, (TORQUE,))
TANK = MessageDef("Tank", 3, 1, (LEVEL,), cycle_time_ns=2)


def car() -> Network:
    return Network("can", [Database(Path("car.dbc"), "", (), (DRIVE, MOTOR, TANK))], Loop())


NETWORK = car()
SIGNALS = {name: NETWORK.signal(name) for name in ("Speed", "Gear", "Torque", "Level")}


# -- the meaning -------------------------------------------------------------------------------------------------------


class Reference:
    """Values of formulas over a recording that was observed from begin to end, ns; ``more``: and that goes on."""

    def __init__(self, recording: Recording, begin: int, end: int, *, clip: bool = False, more: bool = False) -> None:
        self.recording = recording
        self.begin = begin
        self.end = end
        self.clip = clip
        self.more = more
        self.known: dict[tuple[Formula, int], tuple[float, float]] = {}

    def at(self, formula: Formula, time: int) -> tuple[float, float]:
        key = formula, time
        if key not in self.known:
            self.known[key] = self._at(formula, time)
        return self.known[key]

    def _at(self, formula: Formula, time: int) -> tuple[float, float]:
        if time > self.end:
            return UNKNOWN
        if isinstance(formula, Not):
            lo, hi = self.at(formula.operand, time)
            return opposite(hi), opposite(lo)
        if isinstance(formula, And | Or):
            pick = min if isinstance(formula, And) else max
            return both(pick, [self.at(part, time) for part in formula.parts])
        if isinstance(formula, Window):
            return both(
                min if formula.every else max, [self.at(formula.operand, t) for t in self.window(formula, time)]
            )
        if isinstance(formula, Until):
            found = []
            for goal in self.window(formula, time):
                held = [self.at(formula.left, t) for t in range(time, goal) if not self.outside(t)]
                found.append(both(min, [self.at(formula.right, goal), *held]))
            return both(max, found)
        return self.atom(formula, time)

    def window(self, formula: Window | Until, time: int) -> range:
        """The instants that count. Of an unbounded window that begins after the end nothing is known."""
        first = time + formula.start
        last = max(self.end + self.more, first) if formula.end is None else time + formula.end
        if self.clip:
            first, last = max(first, self.begin), min(last, self.end)
        return range(first, last + 1)

    def outside(self, time: int) -> bool:
        return self.clip and not self.begin <= time <= self.end

    # -- atoms --

    def sample(self, signal: LiveSignal, time: int) -> Sample | None:
        found = [sample for sample in self.recording.get(signal.path, ()) if sample.time <= time]
        if not found or (signal.timeout is not None and time - found[-1].time > int(signal.timeout)):
            return None
        return found[-1]

    def atom(self, atom: Formula, time: int) -> tuple[float, float]:
        if isinstance(atom, Compare):
            missing = False

            def read(leaf: Leaf) -> float:
                nonlocal missing
                number = self.number(leaf, time - leaf.delay)
                missing |= number is None
                return 0 if number is None else number

            number = evaluate(atom.term, read)
            if missing or number != number:
                return UNKNOWN
            inside = min(number - atom.low, atom.high - number)
            holds = (inside >= -atom.slack) != atom.outside
            distance = -inside if atom.outside else inside
            rho = max(distance, 0.0) if holds else min(distance, -TINY)
            return rho, rho
        if isinstance(atom, Shown):
            one = self.sample(atom.signal, time)
            if one is None:
                return UNKNOWN
            if atom.other is None:
                return truth((one.text == atom.wanted) == atom.same)
            two = self.sample(atom.other, time)
            if two is None:
                return UNKNOWN
            same = one.value == two.value if one.text is None and two.text is None else one.text == two.text
            return truth(same == atom.same)
        if isinstance(atom, Changed):
            now, was = self.sample(atom.signal, time), self.sample(atom.signal, time - 1)
            if now is None or was is None:
                return UNKNOWN
            edge = now.raw != was.raw and not (now.raw != now.raw and was.raw != was.raw)
            if atom.to is not None:
                edge = edge and self.at(atom.to, time)[0] >= 0 and not self.at(atom.to, time - 1)[0] >= 0
            if atom.was is not None:
                edge = edge and self.at(atom.was, time - 1)[0] >= 0 and not self.at(atom.was, time)[0] >= 0
            return truth(edge)
        assert isinstance(atom, Arrived)
        samples = self.recording.get(atom.signal.path, ())
        if time < min([self.begin, *(sample.time for sample in samples)]):
            return UNKNOWN
        return truth(any(sample.time == time for sample in samples))

    def number(self, leaf: Leaf, time: int) -> float | None:
        now = self.sample(leaf.signal, time)
        if now is None or not is_number(leaf.signal, now):
            return None
        if not leaf.slope:
            return now.value
        before = self.sample(leaf.signal, now.time - 1)
        if before is None or not is_number(leaf.signal, before):
            return None
        return (now.value - before.value) / ((now.time - before.time) / 1e9)


def is_number(signal: LiveSignal, sample: Sample) -> bool:
    low, high = number_range(signal.definition)
    return sample.value == sample.value and (sample.text is None or low <= sample.value <= high)


def opposite(rho: float) -> float:
    return -rho if rho != 0 else -TINY


def truth(holds: bool) -> tuple[float, float]:
    return (math.inf, math.inf) if holds else (-math.inf, -math.inf)


def both(pick: object, found: list[tuple[float, float]]) -> tuple[float, float]:
    """Of nothing at all: of ``min`` true, of ``max`` false."""
    nothing = math.inf if pick is min else -math.inf
    return pick([nothing, *(lo for lo, _ in found)]), pick([nothing, *(hi for _, hi in found)])  # type: ignore[operator]


# -- the verdict -------------------------------------------------------------------------------------------------------


class Expected(NamedTuple):
    verdict: str
    robustness: float | None
    count: int
    judged_ns: int


def expected(formula: Formula, recording: Recording, begin: int, end: int) -> Expected:
    """What judging comes to, part by part."""
    values = Reference(recording, begin, end)
    found = [_part(part, values) for part in parts(formula)]
    verdicts = [each.verdict for each in found]
    verdict = next(each for each in ("failed", "inconclusive", "passed") if each in verdicts)
    robustness = min((each.robustness for each in found if each.robustness is not None), default=None)
    return Expected(verdict, robustness, sum(each.count for each in found), min(each.judged_ns for each in found))


def _part(part: object, values: Reference) -> Expected:
    operand, start, stop, every, _ = part  # type: ignore[misc]
    begin, end = values.begin, values.end
    last = end if stop is None else min(begin + stop, end)
    rho = {t: values.at(operand, t) for t in range(begin + start, last + 1)}
    true = [t for t, (lo, _) in rho.items() if lo >= 0]
    false = [t for t, (_, hi) in rho.items() if hi < 0]
    told = [rho[t] for t in rho if rho[t][0] >= 0 or rho[t][1] < 0]
    untold = [t for t in rho if rho[t][0] < 0 <= rho[t][1]]
    pick = min if every else max
    lo = pick((each[0] for each in told), default=None)
    hi = pick((each[1] for each in told), default=None)
    count = len([t for t in false if t - 1 not in false])
    if every and false:
        return Expected("failed", hi, count, len(told))
    if not every and true:
        return Expected("passed", lo, 0, len(told))
    first = begin - operand.history
    known = {
        atom: next((t for t in range(first, end + 1) if values.at(atom, t)[0] == values.at(atom, t)[1]), math.inf)
        for atom in atoms(operand)
    }
    since = _since(operand, known)
    observed = end - (operand.horizon or 0)
    never = math.inf in known.values()
    cut = (stop is not None and begin + stop > end) or (
        any(t > observed for t in untold) and not (every and stop is None)
    )
    if (untold and never) or any(since <= t <= observed for t in untold) or cut or not told:
        return Expected("inconclusive", lo, 0, len(told))
    return Expected("passed", lo, 0, len(told)) if every else Expected("failed", hi, 1, len(told))


def _since(formula: Formula, known: Mapping[Formula, float]) -> float:
    """From when on all that the formula looks at has been known once."""
    if isinstance(formula, Window):
        return _since(formula.operand, known) - formula.start
    if isinstance(formula, Until):
        return max(_since(formula.left, known), _since(formula.right, known) - formula.start)
    return max(_since(part, known) for part in formula.parts) if formula.parts else known[formula]


# -- recordings and formulas -------------------------------------------------------------------------------------------


def columns(recording: Recording) -> dict[str, SignalColumn]:
    found = {}
    for signal in SIGNALS.values():
        samples = recording.get(signal.path, ())
        if samples:
            number = np.float64 if signal.definition.is_float else np.int64
            whole = number if signal.definition.scale == 1 else np.float64
            found[signal.path] = SignalColumn(
                signal.definition,
                np.array([sample.time for sample in samples], np.int64),
                np.array([sample.raw for sample in samples], number),
                np.array([sample.value for sample in samples], whole),
            )
    return found


def _sample(definition: SignalDef, time: int, raw: float) -> Sample:
    return Sample(time, raw, definition.to_physical(raw), definition.text(raw))


def _samples(definition: SignalDef, raws: st.SearchStrategy[float], first: int) -> st.SearchStrategy[list[Sample]]:
    times = st.lists(st.integers(first, LAST + 3), max_size=14).map(sorted)
    return times.flatmap(
        lambda found: st.tuples(*(raws for _ in found)).map(
            lambda values: [_sample(definition, time, raw) for time, raw in zip(found, values, strict=True)]
        )
    )


RAWS = {
    "Speed": st.integers(-3, 3),
    "Gear": st.integers(0, 3),
    "Torque": st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, math.nan]),
    "Level": st.sampled_from([0, 1, 2, 4, 14]),
}


@st.composite
def recordings(draw: st.DrawFn, first: int = -4) -> dict[str, list[Sample]]:
    """Few samples, some of them before the beginning (0), some lost, several at one instant."""
    return {
        signal.path: found
        for name, signal in SIGNALS.items()
        if (found := draw(_samples(signal.definition, RAWS[name], first)))
    }


def _atoms() -> st.SearchStrategy[Formula]:
    from harness.temporal.formula import formula_of

    speed, gear, torque, level = SIGNALS.values()
    statements = [
        speed > 1, speed >= 0, speed == 2, speed != 0, speed.between(-1, 1), speed.near(1, 1),
        gear == "D", gear != "P", torque < 0.5, torque >= -1, level > 1, level <= 2,
        speed.changes(), speed.changes(to=1), gear.changes(frm="P"), torque.changes(), speed.received(),
        level.received(), change(gear),
        derivative(torque) > 1e8, derivative(speed) <= 0, delay(speed, 3 * ns) > 0,
        abs(torque - delay(torque, 2 * ns)) < 1,
        abs(speed) * 2 - 3 < 1, delay(speed, 1 * ns) + speed >= 1,
    ]  # fmt: skip
    return st.sampled_from([formula_of(each) for each in statements])


SPANS = st.integers(0, 12).map(lambda each: each * ns)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> Formula:
    """Formulas of all node kinds, a few levels deep."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(_ATOMS)
    kind = draw(
        st.sampled_from(["not", "and", "or", "implies", "rise", "fall", "held", "delay", "until"] + ["window"] * 4)
    )
    inner = draw(formulas(depth - 1))
    if kind == "not":
        return ~inner
    if kind in ("and", "or", "implies"):
        other = draw(formulas(depth - 1))
        return inner & other if kind == "and" else inner | other if kind == "or" else inner >> other
    if kind in ("rise", "fall"):
        return rise(inner) if kind == "rise" else fall(inner)
    span = draw(SPANS)
    if kind in ("held", "delay"):
        return held_for(inner, span) if kind == "held" else delay(inner, span)
    window = draw(st.sampled_from(["within", "between", "open", "after"]))
    options = {
        "within": {"within": span},
        "between": {"between": (span, span + draw(SPANS))},
        "open": {},
        "after": {"between": (span, None)},
    }[window]
    if kind == "until":
        return until(inner, draw(formulas(depth - 1)), **options)
    return draw(st.sampled_from([always, eventually]))(inner, **options)


_ATOMS = _atoms()
