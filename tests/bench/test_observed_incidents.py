"""Violations on a real bench that are a matter of time: decided when it is known how late everybody was."""

from __future__ import annotations

from typing import cast

import pytest

from harness.bench.accounting import Accounting
from harness.bench.doubts import DECIDED_NS
from harness.bench.file import Policy
from harness.bench.observed import ObservedIncidents
from harness.bench.outcomes import Summary
from harness.errors import IntegrityError
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import Frame, Received
from harness.loop import Loop
from harness.monitors.cycle import CycleCheck
from harness.monitors.monitor import Kind, Outcome, Violation
from harness.monitors.rules import CycleLimits, MessageRule
from harness.signals.definitions import MessageDef
from harness.signals.trace import Trace

MS = 1_000_000


def violation(kind: Kind = "cycle", *, margin: float | None, end: int = 111 * MS) -> Violation:
    return Violation(
        kind, "cycle time of Lamps", end, 100 * MS, end, "every 10 ms, 9 ms to 11 ms", "after 12 ms", margin, "ms",
        "can", "Lamps", (), None,
    )  # fmt: skip


class World:
    """Incidents on a bench whose stamps are within 1 ms; frames came at these times."""

    def __init__(self, *came: int) -> None:
        self.loop = Loop()
        self.loop.run_until(111 * MS)
        self.incidents = ObservedIncidents(self.loop, Policy(), [])
        self.incidents.accounting = self.accounting = Accounting({"can": MS})
        self.incidents.times = lambda channel, message, since: [time for time in came if time >= since]

    def decided(self, found: Violation) -> None:
        assert self.incidents.violated(found) is None
        self.loop.run_until(self.loop.now + DECIDED_NS)


def test_a_gap_beyond_its_limit_by_more_than_was_measured_is_red() -> None:
    with pytest.raises(IntegrityError, match="cycle time of Lamps: expected every 10 ms"):
        World(100 * MS, 112 * MS).decided(violation(margin=-1.5))


def test_one_that_is_nearer_is_a_doubt() -> None:
    world = World(100 * MS, 112 * MS)
    world.decided(violation(margin=-0.5))
    assert world.incidents.raised == []
    assert "known to within 1 ms only" in str(world.incidents.doubts[0])


def test_lateness_that_is_told_later_counts() -> None:
    world = World(100 * MS, 116 * MS)
    assert world.incidents.violated(violation(margin=-5.0)) is None
    world.accounting.channels["can"].note(120 * MS, 7 * MS)
    world.loop.run_until(world.loop.now + DECIDED_NS)
    assert world.incidents.raised == [] and len(world.incidents.doubts) == 1


def test_a_frame_that_is_missing_when_it_is_due_may_only_be_stamped_late() -> None:
    world = World(100 * MS, 111 * MS + 900_000)
    world.decided(violation(margin=None))
    assert world.incidents.raised == [] and len(world.incidents.doubts) == 1


@pytest.mark.parametrize("came", [(100 * MS,), (100 * MS, 113 * MS)])
def test_one_that_does_not_come_within_that_is_missing(came: tuple[int, ...]) -> None:
    with pytest.raises(IntegrityError):
        World(*came).decided(violation(margin=None))


def test_a_copy_that_seems_to_have_come_before_its_original_leaves_a_doubt() -> None:
    world = World(99 * MS + 500_000, 119 * MS)
    world.decided(violation("latency", margin=-14.0))
    assert world.incidents.raised == [] and len(world.incidents.doubts) == 1
    with pytest.raises(IntegrityError):
        World(98 * MS, 119 * MS).decided(violation("latency", margin=-14.0))


def test_whoever_ends_watching_decides_at_once() -> None:
    world = World(100 * MS, 112 * MS)
    settled: list[int] = []
    world.accounting.settle = lambda: settled.append(world.loop.now)
    assert world.incidents.decide() is None and settled == []
    assert world.incidents.violated(violation(margin=-1.5)) is None
    error = world.incidents.decide()
    assert isinstance(error, IntegrityError) and settled == [111 * MS]
    world.loop.run_until(world.loop.now + DECIDED_NS)
    assert [event.verdict for event in world.incidents.journal] == [Verdict.FAILED], "once"


def test_what_this_bench_sends_late_itself_is_no_failure_of_the_product() -> None:
    world = World(100 * MS, 150 * MS)
    world.incidents.ours = lambda channel, message: (channel, message) == ("can", "Lamps")
    world.decided(violation(margin=-39.0))
    assert world.incidents.raised == []
    assert "which this bench sends itself" in str(world.incidents.doubts[0])


def test_other_kinds_are_red_at_once() -> None:
    assert isinstance(World().incidents.violated(violation("load", margin=-1.0)), IntegrityError)


WRONG = Received(90 * MS, "can", Frame(0x12C, b"\x01"), "LAMP")


def with_a_wrong_checksum(policy: Policy = Policy()) -> ObservedIncidents:  # noqa: B008  # frozen
    incidents = ObservedIncidents(Loop(), policy, [])
    incidents.judge("crc", WRONG, "Lamps (0x12C) has a wrong checksum", cast(Trace, None))
    assert len(incidents.collected) == 1 and incidents.raised == []
    return incidents


def test_what_was_wrong_with_a_message_before_the_test_looked_at_it_is_red_when_it_does() -> None:
    incidents = with_a_wrong_checksum()
    incidents.use("can", 0x12D)
    with pytest.raises(IntegrityError, match="Lamps \\(0x12C\\) has a wrong checksum"):
        incidents.use("can", 0x12C)
    assert len(incidents.raised) == 1
    incidents.use("can", 0x12C)


def test_not_what_another_test_has_not_looked_at_nor_what_is_only_to_be_collected() -> None:
    incidents = with_a_wrong_checksum()
    incidents.begin_test()
    incidents.use("can", 0x12C)
    with_a_wrong_checksum(Policy(protection="collect")).use("can", 0x12C)


def cycle_check() -> CycleCheck:
    return CycleCheck(MessageRule("can", MessageDef("Lamps", 0x12C, 2), "LAMP", 10 * MS), CycleLimits())


@pytest.mark.parametrize(("margin", "doubt"), [(0.9, True), (1.0, False), (None, False)])
def test_a_cycle_time_that_held_by_less_than_stamps_are_worth_cannot_be_told(margin: float | None, doubt: bool) -> None:
    incidents = World().incidents
    held = Outcome("cycle time of Lamps", (), 0, 500 * MS, "", margin, "ms")
    found = incidents.too_near(cycle_check(), held)
    assert (found is not None) is doubt
    if found is not None:
        assert "held, but with 900 µs to spare only" in str(found)
    incidents.ours = lambda channel, message: True
    assert incidents.too_near(cycle_check(), held) is None, "what we send is no claim about the product"
    incidents.accounting = None
    assert incidents.too_near(cycle_check(), held) is None


def test_what_cannot_be_told_is_no_violation_in_the_journal() -> None:
    journal: list[Event] = []
    check = cycle_check()
    summary = Summary([check], journal, strict=True)
    doubtful, red = violation(margin=-0.5), violation(margin=-5.0)
    for each in (doubtful, red):
        summary.violated(check, each)
    outcome = Outcome("cycle time of Lamps", (red,), 2, 500 * MS)
    summary.untold([doubtful])
    summary.write([[outcome]], 500 * MS)
    assert journal[-1].verdict is Verdict.FAILED
    assert "1 violations, 1 cannot be told" in journal[-1].title
    summary.untold([red])
    summary.write([[outcome]], 500 * MS)
    assert journal[-1].verdict is Verdict.INCONCLUSIVE
    assert "kept, 2 cannot be told" in journal[-1].title


@pytest.mark.parametrize(("late_at", "punctual"), [(60 * MS, False), (500 * MS, True)])
def test_lateness_explains_what_came_soon_after_it_and_nothing_else(late_at: int, punctual: bool) -> None:
    world = World(100 * MS, 150 * MS)
    world.incidents.late_limit = 8 * MS
    world.accounting.channels["can"].note(late_at - 10 * MS, 0)
    world.accounting.channels["can"].note(late_at, 9 * MS)
    world.accounting.channels["can"].note(600 * MS, 0)
    assert world.incidents.violated(violation(margin=-39.0)) is None
    error = world.incidents.decide()
    assert isinstance(error, IntegrityError) and error.timed
    assert error.punctual is punctual and error.channel == "can"
