"""A formula watched frame by frame comes to the same as over columns, and no verdict could have come earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from struct import pack
from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.errors import FormulaError
from harness.frames import Frame, Received
from harness.loop import Loop
from harness.monitors.monitor import Violation
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network
from harness.signals.trace import Trace
from harness.temporal import online
from harness.temporal.formula import Formula
from harness.temporal.judging import parts
from harness.temporal.offline import judge
from harness.temporal.online import BATCH, FormulaMonitor
from harness.temporal.operators import always, eventually, until
from harness.units import ms, s
from tests.temporal import reference
from tests.temporal.reference import LAST, NETWORK, SIGNALS, Recording, Reference, columns, formulas

MS = 1_000_000

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
@given(formulas().filter(watchable), traffic(), st.sampled_from([0, 5, BATCH]))
def test_watching_comes_to_the_same_as_judging_columns(formula: Formula, frames: list[Received], batch: int) -> None:
    with patch.object(online, "BATCH", batch):
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
@given(formulas().filter(watchable), traffic(), st.sampled_from([0, BATCH]))
def test_a_violation_is_told_as_soon_as_nothing_can_avoid_it(
    formula: Formula, frames: list[Received], batch: int
) -> None:
    """And not before: the first instant in which what was seen leaves no value at which the formula holds."""
    demands = parts(formula)
    assume(all(part.every for part in demands))
    with patch.object(online, "BATCH", batch):
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


# -- by hand -----------------------------------------------------------------------------------------------------------


class Bus:
    """A pedal, a lamp without cycle time, and a multiplexed message; times in ms."""

    def __init__(self) -> None:
        pedals = MessageDef("Pedals", 0x100, 2, (SignalDef("Pedal", "Pedals", 0, 8, unit="%"),))
        lamps = MessageDef("Lamps", 0x140, 1, (SignalDef("Lamp", "Lamps", 0, 1, choices={0: "Off", 1: "On"}),))
        page = SignalDef("Page", "Cells", 0, 8, is_multiplexer=True)
        cells = [
            SignalDef(f"Cell{each}", "Cells", 8, 8, unit="V", multiplexer="Page", multiplexer_ids=(each,))
            for each in range(2)
        ]
        database = Database(Path("car.dbc"), "", (), (pedals, lamps, MessageDef("Cells", 0x200, 2, (page, *cells))))
        self.network = Network("can", [database], Loop())
        self.pedal, self.lamp, *self.cells = map(self.network.signal, ("Pedal", "Lamp", "Cell0", "Cell1"))

    def rx(self, time: int, identifier: int, *data: int) -> Received:
        return Received(time * MS, "can", Frame(identifier, bytes(data)))


def told(monitor: FormulaMonitor, frames: Sequence[Received], end: int) -> list[Violation]:
    """Violations up to ``end`` ms, the monitor being driven by its due instants alone."""
    found: list[Violation] = []
    waiting = sorted(frames, key=lambda rx: rx.time)
    while True:
        due = monitor.due if monitor.due is not None else end * MS + 1
        if waiting and waiting[0].time <= due:
            found += monitor.receive(waiting.pop(0))
        elif due <= end * MS:
            found += monitor.advance(due)
        else:
            return found


def test_a_missed_deadline_is_told_when_it_is_over_and_a_late_answer_does_not_help() -> None:
    bus = Bus()
    monitor = FormulaMonitor("lamp", (bus.pedal > 3) >> eventually(bus.lamp == "On", within=80 * ms))
    monitor.begin(0)
    frames = [bus.rx(0, 0x140, 0), bus.rx(10, 0x100, 50, 0), bus.rx(90, 0x140, 0), bus.rx(91, 0x140, 1)]
    (violation,) = told(monitor, frames, 200)
    assert (violation.start, violation.end, violation.time) == (10 * MS, 90 * MS, 90 * MS)
    assert violation.signals == ("can.Pedals.Pedal", "can.Lamps.Lamp")
    assert violation.expected == "(Pedal > 3 %) >> eventually(Lamp == On, within=80 ms)"
    (outcome,) = monitor.finish(300 * MS)
    assert outcome.count == 1 and outcome.time_margin is None and outcome.violations[0].time == 90 * MS


def test_an_answer_in_the_last_instant_is_in_time_and_leaves_no_margin() -> None:
    bus = Bus()
    monitor = FormulaMonitor("lamp", (bus.pedal > 3) >> eventually(bus.lamp == "On", within=80 * ms))
    monitor.begin(0)
    assert told(monitor, [bus.rx(0, 0x140, 0), bus.rx(10, 0x100, 50, 0), bus.rx(90, 0x140, 1)], 200) == []
    (outcome,) = monitor.finish(300 * MS)
    assert (outcome.count, outcome.time_margin, outcome.doubt) == (0, 0, "")


def test_what_is_certain_now_does_not_wait_for_a_deadline() -> None:
    bus = Bus()
    monitor = FormulaMonitor("both", always((bus.pedal <= 50) & eventually(bus.lamp == "On", within=10 * s)))
    monitor.begin(0)
    (violation,) = told(monitor, [bus.rx(0, 0x140, 1), bus.rx(5, 0x100, 10, 0), bus.rx(7, 0x100, 60, 0)], 100)
    assert violation.time == 7 * MS and violation.signals == ("can.Pedals.Pedal",) and violation.margin == -10


def test_frames_in_one_instant_are_judged_together() -> None:
    bus = Bus()
    monitor = FormulaMonitor("together", (bus.pedal > 3) >> (bus.lamp == "On"))
    monitor.begin(0)
    frames = [bus.rx(0, 0x140, 0), bus.rx(1, 0x100, 50, 0), bus.rx(1, 0x140, 1)]
    assert told(monitor, frames, 10) == []


def test_a_multiplexed_signal_keeps_its_value_while_another_page_is_sent() -> None:
    bus = Bus()
    monitor = FormulaMonitor("cells", always((bus.cells[0] < 100) & (bus.cells[1] < 200)))
    monitor.begin(0)
    frames = [bus.rx(0, 0x200, 0, 90), bus.rx(1, 0x200, 1, 150), bus.rx(2, 0x200, 0, 99), bus.rx(3, 0x200, 1, 220)]
    (violation,) = told(monitor, frames, 10)
    assert violation.time == 3 * MS and violation.signals == ("can.Cells.Cell1",)
    assert monitor.finish(10 * MS)[0].judged_ns == 9 * MS + 1  # nothing can be told before both have come


def test_attached_in_the_middle_it_knows_what_the_channel_remembers() -> None:
    bus = Bus()
    for rx in (bus.rx(1, 0x140, 0), bus.rx(2, 0x100, 50, 0)):
        bus.network.receive(rx)
    monitor = FormulaMonitor("lamp", (bus.pedal > 3) >> eventually(bus.lamp == "On", within=80 * ms))
    monitor.begin(5 * MS)
    (violation,) = told(monitor, [], 200)
    assert (violation.start, violation.time) == (5 * MS, 85 * MS)


def test_a_repeated_frame_with_another_counter_needs_no_judging() -> None:
    bus = Bus()
    monitor = FormulaMonitor("pedal", always(bus.pedal < 90))
    monitor.begin(0)
    monitor.receive(bus.rx(0, 0x100, 50, 0))
    monitor.advance(0)
    assert monitor.due is None
    monitor.receive(bus.rx(10, 0x100, 50, 1))
    assert monitor.due is None
    monitor.receive(bus.rx(20, 0x100, 51, 2))
    assert monitor.due == 20 * MS


def test_memory_is_bounded_by_the_window() -> None:
    bus = Bus()
    formula = always((bus.pedal > 3) >> eventually(bus.lamp == "On", within=80 * ms))
    monitor = FormulaMonitor("lamp", formula)
    monitor.begin(0)
    most = 0
    for time in range(20_000):
        told(monitor, [bus.rx(time, 0x100, time % 200, 0), bus.rx(time, 0x140, time // 20 % 2)], time)
        most = max(most, monitor._atoms.kept)
    assert most < 3 * BATCH
    nodes = [*monitor._net._nodes]
    assert max(len(node.true.starts) + len(node.false.starts) for node in nodes) < 200
    assert len(monitor._dues) < 200 and len(monitor._demands[0]._certain) < 200


def test_alone_a_signal_that_stands_still_does_not_keep_the_others_waiting() -> None:
    bus = Bus()
    monitor = FormulaMonitor("pair", always((bus.lamp == "Off") | (bus.pedal < 200)))
    monitor.begin(0)
    told(monitor, [bus.rx(0, 0x140, 0)], 0)
    for time in range(1, 5_000):
        told(monitor, [bus.rx(time, 0x100, time % 100, 0)], time)
    assert monitor._atoms.kept < 3 * BATCH


def test_what_needs_unbounded_memory_says_so() -> None:
    bus = Bus()
    with pytest.raises(FormulaError, match=r"memory without bound: give it a bound .*judge a recording"):
        FormulaMonitor("response", always((bus.pedal > 3) >> eventually(bus.lamp == "On")))


def test_unbounded_operators_at_the_top_are_running_values() -> None:
    bus = Bus()
    pressed, lit = bus.pedal > 3, bus.lamp == "On"
    frames = [bus.rx(0, 0x140, 0), bus.rx(0, 0x100, 0, 0), bus.rx(10, 0x100, 9, 0), bus.rx(20, 0x140, 1)]
    for formula, verdict in (
        (eventually(pressed), "passed"),
        (eventually(bus.pedal > 50), "failed"),
        (always(bus.pedal < 50) & eventually(lit), "passed"),
        (eventually(pressed) >> eventually(lit), "passed"),
        (until(~lit, pressed), "passed"),
        (until(~pressed, lit), "failed"),
    ):
        monitor = FormulaMonitor("top", formula)
        monitor.begin(0)
        told(monitor, frames, 50)
        monitor.finish(50 * MS)
        assert monitor.judgement is not None and monitor.judgement.verdict == verdict, formula
